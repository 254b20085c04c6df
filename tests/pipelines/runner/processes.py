"""Processes of steps: run to their end or their time, and what they left behind ended."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil


@dataclass(frozen=True)
class Done:
    """What a script printed, and its exit code; None if its time was up."""

    code: int | None
    output: str


def run_script(
    file: Path,
    folder: Path,
    environment: Mapping[str, str],
    seconds: float,
    stop: Callable[[], bool] | None = None,
) -> Done:
    """Run a script as the agent does: bash without `-e`, output and errors in one log.

    It is ended after its seconds, or when `stop` says so.
    """
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
            code = _wait(process, max(seconds, 0.01), stop)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            code = None
        log.seek(0)
        return Done(code, log.read().decode("utf-8", "replace"))


def _wait(process: subprocess.Popen[bytes], seconds: float, stop: Callable[[], bool] | None) -> int:
    if stop is None:
        return process.wait(seconds)
    end = time.monotonic() + seconds
    while not stop() and time.monotonic() < end:
        if process.poll() is not None:
            return process.returncode
        time.sleep(0.1)
    raise subprocess.TimeoutExpired(process.args, seconds)


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
