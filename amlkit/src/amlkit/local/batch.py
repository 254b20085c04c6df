"""Batch scoring on this machine: a process of the serving environment."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from amlkit.local.environments import LocalEnvironments
from amlkit.local.processes import inherited_variables
from amlkit.records import DeploymentDefinition, TableRefused, WorkError
from amlkit.workspace import Progress, Say


def score_table(
    definition: DeploymentDefinition,
    environments: LocalEnvironments,
    source: Path,
    target: Path,
    keep: Sequence[str],
    say: Say,
    progress: Progress,
) -> int:
    """Scores a table into a file by the package's `batch.py`, else amlkit's; returns its rows.

    Args:
        definition: the model, whose `source` is a folder here, and the code to score with.
        environments: where the serving environment is, or is made.
        source: the table, CSV or Parquet.
        target: what is written, .parquet or .csv.
        keep: columns of the table to copy in front.
        say: hears of what takes its time.
        progress: hears (bytes done, bytes in all).

    Raises:
        TableRefused: the table will not do (exit code 2).
        WorkError: the process failed otherwise; its last line says why.
    """
    python = environments.interpreter(definition.environment, say)
    own = definition.code / definition.package / "batch.py"
    module = f"{definition.package}.batch" if own.is_file() else "amlkit.serving.batch"
    command = [str(python), "-m", module, "--progress"]
    command += ["--model", str(Path(definition.model.source).absolute())]
    command += ["--input", str(source.absolute()), "--output", str(target.absolute())]
    command += [word for column in keep for word in ("--keep", column)]
    # The model may have been saved by the package: what it pickled is imported by its name.
    variables = {"PYTHONPATH": str(definition.code.absolute()), "PYTHONUTF8": "1"}
    return _run(command, variables, definition.code, source, progress)


def _run(
    command: Sequence[str],
    variables: Mapping[str, str],
    folder: Path,
    source: Path,
    progress: Progress,
) -> int:
    """Runs the process and listens to it; returns the rows that it says it scored."""
    said: dict[str, Any] = {}
    with tempfile.TemporaryFile() as complaints:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**inherited_variables(), **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=complaints,
            encoding="utf-8",
        )
        try:
            for line in process.stdout or ():
                said = _heard(line) or said
                if "done" in said:
                    progress(said["done"], said["total"])
            process.wait()
        except BaseException:
            _interrupt(process)
            raise
        complaints.seek(0)
        errors = complaints.read().decode("utf-8", "replace").strip().splitlines()
    last = errors[-1].removeprefix("error: ") if errors else "it said nothing"
    if process.returncode == 2:
        raise TableRefused(last)
    if process.returncode != 0:
        raise WorkError(f"scoring {source} failed with code {process.returncode}: {last}")
    if "rows" not in said:
        raise WorkError(f"scoring {source}: batch.py did not say its rows; see docs/contract.md")
    return int(said["rows"])


def _heard(line: str) -> dict[str, Any]:
    """A line of progress; whatever else a package's own batch.py prints is nothing to us."""
    try:
        heard = json.loads(line)
    except ValueError:
        return {}
    return heard if isinstance(heard, dict) else {}


def _interrupt(process: subprocess.Popen[str]) -> None:
    """Ends a process, with time to remove what it has half written."""
    process.send_signal(signal.SIGTERM if sys.platform == "win32" else signal.SIGINT)
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
