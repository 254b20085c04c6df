"""A real browser, Debian's Chromium, driven by the DevTools protocol over a pipe."""

from __future__ import annotations

import json
import os
import select
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Self

import pytest

INSTALL = ["apt-get", "install", "-y", "--no-install-recommends", "chromium"]
SECONDS = 60  # to wait for an answer: machines that run tests are busy


def chromium() -> str:
    """The browser's path. Installed where that is ours to do; elsewhere the test is skipped."""
    names = ("chromium", "chromium-browser", "google-chrome")
    if not any(map(shutil.which, names)) and sys.platform == "linux" and os.geteuid() == 0:
        for command in (["apt-get", "update"], INSTALL):
            subprocess.run(command, capture_output=True, check=False, timeout=600)
    for name in names:
        if path := shutil.which(name):
            return path
    pytest.skip(f"no Chromium, in which the report is looked at: sudo {' '.join(INSTALL)}")


class Browser:
    """One tab: `call` gives orders, `events` keeps what is heard beside the answers."""

    def __init__(self, folder: Path) -> None:
        theirs, self._orders = os.pipe()
        self._answers, ours = os.pipe()

        def pipes() -> None:  # Chromium reads file 3 and writes file 4
            for file, number in ((theirs, 3), (ours, 4)):
                os.dup2(file, number)
                os.set_inheritable(number, True)

        command = [chromium(), "--headless", "--remote-debugging-pipe", f"--user-data-dir={folder}"]
        command += ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"]
        quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self._process = subprocess.Popen(command, close_fds=False, preexec_fn=pipes, **quiet)
        os.close(theirs)
        os.close(ours)
        self.events: list[dict[str, Any]] = []
        self._heard, self._order, self._to = b"", 0, {}
        tab = self.call("Target.createTarget", url="about:blank")["targetId"]
        session = self.call("Target.attachToTarget", targetId=tab, flatten=True)["sessionId"]
        self._to: dict[str, str] = {"sessionId": session}
        for part in ("Page", "Runtime", "Log"):
            self.call(f"{part}.enable")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._orders)
        os.close(self._answers)

    def call(self, method: str, **parameters: Any) -> Any:
        """The answer to an order."""
        self._order += 1
        order = {"id": self._order, "method": method, "params": parameters, **self._to}
        os.write(self._orders, json.dumps(order).encode() + b"\0")
        while (heard := self._next()).get("id") != self._order:
            self.events.append(heard)
        assert "error" not in heard, heard
        return heard["result"]

    def open(self, page: Path, width: int, scheme: str) -> None:
        """Shows a page, as wide as a phone or a desk has it, in "light" or "dark"."""
        size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 600}
        self.call("Emulation.setDeviceMetricsOverride", **size)
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.call("Emulation.setEmulatedMedia", features=features)
        self.events.clear()
        self.call("Page.navigate", url=page.as_uri())
        while not any(event["method"] == "Page.loadEventFired" for event in self.events):
            self.events.append(self._next())

    def ask(self, script: str) -> Any:
        """What an expression of JavaScript says of the page."""
        answer = self.call("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._heard:
            ready, _, _ = select.select([self._answers], [], [], SECONDS)
            more = os.read(self._answers, 1 << 16) if ready else b""
            assert more, "the browser is silent, or gone"
            self._heard += more
        message, _, self._heard = self._heard.partition(b"\0")
        found: dict[str, Any] = json.loads(message)
        return found
