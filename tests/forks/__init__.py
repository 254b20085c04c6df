"""Programs of Python that cost a fork instead of a second of imports, and are otherwise themselves.

A test starts one by its path as it would start the real one: shim.py stands there and has the
server fork (server.py), with the arguments, variables, folder, streams and signals of the call.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

HERE = Path(__file__).parent


class ForkServer:
    """A process that has imported what programs need: `with ForkServer(…) as server`.

    Args:
        python: the interpreter that has the packages.
        env: the variables of its imports.
        first: modules that are imported before the first call.
        kept: packages of which later calls find imported what a call imported.
    """

    def __init__(
        self, python: Path, env: Mapping[str, str], first: Sequence[str], kept: Sequence[str]
    ) -> None:
        self.command = [str(python), str(HERE / "server.py")]
        self.env = env
        self.names = [",".join(first), ",".join(kept)]

    def __enter__(self) -> ForkServer:
        self._folder = Path(tempfile.mkdtemp(prefix="fork-"))  # a socket has room for a short path
        self.socket = str(self._folder / "socket")
        log = self._folder / "server.log"
        with log.open("wb") as stream:
            self._server = subprocess.Popen(
                [*self.command, self.socket, *self.names],
                env=self.env,
                stdin=subprocess.PIPE,  # the server ends when it is closed, with us at the latest
                stdout=stream,
                stderr=stream,
            )
        ends = time.monotonic() + 180  # on a busy machine, with nothing compiled
        while not Path(self.socket).exists():
            if self._server.poll() is not None or time.monotonic() > ends:
                raise RuntimeError(log.read_text(encoding="utf-8"))
            time.sleep(0.05)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.communicate()
        shutil.rmtree(self._folder, ignore_errors=True)


def place_shim(
    path: Path,
    program: Sequence[str],
    socket: str,
    *,
    log: str = "",
    environment: Mapping[str, str] | None = None,
) -> None:
    """Put a program there that is `program` and its arguments; a fork, where there is a socket.

    Args:
        path: the program to make, or to make anew.
        program: an interpreter and what it is told before the arguments.
        socket: a `ForkServer`'s, or "".
        log: a file that gets a line a call.
        environment: variables that the program is given where they are not set.
    """
    settings = {"program": program, "socket": socket, "log": log, "environment": environment or {}}
    path.with_name(f"{path.name}.json").write_text(json.dumps(settings), encoding="utf-8")
    source = (HERE / "shim.py").read_text(encoding="utf-8")
    path.write_text(f"#!{sys.executable} -IS\n{source}", encoding="utf-8")
    path.chmod(0o755)
