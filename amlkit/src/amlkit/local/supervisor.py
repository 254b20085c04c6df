"""Keeps an endpoint's servers on this machine: `python -m amlkit.local.supervisor ENDPOINT_FOLDER`.

The supervisor owns the endpoint's socket, so the address outlives every server behind it, and a
request that arrives while servers change waits in the socket's queue. Drivers write what they want
into `wanted.json`, the supervisor writes what runs into `state.json`. Either side may be killed at
any moment: the other reads what is true.

A switch: the candidate runs on an address of its own until its driver has tested it; then a server
of the same deployment is started on the endpoint's socket; once it answers, the old one is told to
finish what it does and end.
"""

from __future__ import annotations

import os
import socket
import sys
import time
from pathlib import Path
from typing import Any

from filelock import FileLock

from amlkit.content import read_json, write_json
from amlkit.local.processes import is_held
from amlkit.local.server import HOST, PASSES_SOCKETS, Server

LOCK_FILE = "endpoint.lock"
HOLD_FILE = "deploy.lock"
WANTED_FILE = "wanted.json"
STATE_FILE = "state.json"
TICK = 0.05
# After a server that had answered died, the next one is started at once, then ever later (s).
LONGEST_PAUSE = 30.0
# How often it is asked whether the driver that wants a candidate still lives (s).
DRIVER_CHECK = 0.5


class Supervisor:
    """Brings what runs in line with what is wanted, one small step at a time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        before: dict[str, Any] = read_json(folder / STATE_FILE) or {}
        self.written: dict[str, Any] = {}
        self.socket: socket.socket | None = None
        self.taken: int | None = None
        self.port = self._open(before.get("port"))
        self.candidate: Server | None = None
        self.serving: Server | None = None
        self.next: Server | None = None
        self.leaving: list[Server] = []
        self.reasons: dict[str, str] = {}
        self.good: str | None = before.get("serving")
        self.previous: str | None = before.get("previous")
        self.deaths = 0
        self.pause_until = 0.0
        self.driver_checked = 0.0
        self.driver_lives = True

    def run(self) -> None:
        """Works until it is told to stop, or its folder is gone."""
        while (self.folder / WANTED_FILE).is_file():
            wanted = read_json(self.folder / WANTED_FILE) or {}
            if wanted.get("stop"):
                break
            self.step(wanted)
            self.write()
            time.sleep(TICK)
        servers = [self.candidate, self.serving, self.next]
        self.leaving += [server for server in servers if server]
        for server in self.leaving:
            server.stop()
        while any(server.lives() for server in self.leaving):
            time.sleep(TICK)

    def step(self, wanted: dict[str, Any]) -> None:
        """One look at everything."""
        self.leaving = [server for server in self.leaving if server.lives()]
        self._keep_candidate(wanted.get("candidate"))
        self._keep_serving(wanted.get("serving"))

    def _keep_candidate(self, name: str | None) -> None:
        """Runs the candidate for as long as the driver that asked for it lives."""
        if name and not self._driver_lives():
            name = None
        if self.candidate and self.candidate.name != name:
            self._leave(self.candidate)
            self.candidate = None
        if name and self.candidate is None:
            self.reasons.pop(name, None)
            self.candidate = Server(self.folder, name, None)
        if self.candidate and self.candidate.status() == "Failed":
            self.reasons[self.candidate.name] = self.candidate.reason()

    def _keep_serving(self, wanted: str | None) -> None:
        """Has the wanted deployment serve; the last good one where that does not start."""
        if self.serving and not self.serving.lives():
            self.serving = None
            self.deaths += 1
            self.pause_until = time.monotonic() + min(2.0 ** (self.deaths - 1) - 1, LONGEST_PAUSE)
        target = wanted if wanted and wanted not in self.reasons else self.good
        if self.serving and self.serving.name == target:
            if self.serving.age() > 2 * LONGEST_PAUSE:
                self.deaths = 0
            return
        if target is None or time.monotonic() < self.pause_until:
            return
        if self.next and self.next.name != target:
            self._leave(self.next)
            self.next = None
        if self.next is None:
            if not PASSES_SOCKETS and self.serving:
                self.serving.stop()
                self.serving = None
            self.next = Server(self.folder, target, self.socket, self.port)
        status = self.next.status()
        if status == "Ready":
            self._take_over(self.next)
        elif status == "Failed":
            if target == self.good:  # it has served before: it is tried again, ever later
                self.deaths += 1
                pause = min(2.0**self.deaths, LONGEST_PAUSE)
                self.pause_until = time.monotonic() + pause
            else:
                self.reasons[target] = self.next.reason()
            self.next = None

    def _take_over(self, server: Server) -> None:
        """The new server answers: the old one may go."""
        if self.serving:
            self._leave(self.serving)
        if self.good != server.name:
            self.good, self.previous = server.name, self.good
        self.serving, self.next = server, None

    def _leave(self, server: Server) -> None:
        server.stop()
        self.leaving.append(server)

    def _driver_lives(self) -> bool:
        """Whether someone holds the endpoint: a driver that was killed wants nothing any more."""
        if time.monotonic() - self.driver_checked > DRIVER_CHECK:
            self.driver_lives = is_held(self.folder / HOLD_FILE)
            self.driver_checked = time.monotonic()
        return self.driver_lives

    def write(self) -> None:
        """Writes down what runs, where it has changed."""
        servers = {
            server.name: {"status": server.status(), "uri": server.uri, "pid": server.pid}
            for server in (self.candidate, self.next, self.serving)
            if server
        }
        for name, reason in self.reasons.items():
            servers.setdefault(name, {"status": "Failed"})["reason"] = reason
        state = {
            "pid": os.getpid(),
            "port": self.port,
            "taken": self.taken,
            "serving": self.good,
            "previous": self.previous,
            "candidate": self.candidate.name if self.candidate else None,
            "answers": self.serving.name if self.serving else None,
            "still_answer": [each.name for each in self.leaving if each.public and each.accepts()],
            "servers": servers,
            "deaths": self.deaths,
            "gap": not PASSES_SOCKETS,
        }
        if state != self.written and self.folder.is_dir():
            write_json(self.folder / STATE_FILE, state)
            self.written = state

    def _open(self, before: int | None) -> int:
        """Opens the endpoint's socket: on its port of before, the one wished for, or a free one."""
        wished = (read_json(self.folder / WANTED_FILE) or {}).get("port", 0)
        for port in (before, wished, 0):
            if port is None:
                continue
            opened = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            if sys.platform != "win32":  # there it would let two share a port
                opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                opened.bind((HOST, port))
            except OSError:
                opened.close()
                self.taken = port
                continue
            found: int = opened.getsockname()[1]
            if PASSES_SOCKETS:
                opened.listen(2048)
                self.socket = opened
            else:
                opened.close()
            return found
        raise OSError(f"no port can be opened on {HOST}")


def main(folder: Path) -> None:
    """Supervises until told to stop; at most one process does so for a folder."""
    with FileLock(folder / LOCK_FILE, timeout=5):  # whoever looks holds it for a moment
        Supervisor(folder).run()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
