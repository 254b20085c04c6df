"""What is installed for tests: made once for its content, shared by all workers, kept in `.cache/`.

A cache only spares the next session the work: what is not used for three days is removed.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock
from uv import find_uv_bin

from tests.conftest import ROOT, BakedProject, environment

CACHE = ROOT / ".cache"
UNUSED = 3 * 24 * 3600  # seconds
# Each target of the rendered Makefile that installs: the folder that it makes, the lock it reads.
TARGETS = {
    "setup": (".venv", "requirements-dev.txt"),
    "setup-azure": (".venv-azure", "requirements-azure.txt"),
}
# What the targets read beside the lock.
READ = ("Makefile", "pyproject.toml", "constraints.txt", "wheels")


def once(kind: str, content: bytes, make: Callable[[Path], None]) -> Path:
    """The folder that `make` fills, made once for a content: `.cache/KIND-…`.

    `make` gets an empty folder; where it raises, the next caller tries again. Other workers and
    sessions wait meanwhile.
    """
    home = CACHE / f"{kind}-{hashlib.sha256(content).hexdigest()[:12]}"
    made = home / "made"
    CACHE.mkdir(exist_ok=True)
    with FileLock(f"{home}.lock"):
        if not made.exists():
            shutil.rmtree(home, ignore_errors=True)
            home.mkdir()
            make(home)
            _forget_unused(kind)
        made.touch()
    return home


def _forget_unused(kind: str) -> None:
    """Remove what was made of a kind and not used for long."""
    for made in CACHE.glob(f"{kind}-*/made"):
        if time.time() - made.stat().st_mtime > UNUSED:
            shutil.rmtree(made.parent, ignore_errors=True)


class NoPython(Exception):
    """There is no interpreter of a version, and uv cannot bring one: its last line says why."""


def interpreter(version: str) -> str:
    """A Python of this version: this machine's, or one that uv brings.

    Raises:
        NoPython: neither is to be had.
    """
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv", "versions")
    found = [path for path in pyenv.glob(f"{version}.*/bin/python") if path.is_file()]
    if found:  # its commands on PATH are there for the chosen version alone
        return str(found[-1])
    for words in (["find"], ["install"], ["find"]):
        done = subprocess.run(
            [find_uv_bin(), "python", *words, version],
            cwd=ROOT,
            env=environment(),
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
        if words == ["find"] and done.returncode == 0:
            return done.stdout.strip()
        if words == ["install"] and done.returncode != 0:
            said = (done.stderr.strip() or "uv says nothing").splitlines()
            raise NoPython(f"no Python {version} here, and uv brings none: {said[-1].strip()}")
    raise NoPython(f"no Python {version} here")


def install(project: BakedProject, target: str = "setup", python: str = "") -> Path:
    """The virtual environment that `make TARGET` makes in a rendered repository, made once.

    Args:
        project: whose lock is installed.
        target: of its Makefile.
        python: a version, where it is not to be the Makefile's own choice.

    Raises:
        NoPython: there is no interpreter of that version.
    """
    folder, lock = TARGETS[target]
    chosen = interpreter(python) if python else ""

    def make(home: Path) -> None:
        for name in (lock, *READ):
            source = project.path / name
            if source.is_dir():
                shutil.copytree(source, home / name)
            elif source.exists():
                shutil.copy2(source, home / name)
        if chosen:  # make takes the one that is there
            words = [find_uv_bin(), "venv", "--quiet", "--python", chosen, str(home / folder)]
            subprocess.run(words, check=True)
        # Bytecode is written for what a test imports, when it does: most of it is never asked for.
        made = subprocess.run(
            ["make", target, "BYTECODE="],
            cwd=home,
            env=environment(),
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
        assert made.returncode == 0, made.stdout + made.stderr

    kind = f"{target}-{python}" if python else target
    return once(kind, (project.path / lock).read_bytes() + chosen.encode(), make) / folder


def give(project: BakedProject, target: str = "setup") -> None:
    """Let a rendered repository have the shared virtual environment, as its own newest one."""
    made = install(project, target)
    (project.path / made.name).symlink_to(made, target_is_directory=True)
    for stamp in made.glob(".made*"):
        os.utime(stamp)  # make compares it with the lock, which was rendered just now


def sync(project: Path, kind: str, version: str = "") -> Path:
    """The interpreter of a `uv.lock` of our own, with this Python or one of another version.

    Raises:
        NoPython: there is no interpreter of that version.
        RuntimeError: it cannot be installed, with what uv said.
    """
    python = interpreter(version) if version else sys.executable
    version = version or f"{sys.version_info.major}.{sys.version_info.minor}"

    def make(home: Path) -> None:
        done = subprocess.run(
            [find_uv_bin(), "sync", "--project", str(project), "--locked", "--python", python],
            env=environment(UV_PROJECT_ENVIRONMENT=str(home / "venv")),
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
        if done.returncode != 0:
            raise RuntimeError(f"{kind} could not be installed:\n{done.stderr}")

    home = once(f"{kind}-{version}", (project / "uv.lock").read_bytes() + version.encode(), make)
    return home / "venv" / ("Scripts" if os.name == "nt" else "bin") / "python"
