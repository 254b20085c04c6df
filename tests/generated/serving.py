"""An endpoint of a rendered repository, as a client and as an operator see it."""

from __future__ import annotations

import http.client
import json
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil

from tests.generated.conftest import ReadyProject

JSON = {"Content-Type": "application/json"}


@dataclass
class Served:
    """A repository whose model is served."""

    project: ReadyProject
    model: Path
    """The folder of the registered model."""
    uri: str = ""

    def drive(self, driver: str, *arguments: str) -> tuple[int, dict[str, Any]]:
        """Run a driver to its end: exit code and what it reports."""
        command = [self.project.python, f"src/{driver}.py", "--local", "--json"]
        done = self.project.run(*command, *arguments)
        assert done.stdout.count("\n") == 1, done.stdout + done.stderr
        return done.returncode, json.loads(done.stdout)

    def deploy(self, *arguments: str) -> dict[str, Any]:
        """Deploy and expect it to work; remember the address."""
        code, answer = self.drive("deploy", *arguments)
        assert code == 0, answer
        self.uri = answer["endpoint"]["uri"]
        return answer

    def status(self) -> dict[str, Any]:
        """What `--status` reports."""
        code, answer = self.drive("deploy", "--status")
        assert code == 0, answer
        return answer

    def request(
        self, body: bytes, method: str = "POST", path: str = "/score", **headers: str
    ) -> tuple[int, bytes]:
        """Send one request: status and body of the answer."""
        address = urlsplit(self.uri)
        connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=60)
        try:
            connection.request(method, path, body, {**JSON, **headers})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def score(self, rows: list[dict[str, Any]]) -> dict[str, Any]:
        """The answer to good rows."""
        status, raw = self.request(json.dumps({"data": rows}).encode())
        assert status == 200, raw
        answer: dict[str, Any] = json.loads(raw)
        return answer

    @property
    def home(self) -> Path:
        """The endpoint's folder."""
        (home,) = (self.project.path / ".local-workspace" / "endpoints").iterdir()
        return home

    def processes(self, mark: str) -> list[psutil.Process]:
        """The endpoint's processes with a word in their command line."""
        found = []
        for process in psutil.process_iter():
            try:
                words = " ".join(process.cmdline())
            except psutil.Error:
                continue
            if mark in words and str(self.project.path) in words:
                found.append(process)
        return found

    def server(self) -> psutil.Process:
        """The process of the server that serves: gunicorn's master."""
        state = json.loads((self.home / "state.json").read_text(encoding="utf-8"))
        return psutil.Process(state["servers"][state["answers"]]["pid"])

    def wait_until_ready(self, seconds: float = 60) -> dict[str, Any]:
        """Ask `--status` until the endpoint is ready."""
        limit = time.monotonic() + seconds
        while True:
            answer = self.status()
            if answer["status"] == "Ready":
                return answer
            assert time.monotonic() < limit, answer


def serve(trained: ReadyProject, folder: Path) -> Served:
    """A repository of one's own in which the sample's model is served."""
    project = trained.copy(folder / "my repository")
    [model] = project.path.glob(".local-workspace/runs/*/outputs/model")
    served = Served(project, model)
    served.deploy("--set", "endpoint.port=0")
    return served


@dataclass
class Client:
    """Asks all the time and keeps whatever was not as it should be."""

    served: Served
    body: bytes
    requests: int = 0
    failures: list[str] = field(default_factory=list)
    _over: threading.Event = field(default_factory=threading.Event)

    def _ask(self) -> None:
        while not self._over.is_set():
            try:
                status, raw = self.served.request(self.body)
                if status != 200 or not json.loads(raw)["predictions"]:
                    self.failures.append(f"{status}: {raw[:200]!r}")
            except (OSError, http.client.HTTPException, ValueError) as error:
                self.failures.append(repr(error))
            self.requests += 1
            time.sleep(0.005)  # half of its time: what else runs here needs the core

    def __enter__(self) -> Client:
        self._thread = threading.Thread(target=self._ask, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
