"""No Azure: data, jobs and models as files and processes on this machine.

```
.local-workspace/
  data/<name>/<version>/   asset.json, content/ (the table, schema.json, profile.json);
  data/<name>/latest
  environments/            one record per environment version
  code/<version>/          snapshots of the package
  runs/<run id>/           job.json, status.json, logs/std_log.txt, outputs/, report.html
  mlflow.db, artifacts/    MLflow's tracking store and model registry
```
Whatever appears there appears whole, so that a process may be killed at any moment.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from filelock import FileLock

from . import local_registry, lockfile
from .content import file_hash, new_folder, read_json, write_json, write_text
from .local_job import CANCEL_FILE, LOCK_FILE, LOG_FILE, STATUS_FILE
from .platform import (
    FINISHED,
    DataAsset,
    DataDefinition,
    Environment,
    EnvironmentDefinition,
    Job,
    Model,
    Run,
    WorkError,
    job_arguments,
)

# How long a job's process may take to report that it has begun (s).
START_LIMIT = 60.0
POLL_INTERVAL = 0.1
IMPORT_DELAY = 3.0
# What a job does not inherit: what belongs to the drivers alone, and what would have it compile the
# snapshot each time.
_NOT_INHERITED = ("SPN_PASSWORD", "SPN_ID", "TENANT_ID", "PYTHONDONTWRITEBYTECODE")


class LocalPlatform:
    """The `Platform` of this machine, below one folder."""

    name = "this machine"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.registry = local_registry.Registry(folder)

    # --- data -----------------------------------------------------------------------------------

    def find_data(self, name: str, version: str | None = None) -> DataAsset | None:
        """See `Platform.find_data`."""
        home = self.folder / "data" / name
        if version is None:
            latest = home / "latest"
            version = latest.read_text(encoding="utf-8").strip() if latest.is_file() else ""
        record = read_json(home / version / "asset.json") if version else None
        if record is None:
            return None
        source = home / version / "content"
        return DataAsset(**record, source=str(source), profile=read_json(source / "profile.json"))

    def register_data(
        self, definition: DataDefinition, progress: Callable[[int, int], None]
    ) -> DataAsset:
        """See `Platform.register_data`: one copy per content."""
        home = self.folder / "data" / definition.name
        target = home / definition.version
        if not target.is_dir():
            with new_folder(target) as half:
                source = half / "content"
                source.mkdir()
                copy = source / definition.path.name
                shutil.copyfile(definition.path, copy)
                # The file may have been written to since it was hashed and profiled.
                if file_hash(copy, progress) != definition.profile["sha256"]:
                    raise WorkError(f"{definition.path} changed while it was read; run this again")
                write_json(source / "schema.json", definition.profile["schema"])
                write_json(source / "profile.json", definition.profile)
                write_json(
                    half / "asset.json",
                    {
                        "name": definition.name,
                        "version": definition.version,
                        "target": definition.target,
                        "rows": definition.profile["rows"],
                    },
                )
        write_text(home / "latest", definition.version)
        asset = self.find_data(definition.name, definition.version)
        if asset is None:
            raise WorkError(f"{target} holds no asset.json; delete that folder and run this again")
        return asset

    # --- environment ----------------------------------------------------------------------------

    def find_environment(self, definition: EnvironmentDefinition) -> Environment:
        """See `Platform.find_environment`: here it is the interpreter that runs this."""
        differences = tuple(lockfile.differences(definition.lock, definition.wheels))
        version = definition.version
        if differences:
            # What runs is not what the lock says: it must not pass for it.
            version += f".differs-{lockfile.identity_of(differences)}"
        created = not self._environment_record(definition.name, version).is_file()
        return Environment(definition.name, version, created, differences)

    def ensure_environment(self, definition: EnvironmentDefinition) -> Environment:
        """See `Platform.ensure_environment`: there is nothing to build, it is written down."""
        environment = self.find_environment(definition)
        if environment.created:
            record = self._environment_record(environment.name, environment.version)
            record.parent.mkdir(parents=True, exist_ok=True)
            known = {"name": environment.name, "version": environment.version}
            known["python"] = sys.version.split()[0]
            write_json(record, known | {"wheels": [wheel.name for wheel in definition.wheels]})
        return environment

    # --- runs -----------------------------------------------------------------------------------

    def find_run(self, identity: str, experiment: str) -> Run | None:
        """See `Platform.find_run`."""
        equal = [
            run
            for run in self._runs()
            if (run.identity, run.experiment) == (identity, experiment)
            and run.status in ("Completed", "Running")
        ]
        return max(equal, key=lambda run: (run.status == "Completed", run.created), default=None)

    def submit(self, job: Job, model_name: str) -> Run:
        """See `Platform.submit`."""
        self.registry.ensure(job.experiment)
        now = datetime.now(timezone.utc)
        run_id = f"{job.experiment[:40]}_{now:%Y%m%dT%H%M%S}_{uuid.uuid4().hex[:6]}"
        folder = self.folder / "runs" / run_id
        record = {
            "id": run_id,
            "experiment": job.experiment,
            "created": now.isoformat(timespec="milliseconds"),
            "identity": job.identity,
            "model_name": model_name,
            "tags": dict(job.tags),
            "reigning": job.reigning.version if job.reigning else None,
        }
        with new_folder(folder) as half:
            write_json(half / "job.json", record)
            (half / "logs").mkdir()
            (half / LOG_FILE).touch()
        command = [sys.executable, "-m", f"{job.package}.train", *job_arguments(job)]
        self._start(folder, command, self._job_variables(job, run_id))
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

    def wait(self, run_id: str, on_log: Callable[[str], None]) -> Run:
        """See `Platform.wait`."""
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

    # --- models ---------------------------------------------------------------------------------

    def reigning_model(self, name: str) -> Model | None:
        """See `Platform.reigning_model`."""
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

    def save_report(self, run_id: str, write: Callable[[Path], None]) -> str:
        """See `Platform.save_report`."""
        path = self._run_folder(run_id) / "report.html"
        write(path)
        return str(path)

    # --- how ------------------------------------------------------------------------------------

    def _environment_record(self, name: str, version: str) -> Path:
        return self.folder / "environments" / f"{name}-{version}.json"

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
        inherited = {k: v for k, v in os.environ.items() if k not in _NOT_INHERITED}
        return {
            **inherited,
            **self.registry.variables(job.experiment, {**job.tags, "run_id": run_id}),
            "PYTHONPATH": str(job.snapshot),
            "PYTHONUNBUFFERED": "1",
            "PYTHONUTF8": "1",
            "PYTHONHASHSEED": "0",
        }

    def _start(self, folder: Path, command: list[str], variables: dict[str, str]) -> None:
        """Starts the supervisor of a job, which outlives this process; waits until it reports."""
        detached: dict[str, Any] = {"start_new_session": True}
        if sys.platform == "win32":
            flags = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW
            detached = {"creationflags": flags}
        supervisor = subprocess.Popen(
            [sys.executable, "-m", "aml.local_job", str(folder), *command],
            cwd=Path(__file__).parents[1],
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            **detached,
        )
        limit = time.monotonic() + START_LIMIT
        while not (folder / STATUS_FILE).is_file():
            if supervisor.poll() is not None or time.monotonic() > limit:
                raise WorkError(
                    f"the job's process did not start (exit code {supervisor.poll()}); see {folder}"
                )
            time.sleep(0.01)
        supervisor.returncode = 0  # it is meant to outlive us: no warning that it was left behind


def _is_alive(folder: Path, created: str) -> bool:
    """Whether a run's supervisor lives: it holds a lock for as long as it does."""
    lock = FileLock(folder / LOCK_FILE)
    try:
        lock.acquire(timeout=0)
    except TimeoutError:
        return True
    lock.release()
    if (folder / STATUS_FILE).is_file():
        return False
    # Not yet begun: between the run's folder and its process lies a moment.
    age = datetime.now(timezone.utc) - datetime.fromisoformat(created)
    return age.total_seconds() < START_LIMIT
