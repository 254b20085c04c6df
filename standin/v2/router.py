"""The scoring address of online endpoints: credentials, shares of the traffic, copies, limits.

Statuses: "Common error codes for managed online endpoints" (Troubleshoot online endpoints). Of a
container's answer that is not 200, 424 is made, with the headers that Azure ML's own proxy sets in
its inference images; the words of a refused key are those of public reports.
"""

from __future__ import annotations

import random
import secrets
import threading
import time
import uuid
from collections.abc import Mapping
from typing import TYPE_CHECKING

from ..inference import HOP
from ..routing import INFERENCE, Answer, AzureError, Request, route
from .online_deployments import Deployment
from .online_endpoints import Endpoint
from .online_metrics import Answered

if TYPE_CHECKING:
    from ..standin import Azure

HEADER = "azureml-model-deployment"
AUDIENCE = "https://ml.azure.com"


class Deck:
    """Draws by shares: in any hundred draws each name comes as often as its share, in any order."""

    def __init__(self, shares: Mapping[str, int]) -> None:
        self.shares = dict(shares)
        self._cards: list[str | None] = []

    def draw(self) -> str | None:
        """A name, or None for what is left of a hundred."""
        if not self._cards:
            self._cards = [name for name, share in self.shares.items() for _ in range(share)]
            self._cards += [None] * (100 - len(self._cards))
            random.shuffle(self._cards)
        return self._cards.pop()


class OnlineRouter:
    """Hands requests on to the deployments of endpoints."""

    def __init__(self, azure: Azure) -> None:
        self.azure = azure
        self._lock = threading.Lock()
        self._decks: dict[tuple[str, str], Deck] = {}

    @route("POST", INFERENCE, "/{path:path}", auth=False)
    @route("GET", INFERENCE, "/{path:path}", auth=False)
    def ask(self, request: Request, path: str) -> Answer:
        """One request to an endpoint."""
        endpoint: Endpoint | None = self.azure.v2.online_endpoints.at(request.host)
        if endpoint is None or not endpoint.serving:
            return _plain(404, "")
        if refused := self._refused(endpoint, request):
            return _plain(401, refused)
        named = request.headers.get(HEADER)
        name = named or self._drawn(endpoint, "traffic")
        deployment = endpoint.deployments.get(name or "")
        if deployment is None or deployment.container is None:
            return _plain(404, "")
        if not named and (copy := self._drawn(endpoint, "mirror")):
            self._mirror(endpoint, copy, request)
        return self._serve(endpoint, deployment, request)

    def _refused(self, endpoint: Endpoint, request: Request) -> str:
        """Why a credential is refused; empty when it is right."""
        scheme, _, given = (request.headers.get("Authorization") or "").partition(" ")
        mode = endpoint.properties["authMode"]
        if scheme.lower() != "bearer" or not given:
            return "key_auth_bad_header_forbidden" if mode == "Key" else "Unauthorized"
        if mode == "Key":
            known = any(
                secrets.compare_digest(given.encode(), key.encode())
                for key in endpoint.keys.values()
            )
            return "" if known else "key_auth_access_denied"
        if mode == "AMLToken":
            return "" if endpoint.tokens.get(given, 0.0) > time.time() else "Unauthorized"
        return "" if may_score(self.azure, request) else "Unauthorized"

    def _drawn(self, endpoint: Endpoint, kind: str) -> str | None:
        """The deployment that is next by the endpoint's shares, live or mirrored."""
        shares = endpoint.traffic if kind == "traffic" else endpoint.mirror
        if not shares:
            return None
        with self._lock:
            deck = self._decks.get((endpoint.name, kind))
            if deck is None or deck.shares != shares:
                deck = self._decks[endpoint.name, kind] = Deck(shares)
            return deck.draw()

    def _mirror(self, endpoint: Endpoint, name: str, request: Request) -> None:
        """Sends a copy of a request, whose answer goes nowhere."""
        copy = endpoint.deployments.get(name)
        if copy is not None and copy.container is not None:
            arguments = (endpoint, copy, request)
            threading.Thread(target=self._serve, args=arguments, daemon=True).start()

    def _serve(self, endpoint: Endpoint, deployment: Deployment, request: Request) -> Answer:
        """The answer of a deployment, counted."""
        begin = time.perf_counter()
        with deployment.lock:
            full = deployment.pending >= deployment.most
            deployment.pending += not full
        if full:
            answer, model_status = _overflow(), 0
        else:
            try:
                answer, model_status = self._forward(deployment, request)
            finally:
                with deployment.lock:
                    deployment.pending -= 1
        seconds = time.perf_counter() - begin
        endpoint.served.add(Answered(deployment.name, answer.status, model_status, seconds))
        answer.headers |= {HEADER: deployment.name, "x-request-id": str(uuid.uuid4())}
        return answer

    def _forward(self, deployment: Deployment, request: Request) -> tuple[Answer, int]:
        """What the container says, and its status; 408 when it takes too long."""
        container = deployment.container
        headers = {
            name: value
            for name, value in request.headers.items()
            if name.lower() not in HOP | {"host", "authorization", "proxy-connection", HEADER}
        }
        target = request.target
        try:
            assert container is not None
            answer = container.forward(
                request.method, target, headers, request.body, deployment.seconds
            )
        except TimeoutError:
            return _plain(408, ""), 0
        except OSError:
            return _failed(502, b""), 502
        if answer.status == 200:
            return answer, 200
        content = answer.body if isinstance(answer.body, bytes) else b""
        return _failed(answer.status, content, answer.headers), answer.status


def may_score(azure: Azure, request: Request) -> bool:
    """Whether an Entra token is for Azure ML, and its bearer may use endpoints."""
    try:
        who = azure.identity.who(request)
    except AzureError:
        return False
    audience = azure.identity.audience(request).rstrip("/")
    return audience == AUDIENCE and azure.account.may(who, "service")


def _plain(status: int, text: str) -> Answer:
    return Answer(status, text.encode(), {"Content-Type": "text/plain"})


def _overflow() -> Answer:
    headers = {
        "Content-Type": "text/plain",
        "ms-azureml-model-error-reason": "too_many_pending_request",
    }
    return Answer(429, b"", headers)


def _failed(status: int, body: bytes, headers: Mapping[str, str] | None = None) -> Answer:
    """What becomes of a container's answer that is not 200."""
    said = {
        "ms-azureml-model-error-reason": "model_error",
        "ms-azureml-model-error-statuscode": str(status),
    }
    return Answer(424, body, {**(headers or {}), **said})
