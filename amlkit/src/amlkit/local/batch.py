"""Batch scoring on this machine: a process of the serving environment."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from amlkit.local.detached import inherited_variables
from amlkit.local.virtual_environment import ensure_made
from amlkit.records import DeploymentDefinition, TableRefused, WorkError


class LocalBatch:
    """The part of `LocalPlatform` that scores tables."""

    folder: Path

    def score_file(
        self,
        definition: DeploymentDefinition,
        source: Path,
        target: Path,
        keep: Sequence[str],
        say: Callable[[str], None],
        progress: Callable[[int, int], None],
    ) -> int:
        """See `Platform.score_file`: a process of the serving environment, on the code as it is."""
        python = ensure_made(definition.environment, self.folder / "environments", say)
        command = [str(python), "-m", f"{definition.package}.batch", "--progress"]
        command += ["--model", definition.model.source]
        command += ["--input", str(source.absolute()), "--output", str(target.absolute())]
        command += [word for column in keep for word in ("--keep", column)]
        variables = {**inherited_variables(), "PYTHONUTF8": "1"}
        variables["PYTHONPATH"] = str(definition.snapshot)
        said: dict[str, Any] = {}
        with tempfile.TemporaryFile() as complaints:
            process = subprocess.Popen(
                command,
                cwd=definition.snapshot,
                env=variables,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=complaints,
                encoding="utf-8",
            )
            try:
                for line in process.stdout or ():
                    said = json.loads(line)
                    if "done" in said:
                        progress(said["done"], said["total"])
                process.wait()
            except BaseException:
                _interrupt(process)
                raise
            complaints.seek(0)
            errors = complaints.read().decode("utf-8", "replace").strip().splitlines()
        if process.returncode != 0:
            last = errors[-1].removeprefix("error: ") if errors else "it said nothing"
            if process.returncode == 2:
                raise TableRefused(last)
            raise WorkError(f"scoring {source} failed with code {process.returncode}: {last}")
        return int(said["rows"])


def _interrupt(process: subprocess.Popen[str]) -> None:
    """Ends a process, with time to remove what it has half written."""
    process.send_signal(signal.SIGTERM if sys.platform == "win32" else signal.SIGINT)
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
