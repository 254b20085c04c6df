"""Processes of steps: run to their end or their time, and what they left behind ended."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil


@dataclass(frozen=True)
class Done:
    """What a script printed, and its exit code; None if its time was up."""

    code: int | None
    output: str


def run_script(file: Path, folder: Path, environment: Mapping[str, str], seconds: float) -> Done:
    """Run a script as the agent does: bash without `-e`, output and errors in one log."""
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            ["bash", "--noprofile", "--norc", str(file)],
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        code: int | None
        try:
            code = process.wait(max(seconds, 0.01))
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            code = None
        log.seek(0)
        return Done(code, log.read().decode("utf-8", "replace"))


def end_marked(mark: str, since: float) -> None:
    """End every process that a job started, as agents do: they know it by its environment.

    `since` is when the job began, in seconds since 1970.
    """
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.create_time() < since - 1:
                continue
            if process.environ().get("VSTS_PROCESS_LOOKUP_ID") == mark:
                process.kill()
                process.wait(5)
