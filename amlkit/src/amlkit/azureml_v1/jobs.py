"""Jobs of a workspace: the training code as a snapshot, submitted to a compute target."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from amlkit.azure import owners
from amlkit.azure.compute import check_may_create
from amlkit.azure.connection import on_azure, quiet
from amlkit.azure.jobs import SharedJobs, seconds_between
from amlkit.azure.log import SharedLog
from amlkit.azure.parts import job_parts, without_champion
from amlkit.azureml_v1 import artifacts, commands, compute, shapes
from amlkit.azureml_v1.connection import Connection
from amlkit.azureml_v1.data import AzureData, sdk_dataset
from amlkit.azureml_v1.environments import AzureEnvironments
from amlkit.azureml_v1.log import RunLog
from amlkit.calls import Named
from amlkit.records import DataAsset, Job, Model, Run, WorkError, new_run_id
from amlkit.workspace import Say

# The datastore of every workspace where the outputs of runs lie.
ARTIFACT_STORE = "workspaceartifactstore"


class AzureJobs(SharedJobs):
    """`workspace.Jobs`, by the SDK's `Experiment` and `Run`."""

    connection: Connection
    sweeps = False  # azureml-core has no HyperDrive, which is a package of its own

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
        if compute.find(self.connection) is None:
            check_may_create(self.connection.settings)
            return f"on compute target {wanted.name} ({wanted.size}), which would be created"
        return f"on compute target {wanted.name}"

    def shape(self, job: Job) -> str:
        """See `Jobs.shape`: with a champion and without, whether or not there is one."""
        if job.definition is None:
            return ""
        from azureml.core import Environment

        definition, settings = job.definition, self.connection.settings
        code = str(settings.root / "src")
        names, any_job = {code: "src", str(settings.root): "."}, without_champion(job)

        def ask() -> Any:
            found = []
            for champion in (None, Named("champion")):
                parts = job_parts(
                    any_job,
                    code=code,
                    inputs={"data": Named("data"), "champion": champion},
                    compute=settings.azure.compute.name,
                    environment=Environment(job.environment.name),
                )
                made = shapes.job_of(definition, parts, settings.root)
                found.append(shapes.job_shape(made, names))
            return found

        with quiet():
            return owners.steady(definition, settings.root, ask)

    @on_azure
    def find(self, identity: str, experiment: str) -> Run | None:
        """See `Jobs.find`."""
        from azureml.core import Experiment

        for known in Experiment.list(self.connection.workspace, experiment_name=experiment):
            equal = [_record(run) for run in known.get_runs(tags={"identity": identity})]
            equal = [run for run in equal if not run.status.startswith(("Failed", "Cancel"))]
            return max(
                equal, key=lambda run: (run.status == "Completed", run.created), default=None
            )
        return None

    @on_azure
    def create(self, job: Job) -> Run:
        """See `Jobs.create`."""
        from azureml.core import Experiment

        inputs = {name: self._dataset(asset) for name, asset in job.inputs.items()}
        environment = self._environments.sdk(job.environment.name, job.environment.version)
        target = compute.ensure(self.connection)
        if job.definition is None:
            config = commands.script_run_config(job, inputs, target, environment)
        else:
            parts = job_parts(
                job,
                code=str(job.code),
                inputs=inputs,
                compute=target.name,
                environment=environment,
            )
            config = shapes.job_of(job.definition, parts, self.connection.settings.root)
        now = datetime.now(UTC)
        tags = self.tags_of(job, now.isoformat(timespec="milliseconds"))
        run_id = new_run_id(job.experiment, now)
        experiment = Experiment(self.connection.workspace, job.experiment)
        run = experiment.submit(config, tags=tags, run_id=run_id)
        self._started.add(run.id)
        return _record(self.connection.kept(("run", run.id), lambda: run))

    @on_azure
    def get(self, run_id: str) -> Run:
        """See `Jobs.get`."""
        return _record(self.connection.run(run_id, fresh=True))

    def status(self, run_id: str) -> str:
        """See `SharedJobs.status`."""
        return str(self.connection.run(run_id).get_status())

    def seen(self, run_id: str) -> Run:
        """See `SharedJobs.seen`: the last look at its status brought all of it."""
        return _record(self.connection.run(run_id))

    def end(self, run_id: str) -> None:
        """See `SharedJobs.end`."""
        self.connection.run(run_id).cancel()

    def log_of(self, run_id: str, on_log: Say) -> SharedLog:
        """See `SharedJobs.log_of`."""
        return RunLog(lambda: self.connection.run(run_id), on_log)

    def outputs(self, run_id: str) -> Mapping[str, Any]:
        """See `SharedJobs.outputs`: addresses, good for some hours."""
        return artifacts.outputs(self.connection, run_id)

    def fetch(self, output: Any, path: Path) -> None:
        """See `SharedJobs.fetch`."""
        artifacts.download(output, path)

    def attach(self, run_id: str, name: str, path: Path) -> None:
        """See `SharedJobs.attach`."""
        run = self.connection.run(run_id)
        if run_id in self._started or name not in run.get_file_names():
            self._started.discard(run_id)
            run.upload_file(name, str(path))

    def warm_up(self) -> None:
        """See `SharedJobs.warm_up`."""
        import azure.storage.blob  # noqa: F401
        import azureml.core.model  # noqa: F401

    def _dataset(self, asset: DataAsset | Model) -> Any:
        """A job's input as the SDK's `FileDataset`."""
        if isinstance(asset, DataAsset) and asset.number:
            return self._data.dataset(asset.name, asset.number)
        if isinstance(asset, DataAsset):  # SDK v2 registered it: there is no Dataset of it
            return self._data.files(asset)
        files = (self._data.datastore(ARTIFACT_STORE), _artifacts(asset))
        return sdk_dataset().File.from_files(files, validate=False)


def _artifacts(model: Model) -> str:
    """Where a registered model's files lie in the artifact store, as a pattern.

    Raises:
        WorkError: it was not registered from a run, so that only a download would find them.
    """
    run_id = model.tags.get("run_id")
    if not run_id:
        raise WorkError(
            f"the champion {model.name}:{model.version} was not registered by a run; "
            "register models under this name by src/model.py alone, or change model.name"
        )
    return f"ExperimentRun/dcid.{run_id}/outputs/model/**"


def _record(run: Any) -> Run:
    """The SDK's run as ours."""
    tags = dict(run.tags)
    own = {key: tags.pop(key, "") for key in ("identity", "model_name", "champion", "created")}
    known = run._run_dto  # what the last answer held; each public getter asks again
    created = own["created"] or str(known.get("created_utc") or "")
    return Run(
        id=run.id,
        experiment=run.experiment.name,
        status=run.status,
        created=created,
        seconds=seconds_between(known.get("start_time_utc"), known.get("end_time_utc")),
        identity=own["identity"],
        model_name=own["model_name"],
        tags=tags,
        champion=own["champion"] or None,
        url=run.get_portal_url(),
    )
