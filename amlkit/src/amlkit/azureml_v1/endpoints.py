"""Endpoints of a workspace: web services of SDK v1 on Azure Container Instances.

A container instance has no router in front, so each deployment is a service with an address of its
own. The tags of a service say which endpoint it belongs to and when it was switched to: the latest
serves, the one before is where a rollback goes. Nothing is stopped before it is deleted.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from amlkit.azure import owners
from amlkit.azure.connection import on_azure, quiet, watch
from amlkit.azure.errors import status_of, words_of
from amlkit.azure.scoring import score_here
from amlkit.azureml_v1 import shapes
from amlkit.azureml_v1.connection import Connection
from amlkit.azureml_v1.environments import AzureEnvironments
from amlkit.azureml_v1.models import AzureModels
from amlkit.azureml_v1.services import (
    STATES,
    SWITCHED,
    WITHDRAWN,
    deployment_of,
    function_of,
    log_of,
    now,
    parts_of,
    tags_of,
    withdrawals_of,
)
from amlkit.content import identity
from amlkit.records import Answered, Deployment, DeploymentDefinition, Endpoint, WorkError
from amlkit.settings import SettingsError
from amlkit.workspace import Progress, Say

POLL_INTERVAL = 3.0
START_LIMIT = 1800.0
ASK_LIMIT = 60.0
KIND = "a test deployment: one replica on Azure Container Instances, which Microsoft no longer "
KIND += "recommends for new services; managed endpoints come with SDK v2"


class AzureEndpoints:
    """`workspace.Endpoints`, by the SDK's `Webservice`."""

    shares_traffic = False
    counting_delay = 0.0

    def __init__(
        self, connection: Connection, environments: AzureEnvironments, models: AzureModels
    ) -> None:
        self.connection = connection
        self._environments = environments
        self._models = models
        self._definitions: dict[str, DeploymentDefinition] = {}

    @on_azure
    def get(self, name: str) -> Endpoint | None:
        """See `Endpoints.get`."""
        services = self._services(name)
        switched = [service for service in services if service.tags.get(SWITCHED)]
        if not switched:
            return None
        serving, *others = map(deployment_of, switched)
        notes = [KIND]
        if others:
            notes.append(
                f"{len(others)} older service{'s' if len(others) > 1 else ''} of this endpoint "
                "run and cost until --delete, which ends all of them"
            )
        found = sorted(map(deployment_of, services), key=lambda one: one.created, reverse=True)
        return Endpoint(
            name=name,
            uri=serving.uri,
            status=serving.status,
            serving=serving,
            previous=others[0] if others else None,
            deployments=tuple(found),
            traffic={serving.name: 100},
            reason="" if serving.status == "Ready" else serving.reason or f"it is {serving.status}",
            notes=tuple(notes),
            keyed=bool(switched[0].auth_enabled),
            withdrawn=withdrawals_of(services),
        )

    def shape(self, definition: DeploymentDefinition) -> str:
        """See `Endpoints.shape`: the environment, and what the owner's function returns."""
        settings = self.connection.settings
        # The SDK looks for the entry script at once: a snapshot may not have been made yet.
        code = str(settings.root / "src")
        names = {code: "src", str(settings.root): "."}
        version = self._environments.version(definition.environment)
        function = function_of(definition)

        def ask() -> Any:
            from azureml.core import Environment

            parts = parts_of(
                definition, definition.endpoint, code, Environment(definition.environment.name)
            )
            return shapes.deployment_shape(
                shapes.deployment_of(function, parts, settings.root), names
            )

        with quiet():
            return identity([version, owners.steady(function, settings.root, ask)])

    @contextmanager
    def hold(self, name: str) -> Iterator[None]:
        """See `Endpoints.hold`: services have names of their own, nobody is in the way."""
        yield

    @on_azure
    def create_deployment(self, definition: DeploymentDefinition, say: Say) -> Deployment:
        """See `Endpoints.create_deployment`: the environment and its image; no service yet."""
        environment = self._environments.create(definition.environment)
        self._forget_abandoned(definition.endpoint)
        model = definition.model
        tail = f"-v{model.version}-{definition.identity[:4]}{uuid.uuid4().hex[:3]}"
        deployment = Deployment(
            name=definition.endpoint[: 32 - len(tail)].rstrip("-") + tail,
            model=model.name,
            model_version=model.version,
            code_version=definition.code_version,
            environment_version=environment.version,
            identity=definition.identity,
            created=now(),
            commit_time=definition.commit_time,
        )
        self._definitions[deployment.name] = definition
        return deployment

    @on_azure
    def start(self, endpoint: str, deployment: Deployment) -> Deployment:
        """See `Endpoints.start`; a service that is given up on is not left to cost."""
        definition = self._definitions.get(deployment.name)
        if definition is None:  # one that runs already: a rollback goes back to it
            return deployment_of(self._service(deployment.name))
        service = self._deploy(endpoint, deployment, definition)
        try:
            started = self._started(service)
        except BaseException:
            service.delete()
            raise
        if not started:
            late = f"it did not start in {START_LIMIT / 60:.0f} minutes"
            return replace(deployment, status="Failed", reason=late)
        return deployment_of(service)

    @on_azure
    def logs(self, endpoint: str, deployment: Deployment, lines: int = 50) -> list[str]:
        """See `Endpoints.logs`; of a deployment that is gone there are none."""
        service = self._find(deployment.name)
        return log_of(service, lines) if service else []

    @on_azure
    def invoke(self, deployment: Deployment, body: bytes) -> tuple[int, bytes]:
        """See `Endpoints.invoke`: by its real address, with its key."""
        import requests

        headers = {"Content-Type": "application/json"}
        if key := self._key(deployment.name):
            headers["Authorization"] = f"Bearer {key}"
        try:
            answer = requests.post(deployment.uri, body, headers=headers, timeout=ASK_LIMIT)
        except requests.RequestException as error:
            raise WorkError(f"{deployment.name} does not answer at {deployment.uri}") from error
        return answer.status_code, answer.content

    @on_azure
    def key(self, name: str) -> str:
        """See `Endpoints.key`."""
        found = self.get(name)
        if found is None or found.serving is None:
            raise WorkError(f"endpoint {name}: nothing is deployed")
        return self._key(found.serving.name)

    @on_azure
    def set_traffic(
        self, endpoint: str, shares: Mapping[str, int], mirrored: Mapping[str, int] | None = None
    ) -> Endpoint:
        """See `Endpoints.set_traffic`: the new address is the endpoint's from now on."""
        given = {name: share for name, share in shares.items() if share}
        if list(given.values()) != [100] or mirrored:
            told = ", ".join(f"{name} {share}" for name, share in shares.items()) or "none"
            raise WorkError(
                f"endpoint {endpoint}: a container instance gets 100 % of the traffic or none "
                f"(asked for: {told}); shares of the traffic come with SDK v2"
            )
        (name,) = given
        self._service(name).add_tags({SWITCHED: now()})
        limit = time.monotonic() + 60
        while True:
            found = self.get(endpoint)
            if found and found.serving and found.serving.name == name:
                return found
            if time.monotonic() > limit:
                raise WorkError(f"{name} was tagged, but the workspace does not list it")
            time.sleep(POLL_INTERVAL)

    def answered(self, endpoint: str, since: datetime) -> Mapping[str, Answered]:
        """See `Endpoints.answered`: a container instance's requests are counted by nobody."""
        raise WorkError(f"endpoint {endpoint}: the requests of a service are counted with SDK v2")

    @on_azure
    def delete_deployment(self, endpoint: str, deployment: Deployment) -> None:
        """See `Endpoints.delete_deployment`; one that has served before stays."""
        service = self._find(deployment.name)
        if service and not service.tags.get(SWITCHED):
            service.delete()

    @on_azure
    def withdraw(self, endpoint: str, deployment: Deployment) -> None:
        """See `Endpoints.withdraw`: by a tag."""
        self._service(deployment.name).add_tags({WITHDRAWN: now()})

    @on_azure
    def restore(self, endpoint: str, identities: Collection[str]) -> None:
        """See `Endpoints.restore`."""
        for service in self._services(endpoint):
            if service.tags.get(WITHDRAWN) and service.tags.get("identity") in identities:
                service.remove_tags([WITHDRAWN])

    @on_azure
    def delete(self, name: str) -> bool:
        """See `Endpoints.delete`."""
        services = self._services(name)
        for service in services:
            service.delete()
            self.connection.say(f"service {service.name} deleted")
        return bool(services)

    @on_azure
    def score(
        self,
        definition: DeploymentDefinition,
        source: Path,
        target: Path,
        keep: Sequence[str],
        say: Say,
        progress: Progress,
    ) -> int:
        """See `Endpoints.score`: the workspace's model, on this machine."""
        root = self.connection.settings.root
        return score_here(self._models, root, definition, source, target, keep, say, progress)

    def score_stored(
        self,
        definition: DeploymentDefinition,
        source: str,
        target: str,
        keep: Sequence[str],
        suffix: str,
        say: Say,
    ) -> tuple[str, list[str]]:
        """See `Endpoints.score_stored`: there is no such thing here."""
        raise SettingsError("batch endpoints come with SDK v2: --batch FILE scores a file here")

    def _deploy(
        self, endpoint: str, deployment: Deployment, definition: DeploymentDefinition
    ) -> Any:
        """Asks for the service; it starts meanwhile."""
        from azureml.core import Model

        environment = self._environments.sdk(
            definition.environment.name, deployment.environment_version
        )
        parts = parts_of(definition, deployment.name, str(definition.code), environment)
        function, root = function_of(definition), self.connection.settings.root
        inference, service = shapes.deployment_of(function, parts, root)
        service.tags = {**(service.tags or {}), **tags_of(endpoint, deployment)}
        model = self._models.sdk(definition.model)
        return Model.deploy(self.connection.workspace, deployment.name, [model], inference, service)

    def _started(self, service: Any) -> bool:
        """Waits until a service has started or failed to; False if it takes too long."""

        def look() -> str:
            service.update_deployment_state()
            return service.state or "Transitioning"

        return watch(look, POLL_INTERVAL, lambda state: state in STATES, START_LIMIT) in STATES

    def _forget_abandoned(self, endpoint: str) -> None:
        """Deletes services that never served and whose deployment must have been killed."""
        for service in self._services(endpoint):
            created = service.tags.get("created", "")
            if not service.tags.get(SWITCHED) and created < now(-2 * START_LIMIT):
                service.delete()
                self.connection.say(
                    f"service {service.name}, left by an interrupted deployment, deleted"
                )

    def _key(self, name: str) -> str:
        """A service's first key, kept nowhere; empty where it asks for none."""
        service = self._service(name)
        return str(service.get_keys()[0]) if service.auth_enabled else ""

    def _service(self, name: str) -> Any:
        from azureml.core import Webservice

        return Webservice(self.connection.workspace, name)

    def _find(self, name: str) -> Any:
        """The SDK's service of that name; None if there is none."""
        try:
            return self._service(name)
        except Exception as error:
            if status_of(error) == 404 or "WebserviceNotFound" in words_of(error):
                return None
            raise

    def _services(self, endpoint: str) -> list[Any]:
        """The SDK's services of an endpoint, the one that was switched to last in front."""
        from azureml.core import Webservice

        found = Webservice.list(self.connection.workspace, tags=[["endpoint", endpoint]])
        return sorted(found, key=lambda service: service.tags.get(SWITCHED, ""), reverse=True)
