"""A job that runs other jobs: a sweep its trials, a pipeline its steps."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from ..errors import AzureError
from ..job import run_error
from ..routing import Json
from ..runs import ENDED, ORIGIN, Run
from . import command
from .command import CommandRun

if TYPE_CHECKING:
    from ..standin import Azure
    from .jobs import Record

POLL = 0.1  # seconds between two looks at the children


class Orchestrator:
    """The parent, in a thread of its own. `log` is the path of its log among its artifacts."""

    log = ""

    def __init__(self, azure: Azure, record: Record) -> None:
        self.azure, self.record, self.run = azure, record, record.run
        self.given = record.given
        self.children: list[Run] = []
        self.wanted = True
        self.said = ""
        self.thread = threading.Thread(target=self._execute, name=f"job {self.run.id}", daemon=True)

    def start(self) -> None:
        """Begin."""
        self.azure.jobs.jobs[self.run.id] = self
        self.thread.start()

    def cancel(self, patience: float = 5.0) -> None:
        """Ask all children to end, and begin no more."""
        self.wanted = False
        if self.run.status not in ENDED:
            self.run.status = "CancelRequested"
        for child in self.children:
            job = self.azure.jobs.jobs.get(child.id)
            if job is not None:
                job.cancel(patience)

    def work(self) -> tuple[str, Json | None]:
        """Run the children; how it ended and why."""
        raise NotImplementedError

    def say(self, line: str) -> None:
        """A line of the parent's log."""
        self.said += f"[{time.strftime('%Y-%m-%d %H:%M:%SZ', time.gmtime())}] {line}\n"
        self.azure.artifacts.store(ORIGIN, self.run.container, self.log, self.said.encode())

    def _execute(self) -> None:
        time.sleep(self.azure.lag)
        if self.wanted:
            self.azure.runs.begin(self.run)
        try:
            status, error = self.work()
        except AzureError as failure:
            status, error = "Failed", run_error("UserError", failure.message)
        except Exception as failure:
            status, error = "Failed", run_error("ServiceError", f"stand-in: {failure!r}")
        self.azure.runs.end(self.run, status if self.wanted else "Canceled", error)

    def begin_other(self, name: str, given: Json, kind: type[Orchestrator]) -> Run:
        """Begin a child that runs others itself."""
        given = {**given, "experimentName": self.run.experiment.name}
        record = self.azure.v2.jobs.record(name, given, self.record.creator, self.run.id)
        self.children.append(record.run)
        kind(self.azure, record).start()
        return record.run

    def begin(self, name: str, given: Json, kind: str, space: Json | None = None) -> Run:
        """Begin a command as a child. AzureError when it cannot be begun."""
        jobs = self.azure.v2.jobs
        given = {**given, "experimentName": self.run.experiment.name}
        record = jobs.record(name, given, self.record.creator, self.run.id)
        record.run.more["runType"] = kind
        self.children.append(record.run)
        record.run.definition = command.definition(self.azure, given)
        record.run.more["target"] = record.run.definition["target"]
        CommandRun(self.azure, record.run, given, space).start()
        if not self.wanted:
            self.azure.jobs.jobs[name].cancel()
        return record.run
