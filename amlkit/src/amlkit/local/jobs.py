"""Runs and models of this machine: jobs are processes, models live in MLflow's registry."""

from __future__ import annotations

import os
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock

from amlkit.content import new_folder, read_json, write_json
from amlkit.local import models as local_registry
from amlkit.local.detached import START_LIMIT, inherited_variables, is_held, start_detached
from amlkit.local.job import CANCEL_FILE, LOCK_FILE, LOG_FILE, STATUS_FILE
from amlkit.records import FINISHED, Job, Model, Run, WorkError
from amlkit.workspace import job_arguments

POLL_INTERVAL = 0.1
IMPORT_DELAY = 3.0


class LocalRuns:
    """The part of `LocalPlatform` that runs jobs and registers models."""

    folder: Path
    registry: local_registry.Registry

    def find_run(self, identity: str, experiment: str) -> Run | None:
        """See `Platform.find_run`."""
        equal = [
            run
            for run in self._runs()
            if (run.identity, run.experiment) == (identity, experiment)
            and run.status in ("Completed", "Running")
        ]
        return max(equal, key=lambda run: (run.status == "Completed", run.created), default=None)

    def job_place(self) -> str:
        """See `Platform.job_place`."""
        return "on this machine"

    def submit(self, job: Job, model_name: str) -> Run:
        """See `Platform.submit`."""
        self.registry.ensure(job.experiment)
        now = datetime.now(UTC)
        run_id = f"{job.experiment[:40]}_{now:%Y%m%dT%H%M%S}_{uuid.uuid4().hex[:6]}"
        folder = self.folder / "runs" / run_id
        record = {
            "id": run_id,
            "experiment": job.experiment,
            "created": now.isoformat(timespec="milliseconds"),
            "identity": job.identity,
            "model_name": model_name,
            "tags": dict(job.tags),
            "champion": job.champion.version if job.champion else None,
        }
        with new_folder(folder) as half:
            write_json(half / "job.json", record)
            (half / "logs").mkdir()
            (half / LOG_FILE).touch()
        command = [sys.executable, "-m", f"{job.package}.train", *job_arguments(job)]
        start_detached(
            ["-m", "amlkit.local.job", str(folder), *command],
            self._job_variables(job, run_id),
            (folder / STATUS_FILE).is_file,
            "the job's process",
            folder,
        )
        # The registry is written to once the job is done: what that imports, it imports meanwhile,
        # but not while the job is busy with its own imports.
        later = threading.Timer(IMPORT_DELAY, local_registry.import_mlflow)
        later.daemon = True
        later.start()
        return self.get_run(run_id)

    def get_run(self, run_id: str) -> Run:
        """See `Platform.get_run`."""
        folder = self._run_folder(run_id)
        record = read_json(folder / "job.json")
        status = read_json(folder / STATUS_FILE) or {"status": "Starting"}
        if status["status"] not in FINISHED and not _is_alive(folder, record["created"]):
            # It may have ended between the two looks.
            status = read_json(folder / STATUS_FILE) or {}
            if status.get("status") not in FINISHED:
                status = {"status": "Failed", "reason": "its process was killed"}
        return Run(
            **record, status=status["status"], seconds=status.get("seconds"), url=str(folder)
        )

    def wait(
        self, run_id: str, on_log: Callable[[str], None], *, seconds: float | None = None
    ) -> Run:
        """See `Platform.wait`."""
        began = time.monotonic()
        with (self._run_folder(run_id) / LOG_FILE).open("rb") as log:
            rest = b""
            while True:
                run = self.get_run(run_id)
                # The status is read first: what was written before the end is then still handed
                # over.
                rest += log.read()
                *lines, rest = rest.split(b"\n")
                for line in lines:
                    on_log(line.decode("utf-8", "replace").rstrip("\r"))
                if run.status in FINISHED:
                    if rest:
                        on_log(rest.decode("utf-8", "replace"))
                    return run
                if seconds is not None and time.monotonic() - began > seconds:
                    return run
                time.sleep(POLL_INTERVAL)

    def cancel(self, run_id: str) -> Run:
        """See `Platform.cancel`."""
        folder = self._run_folder(run_id)
        if self.get_run(run_id).status not in FINISHED:
            (folder / CANCEL_FILE).touch()
        return self.wait(run_id, lambda line: None)

    def read_output(self, run_id: str, path: str) -> bytes | None:
        """See `Platform.read_output`."""
        file = self._run_folder(run_id) / "outputs" / path
        return file.read_bytes() if file.is_file() else None

    def log_tail(self, run_id: str, lines: int = 20) -> list[str]:
        """See `Platform.log_tail`."""
        with (self._run_folder(run_id) / LOG_FILE).open("rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - 64_000))
            return log.read().decode("utf-8", "replace").splitlines()[-lines:]

    def champion(self, name: str) -> Model | None:
        """See `Platform.champion`."""
        return self.registry.newest(name)

    def find_model(self, name: str, run_id: str) -> Model | None:
        """See `Platform.find_model`."""
        return self.registry.of_run(name, run_id)

    def register_model(
        self, run: Run, name: str, tags: Mapping[str, str], accept: Callable[[Model | None], bool]
    ) -> Model | None:
        """See `Platform.register_model`: under a lock, so each training sees the one before it."""
        source = self._run_folder(run.id) / "outputs" / "model"
        if not source.is_dir() or not any(source.iterdir()):
            raise WorkError(
                f"run {run.id} wrote no outputs/model/, so there is nothing to register"
            )
        with FileLock(self.folder / "registry.lock"):
            known = self.registry.of_run(name, run.id)
            if known is not None:
                return known
            if not accept(self.registry.newest(name)):
                return None
            return self.registry.register(name, run.id, source, tags)

    def model_versions(self, name: str) -> list[Model]:
        """See `Platform.model_versions`."""
        return self.registry.versions(name)

    def read_model(self, model: Model, path: str) -> bytes | None:
        """See `Platform.read_model`."""
        file = Path(model.source, path)
        return file.read_bytes() if file.is_file() else None

    def save_report(self, run_id: str, write: Callable[[Path], None]) -> str:
        """See `Platform.save_report`."""
        path = self._run_folder(run_id) / "report.html"
        write(path)
        return str(path)

    def _run_folder(self, run_id: str) -> Path:
        folder = self.folder / "runs" / run_id
        if Path(run_id).name != run_id or not (folder / "job.json").is_file():
            known = [run.id for run in self._runs()]
            newest = (
                f"; the newest is {max(known, key=lambda i: i.split('_')[-2])}" if known else ""
            )
            raise WorkError(f"there is no run {run_id!r} in {self.folder / 'runs'}{newest}")
        return folder

    def _runs(self) -> Iterator[Run]:
        for record in sorted((self.folder / "runs").glob("*/job.json")):
            yield self.get_run(record.parent.name)

    def _job_variables(self, job: Job, run_id: str) -> dict[str, str]:
        """The job's environment variables: ours but secrets, and what Azure ML sets too."""
        return {
            **inherited_variables(),
            **self.registry.variables(job.experiment, {**job.tags, "run_id": run_id}),
            "PYTHONPATH": str(job.snapshot),
            "PYTHONUNBUFFERED": "1",
            "PYTHONUTF8": "1",
            "PYTHONHASHSEED": "0",
        }


def _is_alive(folder: Path, created: str) -> bool:
    """Whether a run's supervisor lives: it holds a lock for as long as it does."""
    if is_held(folder / LOCK_FILE):
        return True
    if (folder / STATUS_FILE).is_file():
        return False
    # Not yet begun: between the run's folder and its process lies a moment.
    age = datetime.now(UTC) - datetime.fromisoformat(created)
    return age.total_seconds() < START_LIMIT
