"""A virtual environment made of a lock, once by content: what serves models on this machine."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from filelock import FileLock

from amlkit.records import EnvironmentDefinition, WorkError

_COMPLETE = ".made-from-lock"


def environment_folder(definition: EnvironmentDefinition, folder: Path) -> Path:
    """Where an environment of this content lives, below `folder`; the Python is part of it."""
    python = f"py{sys.version_info[0]}{sys.version_info[1]}"
    return folder / f"{definition.name}-{definition.version}-{python}"


def ensure_made(
    definition: EnvironmentDefinition, folder: Path, say: Callable[[str], None]
) -> Path:
    """The interpreter of an environment of this content; made where there is none.

    Raises:
        WorkError: the packages could not be installed; the last line of the installer says why.
    """
    home = environment_folder(definition, folder)
    python = home / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{home}.lock"):
        if not (home / _COMPLETE).is_file():
            say(f"making {definition.name}:{definition.version} from {definition.lock.name}, once")
            shutil.rmtree(home, ignore_errors=True)  # left by a process that was killed
            for command in _commands(definition, home, python):
                _run(command)
            (home / _COMPLETE).touch()
    return python


def _commands(definition: EnvironmentDefinition, home: Path, python: Path) -> list[list[str]]:
    """What makes the environment: by uv where there is one, by pip otherwise."""
    lock, wheels = str(definition.lock), [str(wheel) for wheel in definition.wheels]
    uv = find_uv(definition.lock.parent)
    if uv:
        install = [uv, "pip", "install", "--quiet", "--python", str(python)]
        commands = [[uv, "venv", "--quiet", "--python", sys.executable, str(home)]]
    else:
        install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        commands = [[sys.executable, "-m", "venv", str(home)]]
    commands.append([*install, "--require-hashes", "-r", lock])
    if wheels:
        commands.append([*install, "--no-deps", *wheels])
    return commands


def find_uv(root: Path) -> str | None:
    """The uv on the path, or the one that `make setup` brought along."""
    name = "Scripts/uv.exe" if sys.platform == "win32" else "bin/uv"
    brought = root / ".tools" / "uv" / name
    return shutil.which("uv") or (str(brought) if brought.is_file() else None)


def _run(command: Sequence[str]) -> None:
    # The environment that runs this driver is not the one to be made.
    variables = {key: value for key, value in os.environ.items() if key != "VIRTUAL_ENV"}
    done = subprocess.run(
        list(command), env=variables, capture_output=True, text=True, errors="replace"
    )
    if done.returncode != 0:
        said = [line.strip() for line in (done.stderr + done.stdout).splitlines() if line.strip()]
        last = said[-1] if said else f"exit code {done.returncode}"
        raise WorkError(f"the serving environment could not be made: {last[:300]}")
