"""Endpoints of a workspace: web services of SDK v1 on Azure Container Instances.

A container instance has no router in front, so each deployment is a service with an address of its
own. The tags of a service say which endpoint it belongs to and when it was switched to: the latest
serves, the one before is where a rollback goes. Nothing is stopped before it is deleted.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from amlkit.azureml_v1.errors import is_passing, on_azure, status_of, words_of
from amlkit.content import identity
from amlkit.interrupts import waiting
from amlkit.local.batch import LocalBatch
from amlkit.records import (
    Deployment,
    DeploymentDefinition,
    Endpoint,
    Environment,
    EnvironmentDefinition,
    Model,
    WorkError,
)
from amlkit.settings import Settings

POLL_INTERVAL = 3.0
START_LIMIT = 1800.0
PATIENCE = 60  # looks in a row that may fail while it starts
ASK_LIMIT = 60.0
STATES = {"Healthy": "Ready", "Unhealthy": "Failed", "Failed": "Failed"}
KIND = "a test deployment: one replica on Azure Container Instances, which Microsoft no longer "
KIND += "recommends for new services; managed endpoints come with SDK v2"


class AzureEndpoints:
    """The part of `AzurePlatform` that serves models."""

    settings: Settings
    workspace: Any
    folder: Path
    say: Callable[[str], None]
    ensure_environment: Callable[[EnvironmentDefinition], Environment]
    find_environment: Callable[[EnvironmentDefinition], Environment]
    sdk_environment: Callable[[EnvironmentDefinition], Any]
    fetch_model: Callable[[Model], Path]
    _sdk_model: Callable[[Model], Any]

    @on_azure
    def serving_version(self, definition: EnvironmentDefinition) -> str:
        """See `Platform.serving_version`."""
        return identity(
            [self.find_environment(definition).version, asdict(self.settings.azure.service)]
        )

    @on_azure
    def find_endpoint(self, name: str) -> Endpoint | None:
        """See `Platform.find_endpoint`."""
        services = self._services(name)
        switched = [service for service in services if service.tags.get("switched")]
        if not switched:
            return None
        serving, *others = map(_deployment, switched)
        reason = "" if serving.status == "Ready" else serving.reason or f"it is {serving.status}"
        notes = [KIND]
        if others:
            notes.append(
                f"{len(others)} older service{'s' if len(others) > 1 else ''} of this endpoint "
                "run and cost until --delete, which ends all of them"
            )
        previous = others[0] if others else None
        return Endpoint(
            name, serving.uri, serving.status, serving, previous, reason, tuple(notes), keyed=True
        )

    @contextmanager
    def hold_endpoint(self, name: str) -> Iterator[None]:
        """See `Platform.hold_endpoint`: services have names of their own, nobody is in the way."""
        yield

    @on_azure
    def create_deployment(
        self, definition: DeploymentDefinition, say: Callable[[str], None]
    ) -> Deployment:
        """See `Platform.create_deployment`: the environment and its image; no service yet."""
        environment = self.ensure_environment(definition.environment)
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
            created=_now(),
        )
        self.__dict__.setdefault("_definitions", {})[deployment.name] = definition
        return deployment

    @on_azure
    def start_deployment(self, endpoint: str, deployment: Deployment) -> Deployment:
        """See `Platform.start_deployment`; a service that is given up on is not left to cost."""
        from azureml.core import Webservice

        definition = self.__dict__.get("_definitions", {}).get(deployment.name)
        if definition is None:  # one that runs already: a rollback goes back to it
            return _deployment(Webservice(self.workspace, deployment.name))
        service = self._deploy(endpoint, deployment, definition)
        try:
            started = self._started(service)
        except BaseException:
            service.delete()
            raise
        if not started:
            late = f"it did not start in {START_LIMIT / 60:.0f} minutes"
            return replace(deployment, status="Failed", reason=late)
        found = _deployment(service)
        if found.status != "Ready":
            for line in (service.get_logs() or "").strip().splitlines()[-30:]:
                self.say(f"  {line}")
        return found

    def _started(self, service: Any) -> bool:
        """Waits until a service has started or failed to; False if it takes too long."""
        limit, failures = time.monotonic() + START_LIMIT, 0
        with waiting() as wait:
            while (service.state or "Transitioning") not in STATES:
                if time.monotonic() > limit:
                    return False
                wait.sleep(POLL_INTERVAL)
                try:
                    service.update_deployment_state()
                    failures = 0
                except Exception as error:
                    failures += 1
                    if failures > PATIENCE or not is_passing(error):
                        raise
        return True

    @on_azure
    def endpoint_key(self, name: str) -> str:
        """See `Platform.endpoint_key`."""
        found = self.find_endpoint(name)
        if found is None or found.serving is None:
            raise WorkError(f"endpoint {name}: nothing is deployed")
        return self._key(found.serving.name)

    @on_azure
    def ask(self, deployment: Deployment, body: bytes) -> tuple[int, bytes]:
        """See `Platform.ask`: by its real address, with its key."""
        import requests

        key = self._key(deployment.name)
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {key}"}
        try:
            answer = requests.post(deployment.uri, body, headers=headers, timeout=ASK_LIMIT)
        except requests.RequestException as error:
            raise WorkError(f"{deployment.name} does not answer at {deployment.uri}") from error
        return answer.status_code, answer.content

    @on_azure
    def switch(self, endpoint: str, deployment: Deployment) -> Endpoint:
        """See `Platform.switch`: the new address is the endpoint's from now on."""
        from azureml.core import Webservice

        Webservice(self.workspace, deployment.name).add_tags({"switched": _now()})
        limit = time.monotonic() + 60
        while True:
            found = self.find_endpoint(endpoint)
            if found and found.serving and found.serving.name == deployment.name:
                return found
            if time.monotonic() > limit:
                raise WorkError(f"{deployment.name} was tagged, but the workspace does not list it")
            time.sleep(POLL_INTERVAL)

    @on_azure
    def drop_deployment(self, endpoint: str, deployment: Deployment) -> None:
        """See `Platform.drop_deployment`; one that has served before stays."""
        from azureml.core import Webservice

        try:
            service = Webservice(self.workspace, deployment.name)
        except Exception as error:
            if _is_missing(error):
                return
            raise
        if not service.tags.get("switched"):
            service.delete()

    @on_azure
    def delete_endpoint(self, name: str) -> bool:
        """See `Platform.delete_endpoint`."""
        services = self._services(name)
        for service in services:
            service.delete()
            self.say(f"service {service.name} deleted")
        return bool(services)

    @on_azure
    def score_file(
        self,
        definition: DeploymentDefinition,
        source: Path,
        target: Path,
        keep: Sequence[str],
        say: Callable[[str], None],
        progress: Callable[[int, int], None],
    ) -> int:
        """See `Platform.score_file`: the workspace's model, on this machine."""
        folder = self.fetch_model(definition.model)
        here = replace(definition, model=replace(definition.model, source=str(folder)))
        scorer = LocalBatch()
        scorer.folder = self.settings.root / ".local-workspace"
        return scorer.score_file(here, source, target, keep, say, progress)

    def _deploy(
        self, endpoint: str, deployment: Deployment, definition: DeploymentDefinition
    ) -> Any:
        """Asks for the service; it starts meanwhile."""
        from azureml.core import Model as SdkModel
        from azureml.core.model import InferenceConfig
        from azureml.core.webservice import AciWebservice

        size = self.settings.azure.service
        tags = {
            "endpoint": endpoint,
            "model": deployment.model,
            "model_version": deployment.model_version,
            "code_version": deployment.code_version,
            "environment_version": deployment.environment_version,
            "identity": deployment.identity,
            "created": deployment.created,
        }
        return SdkModel.deploy(
            self.workspace,
            deployment.name,
            [self._sdk_model(definition.model)],
            InferenceConfig(
                entry_script=f"{definition.package}/score.py",
                source_directory=str(definition.snapshot),
                environment=self.sdk_environment(definition.environment),
            ),
            AciWebservice.deploy_configuration(
                cpu_cores=size.cpu_cores, memory_gb=size.memory_gb, tags=tags, auth_enabled=True
            ),
        )

    def _forget_abandoned(self, endpoint: str) -> None:
        """Deletes services that never served and whose deployment must have been killed."""
        for service in self._services(endpoint):
            created = service.tags.get("created", "")
            if not service.tags.get("switched") and created < _now(-2 * START_LIMIT):
                service.delete()
                self.say(f"service {service.name}, left by an interrupted deployment, deleted")

    def _key(self, service: str) -> str:
        """A service's first key; it is kept nowhere."""
        from azureml.core import Webservice

        return str(Webservice(self.workspace, service).get_keys()[0])

    def _services(self, endpoint: str) -> list[Any]:
        """The SDK's services of an endpoint, the one that was switched to last in front."""
        from azureml.core import Webservice

        found = Webservice.list(self.workspace, tags=[["endpoint", endpoint]])
        return sorted(found, key=lambda service: service.tags.get("switched", ""), reverse=True)


def _deployment(service: Any) -> Deployment:
    """The SDK's service as a deployment."""
    tags = service.tags
    error = service.error or {}
    return Deployment(
        name=service.name,
        model=tags.get("model", ""),
        model_version=tags.get("model_version", ""),
        code_version=tags.get("code_version", ""),
        environment_version=tags.get("environment_version", ""),
        identity=tags.get("identity", ""),
        created=tags.get("created", ""),
        status=STATES.get(service.state, "Starting"),
        uri=service.scoring_uri or "",
        reason=" ".join(str(error.get("message", "")).split()),
    )


def _is_missing(error: BaseException) -> bool:
    """Whether the SDK says that there is no such service."""
    return status_of(error) == 404 or "WebserviceNotFound" in words_of(error)


def _now(seconds: float = 0) -> str:
    moment = datetime.now(UTC) + timedelta(seconds=seconds)
    return moment.isoformat(timespec="milliseconds")
