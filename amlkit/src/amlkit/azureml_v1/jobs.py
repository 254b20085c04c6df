"""Jobs of a workspace: the training code as a snapshot, submitted to a compute target."""

from __future__ import annotations

import time
import uuid
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from amlkit.azure import owners
from amlkit.azure.connection import on_azure, quiet
from amlkit.azure.parts import job_parts, without_champion
from amlkit.azureml_v1 import artifacts, commands, compute, shapes
from amlkit.azureml_v1.connection import Connection
from amlkit.azureml_v1.data import AzureData, sdk_dataset
from amlkit.azureml_v1.environments import AzureEnvironments
from amlkit.azureml_v1.log import RunLog
from amlkit.calls import Named
from amlkit.interrupts import waiting
from amlkit.records import FINISHED, DataAsset, Job, Model, Run, WorkError
from amlkit.workspace import Say

# Seconds between two looks at a run: often at first and at its end, else as is worth it. The SDK
# looks every 2 s at first, every minute later, with four requests each time; here it takes one, and
# one more for the log.
FIRST_POLL, USUAL_POLL, SLOWEST_POLL, SLOWEST_LOG = 1.0, 2.0, 15.0, 60.0
FIRST_MINUTE = 60.0
KEPT_LINES = 1000  # of a log that was read to its end
# States in which a log grows.
WRITING = ("Running", "Finalizing")
LONGEST_TAG = 1000  # Azure ML's limit for a run's tags
# The datastore of every workspace where the outputs of runs lie.
ARTIFACT_STORE = "workspaceartifactstore"
# Read together: whoever asks for one asks for all.
FOLDERS = ("figures/",)


