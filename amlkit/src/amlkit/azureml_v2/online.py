"""The SDK's online endpoints and deployments: found, made and changed, waited for, asked."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from amlkit.azure.connection import watch
from amlkit.azure.errors import status_of, words_of
from amlkit.azureml_v2 import deployments, traffic
from amlkit.azureml_v2.connection import Connection, if_there
from amlkit.calls import EndpointParts
from amlkit.content import identity
from amlkit.interrupts import waiting
from amlkit.records import Deployment, WorkError
from amlkit.settings import SettingsError
from amlkit.workspace import Say

POLL_INTERVAL = 5.0
SAY_INTERVAL = 60.0
# Azure answers a request after 180 s at the latest.
ASK_LIMIT = 190.0
# How long the name of a new endpoint may take to be known (s).
DNS_PATIENCE = 60.0
HEADER = "azureml-model-deployment"
MODEL_STATUS = "ms-azureml-model-error-statuscode"
AUDIENCE = "https://ml.azure.com"
TOKEN_COMMAND = (
    f"az account get-access-token --resource {AUDIENCE} --query accessToken --output tsv"
)
TAKEN = r"already an endpoint with this name|unique within a region"


class Online:
    """What the parts of `Endpoints` ask of the SDK."""

    def __init__(
        self, connection: Connection, function: Callable[[EndpointParts], Any] | None
    ) -> None:
        self.connection = connection
        self._function = function

    def find(self, name: str) -> Any:
        """The SDK's endpoint; None if there is none in this workspace."""
        return if_there(lambda: self.connection.client.online_endpoints.get(name))

    def existing(self, name: str) -> Any:
        """The SDK's endpoint. WorkError: there is none."""
        found = self.find(name)
        if found is None:
            raise WorkError(f"there is no endpoint {name}")
        return found

    def put(self, made: Any) -> Any:
        """Makes or changes an endpoint; the SDK's as it is then."""
        return self.connection.client.online_endpoints.begin_create_or_update(made).result()

    def ensure(self, name: str, say: Say) -> None:
        """Makes the endpoint where it is missing, or changes it to what the owner's function says.

        Raises:
            SettingsError: somebody else has one of this name in the region.
        """
        settings = self.connection.settings
        parts = EndpointParts(name, settings.azure.online.auth)
        made = deployments.endpoint_of(self._function, parts, settings.root)
        shape, found = identity(deployments.endpoint_shape(made)), self.find(name)
        tags = dict(found.tags or {}) if found else {}
        if found and tags.get(traffic.SHAPE, shape) == shape:
            return
        made.tags = {**(made.tags or {}), **tags, traffic.SHAPE: shape}
        if found:
            made.traffic, made.mirror_traffic = found.traffic, found.mirror_traffic
        try:
            self.put(made)
        except Exception as error:
            check_taken(error, self.connection, name)
            raise
        say(f"endpoint {name} {'changed' if found else 'created'}")

    def secret(self, name: str) -> str:
        """The key or token that a request needs, kept nowhere but in memory."""
        found = self.existing(name)
        if auth_of(found) == "aad_token":
            return str(self.connection.credential.get_token(f"{AUDIENCE}/.default").token)
        keys = self.connection.client.online_endpoints.get_keys(name)
        return str(getattr(keys, "primary_key", "") or getattr(keys, "access_token", ""))

    def deployment(self, endpoint: str, name: str) -> Any:
        """The SDK's deployment; None if there is none."""
        return if_there(lambda: self.connection.client.online_deployments.get(name, endpoint))

    def look(self, endpoint: str, deployment: Deployment) -> Deployment:
        """A deployment as it is now.

        Raises:
            WorkError: it is gone.
        """
        made = self.deployment(endpoint, deployment.name)
        if made is None:
            raise WorkError(f"endpoint {endpoint} has no deployment {deployment.name} any more")
        uri = deployment.uri or self.existing(endpoint).scoring_uri or ""
        return deployments.record_of(made, uri, deployment.retired)

    def create(self, made: Any, deployment: Deployment) -> Deployment:
        """Has a deployment created, which takes some minutes; `Failed` with the reason."""
        poller = self.connection.client.online_deployments.begin_create_or_update(made)
        self._say_while(poller.done, deployment.name)
        try:
            poller.result()
        except Exception as error:
            if status_of(error) not in (None, 200):  # it was not the deployment that failed
                raise
            return replace(deployment, status="Failed", reason=_said_by(error))
        return self.look(made.endpoint_name, deployment)

    def wait(self, endpoint: str, deployment: Deployment) -> Deployment:
        """A deployment that an earlier call began, once it is made or has failed."""

        def state() -> str:
            return self.look(endpoint, deployment).status

        if deployment.status == "Starting":
            self.connection.say(f"waiting for {deployment.name}, which is being created")
            watch(state, POLL_INTERVAL, lambda seen: seen in ("Ready", "Failed"))
        return self.look(endpoint, deployment)

    def delete(self, endpoint: str, name: str) -> None:
        """Deletes a deployment, if it is there."""
        if self.deployment(endpoint, name) is not None:
            self.connection.client.online_deployments.begin_delete(name, endpoint).result()

    def ask(self, endpoint: str, deployment: Deployment, body: bytes) -> tuple[int, bytes]:
        """Asks one deployment by its header: (the model's HTTP status, body)."""
        import requests

        headers = {"Content-Type": "application/json", HEADER: deployment.name}
        if secret := self.secret(endpoint):
            headers["Authorization"] = f"Bearer {secret}"
        until = time.monotonic() + DNS_PATIENCE
        while True:
            try:
                answer = requests.post(deployment.uri, body, headers=headers, timeout=ASK_LIMIT)
                break
            except requests.RequestException as error:
                if not isinstance(error, requests.ConnectionError) or time.monotonic() > until:
                    words = f"{deployment.name} does not answer at {deployment.uri}"
                    raise WorkError(words) from error
                time.sleep(2)
        status = answer.headers.get(MODEL_STATUS, "")
        return int(status) if status.isdecimal() else answer.status_code, answer.content

    def _say_while(self, is_over: Callable[[], bool], name: str) -> None:
        """Waits for a long operation, with a line each minute."""
        began = said = time.monotonic()
        self.connection.say(f"creating {name}: usually 5 to 15 minutes")
        pause = 0.5
        with waiting() as wait:
            while not is_over():
                wait.sleep(pause)
                pause = min(pause * 1.5, POLL_INTERVAL)
                if time.monotonic() - said >= SAY_INTERVAL:
                    said = time.monotonic()
                    minutes = (said - began) / 60
                    self.connection.say(f"creating {name}: {minutes:.0f} min so far")


def check_taken(error: Exception, connection: Connection, name: str) -> None:
    """Raises `SettingsError` where an error says that somebody else has an endpoint of a name."""
    if re.search(TAKEN, words_of(error), re.IGNORECASE):
        raise SettingsError(
            f"{connection.settings.origin('endpoint.name')}: somebody else has an endpoint named "
            f"{name} in {connection.workspace.location}, and names are unique within a region: "
            "choose another endpoint.name"
        ) from error


def auth_of(found: Any) -> str:
    """How the SDK's endpoint asks who calls: key, aad_token or aml_token."""
    return str(found.auth_mode or "").lower()


def _said_by(error: BaseException) -> str:
    """Why a long operation failed, in a line."""
    text = " ".join(str(getattr(error, "message", "") or error).split())
    found = re.search(r"(?:Message|message)\W+(.+?)(?:\s+Code:|\s+Exception Details|$)", text)
    return (found[1] if found else text)[:400]
