"""Runs of a workspace: the training code as a snapshot, submitted to a compute target."""

from __future__ import annotations

import shlex
import time
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from amlkit.azureml_v1.data import sdk_dataset
from amlkit.azureml_v1.errors import explain, is_passing, on_azure, status_of, words_of
from amlkit.azureml_v1.log import RunLog
from amlkit.content import new_folder
from amlkit.interrupts import waiting
from amlkit.records import FINISHED, Job, Model, Run, WorkError
from amlkit.settings import Settings
from amlkit.workspace import job_arguments

# Seconds between two looks at a run: often at first and at its end, else as is worth it.
FIRST_POLL, USUAL_POLL, SLOWEST_POLL = 0.5, 2.0, 15.0
FIRST_MINUTE = 60.0
# How long Azure ML may be away during a wait (s): a job is not lost to an outage.
PATIENCE = 1800.0
LONGEST_TAG = 1000  # Azure ML's limit for a run's tags
# The datastore of every workspace where the outputs of runs lie.
ARTIFACT_STORE = "workspaceartifactstore"
# Kept together, so that one call reads them all.
FOLDERS = ("figures/",)


class AzureRuns:
    """The part of `AzurePlatform` that runs jobs."""

    settings: Settings
    workspace: Any
    folder: Path
    say: Callable[[str], None]
    compute_target: Callable[[], Any]
    _dataset: Callable[..., Any]
    _datastore: Callable[..., Any]

    @on_azure
    def find_run(self, identity: str, experiment: str) -> Run | None:
        """See `Platform.find_run`."""
        from azureml.core import Experiment

        for known in Experiment.list(self.workspace, experiment_name=experiment):
            equal = [_record(run) for run in known.get_runs(tags={"identity": identity})]
            equal = [run for run in equal if run.status not in ("Failed", "Canceled")]
            return max(
                equal, key=lambda run: (run.status == "Completed", run.created), default=None
            )
        return None

    @on_azure
    def submit(self, job: Job, model_name: str) -> Run:
        """See `Platform.submit`."""
        from azureml.core import Experiment, ScriptRunConfig

        inputs = {job.data.source: self._dataset(job.data.name, job.data.number)}
        names = {job.data.source: "data"}
        if job.champion is not None:
            place = (self._datastore(ARTIFACT_STORE), _artifacts(job.champion))
            inputs[job.champion.source] = sdk_dataset().File.from_files(place, validate=False)
            names[job.champion.source] = "champion"
        arguments = [
            inputs[word].as_named_input(names[word]).as_download() if word in inputs else word
            for word in job_arguments(job)
        ]
        # The service joins the words of a command for a shell.
        command = ["python", "-m", f"{job.package}.train"]
        command += [shlex.quote(word) if isinstance(word, str) else word for word in arguments]
        config = ScriptRunConfig(
            str(job.snapshot),
            command=command,
            compute_target=self.compute_target(),
            environment=self.environment_of(job.environment),
        )
        config.run_config.environment_variables["PYTHONHASHSEED"] = "0"
        now = datetime.now(UTC)
        tags = {
            **job.tags,
            "identity": job.identity,
            "model_name": model_name,
            "champion": job.champion.version if job.champion else "",
            "created": now.isoformat(timespec="milliseconds"),
        }
        run_id = f"{job.experiment[:40]}_{now:%Y%m%dT%H%M%S}_{uuid.uuid4().hex[:6]}"
        experiment = Experiment(self.workspace, job.experiment)
        run = experiment.submit(config, tags=_short(tags), run_id=run_id)
        return _record(run)

    @on_azure
    def get_run(self, run_id: str) -> Run:
        """See `Platform.get_run`."""
        return _record(self._run(run_id, fresh=True))

    @on_azure
    def wait(
        self, run_id: str, on_log: Callable[[str], None], *, seconds: float | None = None
    ) -> Run:
        """See `Platform.wait`: outlives throttling, outages and tokens that end."""
        log = RunLog(lambda: self._run(run_id), on_log)
        self._patiently(log.read)
        import azure.storage.blob  # noqa: F401  what comes after is imported while the job is busy
        import azureml.core.model  # noqa: F401

        pause, last, began = FIRST_POLL, "", time.monotonic()
        with waiting() as wait:
            while True:
                status = self._patiently(lambda: self._run(run_id).get_status())
                self._patiently(log.read)
                if status in FINISHED:
                    self._patiently(log.finish)
                    break
                if seconds is not None and time.monotonic() - began > seconds:
                    break
                if status != last and status not in ("Running", "Finalizing"):
                    self.say(f"run {run_id}: {status}")
                # While there is something to see, and just after a change, it is looked at often.
                young = time.monotonic() - began < FIRST_MINUTE
                soon = FIRST_POLL if young or status == "Finalizing" else USUAL_POLL
                seen = status != last or log.grew or status == "Finalizing"
                pause = soon if seen else min(pause * 1.3, SLOWEST_POLL)
                last = status
                wait.sleep(pause)
        return _record(self._patiently(lambda: self._run(run_id, fresh=True)))

    @on_azure
    def cancel(self, run_id: str) -> Run:
        """See `Platform.cancel`."""
        run = self._run(run_id)
        if run.get_status() not in FINISHED:
            run.cancel()
            while self._patiently(lambda: self._run(run_id).get_status()) not in FINISHED:
                time.sleep(USUAL_POLL)
        return _record(self._run(run_id, fresh=True))

    @on_azure
    def read_output(self, run_id: str, path: str) -> bytes | None:
        """See `Platform.read_output`: what a finished run wrote is kept on this machine."""
        home = self.folder / "runs" / run_id / "outputs"
        file = home / path
        if file.is_file():
            return file.read_bytes()
        together = next((prefix for prefix in FOLDERS if path.startswith(prefix)), None)
        if together and (home / together).is_dir():
            return None
        run = self._run(run_id)
        if together:
            prefix = f"outputs/{together}"
            names = [name for name in run.get_file_names() if name.startswith(prefix)]
            with new_folder(home / together.rstrip("/")) as half, ThreadPoolExecutor(6) as pool:
                targets = [half / name.removeprefix(prefix) for name in names]
                for target in targets:
                    target.parent.mkdir(parents=True, exist_ok=True)
                list(pool.map(run.download_file, names, map(str, targets)))
        else:
            half = file.with_name(f".{file.name}.{uuid.uuid4().hex}")
            half.parent.mkdir(parents=True, exist_ok=True)
            try:
                run.download_file(f"outputs/{path}", str(half))
            except Exception as error:
                half.unlink(missing_ok=True)
                if status_of(error) == 404 or "was not found" in words_of(error):
                    return None
                raise
            half.replace(file)
        return file.read_bytes() if file.is_file() else None

    @on_azure
    def log_tail(self, run_id: str, lines: int = 20) -> list[str]:
        """See `Platform.log_tail`."""
        read: list[str] = []
        RunLog(lambda: self._run(run_id), read.append).finish()
        return read[-lines:]

    @on_azure
    def save_report(self, run_id: str, write: Callable[[Path], None]) -> str:
        """See `Platform.save_report`: here, and once beside the run for all who may see it."""
        path = self.folder / "runs" / run_id / "report.html"
        path.parent.mkdir(parents=True, exist_ok=True)
        write(path)
        run = self._run(run_id)
        if "report.html" not in run.get_file_names():
            run.upload_file("report.html", str(path))
        return str(path)

    def environment_of(self, environment: Any) -> Any:
        """The SDK's object of an environment that `ensure_environment` answered with."""
        from azureml.core import Environment as SdkEnvironment

        return SdkEnvironment.get(self.workspace, environment.name, environment.version)

    def _run(self, run_id: str, *, fresh: bool = False) -> Any:
        """The SDK's run, as it was first seen or, if `fresh`, as it stands."""
        from azureml.core import Run as SdkRun

        known = self.__dict__.setdefault("_runs", {})
        if run_id in known and not fresh:
            return known[run_id]
        try:
            known[run_id] = SdkRun.get(self.workspace, run_id)
            return known[run_id]
        except Exception as error:
            if status_of(error) == 404:
                raise WorkError(
                    f"there is no run {run_id!r} in workspace {self.settings.azure.workspace_name}"
                ) from error
            raise

    def sign_in_again(self) -> None:
        """Forgets the workspace and what came from it: the SDK keeps a token to its written end."""
        for name in ("workspace", "credential", "_runs", "_datasets", "_datastores", "_containers"):
            self.__dict__.pop(name, None)

    def _patiently(self, ask: Callable[[], Any]) -> Any:
        """Asks until it is answered, as long as what fails may pass."""
        began, pause = time.monotonic(), FIRST_POLL
        while True:
            try:
                return ask()
            except Exception as error:
                if not is_passing(error) or time.monotonic() - began > PATIENCE:
                    raise
                if status_of(error) == 401:
                    self.sign_in_again()
                self.say(f"{explain(error, self.settings)}; asking again")
                time.sleep(pause)
                pause = min(pause * 2, 60.0)


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
    """Tags that the service takes: what is too long says so instead."""
    fits = {key: value for key, value in tags.items() if len(value) <= LONGEST_TAG}
    if "settings" not in fits:
        fits["settings"] = '{"training": "too long for a tag; see the arguments of the run"}'
    return fits
