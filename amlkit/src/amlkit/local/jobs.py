"""Jobs of this machine: each a process that outlives the driver, with a folder that tells of it.

`python -m amlkit.local.jobs RUN_FOLDER COMMAND…` runs one: it keeps the job's log and writes down
how it ended. While it lives it holds a lock on the run's folder, so that anyone can tell a running
job from a killed one.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock

from amlkit.content import new_folder, read_json, write_json
from amlkit.local.models import Registry, import_mlflow
from amlkit.local.processes import (
    START_LIMIT,
    inherited_variables,
    is_held,
    module_path,
    start_detached,
)
from amlkit.records import FINISHED, Job, Run, WorkError, new_run_id
from amlkit.workspace import Say

STATUS_FILE = "status.json"
LOCK_FILE = "run.lock"
LOG_FILE = "logs/std_log.txt"
CANCEL_FILE = "cancel"
POLL_INTERVAL = 0.1
IMPORT_DELAY = 3.0
# What job.json holds of a run; its status is written beside.
RECORDED = ("id", "experiment", "created", "identity", "model_name", "tags", "champion")
_EXPRESSION = re.compile(r"\$\{\{(.*?)\}\}")


class LocalJobs:
    """`workspace.Jobs`, below the folder of the workspace; `registry` knows their experiments."""

    sweeps = False

    def __init__(self, folder: Path, registry: Registry) -> None:
        self._folder = folder.absolute()
        self._registry = registry

    def target(self) -> str:
        """See `Jobs.target`."""
        return "on this machine"

    def shape(self, job: Job) -> str:
        """See `Jobs.shape`: the owner's function is not asked here."""
        return ""

    def find(self, identity: str, experiment: str) -> Run | None:
        """See `Jobs.find`."""
        equal = [
            run
            for run in self._runs()
            if (run.identity, run.experiment) == (identity, experiment)
            and (run.status == "Completed" or self._goes_on(run))
        ]
        return max(equal, key=lambda run: (run.status == "Completed", run.created), default=None)

    def _goes_on(self, run: Run) -> bool:
        """Whether a run is under way, and nobody has asked for its end."""
        return run.status == "Running" and not Path(run.url, CANCEL_FILE).exists()

    def create(self, job: Job) -> Run:
        """See `Jobs.create`."""
        command = local_command(job)
        self._registry.ensure(job.experiment)
        begun = new_record(job)
        run_id = begun["id"]
        folder = self._folder / "runs" / run_id
        record = {
            **begun,
            "tags": dict(job.tags),
            "champion": job.champion.version if job.champion else None,
        }
        with new_folder(folder) as half:
            write_json(half / "job.json", record)
            (half / "logs").mkdir()
            (half / LOG_FILE).write_text(without_meaning(job), encoding="utf-8")
        start_detached(
            "amlkit.local.jobs",
            [str(folder), *command],
            self._variables(job, run_id),
            (folder / STATUS_FILE).is_file,
            "the job's process",
            folder / LOG_FILE,
        )
        # The registry is written to once the job is done: what that imports, it imports meanwhile,
        # but not while the job is busy with its own imports.
        later = threading.Timer(IMPORT_DELAY, import_mlflow)
        later.daemon = True
        later.start()
        return self.get(run_id)

    def get(self, run_id: str) -> Run:
        """See `Jobs.get`."""
        folder = self._run(run_id)
        record = read_json(folder / "job.json")
        status = read_json(folder / STATUS_FILE) or {"status": "Starting"}
        if status["status"] not in FINISHED and not _is_alive(folder, record["created"]):
            # It may have ended between the two looks.
            status = read_json(folder / STATUS_FILE) or {}
            if status.get("status") not in FINISHED:
                status = {"status": "Failed", "reason": "its process was killed"}
        known = {"champion": None} | {key: record[key] for key in RECORDED if key in record}
        known |= {"status": status["status"], "seconds": status.get("seconds")}
        return Run(**known, url=str(folder), log=str(folder / LOG_FILE))

    def stream(self, run_id: str, on_log: Say, *, seconds: float | None = None) -> Run:
        """See `Jobs.stream`."""
        began = time.monotonic()
        with (self._run(run_id) / LOG_FILE).open("rb") as log:
            rest = b""
            while True:
                run = self.get(run_id)
                # The status is read first: what was written before the end is handed over, too.
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
        """See `Jobs.cancel`."""
        folder = self._run(run_id)
        if self.get(run_id).status not in FINISHED:
            (folder / CANCEL_FILE).touch()
        return self.stream(run_id, lambda line: None)

    def read(self, run_id: str, path: str) -> bytes | None:
        """See `Jobs.read`."""
        file = self._run(run_id) / "outputs" / path
        return file.read_bytes() if file.is_file() else None

    def log(self, run_id: str, lines: int = 20) -> list[str]:
        """See `Jobs.log`."""
        return last_lines(self._run(run_id) / LOG_FILE, lines)

    def save_report(self, run_id: str, write: Callable[[Path], None], *, keep: bool = False) -> str:
        """See `Jobs.save_report`: it lies in the run's folder."""
        path = self._run(run_id) / "report.html"
        if not (keep and path.is_file()):
            write(path)
        return str(path)

    def _run(self, run_id: str) -> Path:
        runs = self._folder / "runs"
        if Path(run_id).name != run_id or not (runs / run_id / "job.json").is_file():
            newest = max(self._runs(), key=lambda run: run.created, default=None)
            hint = f"; the newest is {newest.id}" if newest else ""
            raise WorkError(f"there is no run {run_id!r} in {runs}{hint}")
        return runs / run_id

    def _runs(self) -> Iterator[Run]:
        for record in sorted((self._folder / "runs").glob("*/job.json")):
            yield self.get(record.parent.name)

    def _variables(self, job: Job, run_id: str) -> dict[str, str]:
        """The job's environment variables: ours but secrets, what Azure ML sets too, its own."""
        inherited = inherited_variables()
        programs = [str(Path(sys.executable).parent), inherited.get("PATH", os.defpath)]
        return {
            **inherited,
            **self._registry.variables(job.experiment, {**job.tags, "run_id": run_id}),
            "PATH": os.pathsep.join(programs),
            "PYTHONUNBUFFERED": "1",
            "PYTHONUTF8": "1",
            **job.variables,
            **module_path(self._folder.parent, job.code),
        }


