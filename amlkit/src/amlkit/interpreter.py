"""Which interpreter reaches Azure ML: its SDK has an environment of its own, `.venv-azure`.

SDK v1 holds packages back that development, training and serving have newer: one environment for
all does not resolve; and the local user installs nothing of Azure. A driver that was started in
`.venv` goes on in `.venv-azure`.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from amlkit.records import WorkError

FOLDER = ".venv-azure"
# The module that an SDK is known by, and the package that brings it.
SDKS = {"v1": ("azureml.core", "azureml-core"), "v2": ("azure.ai.ml", "azure-ai-ml")}


def use_azure_interpreter(
    root: Path, command: Sequence[str] | None = None, *, sdk: str = "v1"
) -> None:
    """Returns where this interpreter has the SDK; else runs the same command line in `.venv-azure`.

    In that case it does not return: the exit code is the other interpreter's.

    Args:
        root: the repository.
        command: what follows the interpreter; this process's own words by default.
        sdk: `azure.sdk` of config.yml.

    Raises:
        WorkError: there is no such environment, or it lacks the SDK; says what to type.
    """
    module, package = SDKS[sdk]
    if has_module(module):
        return
    home = root / FOLDER
    python = in_folder(home)
    if not python.is_file():
        raise WorkError(
            f"Azure ML needs {package}, and there is no {FOLDER}: `make setup-azure` makes it "
            "(Windows: README.md); --local works without"
        )
    if Path(sys.prefix).resolve() == home.resolve():
        raise WorkError(f"{FOLDER} lacks {package}; `make setup-azure` installs it")
    _run([str(python), *(sys.orig_argv[1:] if command is None else command)])


def in_folder(home: Path) -> Path:
    """The interpreter of a virtual environment."""
    return home / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def has_module(name: str) -> bool:
    """Whether a module could be imported; its packages are, the module itself is not."""
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def _run(command: list[str]) -> NoReturn:
    """Goes on as another program."""
    sys.stdout.flush()
    sys.stderr.flush()
    if sys.platform == "win32":
        # exec would leave the shell waiting for nobody. Ctrl-C reaches both; the other says it.
        with subprocess.Popen(command) as process:
            while True:
                try:
                    sys.exit(process.wait())
                except KeyboardInterrupt:
                    continue
    os.execv(command[0], command)  # noqa: S606
