"""The real `az`: azure-cli from the Python index, installed once for each content of its lock."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

from filelock import FileLock
from uv import find_uv_bin

from tests.conftest import ROOT, environment

PROJECT = Path(__file__).parent


def az_python() -> Path:
    """The interpreter that has azure-cli; the first call takes about two minutes.

    It is kept in `.cache/` by the content of the lock and the version of Python.

    Raises:
        RuntimeError: it cannot be installed, with what uv said.
    """
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    content = (PROJECT / "uv.lock").read_bytes() + version.encode()
    home = ROOT / ".cache" / f"az-{hashlib.sha256(content).hexdigest()[:12]}"
    home.parent.mkdir(exist_ok=True)
    with FileLock(f"{home}.lock"):
        if not (home / "made").exists():
            _install(home)
            (home / "made").touch()
    return home / ("Scripts" if os.name == "nt" else "bin") / "python"


def _install(home: Path) -> None:
    """Install the lock into a virtual environment, compiled: importing is what a call costs."""
    sync = [find_uv_bin(), "sync", "--project", str(PROJECT), "--locked", "--compile-bytecode"]
    done = subprocess.run(
        [*sync, "--python", sys.executable],
        env=environment(UV_PROJECT_ENVIRONMENT=str(home)),
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"azure-cli could not be installed:\n{done.stderr}")
