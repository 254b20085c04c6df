"""One job: its snapshot executed for real, its log and files sent as they grow.

The order of the statuses is that of `Run.get_status` in azureml-core; the words of an error are
those seen on Azure ML, which nothing published fixes.
"""

from __future__ import annotations

import shutil
import threading
import time
from pathlib import Path
from subprocess import Popen
from typing import TYPE_CHECKING

from . import job_inputs, job_outputs, processes
from .errors import AzureError
from .images import ImageFailed
from .interpreters import is_swap
from .job_environment import job_environment
from .refusals import data_plane_error
from .routing import Json
from .runs import ENDED, ORIGIN, Run

if TYPE_CHECKING:
    from .standin import Azure

LOG = "user_logs/std_log.txt"
BUILD_LOG = "azureml-logs/20_image_build_log.txt"
WATCHED = ("outputs", "logs")


class Canceled(Exception):
    """The one who submitted the job no longer wants it."""


class Job:
    """One run being executed, in a thread of its own."""

    def __init__(self, azure: Azure, run: Run, snapshot: str) -> None:
        self.azure, self.run, self.snapshot = azure, run, snapshot
        self.folder = azure.folder / "jobs" / run.id
        self.work = self.folder / "wd"
        self.wanted = True
        self.patience = 5.0
        self.process: Popen[bytes] | None = None
        self.output_folders = job_outputs.Outputs()
        self.sent: dict[str, tuple[int, int]] = {}
        self.swapped: list[str] = []
        self.shown = 0
        self.built = 0
        self.thread = threading.Thread(target=self._execute, name=f"job {run.id}", daemon=True)

    def cancel(self, patience: float = 5.0) -> None:
        """Asks the job to end: its process group is ended by the job's own thread."""
        if self.run.status not in ENDED:
            self.run.status = "CancelRequested"
        self.wanted, self.patience = False, patience

    def store(self, path: str, data: bytes) -> None:
        """Writes a file of the run."""
        self.azure.artifacts.store(ORIGIN, self.run.container, path, data)

    def _execute(self) -> None:
        try:
            status, error = self._phases()
        except Canceled:
            status, error = "Canceled", None
        except ImageFailed as failure:
            status, error = "Failed", image_error(failure)
        except AzureError as failure:
            status, error = "Failed", run_error("UserError", failure.message)
        except Exception as failure:
            status, error = "Failed", run_error("ServiceError", f"stand-in: {failure!r}")
        self.azure.runs.end(self.run, "Canceled" if not self.wanted else status, error)

    def _phases(self) -> tuple[str, Json | None]:
        """Prepares, runs, collects; how the run ends and why."""
        definition = self.run.definition or {}
        self._reach("Preparing")
        python = self.interpreter(definition)
        self._reach("Queued")
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        for name in WATCHED:
            (self.work / name).mkdir(parents=True, exist_ok=True)
        self.lay_out(self.work)
        inputs = self.deliver(definition)
        self.run.inputs.extend(inputs.lineage)
        self.output_folders = job_outputs.prepare(
            self.azure, definition, self.run.id, self.folder / "outputs", self.work
        )
        log = self.folder / "std_log.txt"
        said = "".join(f"{line}\n" for line in self.swapped if is_swap(line))
        log.write_text(said, encoding="utf-8")
        if not self.wanted:
            raise Canceled
        environment = (
            self.environment(python) | inputs.environment | self.output_folders.environment
        )
        self.azure.runs.begin(self.run)
        command = self._command(definition, python, inputs)
        self.process = processes.start(command, self.work, environment, log)
        code = self._watch(log)
        self._collect()
        self.hand_over(code)
        if code == 0:
            return "Completed", None
        return "Failed", run_error(
            "UserError",
            f"Execution failed. User process '{Path(command[0]).name}' exited with status code "
            f"{code}. Please check log file '{LOG}' for error details.",
        )

    def interpreter(self, definition: Json) -> Path:
        """The Python that has what the job's environment asks for. ImageFailed."""
        return self.azure.images.interpreter(
            definition["environment"], self.swapped.append, self._building
        )

    def environment(self, python: Path) -> dict[str, str]:
        """The job's variables, but for those of its inputs and outputs."""
        return job_environment(self.azure, self.run, python, self.folder)

    def lay_out(self, work: Path) -> None:
        """Writes the source into the job's working folder."""
        self.azure.snapshots.write_to(self.snapshot, work)

    def deliver(self, definition: Json) -> job_inputs.Inputs:
        """Puts the inputs in place."""
        return job_inputs.prepare(self.azure, definition, self.folder)

    def hand_over(self, code: int) -> None:
        """Sends what the job wrote elsewhere than to its run."""
        self.run.outputs.extend(job_outputs.hand_over(self.azure, self.output_folders))

    def _building(self, text: str) -> None:
        """Shows the log of the image's build as it grows."""
        if not self.wanted:
            raise Canceled
        if len(text) > self.built:
            self.built = len(text)
            self.store(BUILD_LOG, text.encode())

    def _reach(self, status: str) -> None:
        """Passes a status, for long enough that a poll can see it."""
        if self.wanted:
            self.run.status = status
        time.sleep(self.azure.lag)

    def _command(self, definition: Json, python: Path, inputs: job_inputs.Inputs) -> list[str]:
        """The script under the service's wrapper, or the command in a shell."""
        if definition.get("command"):
            command = definition["command"]
            text = command if isinstance(command, str) else " ".join(map(str, command))
            return ["/bin/bash", "-c", self.output_folders.resolve(inputs.resolve(text))]
        runner = self.folder / "job_runner.py"
        shutil.copy(Path(__file__).parent / "job_runner.py", runner)
        given = [str(one) for one in definition.get("arguments") or []]
        arguments = [self.output_folders.resolve(inputs.resolve(one)) for one in given]
        return [str(python), str(runner), definition["script"], *arguments]

    def _watch(self, log: Path) -> int:
        """Sends the log as it grows until the process has ended; its exit code."""
        assert self.process is not None
        rounds = 0
        while (code := self.process.poll()) is None:
            if not self.wanted:
                processes.end(self.process, self.patience)
            self._show(log)
            rounds += 1
            if rounds % 10 == 0:
                self._collect()
            time.sleep(0.1)
        if self.wanted:
            self.run.status = "Finalizing"
        processes.end(self.process, 0.1)  # what it left running
        self._show(log, last=True)
        return code if code >= 0 else 128 - code

    def _show(self, log: Path, last: bool = False) -> None:
        """Appends to the run's log what the job has written since."""
        with log.open("rb") as stream:
            stream.seek(self.shown)
            new = stream.read()
        if new or (last and not self.shown):
            self.shown += len(new)
            blob = self.azure.artifacts.blob_name(ORIGIN, self.run.container, LOG)
            self.azure.blobs.append("azureml", blob, new)
            self.azure.artifacts.create(ORIGIN, self.run.container, LOG)

    def _collect(self) -> None:
        """Sends what is new in ./outputs and ./logs."""
        for top in WATCHED:
            for path in sorted((self.work / top).rglob("*")):
                if not path.is_file():
                    continue
                state = (path.stat().st_size, path.stat().st_mtime_ns)
                name = path.relative_to(self.work).as_posix()
                if self.sent.get(name) != state:
                    self.store(name, path.read_bytes())
                    self.sent[name] = state


def run_error(code: str, message: str) -> Json:
    """The error of a failed run, in the keys of azureml-core's `ErrorResponse`."""
    made = data_plane_error(AzureError(400, code, message))
    made["error"]["messageParameters"] = {}
    return made | {"componentName": "execution-worker"}


def image_error(failure: ImageFailed) -> Json:
    """The error of a run whose image could not be built or pulled."""
    if failure.kind == "build":
        return run_error(
            "UserError", f"Image build failed. For more details, check log file {BUILD_LOG}."
        )
    return run_error(
        "UserError", f"AzureMLCompute job failed.\nFailedPullingImage: {failure}\n\tReason: denied"
    )
