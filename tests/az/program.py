"""`az` for a test: a folder for PATH whose `az` is the real one, each call noted."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from tests.az.environment import az_python
from tests.forks import ForkServer, place_shim

# What is worth importing before the first call; what else a call imports, the next one finds.
FIRST = ("azure.cli.core.commands", "azure.cli.core.profiles", "msal", "requests")
KEPT = ("azure", "msal", "requests", "urllib3", "cryptography", "isodate", "marshmallow")


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
        self._server: ForkServer | None = None

    def __enter__(self) -> Program:
        self.folder.mkdir(parents=True)
        self.log.touch()
        self._place("")
        if self.forked:
            self.fork()
        return self

    def fork(self) -> None:
        """From here on calls are forks, where they were programs."""
        if self._server is None:
            self._server = ForkServer(az_python(), self.env, FIRST, KEPT).__enter__()
            self._place(self._server.socket)

    def _place(self, socket: str) -> None:
        """Tell the `az` on PATH how to make a call."""
        installer = {"AZ_INSTALLER": "PIP"}  # as az's own start script does
        program = [str(az_python()), "-m", "azure.cli"]
        place_shim(self.folder / "az", program, socket, log=str(self.log), environment=installer)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._server is not None:
            self._server.__exit__(kind, error, trace)

    @property
    def path(self) -> str:
        """PATH with this `az` before any other."""
        return os.pathsep.join([str(self.folder), os.environ.get("PATH", "")])

    def calls(self) -> list[list[str]]:
        """The arguments of each call so far."""
        lines = self.log.read_text(encoding="utf-8").splitlines()
        return [json.loads(line)["arguments"] for line in lines]
