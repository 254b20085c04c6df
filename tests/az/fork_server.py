"""Runs `az` often without importing it often: a process that has imported azure-cli forks.

Run by the interpreter that has azure-cli, with the path of a socket to make. Each connection brings
the arguments, the environment, the folder and the three streams of a call (see shim.py), and gets
its exit code. What runs in the fork is azure-cli's own `python -m azure.cli`, unchanged.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import runpy
import selectors
import signal
import socket
import sys
from pathlib import Path
from types import FrameType
from typing import NoReturn

# What is worth importing before the first call; what else a call imports, the next one finds.
FIRST = ("azure.cli.core.commands", "azure.cli.core.profiles", "msal", "requests")
OWN = ("azure.", "azure", "msal", "requests", "urllib3", "cryptography", "isodate", "marshmallow")


def call(words: list[str], env: dict[str, str], folder: str, streams: list[int]) -> int:
    """Be the `az` process of a call; its exit code."""
    os.environ.clear()
    os.environ.update(env)
    os.environ.setdefault("AZ_INSTALLER", "PIP")  # as az's own start script does
    os.chdir(folder)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    sys.argv = ["az", *words]
    try:
        runpy.run_module("azure.cli", run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    finally:
        for printed in (sys.__stdout__, sys.__stderr__):  # az may have put others before them
            if printed is not None:
                printed.flush()
    return 0


def warm(names: list[str]) -> None:
    """Import what a call imported, so that later ones need not."""
    for name in names:
        if name not in sys.modules:
            with contextlib.suppress(Exception):
                importlib.import_module(name)


class Server:
    """One thread that forks: its only state is which connection waits for which process."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.learned = path.with_suffix(".modules")
        self.waiting: dict[int, socket.socket] = {}
        self.selector = selectors.DefaultSelector()

    def serve(self) -> NoReturn:
        """Serve until standard input is closed."""
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(self.path))
            listener.listen(64)
            self.selector.register(listener, selectors.EVENT_READ)
            heard, told = os.pipe()
            os.set_blocking(told, False)
            os.set_blocking(heard, False)
            signal.set_wakeup_fd(told)
            signal.signal(signal.SIGCHLD, _nothing)
            self.selector.register(heard, selectors.EVENT_READ)
            self.selector.register(sys.stdin, selectors.EVENT_READ)
            while True:
                for key, _ in self.selector.select():
                    if key.fileobj is listener:
                        self._start(listener)
                    elif key.fileobj == heard:
                        os.read(heard, 512)
                        self._reap()
                    elif key.fileobj is sys.stdin:  # whoever started this has ended
                        sys.exit()
                    elif key.data is not None:
                        self._told(key.fileobj, key.data)  # type: ignore[arg-type]

    def _start(self, listener: socket.socket) -> None:
        """Fork for a new call."""
        connection, _ = listener.accept()
        first, streams, _, _ = socket.recv_fds(connection, 16, 3)
        size = int(first)
        data = b""
        while len(data) < size:
            data += connection.recv(size - len(data))
        asked = json.loads(data)
        pid = os.fork()
        if pid == 0:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            listener.close()
            connection.close()
            self._end(call(asked["arguments"], asked["environment"], asked["folder"], streams))
        for stream in streams:
            os.close(stream)
        self.waiting[pid] = connection
        self.selector.register(connection, selectors.EVENT_READ, pid)

    def _end(self, code: int) -> NoReturn:
        """End a call's process at once: taking down a large interpreter costs more than a call."""
        names = [name for name in sys.modules if name.startswith(OWN)]
        self.learned.with_suffix(f".{os.getpid()}").write_text("\n".join(names))
        os._exit(code)

    def _told(self, connection: socket.socket, pid: int) -> None:
        """The caller was interrupted (a byte: the signal) or killed (the connection is closed)."""
        with contextlib.suppress(ConnectionError):
            if number := connection.recv(1):
                os.kill(pid, number[0])
                return
        self.selector.unregister(connection)
        os.kill(pid, signal.SIGKILL)

    def _reap(self) -> None:
        """Tell the exit codes of the processes that ended, and learn from them."""
        while self.waiting:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            connection = self.waiting.pop(pid)
            with contextlib.suppress(KeyError):
                self.selector.unregister(connection)
            code = os.waitstatus_to_exitcode(status)
            with contextlib.suppress(OSError):
                connection.sendall(bytes([code if code >= 0 else 128 - code]))  # as a shell says it
            connection.close()
            learned = self.learned.with_suffix(f".{pid}")
            if learned.exists():
                warm(learned.read_text().split())
                learned.unlink()
                gc.freeze()  # what is shared with forks is not to be touched by collections


def _nothing(number: int, frame: FrameType | None) -> None:
    """A signal is only to wake the selector."""


if __name__ == "__main__":
    warm(list(FIRST))
    Server(Path(sys.argv[1])).serve()
