"""`az` for a test: a folder for PATH whose `az` is the real one, each call noted."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from tests.az.environment import az_python

HERE = Path(__file__).parent


class Program:
    """The real az on a PATH of its own: `with Program(folder, env) as program`.

    With `forked` a call costs a fork instead of a second of imports; azure-cli itself is the same.
    A fork keeps the folder of settings (AZURE_CONFIG_DIR) that `env` names.
    """

    def __init__(self, folder: Path, env: Mapping[str, str], *, forked: bool) -> None:
        self.folder = folder
        self.env = env
        self.forked = forked
        self.log = folder / "calls.jsonl"
        self._server: subprocess.Popen[bytes] | None = None
        self._short = ""  # a path that a socket's name has room for

    def __enter__(self) -> Program:
        self.folder.mkdir(parents=True)
        az = self.folder / "az"
        source = (HERE / "shim.py").read_text(encoding="utf-8")
        az.write_text(f"#!{sys.executable} -IS\n{source}", encoding="utf-8")
        az.chmod(0o755)
        self.log.touch()
        self._settle(self._serve() if self.forked else "")
        return self

    def fork(self) -> None:
        """From here on calls are forks, where they were programs."""
        if self._server is None:
            self._settle(self._serve())

    def _settle(self, socket: str) -> None:
        """Tell the `az` on PATH how to make a call."""
        settings = {"log": str(self.log), "socket": socket, "python": str(az_python())}
        (self.folder / "shim.json").write_text(json.dumps(settings), encoding="utf-8")

    def _serve(self) -> str:
        """Start the process that forks; the path of its socket."""
        self._short = tempfile.mkdtemp(prefix="az-")
        socket = Path(self._short) / "socket"
        with (self.folder / "fork_server.log").open("wb") as log:
            self._server = subprocess.Popen(
                [str(az_python()), str(HERE / "fork_server.py"), str(socket)],
                env=self.env,
                stdin=subprocess.PIPE,  # the server ends when it is closed, with us at the latest
                stdout=log,
                stderr=log,
            )
        ends = time.monotonic() + 60
        while not socket.exists():
            if self._server.poll() is not None or time.monotonic() > ends:
                raise RuntimeError((self.folder / "fork_server.log").read_text(encoding="utf-8"))
            time.sleep(0.05)
        return str(socket)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._server is not None:
            self._server.communicate()
            shutil.rmtree(self._short, ignore_errors=True)

    @property
    def path(self) -> str:
        """PATH with this `az` before any other."""
        return os.pathsep.join([str(self.folder), os.environ.get("PATH", "")])

    def calls(self) -> list[list[str]]:
        """The arguments of each call so far."""
        lines = self.log.read_text(encoding="utf-8").splitlines()
        return [json.loads(line)["arguments"] for line in lines]
