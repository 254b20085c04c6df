"""Plain requests through the stand-in's proxy, as a client that is nobody's would send them."""

from __future__ import annotations

import json
import ssl
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from standin import StandIn

ARM = "https://management.azure.com"
GRAPH = "https://graph.microsoft.com"
DEVOPS = "https://dev.azure.com"
STORAGE = "https://storage.azure.com"
# Azure DevOps' tokens are asked for by the id of its application.
AUDIENCES = {DEVOPS: "499b84ac-1321-427f-aa17-267ca6975798"}


@dataclass(frozen=True)
class Answer:
    """What came back; `body` is parsed where it is JSON."""

    status: int
    body: Any
    headers: dict[str, str]

    @property
    def code(self) -> str:
        """The code of a refusal by Resource Manager or Graph."""
        return str(self.body["error"]["code"])


@dataclass
class Caller:
    """Someone with a client id and a secret; tokens are asked for by need."""

    standin: StandIn
    client: str
    secret: str
    tokens: dict[str, str] = field(default_factory=dict)

    def send(self, method: str, url: str, data: bytes | None = None, **headers: str) -> Answer:
        """One request as it stands."""
        context = ssl.create_default_context(cafile=str(self.standin.azure.proxy.bundle))
        proxy = urllib.request.ProxyHandler({"https": self.standin.azure.proxy.url})
        opener = urllib.request.build_opener(proxy, urllib.request.HTTPSHandler(context=context))
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(url, data=data, method=method, headers=sent)  # noqa: S310
        try:
            with opener.open(request, timeout=60) as answer:
                return _answer(answer.status, answer.read(), dict(answer.headers))
        except urllib.error.HTTPError as error:
            return _answer(error.code, error.read(), dict(error.headers))

    def sign_in(self, audience: str) -> Answer:
        """The answer of the token endpoint."""
        form = {
            "grant_type": "client_credentials",
            "client_id": self.client,
            "client_secret": self.secret,
            "scope": f"{audience}/.default",
        }
        tenant = self.standin.account.tenant_id
        url = f"https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token"
        return self.send("POST", url, urlencode(form).encode())

    def token(self, audience: str) -> str:
        """A bearer token, kept for the next request."""
        if audience not in self.tokens:
            answer = self.sign_in(audience)
            assert answer.status == 200, answer.body
            self.tokens[audience] = answer.body["access_token"]
        return self.tokens[audience]

    def ask(self, method: str, url: str, body: Any = None, **headers: str) -> Answer:
        """One request with a token of its host's, `body` as JSON."""
        host = "/".join(url.split("/", 3)[:3])
        audience = STORAGE if ".blob." in host else AUDIENCES.get(host, host)
        data = body if isinstance(body, bytes) else json.dumps(body).encode() if body else None
        headers.setdefault("Content_Type", "application/json")
        token = self.token(audience)
        return self.send(method, url, data, Authorization=f"Bearer {token}", **headers)

    def arm(self, method: str, path: str, body: Any = None, query: str = "") -> Answer:
        """One request to Resource Manager; `path` counts from the subscription."""
        subscription = self.standin.account.subscription_id
        url = f"{ARM}/subscriptions/{subscription}{path}?api-version=2024-01-01{query}"
        return self.ask(method, url, body)

    def graph(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """One request to Microsoft Graph."""
        return self.ask(method, f"{GRAPH}/v1.0{path}", body, **headers)

    def wait(self, answer: Answer, seconds: float = 10) -> Answer:
        """Poll where an answer says until it has ended, whichever way it says it."""
        url = answer.headers.get("Azure-Asyncoperation") or answer.headers["Location"]
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            polled = self.ask("GET", url)
            running = polled.status == 202 or (polled.body or {}).get("status") in (
                "InProgress",
                "Running",
            )
            if not running:
                return polled
            time.sleep(0.1)
        raise AssertionError(f"{url} did not end")

    def register(self, *namespaces: str) -> None:
        """Have resource providers registered."""
        for name in namespaces:
            self.arm("POST", f"/providers/{name}/register")
        end = time.monotonic() + 10
        for name in namespaces:
            while self.arm("GET", f"/providers/{name}").body["registrationState"] != "Registered":
                assert time.monotonic() < end, f"{name} was not registered"
                time.sleep(0.1)


def _answer(status: int, data: bytes, headers: dict[str, str]) -> Answer:
    body: Any = data or None
    if data and "json" in headers.get("Content-Type", ""):
        body = json.loads(data)
    return Answer(status, body, headers)


def administrator(standin: StandIn) -> Caller:
    """Who owns the subscription."""
    account = standin.account
    return Caller(standin, account.administrator.client_id, account.administrator_secret)


def signs_in(standin: StandIn, client: str, assertion: str) -> bool:
    """Whether the token endpoint takes an assertion of another issuer for an application's own."""
    form = {
        "grant_type": "client_credentials",
        "client_id": client,
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": assertion,
        "scope": f"{ARM}/.default",
    }
    url = f"https://login.microsoftonline.com/{standin.account.tenant_id}/oauth2/v2.0/token"
    return administrator(standin).send("POST", url, urlencode(form).encode()).status == 200
