"""Endpoints of a workspace by SDK v2: managed online endpoints, or such on Kubernetes.

An endpoint routes: each deployment has a share of its traffic, and is asked alone by a header. What
serves and what served before is in the endpoint's tags, written together with the shares.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amlkit.azure import owners
from amlkit.azure.connection import on_azure, quiet
from amlkit.azure.errors import status_of
from amlkit.azure.scoring import score_here
from amlkit.azureml_v2 import deployments, holds, shapes, traffic
from amlkit.azureml_v2.batch import BatchScoring
from amlkit.azureml_v2.connection import Connection
from amlkit.azureml_v2.online import TOKEN_COMMAND, Online, auth_of
from amlkit.calls import Calls
from amlkit.content import identity
from amlkit.records import Answered, Deployment, DeploymentDefinition, Endpoint, WorkError
from amlkit.workspace import Progress, Say

if TYPE_CHECKING:
    from amlkit.azureml_v2.data import AzureData
    from amlkit.azureml_v2.environments import AzureEnvironments
    from amlkit.azureml_v2.models import AzureModels


class AzureEndpoints:
    """`workspace.Endpoints`, by the SDK's online endpoints."""

    shares_traffic = True
    counting_delay = 120.0

    def __init__(
        self,
        connection: Connection,
        calls: Calls,
        environments: AzureEnvironments,
        models: AzureModels,
        data: AzureData,
    ) -> None:
        self.connection = connection
        self._data = data
        self._environments = environments
        self._models = models
        self._online = Online(connection, calls.endpoint)
        self._definitions: dict[str, DeploymentDefinition] = {}
        self._endpoints: dict[str, str] = {}  # of each deployment that was seen
        self._counter = traffic.Counter(
            lambda: str(connection.credential.get_token(f"{traffic.ARM}/.default").token)
        )

    @on_azure
    def get(self, name: str) -> Endpoint | None:
        """See `Endpoints.get`."""
        found = self._online.find(name)
        return self._record(found) if found else None

    def _record(self, found: Any) -> Endpoint:
        """The SDK's endpoint as ours, with its deployments."""
        name, tags = found.name, found.tags or {}
        uri = found.scoring_uri or ""
        retired = {tags.get(traffic.PREVIOUS): tags.get(traffic.RETIRED, "")}
        made = self.connection.client.online_deployments.list(endpoint_name=name)
        all_of_it = [deployments.record_of(one, uri, retired.get(one.name, "")) for one in made]
        all_of_it.sort(key=lambda one: one.created, reverse=True)
        self._endpoints |= {one.name: name for one in all_of_it}
        shares = {each: share for each, share in (found.traffic or {}).items() if share}
        roles = traffic.roles_of(tags, shares, all_of_it)
        status, reason = _status(found.provisioning_state, roles.serving)
        by_others = [one.name for one in all_of_it if not one.identity]
        note = f"deployments that others made are left alone: {', '.join(by_others)}"
        return Endpoint(
            name=name,
            uri=uri,
            status=status,
            serving=roles.serving,
            previous=roles.previous,
            candidate=roles.candidate,
            deployments=tuple(all_of_it),
            traffic=shares,
            mirrored={each: share for each, share in (found.mirror_traffic or {}).items() if share},
            reason=reason,
            notes=(note,) if by_others else (),
            keyed=auth_of(found) == "key",
            token_command=TOKEN_COMMAND if auth_of(found) == "aad_token" else "",
            withdrawn=traffic.withdrawals_of(tags),
        )

    def shape(self, definition: DeploymentDefinition) -> str:
        """See `Endpoints.shape`: the environment, and what the owner's function returns."""
        root = self.connection.settings.root
        code = str(root / "src")  # a snapshot may not have been made yet
        names = {code: "src", str(root): "."}
        version = self._environments.version(definition.environment)
        parts = deployments.parts_of(definition, "name", code, shapes.ENVIRONMENT)
        function = deployments.deployment_function(definition)
        with quiet():
            made = owners.steady(
                function,
                root,
                lambda: deployments.shape_of(
                    deployments.deployment_of(definition, parts, root), names
                ),
            )
        return identity([version, made])

    @contextmanager
    def hold(self, name: str) -> Iterator[None]:
        """See `Endpoints.hold`: by a lease in the workspace's storage."""
        with ExitStack() as held:
            self._hold(held, name)
            yield

    @on_azure
    def _hold(self, held: ExitStack, name: str) -> None:
        held.enter_context(holds.held(self._data.container(), name, self.connection.say))

    @on_azure
    def create_deployment(self, definition: DeploymentDefinition, say: Say) -> Deployment:
        """See `Endpoints.create_deployment`: environment and endpoint; no deployment yet."""
        environment = self._environments.create(definition.environment)
        self._online.ensure(definition.endpoint, say)
        deployment = Deployment(
            name=deployments.name_for(definition),
            model=definition.model.name,
            model_version=definition.model.version,
            code_version=definition.code_version,
            environment_version=environment.version,
            identity=definition.identity,
            created=deployments.now(),
            commit_time=definition.commit_time,
        )
        self._definitions[deployment.name] = definition
        self._endpoints[deployment.name] = definition.endpoint
        return deployment

    @on_azure
    def start(self, endpoint: str, deployment: Deployment) -> Deployment:
        """See `Endpoints.start`: some minutes; one that an earlier call began is waited for."""
        definition = self._definitions.get(deployment.name)
        if definition is None:
            return self._online.wait(endpoint, deployment)
        environment = f"azureml:{definition.environment.name}:{deployment.environment_version}"
        root = self.connection.settings.root
        parts = deployments.parts_of(definition, deployment.name, str(definition.code), environment)
        made = deployments.deployment_of(definition, parts, root)
        made.tags = {**(made.tags or {}), **deployments.tags_of(deployment)}
        return self._online.create(made, deployment)

    @on_azure
    def logs(self, endpoint: str, deployment: Deployment, lines: int = 50) -> list[str]:
        """See `Endpoints.logs`: of both containers; of a deployment that is gone there are none."""
        if self._online.deployment(endpoint, deployment.name) is None:
            return []
        client = self.connection.client.online_deployments
        return deployments.log_of(client, endpoint, deployment.name, lines)

    @on_azure
    def invoke(self, deployment: Deployment, body: bytes) -> tuple[int, bytes]:
        """See `Endpoints.invoke`: by the header that names it, with the endpoint's key or token."""
        endpoint = self._endpoints[deployment.name]
        status, answer = self._online.ask(endpoint, deployment, body)
        if status == 200:
            self._counter.note(deployment.name)
        return status, answer

    @on_azure
    def key(self, name: str) -> str:
        """See `Endpoints.key`."""
        found = self._online.find(name)
        if found is None:
            raise WorkError(f"endpoint {name}: nothing is deployed")
        return self._online.secret(name) if auth_of(found) == "key" else ""

    @on_azure
    def set_traffic(
        self, endpoint: str, shares: Mapping[str, int], mirrored: Mapping[str, int] | None = None
    ) -> Endpoint:
        """See `Endpoints.set_traffic`: shares and what the tags say of them, in one request."""
        found = self._online.existing(endpoint)
        known = [one for one, of in self._endpoints.items() if of == endpoint]
        found.tags = traffic.tags_after(found.tags or {}, shares, known)
        found.traffic = dict(shares)
        found.mirror_traffic = dict(mirrored or {})
        return self._record(self._online.put(found))

    @on_azure
    def answered(self, endpoint: str, since: datetime) -> Mapping[str, Answered]:
        """See `Endpoints.answered`: by Azure Monitor, some two minutes later."""
        resource = self.connection.kept(
            ("endpoint id", endpoint), lambda: str(self._online.existing(endpoint).id)
        )

        def ask() -> Mapping[str, Answered]:
            return self._counter.since(resource, since)

        try:
            found: Mapping[str, Answered] = self.connection.patiently(ask)
        except Exception as error:
            if status_of(error) != 403:
                raise
            azure, workspace = self.connection.settings.azure, self.connection.workspace
            raise WorkError(traffic.uncounted(endpoint, azure, str(workspace.id))) from error
        return found

    @on_azure
    def delete_deployment(self, endpoint: str, deployment: Deployment) -> None:
        """See `Endpoints.delete_deployment`."""
        self._online.delete(endpoint, deployment.name)

    @on_azure
    def withdraw(self, endpoint: str, deployment: Deployment) -> None:
        """See `Endpoints.withdraw`: by a tag of the endpoint."""
        found = self._online.existing(endpoint)
        found.tags = traffic.with_withdrawal(found.tags or {}, deployment)
        self._online.put(found)

    @on_azure
    def restore(self, endpoint: str, identities: Collection[str]) -> None:
        """See `Endpoints.restore`."""
        found = self._online.existing(endpoint)
        marks = {traffic.WITHDRAWN + one for one in identities} & set(found.tags or {})
        if marks:
            found.tags = {key: text for key, text in found.tags.items() if key not in marks}
            self._online.put(found)

    @on_azure
    def delete(self, name: str) -> bool:
        """See `Endpoints.delete`."""
        if self._online.find(name) is None:
            return False
        self.connection.client.online_endpoints.begin_delete(name).result()
        return True

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

    @on_azure
    def score_stored(
        self,
        definition: DeploymentDefinition,
        source: str,
        target: str,
        keep: Sequence[str],
        suffix: str,
        say: Say,
    ) -> tuple[str, list[str]]:
        """See `Endpoints.score_stored`: by a batch endpoint."""
        scoring = BatchScoring(self.connection, self._environments)
        return scoring.score(definition, source, target, keep, suffix, say)


def _status(state: str | None, serving: Deployment | None) -> tuple[str, str]:
    """An endpoint's status, and why it is not ready."""
    if state == "Failed":
        return "Failed", "it was not made: see the studio"
    if serving is None and state in ("Creating", "Updating"):
        return "Starting", "it is being made"
    if serving is None:
        return "Failed", "no deployment has passed yet"
    if serving.status in ("Ready", "Starting"):  # one that is being changed serves on
        return "Ready", ""
    return serving.status, serving.reason or f"it is {serving.status}"
