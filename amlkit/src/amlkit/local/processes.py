"""Processes that outlive the driver that starts them, and locks that tell whether they live."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from filelock import FileLock

from amlkit.eject import ejected_path
from amlkit.records import WorkError

# How long a process may take to report that it has begun (s).
START_LIMIT = 60.0
# What no process of ours inherits: what belongs to the drivers alone, what would have Python
# compile the same code each time, and another program's idea of where modules lie.
_NOT_INHERITED = (
    "SPN_PASSWORD",
    "SPN_ID",
    "TENANT_ID",
    "SYSTEM_ACCESSTOKEN",
    "PYTHONDONTWRITEBYTECODE",
    "PYTHONPATH",
    "PYTHONSAFEPATH",
)


def inherited_variables() -> dict[str, str]:
    """This process's environment variables but the drivers' secrets."""
    return {name: value for name, value in os.environ.items() if name not in _NOT_INHERITED}


def module_path(root: Path, *folders: Path) -> dict[str, str]:
    """PYTHONPATH: the repository's own amlkit where it was ejected, then `folders`."""
    found = [path for path in (ejected_path(root), *folders) if path]
    return {"PYTHONPATH": os.pathsep.join(str(path.absolute()) for path in found)}


def start_detached(
    module: str,
    arguments: Sequence[str],
    variables: Mapping[str, str],
    has_begun: Callable[[], bool],
    what: str,
    log: Path,
) -> None:
    """Starts a module of amlkit as a process that outlives this one; waits until it has begun.

    Args:
        module: its name.
        arguments: what it is told.
        variables: its environment variables, `module_path` among them.
        has_begun: asked until it says so.
        what: its name, for the error.
        log: takes what it says.

    Raises:
        WorkError: it ended before it began, or did not begin in time.
    """
    apart: dict[str, Any] = {"start_new_session": True}
    if sys.platform == "win32":
        flags = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW
        apart = {"creationflags": flags}
    with log.open("ab") as said:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", module, *arguments],  # -P: nothing of where it is started
            cwd=Path(__file__).parents[2],
            env=dict(variables),
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            **apart,
        )
    limit = time.monotonic() + START_LIMIT
    while not has_begun():
        if process.poll() is not None or time.monotonic() > limit:
            code = process.poll()
            raise WorkError(f"{what} did not start (exit code {code}); see {log}")
        time.sleep(0.01)
    process.returncode = 0  # it is meant to outlive us: no warning that it was left behind


def is_held(lock: Path) -> bool:
    """Whether a living process holds a lock: the system lets go of it when the process ends."""
    probe = FileLock(lock)
    try:
        probe.acquire(timeout=0)
    except TimeoutError:
        return True
    probe.release()
    return False
