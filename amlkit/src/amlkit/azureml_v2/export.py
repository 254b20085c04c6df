"""What the drivers would send, as files for `az ml`: what a colleague with the CLI can run.

Nothing is sent. Each file is read back by the SDK's own loader, which refuses what the CLI would.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

from amlkit.azure.connection import on_azure
from amlkit.azure.owners import plain, without
from amlkit.azure.wheels import CONTAINER, ORIGIN, content_name
from amlkit.azureml_v2 import datastores, deployments, shapes
from amlkit.azureml_v2.connection import Connection, silently
from amlkit.azureml_v2.environments import AzureEnvironments
from amlkit.azureml_v2.jobs import AzureJobs
from amlkit.azureml_v2.pipelines import AzurePipelines
from amlkit.calls import Calls, EndpointParts
from amlkit.pipelines import Chain
from amlkit.records import DeploymentDefinition, EnvironmentDefinition, Job, WorkError
from amlkit.workspace import ExportedFile

CONTEXT = "context"


class Unsent(AzureEnvironments):
    """Environments whose private wheels are named where they would lie."""

    def send(self, wheel: Path) -> str:
        """See `SharedEnvironments.send`: nothing is sent; says where one is missing."""
        container = datastores.container(self.connection, datastores.ARTIFACT_STORE)
        blob = container.get_blob_client(f"{ORIGIN}/{CONTAINER}/{content_name(wheel)}")
        if not blob.exists():
            self.connection.say(
                f"note: {wheel.name} is not in the workspace yet: `python src/environment.py` "
                "sends it"
            )
        return str(blob.url).partition("?")[0]


class AzureExport:
    """`workspace.Export`, by the SDK's own dictionaries and loaders."""

    def __init__(
        self, connection: Connection, calls: Calls, jobs: AzureJobs, pipelines: AzurePipelines
    ) -> None:
        self.connection = connection
        self._calls = calls
        self._environments = Unsent(connection, calls)
        self._jobs = jobs
        self._pipelines = pipelines

    @on_azure
    def environment(self, definition: EnvironmentDefinition, folder: Path) -> list[ExportedFile]:
        """See `Export.environment`."""
        from azure.ai.ml import load_environment

        version, root = self._environments.version(definition), self.connection.settings.root
        made = self._environments.made(definition)
        shape: dict[str, Any] = {**made._to_dict(), "version": version}
        context = shapes.local_folder(made.build.path, root) if made.build is not None else None
        kind = "-serving" if definition.serving else "-client" if definition.whole else ""
        if context is not None:
            shutil.copytree(context, folder / f"{CONTEXT}{kind}", dirs_exist_ok=True)
            shape["build"] = {**shape["build"], "path": f"./{CONTEXT}{kind}"}
        path = _written(folder / f"environment{kind}.yml", shape, {}, load_environment)
        return [ExportedFile(path, f"az ml environment create --file {path.name}")]

    @on_azure
    def job(self, job: Job, folder: Path) -> list[ExportedFile]:
        """See `Export.job`."""
        from azure.ai.ml import load_job

        made = self._jobs.described(job)
        made = made._to_job() if hasattr(made, "_to_job") else made  # of the builder, what is sent
        path = folder / "job.yml"
        code = _with_code(path, without(made._to_dict(), ("name",)), job.code, load_job)
        return [ExportedFile(path, f"az ml job create --file {path.name} --stream"), code]

    @on_azure
    def pipeline(
        self, chain: Chain, folder: Path, *, cron: str = "", schedule: str = ""
    ) -> list[ExportedFile]:
        """See `Export.pipeline`."""
        from azure.ai.ml import load_job
        from azure.ai.ml.entities._load_functions import load_schedule  # as the CLI does

        made = self._pipelines.described(chain)
        # Not the identity's: a file that somebody changed would be taken for an equal run.
        made.tags = {**(made.tags or {}), **({} if cron else chain.job.tags)}
        path = folder / "pipeline.yml"
        code = _with_code(path, without(made._to_dict(), ("name",)), chain.job.code, load_job)
        if not cron:
            return [ExportedFile(path, f"az ml job create --file {path.name} --stream"), code]
        again = self._pipelines.scheduled(schedule, cron, made)
        shape = {**again._to_dict(), "create_job": f"./{path.name}"}
        starts = _written(folder / "schedule.yml", shape, {}, load_schedule)
        command = f"az ml schedule create --file {starts.name}"
        return [ExportedFile(path, ""), ExportedFile(starts, command), code]

    @on_azure
    def deployment(self, definition: DeploymentDefinition, folder: Path) -> list[ExportedFile]:
        """See `Export.deployment`."""
        from azure.ai.ml import load_online_deployment, load_online_endpoint

        settings = self.connection.settings
        endpoint = deployments.endpoint_of(
            self._calls.endpoint,
            EndpointParts(definition.endpoint, settings.azure.online.auth),
            settings.root,
        )
        version = self._environments.version(definition.environment)
        environment = f"azureml:{definition.environment.name}:{version}"
        name = deployments.name_for(definition)
        parts = deployments.parts_of(definition, name, str(definition.code), environment)
        made = deployments.deployment_of(definition, parts, settings.root)
        first = _written(folder / "endpoint.yml", endpoint._to_dict(), {}, load_online_endpoint)
        then = folder / "deployment.yml"
        code = _with_code(then, made._to_dict(), definition.code, load_online_deployment)
        return [
            *self.environment(definition.environment, folder),
            ExportedFile(first, f"az ml online-endpoint create --file {first.name}"),
            ExportedFile(then, f"az ml online-deployment create --file {then.name}"),
            code,
        ]


def _with_code(
    path: Path, shape: Mapping[str, Any], code: Path, load: Callable[[str], Any]
) -> ExportedFile:
    """Writes what names the snapshot of the package, and beside it the snapshot, as `_written`."""
    beside = path.with_name(f"{path.stem}-code")
    shutil.copytree(code, beside, ignore=shutil.ignore_patterns("__pycache__"))
    _written(path, shape, {str(code): f"./{beside.name}"}, load)
    return ExportedFile(beside, "")


def _written(
    path: Path, shape: Mapping[str, Any], names: Mapping[str, str], load: Callable[[str], Any]
) -> Path:
    """Writes what an SDK's object says as YAML, and reads it back.

    Raises:
        WorkError: the SDK's loader refuses it.
    """
    said = {key: value for key, value in plain(dict(shape), names).items() if value not in _NOTHING}
    text = yaml.safe_dump(said, sort_keys=False, allow_unicode=True, width=100)
    path.write_text(text, encoding="utf-8", newline="\n")
    try:
        with silently():
            load(str(path))
    except Exception as error:
        words = " ".join(str(error).split())[:300]
        raise WorkError(f"{path}: the SDK does not load what it wrote itself: {words}") from error
    return path


_NOTHING: tuple[Any, ...] = (None, "", {}, [])
