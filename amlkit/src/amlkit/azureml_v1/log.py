"""A run's log as it grows, by the address that the workspace gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from amlkit.azure.log import LOGS, SharedLog, log_among
from amlkit.azureml_v1 import artifacts


class RunLog(SharedLog):
    """A run's log by SDK v1."""

    def __init__(self, run: Callable[[], Any], on_log: Callable[[str], None]) -> None:
        super().__init__(on_log)
        self.run = run
        self.name, self.url = "", ""

    def more(self) -> bytes:
        """See `SharedLog.more`."""
        import requests

        if not self.url:
            self._find(artifacts.listed(self.run(), "user_logs/"), LOGS)
        if not self.url:
            return b""
        answer = requests.get(self.url, headers={"Range": f"bytes={self.place}-"}, timeout=60)
        if answer.status_code in (200, 206):
            return answer.content if answer.status_code == 206 else answer.content[self.place :]
        if answer.status_code == 403:
            self.url = ""  # the address is good for some hours; the next look brings a new one
        elif answer.status_code not in (404, 416):  # not yet there; nothing new
            answer.raise_for_status()
        return b""

    def catch_up(self) -> None:
        """See `SharedLog.catch_up`."""
        self.read()
        if self.name and not self.url:  # the address ended just now
            self.read()
        if not self.name:
            files = self.run().get_details()["logFiles"]
            self._find(files, (log_among(files),))
            if self.url:
                self.read()

    def _find(self, files: Mapping[str, str], names: tuple[str, ...]) -> None:
        """Takes the log among files, address by name."""
        self.name = self.name or next((name for name in names if name in files), "")
        self.url = files.get(self.name, "")
