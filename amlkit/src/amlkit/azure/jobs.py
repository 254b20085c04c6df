"""Jobs of a workspace: followed to their end, and what they wrote, with either SDK."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from amlkit.azure.connection import SharedConnection, on_azure
from amlkit.azure.log import SharedLog
from amlkit.interrupts import waiting
from amlkit.records import FINISHED, Job, Run
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
# Read together: whoever asks for one asks for all.
FOLDERS = ("figures/",)
OUTPUTS = "outputs/"


class SharedJobs:
    """What a run says and leaves; an SDK's own class submits, asks and reads."""

    def __init__(self, connection: SharedConnection) -> None:
        self.connection = connection
        self._started: set[str] = set()
        self._logs: dict[str, deque[str]] = {}

    # What an SDK's own class says.

    def status(self, run_id: str) -> str:
        """A run's status as it is now."""
        raise NotImplementedError

    def seen(self, run_id: str) -> Run:
        """A run as the last look brought it."""
        raise NotImplementedError

    def end(self, run_id: str) -> None:
        """Asks for a run to be ended; it may take its time."""
        raise NotImplementedError

    def log_of(self, run_id: str, on_log: Say) -> SharedLog:
        """A run's log."""
        raise NotImplementedError

    def outputs(self, run_id: str) -> Mapping[str, Any]:
        """What a finished run wrote below `outputs/`, by its name; asked for once in a command."""
        raise NotImplementedError

    def fetch(self, output: Any, path: Path) -> None:
        """Downloads one of these."""
        raise NotImplementedError

    def attach(self, run_id: str, name: str, path: Path) -> None:
        """Keeps a file beside what a run wrote, unless it is there."""
        raise NotImplementedError

    def warm_up(self) -> None:
        """Imports what comes after the run, while it is busy."""

    # What is the same with either.

    @on_azure
    def stream(self, run_id: str, on_log: Say, *, seconds: float | None = None) -> Run:
        """See `Jobs.stream`: outlives throttling, outages and tokens that end."""
        connection = self.connection
        lines: deque[str] = deque(maxlen=KEPT_LINES)

        def hear(line: str) -> None:
            lines.append(line)
            on_log(line)

        log = self.log_of(run_id, hear)
        self.warm_up()
        pause, last, began = FIRST_POLL, "", time.monotonic()
        log_pause, log_due = USUAL_POLL, 0.0
        with waiting() as wait:
            while True:
                status = str(connection.patiently(lambda: self.status(run_id)))
                grew = False
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
        return connection.patiently(lambda: self.seen(run_id))

    @on_azure
    def cancel(self, run_id: str) -> Run:
        """See `Jobs.cancel`."""
        if self.status(run_id) not in FINISHED:
            self.end(run_id)
            while self.connection.patiently(lambda: self.status(run_id)) not in FINISHED:
                time.sleep(USUAL_POLL)
        return self.seen(run_id)

    @on_azure
    def read(self, run_id: str, path: str) -> bytes | None:
        """See `Jobs.read`: what a finished run wrote is kept on this machine."""
        home = self.connection.folder / "runs" / run_id / "outputs"
        file = home / path
        if file.is_file():
            return file.read_bytes()
        found = self.outputs(run_id)
        if OUTPUTS + path not in found:
            return None
        names = {path}
        for folder in filter(path.startswith, FOLDERS):
            inside = (name.removeprefix(OUTPUTS) for name in found)
            names |= {name for name in inside if name.startswith(folder)}
        missing = [name for name in names if not (home / name).is_file()]
        with ThreadPoolExecutor(6) as pool:
            addresses = [found[OUTPUTS + name] for name in missing]
            list(pool.map(self.fetch, addresses, [home / name for name in missing]))
        return file.read_bytes()

    @on_azure
    def log(self, run_id: str, lines: int = 20) -> list[str]:
        """See `Jobs.log`."""
        if run_id in self._logs and lines <= KEPT_LINES:
            return list(self._logs[run_id])[-lines:]
        read: list[str] = []
        self.log_of(run_id, read.append).finish()
        return read[-lines:]

    @on_azure
    def save_report(self, run_id: str, write: Callable[[Path], None], *, keep: bool = False) -> str:
        """See `Jobs.save_report`: here, and once beside the run for all who may see it."""
        path = self.connection.folder / "runs" / run_id / "report.html"
        path.parent.mkdir(parents=True, exist_ok=True)
        if not (keep and path.is_file()):
            write(path)
        self.attach(run_id, "report.html", path)
        return str(path)

    def tags_of(self, job: Job, created: str) -> dict[str, str]:
        """What a job is tagged with; `created` is ISO 8601."""
        return _short(
            {
                **job.tags,
                "identity": job.identity,
                "model_name": job.model_name,
                "champion": job.champion.version if job.champion else "",
                "created": created,
            }
        )


def seconds_between(began: Any, ended: Any) -> float | None:
    """How long a run took by times as an SDK hands them over, text in UTC or not; None: not yet."""
    return (_time(ended) - _time(began)).total_seconds() if began and ended else None


def _time(value: Any) -> datetime:
    found = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _short(tags: Mapping[str, str]) -> dict[str, str]:
    """Tags that the service takes: what is too long says so instead, in JSON as `settings` is."""
    instead = '{"training": "too long for a tag; see the arguments of the run"}'
    return {key: value if len(value) <= LONGEST_TAG else instead for key, value in tags.items()}
