"""A run's log as it grows, by the address that the workspace gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from amlkit.azureml_v1 import artifacts

# Where the log of the training itself lies: today's runtime, and the one before.
LOGS = (
    "user_logs/std_log.txt",
    "azureml-logs/70_driver_log.txt",
    "user_logs/std_log_process_0.txt",
)


class RunLog:
    """A run's log, read as it grows and handed over line by line."""

    def __init__(self, run: Callable[[], Any], on_log: Callable[[str], None]) -> None:
        self.run, self.on_log = run, on_log
        self.name, self.url, self.place, self.rest = "", "", 0, b""
        self.grew = False

    def read(self) -> None:
        """Hands over what is new."""
        import requests

        self.grew = False
        if not self.url:
            self._find(artifacts.listed(self.run(), "user_logs/"))
        if not self.url:
            return
        answer = requests.get(self.url, headers={"Range": f"bytes={self.place}-"}, timeout=60)
        if answer.status_code == 403:
            self.url = ""  # the address is good for some hours; the next look brings a new one
        elif answer.status_code in (200, 206):
            new = answer.content if answer.status_code == 206 else answer.content[self.place :]
            self.place += len(new)
            self.grew = bool(new)
            *lines, self.rest = (self.rest + new).split(b"\n")
            for line in lines:
                self.on_log(line.decode("utf-8", "replace").rstrip("\r"))
        elif answer.status_code not in (404, 416):  # not yet there; nothing new
            answer.raise_for_status()

    def finish(self) -> None:
        """Hands over all that is left; a run that ended at once has not shown any of it yet."""
        self.read()
        if self.name and not self.url:  # the address ended just now
            self.read()
        if not self.name:
            files = self.run().get_details()["logFiles"]
            self._find(files, *sorted(name for name in files if name.startswith("user_logs")))
            if self.url:
                self.read()
        if self.rest:
            self.on_log(self.rest.decode("utf-8", "replace"))
            self.rest = b""

    def _find(self, files: Mapping[str, str], *others: str) -> None:
        """Takes the log among files, address by name: the first of `LOGS`, else of `others`."""
        self.name = self.name or next((name for name in (*LOGS, *others) if name in files), "")
        self.url = files.get(self.name, "")