class AzureJobs:
    """`workspace.Jobs`, by the SDK's `Experiment` and `Run`."""

    def __init__(
        self, connection: Connection, data: AzureData, environments: AzureEnvironments
    ) -> None:
        self.connection = connection
        self._data = data
        self._environments = environments
        self._started: set[str] = set()
        self._logs: dict[str, deque[str]] = {}

    @on_azure
    def target(self) -> str:
        """See `Jobs.target`."""
        wanted = self.connection.settings.azure.compute
        if compute.find(self.connection) is None:
            compute.check_may_create(self.connection.settings)
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
        tags = {
            **job.tags,
            "identity": job.identity,
            "model_name": job.model_name,
            "champion": job.champion.version if job.champion else "",
            "created": now.isoformat(timespec="milliseconds"),
        }
        run_id = f"{job.experiment[:40]}_{now:%Y%m%dT%H%M%S}_{uuid.uuid4().hex[:6]}"
        experiment = Experiment(self.connection.workspace, job.experiment)
        run = experiment.submit(config, tags=_short(tags), run_id=run_id)
        self._started.add(run.id)
        return _record(self.connection.kept(("run", run.id), lambda: run))

    @on_azure
    def get(self, run_id: str) -> Run:
        """See `Jobs.get`."""
        return _record(self.connection.run(run_id, fresh=True))

    @on_azure
    def stream(self, run_id: str, on_log: Say, *, seconds: float | None = None) -> Run:
        """See `Jobs.stream`: outlives throttling, outages and tokens that end."""
        connection = self.connection
        lines: deque[str] = deque(maxlen=KEPT_LINES)

        def hear(line: str) -> None:
            lines.append(line)
            on_log(line)

        log = RunLog(lambda: connection.run(run_id), hear)
        import azure.storage.blob  # noqa: F401  what comes after is imported while the job is busy
        import azureml.core.model  # noqa: F401

        pause, last, began = FIRST_POLL, "", time.monotonic()
        log_pause, log_due = USUAL_POLL, 0.0
        with waiting() as wait:
            while True:
                status, grew = self._status(run_id), False
                passed = time.monotonic() - began
                if status in FINISHED:
                    connection.patiently(log.finish)
                    self._logs[run_id] = lines
                    break
                if status in WRITING and passed >= log_due:
                    connection.patiently(log.read)
                    grew = log.grew
                    log_pause = USUAL_POLL if grew else min(log_pause * 1.3, SLOWEST_LOG)
                    log_due = passed + log_pause
                if seconds is not None and passed > seconds:
                    break
                if status != last and status not in WRITING:
                    connection.say(f"run {run_id}: {status}")
                # While there is something to see, and just after a change, it is looked at often.
                soon = FIRST_POLL if passed < FIRST_MINUTE or status == "Finalizing" else USUAL_POLL
                seen = status != last or grew or status == "Finalizing"
                pause = soon if seen else min(pause * 1.3, SLOWEST_POLL)
                last = status
                wait.sleep(pause)
        # The last look at its status brought all of it.
        return _record(connection.patiently(lambda: connection.run(run_id)))

    @on_azure
    def cancel(self, run_id: str) -> Run:
        """See `Jobs.cancel`."""
        run = self.connection.run(run_id)
        if run.get_status() not in FINISHED:
            run.cancel()
            while self._status(run_id) not in FINISHED:
                time.sleep(USUAL_POLL)
        return _record(self.connection.run(run_id, fresh=True))

    @on_azure
    def read(self, run_id: str, path: str) -> bytes | None:
        """See `Jobs.read`: what a finished run wrote is kept on this machine."""
        home = self.connection.folder / "runs" / run_id / "outputs"
        file = home / path
        if file.is_file():
            return file.read_bytes()
        found = artifacts.outputs(self.connection, run_id)
        if artifacts.OUTPUTS + path not in found:
            return None
        names = {path}
        for folder in filter(path.startswith, FOLDERS):
            inside = (name.removeprefix(artifacts.OUTPUTS) for name in found)
            names |= {name for name in inside if name.startswith(folder)}
        missing = [name for name in names if not (home / name).is_file()]
        with ThreadPoolExecutor(6) as pool:
            addresses = [found[artifacts.OUTPUTS + name] for name in missing]
            list(pool.map(artifacts.download, addresses, [home / name for name in missing]))
        return file.read_bytes()

    @on_azure
    def log(self, run_id: str, lines: int = 20) -> list[str]:
        """See `Jobs.log`."""
        if run_id in self._logs and lines <= KEPT_LINES:
            return list(self._logs[run_id])[-lines:]
        read: list[str] = []
        RunLog(lambda: self.connection.run(run_id), read.append).finish()
        return read[-lines:]

    @on_azure
    def save_report(self, run_id: str, write: Callable[[Path], None], *, keep: bool = False) -> str:
        """See `Jobs.save_report`: here, and once beside the run for all who may see it."""
        path = self.connection.folder / "runs" / run_id / "report.html"
        path.parent.mkdir(parents=True, exist_ok=True)
        if not (keep and path.is_file()):
            write(path)
        run = self.connection.run(run_id)
        if run_id in self._started or "report.html" not in run.get_file_names():
            self._started.discard(run_id)
            run.upload_file("report.html", str(path))
        return str(path)

    def _status(self, run_id: str) -> Any:
        return self.connection.patiently(lambda: self.connection.run(run_id).get_status())

    def _dataset(self, asset: DataAsset | Model) -> Any:
        """A job's input as the SDK's `FileDataset`."""
        if isinstance(asset, DataAsset):
            return self._data.dataset(asset.name, asset.number)
        place = (self._data.datastore(ARTIFACT_STORE), _artifacts(asset))
        return sdk_dataset().File.from_files(place, validate=False)


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
    began, ended = known.get("start_time_utc"), known.get("end_time_utc")
    seconds = (_time(ended) - _time(began)).total_seconds() if began and ended else None
    created = own["created"] or str(known.get("created_utc") or "")
    return Run(
        id=run.id,
        experiment=run.experiment.name,
        status=run.status,
        created=created,
        seconds=seconds,
        identity=own["identity"],
        model_name=own["model_name"],
        tags=tags,
        champion=own["champion"] or None,
        url=run.get_portal_url(),
    )


def _time(value: Any) -> datetime:
    """A time as the SDK hands it over, text or not."""
    if isinstance(value, datetime):
        return value
    return datetime.fromisoformat(str(value).split(".")[0].rstrip("Z") + "+00:00")


def _short(tags: Mapping[str, str]) -> dict[str, str]:
    """Tags that the service takes: what is too long says so instead, in JSON as `settings` is."""
    instead = '{"training": "too long for a tag; see the arguments of the run"}'
    return {key: value if len(value) <= LONGEST_TAG else instead for key, value in tags.items()}
