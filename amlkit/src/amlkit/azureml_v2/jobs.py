"""Jobs of a workspace by SDK v2: the training code as a snapshot, submitted as a command job.

A search may be a sweep job of such commands: it is followed and ended as one, and what its best
trial wrote is what it wrote.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from amlkit.azure import blobs, owners
from amlkit.azure.compute import check_may_create
from amlkit.azure.connection import on_azure, quiet
from amlkit.azure.jobs import OUTPUTS, SharedJobs, seconds_between
from amlkit.azure.parts import job_parts, without_champion
from amlkit.azureml_v2 import checks, commands, compute, datastores, shapes, sweeps
from amlkit.azureml_v2.connection import Connection, if_there, job_status, silently
from amlkit.azureml_v2.data import AzureData
from amlkit.azureml_v2.environments import AzureEnvironments
from amlkit.azureml_v2.log import RunLog
from amlkit.calls import JobParts
from amlkit.records import (
    FINISHED,
    DataAsset,
    Job,
    Model,
    Resources,
    Run,
    WorkError,
    new_run_id,
)
from amlkit.workspace import Say

# Before it stands an identity in the key of a tag: the service lists jobs by keys alone.
IDENTITY = "identity-"
# States of a job under way that `Run` names otherwise.
STATES = {"NotResponding": "Failed"}
# Kinds of jobs whose properties say no times.
ORCHESTRATED = ("sweep", "pipeline")


class AzureJobs(SharedJobs):
    """`workspace.Jobs`, by the SDK's command and sweep jobs."""

    connection: Connection
    sweeps = True

    def __init__(
        self, connection: Connection, data: AzureData, environments: AzureEnvironments
    ) -> None:
        super().__init__(connection)
        self._data = data
        self._environments = environments

    @on_azure
    def target(self) -> str:
        """See `Jobs.target`."""
        wanted = self.connection.settings.azure.compute
        if not wanted.name:
            size = self.connection.settings.azure.resources.instance_type
            return "on serverless compute" + (f" ({size})" if size else "")
        if compute.find(self.connection) is None:
            check_may_create(self.connection.settings)
            return f"on compute target {wanted.name} ({wanted.size}), which would be created"
        return f"on compute target {wanted.name}"

    def shape(self, job: Job) -> str:
        """See `Jobs.shape`: with a champion and without, whether or not there is one."""
        if job.definition is None:
            return ""
        settings = self.connection.settings
        code = str(settings.root / "src")
        names = {code: "src", str(settings.root): "."}
        any_job = self._sized(without_champion(job))

        def ask() -> Any:
            found = []
            for champion in (None, shapes.CHAMPION):
                inputs = {"data": shapes.DATA, "champion": champion}
                made = self._made(any_job, code, inputs, shapes.ENVIRONMENT)
                found.append(shapes.job_shape(made, names))
            return found

        with quiet():
            return owners.steady(job.definition, settings.root, ask)

    @on_azure
    def find(self, identity: str, experiment: str) -> Run | None:
        """See `Jobs.find`."""
        jobs = self.connection.client.jobs.list(tag=f"{IDENTITY}{identity}")
        equal = [as_run(job) for job in jobs if job is not None]
        equal = [
            run
            for run in equal
            if (run.identity, run.experiment) == (identity, experiment)
            and not run.status.startswith(("Failed", "Cancel"))
        ]
        return max(equal, key=lambda run: (run.status == "Completed", run.created), default=None)

    @on_azure
    def create(self, job: Job) -> Run:
        """See `Jobs.create`."""
        self._environments.check_registered(job.environment.name, job.environment.version)
        inputs = {name: self._input(asset) for name, asset in job.inputs.items()}
        made = self._filled(job, inputs, compute.ensure(self.connection))
        self.label(made, job)
        with silently():
            sent = self.connection.client.jobs.create_or_update(made)
        self._started.add(sent.name)
        return as_run(self.connection.kept(("job", sent.name), lambda: sent))

    def label(self, made: Any, job: Job) -> None:
        """Gives an SDK's job its name, its experiment, and the tags that it is found by."""
        now = datetime.now(UTC)
        made.name = new_run_id(job.experiment, now)
        made.display_name = made.display_name or made.name
        made.experiment_name = job.experiment
        tags = self.tags_of(job, now.isoformat(timespec="milliseconds"))
        key = {f"{IDENTITY}{job.identity}": job.code_version} if job.identity else {}
        made.tags = {**(made.tags or {}), **tags, **key}

    def described(self, job: Job) -> Any:
        """The SDK's command or sweep of a job as it would be sent; nothing is."""
        inputs = {}
        for name, each in job.inputs.items():
            kind, address = self._input(each)
            if not address.startswith("azureml:"):  # a table that is not registered yet
                address = f"azureml:{each.name}:{each.version}"
            inputs[name] = (kind, address)
        made = self._filled(job, inputs)
        made.experiment_name, made.tags = job.experiment, {**(made.tags or {}), **job.tags}
        return made

    @on_azure
    def get(self, run_id: str) -> Run:
        """See `Jobs.get`."""
        return self._as_run(self._job(run_id, fresh=True))

    def status(self, run_id: str) -> str:
        """See `SharedJobs.status`."""
        return _status(self._job(run_id, fresh=True))

    def seen(self, run_id: str) -> Run:
        """See `SharedJobs.seen`."""
        return self._as_run(self._job(run_id))

    def end(self, run_id: str) -> None:
        """See `SharedJobs.end`; its status says when."""
        self.connection.client.jobs.begin_cancel(run_id)

    def log_of(self, run_id: str, on_log: Say) -> RunLog:
        """See `SharedJobs.log_of`."""
        folder = sweeps.LOG_FOLDER if sweeps.is_sweep(self._job(run_id)) else ""
        return RunLog(lambda: self._artifacts(run_id), on_log, folder)

    @on_azure
    def log(self, run_id: str, lines: int = 20) -> list[str]:
        """See `Jobs.log`; of a sweep that is over that of its best trial, else of its first."""
        job = self._job(run_id)
        trial = sweeps.trial_to_show(self.connection, job)
        return sweeps.with_reason(job, super().log(trial or run_id, lines))

    def outputs(self, run_id: str) -> Mapping[str, Any]:
        """See `SharedJobs.outputs`: blobs of the artifact store."""

        def ask() -> dict[str, str]:
            container, prefix = self._artifacts(sweeps.best_trial(self._job(run_id)) or run_id)
            found = container.list_blobs(name_starts_with=f"{prefix}/{OUTPUTS}")
            return {blob.name[len(prefix) + 1 :]: blob.name for blob in found}

        return dict(self.connection.kept(("outputs", run_id), ask))

    def fetch(self, output: Any, path: Path) -> None:
        """See `SharedJobs.fetch`."""
        path.parent.mkdir(parents=True, exist_ok=True)
        container = datastores.container(self.connection, datastores.ARTIFACT_STORE)
        blobs.download(container, output, path, lambda done, total: None)

    def attach(self, run_id: str, name: str, path: Path) -> None:
        """See `SharedJobs.attach`: written once, by whoever started it or finds it missing."""
        container, prefix = self._artifacts(run_id)
        blob = container.get_blob_client(f"{prefix}/{name}")
        if run_id in self._started or not blob.exists():
            self._started.discard(run_id)
            blob.upload_blob(path.read_bytes(), overwrite=True)

    def warm_up(self) -> None:
        """See `SharedJobs.warm_up`: what reads the outputs."""
        import azure.storage.blob  # noqa: F401

    def _filled(
        self, job: Job, inputs: Mapping[str, tuple[str, str]], target: str | None = None
    ) -> Any:
        """The SDK's job with what is in the workspace; its `inputs` are (kind, address) by name."""
        environment = f"azureml:{job.environment.name}:{job.environment.version}"
        addresses = {name: address for name, (_, address) in inputs.items()}
        data_type, _ = inputs.get("data", (JobParts.data_type, ""))
        made = self._made(
            self._sized(job), str(job.code), addresses, environment, target, data_type
        )
        commands.set_kinds(made, {address: kind for kind, address in inputs.values()})
        return made

    def _made(
        self,
        job: Job,
        code: str,
        inputs: Mapping[str, Any],
        environment: str,
        target: str | None = None,
        data_type: str = JobParts.data_type,
    ) -> Any:
        """The SDK's `Command` or `Sweep` of a job, checked for what the SDK lets through.

        Raises:
            WorkError: it cannot work; names the owner's function and its file.
        """
        settings = self.connection.settings
        target = settings.azure.compute.name if target is None else target
        if job.definition is None:
            return commands.command_job(job, inputs, target, environment)
        parts = job_parts(
            job,
            code=code,
            inputs=inputs,
            compute=target,
            environment=environment,
            data_type=data_type,
        )
        made = shapes.job_of(job.definition, parts, settings.root)
        for problem in checks.problems(made, settings.root):
            raise WorkError(f"{owners.called(job.definition, settings.root)}: {problem}")
        if job.search is None or job.search.definition is None:
            return made
        return sweeps.sweep_of(job.search, made, settings.root)

    def _sized(self, job: Job) -> Job:
        """A job with the resources of config.yml, unless it says some itself."""
        if job.resources != Resources():
            return job
        return replace(job, resources=Resources(**asdict(self.connection.settings.azure.resources)))

    def _input(self, asset: DataAsset | Model) -> tuple[str, str]:
        """(kind, address) of a job's input."""
        if isinstance(asset, DataAsset):
            return self._data.reference(asset)
        return "custom_model", asset.source

    def _job(self, run_id: str, *, fresh: bool = False) -> Any:
        """The SDK's job, as it was last seen or, if `fresh`, as it is now.

        Raises:
            WorkError: there is none of that name.
        """
        if fresh:
            self.connection.forget("job", run_id)
        found = self.connection.kept(
            ("job", run_id),
            lambda: if_there(lambda: self.connection.client.jobs.get(run_id)),
        )
        if found is None:
            where = self.connection.settings.azure.workspace_name
            raise WorkError(f"there is no run {run_id!r} in workspace {where}")
        return found

    def _as_run(self, job: Any) -> Run:
        """A job as a run. Of a job that runs others, run history alone knows the times."""
        run = as_run(job)
        if run.status not in FINISHED or str(getattr(job, "type", "")) not in ORCHESTRATED:
            return run
        known = self.connection.kept(
            ("times", run.id),
            lambda: self.connection.client.jobs._runs_operations.get_run_data(run.id).run_metadata,
        )
        return replace(run, seconds=seconds_between(known.start_time_utc, known.end_time_utc))

    def _artifacts(self, run_id: str) -> tuple[Any, str]:
        """(container, prefix) of what a run leaves."""
        container = datastores.container(self.connection, datastores.ARTIFACT_STORE)
        return container, f"ExperimentRun/dcid.{run_id}"


def _status(job: Any) -> str:
    said = job_status(job)
    if said == "Completed" and sweeps.is_sweep(job) and not sweeps.best_trial(job):
        return "Failed"  # no trial has a score
    return STATES.get(said, said)


def as_run(job: Any) -> Run:
    """The SDK's job as ours; how long it took is among its properties, in whole seconds."""
    tags = {key: str(value) for key, value in (job.tags or {}).items()}
    own = {key: tags.pop(key, "") for key in ("identity", "model_name", "champion", "created")}
    context, said = job.creation_context, job.properties or {}
    made = context.created_at.isoformat() if context and context.created_at else ""
    return Run(
        id=job.name,
        experiment=job.experiment_name,
        status=_status(job),
        created=own["created"] or made,
        seconds=seconds_between(said.get("StartTimeUtc"), said.get("EndTimeUtc")),
        identity=own["identity"],
        model_name=own["model_name"],
        tags={key: value for key, value in tags.items() if not key.startswith(IDENTITY)},
        champion=own["champion"] or None,
        url=job.studio_url or "",
        trial=sweeps.best_trial(job),
    )
