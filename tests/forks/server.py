"""Runs Python programs often without importing often: a process that has imported much forks.

    fork_server.py SOCKET MODULE,… PACKAGE,…

Run by the interpreter that the programs need, with the path of a socket to make, what is worth
importing before the first call, and the packages of which a call's imports are kept for later ones.
Each connection brings the arguments (`-m az…`, `-c code` or a script, as of `python`), the
environment, the folder and the three streams of a call (see shim.py), and gets its exit code.
"""

from __future__ import annotations

import atexit
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
import threading
import traceback
import types
from pathlib import Path
from types import FrameType
from typing import NoReturn


def call(words: list[str], env: dict[str, str], folder: str, streams: list[int]) -> int:
    """Be the process `python WORDS` of a call; its exit code."""
    os.environ.clear()
    os.environ.update(env)
    os.chdir(folder)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    # The server's own are of a file, these may be of a pipe.
    sys.stdin = os.fdopen(0, closefd=False)
    sys.stdout = out = os.fdopen(1, "w", closefd=False)
    out.reconfigure(write_through=bool(env.get("PYTHONUNBUFFERED")))
    sys.stderr = err = os.fdopen(2, "w", 1, errors="backslashreplace", closefd=False)
    try:
        try:
            run(words)
        finally:  # as the interpreter does in the end
            threading._shutdown()  # type: ignore[attr-defined]
            atexit._run_exitfuncs()
    except SystemExit as ended:
        if ended.code is None or isinstance(ended.code, int):
            return ended.code or 0
        print(ended.code, file=sys.stderr)
        return 1
    except BaseException:
        traceback.print_exc()
        return 1
    finally:
        for printed in (out, err, sys.__stdout__, sys.__stderr__):
            if printed is not None:
                printed.flush()
    return 0


def run(words: list[str]) -> None:
    """Do what `python WORDS` does."""
    option, *rest = words
    if option == "-m":
        sys.path[0], sys.argv = os.getcwd(), rest
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    elif option == "-c":
        sys.path[0], sys.argv = "", ["-c", *rest[1:]]
        main = types.ModuleType("__main__")
        sys.modules["__main__"] = main
        exec(compile(rest[0], "<string>", "exec"), vars(main))  # noqa: S102 - what `-c` is for
    else:
        sys.path[0], sys.argv = os.path.dirname(os.path.abspath(option)), words
        runpy.run_path(option, run_name="__main__")


def warm(names: list[str]) -> None:
    """Import what a call imported, so that later ones need not."""
    for name in names:
        if name not in sys.modules:
            with contextlib.suppress(Exception):
                importlib.import_module(name)


class Server:
    """One thread that forks: its only state is which connection waits for which process."""

    def __init__(self, path: Path, kept: tuple[str, ...]) -> None:
        self.path = path
        self.kept = kept
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
        names = [name for name in sys.modules if name.partition(".")[0] in self.kept]
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
    place, first, kept = sys.argv[1:]
    warm(first.split(","))
    Server(Path(place), tuple(kept.split(","))).serve()