def new_record(job: Job) -> dict[str, str]:
    """What is written down of a run that begins now."""
    now = datetime.now(UTC)
    return {
        "id": new_run_id(job.experiment, now),
        "experiment": job.experiment,
        "created": now.isoformat(timespec="milliseconds"),
        "identity": job.identity,
        "model_name": job.model_name,
    }


def local_command(job: Job) -> list[str]:
    """A job's command on this machine: its inputs by their folders, `python` by this interpreter.

    Raises:
        WorkError: the command names what is no input of the job.
    """

    def folder_of(found: re.Match[str]) -> str:
        kind, _, name = found[1].strip().partition(".")
        if kind != "inputs" or name not in job.inputs:
            known = ", ".join(sorted(job.inputs)) or "none"
            raise WorkError(f"the job's command asks for {found[0]}, and its inputs are: {known}")
        return str(Path(job.inputs[name].source).absolute())

    words = [_EXPRESSION.sub(folder_of, word) for word in job.command]
    return [sys.executable, *words[1:]] if words[0] == "python" else words


def without_meaning(job: Job) -> str:
    """A line for the log that names the resources which this machine does not have; or nothing."""
    asked = job.resources
    named = [f"instance_count {asked.instance_count}"] if asked.instance_count > 1 else []
    named += [f"instance_type {asked.instance_type}"] if asked.instance_type else []
    named += [f"shm_size {asked.shm_size}"] if asked.shm_size else []
    if not named:
        return ""
    return f"not on this machine, where the job is one process: {', '.join(named)}\n"


def last_lines(path: Path, lines: int) -> list[str]:
    """The last lines of a log, however large it is; none where there is no log."""
    if lines <= 0 or not path.is_file():
        return []
    with path.open("rb") as log:
        log.seek(max(0, log.seek(0, os.SEEK_END) - 64_000))
        return log.read().decode("utf-8", "replace").splitlines()[-lines:]


def _is_alive(folder: Path, created: str) -> bool:
    """Whether a run's supervisor lives: it holds a lock for as long as it does."""
    if is_held(folder / LOCK_FILE):
        return True
    if (folder / STATUS_FILE).is_file():
        return False
    # Not yet begun: between the run's folder and its process lies a moment.
    age = datetime.now(UTC) - datetime.fromisoformat(created)
    return age.total_seconds() < START_LIMIT


def supervise(folder: Path, command: Sequence[str]) -> None:
    """Runs `command` in `folder` to its end, or until the file `cancel` appears there."""
    with FileLock(folder / LOCK_FILE), (folder / LOG_FILE).open("ab") as log:
        began = time.monotonic()
        own_group: dict[str, Any] = {} if sys.platform == "win32" else {"start_new_session": True}
        write_json(folder / STATUS_FILE, {"status": "Running"})
        ended: Mapping[str, Any] = {"status": "Failed"}
        try:
            process = subprocess.Popen(
                command,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                **own_group,
            )
        except OSError as error:  # there is no such program
            log.write(f"{command[0]} cannot be started: {error}\n".encode())
        else:
            ended = _to_the_end(process, folder / CANCEL_FILE)
        seconds = round(time.monotonic() - began, 3)
        write_json(folder / STATUS_FILE, {**ended, "seconds": seconds})


def _to_the_end(process: subprocess.Popen[bytes], cancel: Path) -> dict[str, Any]:
    """Waits for a job's process, or ends it where it is to be cancelled; how it ended."""
    canceled = False
    while process.poll() is None:
        if not canceled and cancel.exists():
            canceled = True
            _end(process)
        time.sleep(0.05)
    status = "Canceled" if canceled else "Completed" if process.returncode == 0 else "Failed"
    return {"status": status, "exit_code": process.returncode}


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends a job and what it started."""
    if sys.platform == "win32":
        command = ["taskkill", "/F", "/T", "/PID", str(process.pid)]
        subprocess.run(command, capture_output=True, check=False)
    else:
        with suppress(ProcessLookupError, PermissionError):  # it has just ended by itself
            os.killpg(process.pid, signal.SIGKILL)


if __name__ == "__main__":
    supervise(Path(sys.argv[1]), sys.argv[2:])
