"""One server process of a deployment, seen from its supervisor."""

from __future__ import annotations

import http.client
import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from amlkit.content import read_json
from amlkit.local.processes import inherited_variables

HOST = "127.0.0.1"
# Whether a server can take over an open socket (gunicorn can; waitress, on Windows, cannot).
PASSES_SOCKETS = sys.platform != "win32"
# How long a server may take until it answers, and to finish what it does when told to end (s).
START_LIMIT = 180.0
STOP_LIMIT = 60.0
HEALTH_LIMIT = 5.0
LOG_FILE = "server.log"
# The server writes three lines for each request; a log of this size begins anew (bytes).
LOG_SIZE = 50_000_000
# What http.client raises where there is no answer.
Unanswered = (OSError, http.client.HTTPException)
# A traceback's last line, such as "ModuleNotFoundError: No module named 'x'".
_ERROR = re.compile(r"^(?P<name>[\w.]*(?:Error|Exception|Exit|Interrupt))(?:: (?P<words>.*))?$")


class Server:
    """A server of a deployment, on an address of its own and, if given, on the endpoint's socket.

    Where no socket can be passed on, it binds `port` instead.
    """

    def __init__(
        self, endpoint: Path, name: str, public: socket.socket | None, port: int | None = None
    ) -> None:
        self.name = name
        self.folder = endpoint / "deployments" / name
        self.began = time.monotonic()
        self.stopped: float | None = None
        self.ready = False
        self.public = public is not None
        """Whether it takes requests at the endpoint's address."""
        self._probe: socket.socket | None = None
        own = socket.create_server((HOST, 0))
        sockets = [own] if public is None else [public, own]
        self.port: int = own.getsockname()[1]
        if not PASSES_SOCKETS:
            own.close()
            sockets, self.port = [], port or self.port
        self.uri = f"http://{HOST}:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None
        self._cannot_start = ""
        try:
            self.process = self._start(sockets)
        except (OSError, TypeError, KeyError) as error:  # its files or its Python are gone
            self._cannot_start = f"it cannot be started: {' '.join(str(error).split())}"
        self.pid = self.process.pid if self.process else None
        own.close()

    def status(self) -> str:
        """`Starting`, `Ready` once it has answered, `Failed` if it ended or took too long."""
        if self.process is None or self.process.poll() is not None:
            return "Failed"
        if not self.ready:
            self.ready = self._answers()
            if not self.ready and self.age() > START_LIMIT:
                self.process.kill()
                return "Failed"
        return "Ready" if self.ready else "Starting"

    def lives(self) -> bool:
        """Whether the process is there; one that was told to end and does not is killed."""
        if self.process is None or self.process.poll() is not None:
            return False
        if self.stopped and time.monotonic() - self.stopped > STOP_LIMIT:
            self.process.kill()
        if (self.folder / LOG_FILE).exists() and (self.folder / LOG_FILE).stat().st_size > LOG_SIZE:
            os.truncate(self.folder / LOG_FILE, 0)  # the server appends: it goes on from there
        return True

    def age(self) -> float:
        """Seconds since it was started."""
        return time.monotonic() - self.began

    def stop(self) -> None:
        """Tells it to finish the requests that it has, and to end."""
        self.stopped = self.stopped or time.monotonic()
        if self.process is None or self.process.poll() is not None:
            return
        self.process.terminate()
        if not PASSES_SOCKETS:
            self.process.wait(STOP_LIMIT)  # its port must be free for the next

    def accepts(self) -> bool:
        """Whether it still takes requests; told to end, it closes its sockets within moments."""
        if not self.lives():
            return False
        try:
            socket.create_connection((HOST, self.port), timeout=1).close()
        except OSError:
            return False
        return True

    def reason(self) -> str:
        """Why it does not run, in a line: the first error in its log."""
        if self.process is None:
            return self._cannot_start
        if self.age() > START_LIMIT and not self.ready:
            return f"it did not answer within {START_LIMIT:.0f} s"
        try:
            text = (self.folder / LOG_FILE).read_text(encoding="utf-8", errors="replace")
        except OSError:
            text = ""
        text = text.rpartition("Azure ML Inferencing HTTP server v")[2]  # of its last start
        errors = [match for line in text.splitlines() if (match := _ERROR.match(line.strip()))]
        if errors:
            name = errors[0]["name"].rpartition(".")[2]
            return f"{name}: {errors[0]['words']}" if errors[0]["words"] else name
        return f"its process ended with code {self.process.returncode}"

    def _answers(self) -> bool:
        """Whether it has answered one request, which is sent once and waits in the queue."""
        try:
            if self._probe is None:
                self._probe = socket.create_connection((HOST, self.port), timeout=1)
                self._probe.setblocking(False)
                self._probe.send(b"GET / HTTP/1.0\r\nHost: localhost\r\n\r\n")
            answer = self._probe.recv(64)
        except BlockingIOError:
            return False
        except OSError:  # it does not listen yet, or has just ended
            self._close_probe()
            return False
        self._close_probe()
        return answer.startswith(b"HTTP/1.1 200") or answer.startswith(b"HTTP/1.0 200")

    def _close_probe(self) -> None:
        if self._probe:
            self._probe.close()
        self._probe = None

    def _start(self, sockets: list[socket.socket]) -> subprocess.Popen[bytes]:
        deployment: dict[str, Any] = read_json(self.folder / "deployment.json")
        code = self.folder / "code"
        variables = {
            **inherited_variables(),
            "AML_APP_ROOT": str(code),
            "AZUREML_MODEL_DIR": str(self.folder / deployment["model_folder"]),
            "SERVICE_NAME": deployment["endpoint"],
            "SERVICE_VERSION": deployment["model_version"],
            "WORKER_COUNT": str(deployment["workers"]),
            "PYTHONUTF8": "1",
            "PYTHONUNBUFFERED": "1",
            # It would be one socket in the home folder for all servers of this user.
            "GUNICORN_CMD_ARGS": "--no-control-socket",
        }
        for name in ("VIRTUAL_ENV", "AZUREML_CONFIG_FILE"):
            variables.pop(name, None)
        numbers = [opened.fileno() for opened in sockets]
        passed: dict[str, Any] = {"pass_fds": numbers} if numbers else {}
        if sys.platform == "win32":
            passed = {"creationflags": subprocess.CREATE_NO_WINDOW}
        command = [
            str(self.folder.parents[1] / deployment["python"]),
            str(Path(__file__).with_name("start_server.py")),
            ",".join(map(str, numbers)) or "-",
            str(self.port),
            str(code / deployment["entry_script"]),
        ]
        with (self.folder / LOG_FILE).open("ab") as log:
            return subprocess.Popen(
                command,
                cwd=code,
                env=variables,
                stdin=subprocess.PIPE,  # closed by the system when this process ends
                stdout=log,
                stderr=subprocess.STDOUT,
                **passed,
            )


def health_of(uri: str) -> str:
    """Whether a server answers at the endpoint's address: "well", "busy", or "" for not at all."""
    try:
        status, _ = request(uri, "GET", "/", b"", HEALTH_LIMIT)
        return "well" if status == 200 else ""
    except TimeoutError:  # connected, and waiting in the queue
        return "busy"
    except Unanswered:
        return ""


def request(uri: str, method: str, path: str, body: bytes, limit: float) -> tuple[int, bytes]:
    """Sends a request to the server at an address: (HTTP status, body). `limit` is in seconds."""
    connection = http.client.HTTPConnection(HOST, urlsplit(uri).port, timeout=limit)
    try:
        connection.request(method, path, body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()
