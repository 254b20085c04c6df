"""Processes that the stand-in starts: each leads a group of its own, which ends with it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

#: What a process of the stand-in takes over from this one; nothing that could hold a secret.
KEPT = (
    *("PATH", "LANG", "LC_ALL", "SYSTEMROOT", "TEMP", "TMP", "TMPDIR", "TZ"),
    "OMP_NUM_THREADS",
)


def bare_environment() -> dict[str, str]:
    """This process's environment without all that is the caller's own."""
    return {name: value for name, value in os.environ.items() if name.upper() in KEPT}


def start(
    command: Sequence[str], folder: Path, environment: Mapping[str, str], log: Path
) -> subprocess.Popen[bytes]:
    """Starts a command whose output goes to `log`. OSError when there is no such program.

    Its standard input is a pipe that this process holds open: what is started can see by its end
    that the stand-in is gone, however that came.
    """
    with log.open("ab") as stream:
        return subprocess.Popen(
            list(command),
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.PIPE,  # never written to; it ends when the stand-in does
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=os.name != "nt",
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        )


def end(process: subprocess.Popen[bytes], patience: float = 5.0) -> None:
    """Ends a process and all it started: asked at first, made to after `patience` seconds."""
    if process.stdin is not None:
        process.stdin.close()
    _signal(process, "SIGTERM")
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(patience)
    _signal(process, "SIGKILL")
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(patience)


def _signal(process: subprocess.Popen[bytes], name: str) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if os.name == "nt":
            process.terminate()
        elif not _is_anothers_number(process):
            os.killpg(process.pid, getattr(signal, name))


def _is_anothers_number(process: subprocess.Popen[bytes]) -> bool:
    """Whether a process that ended, and all of its group, left its number to another one."""
    if process.returncode is None:
        return False
    try:
        os.kill(process.pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
