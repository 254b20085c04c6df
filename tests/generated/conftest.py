"""A rendered repository with its own `.venv`, made by its own `make setup`.

The `.venv` is kept in `.cache/` from one session to the next, by the content of the lock.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from cookiecutter.main import cookiecutter
from filelock import FileLock

from tests.conftest import ROOT, BakedProject, environment

if TYPE_CHECKING:
    from tests.generated.serving import Served


@dataclass(frozen=True)
class ReadyProject(BakedProject):
    """A rendered repository in which everything can be run."""

    @property
    def python(self) -> str:
        """The interpreter of its `.venv`."""
        return str(self.path / ".venv" / "bin" / "python")

    def run(self, *command: str, **more: str) -> subprocess.CompletedProcess[str]:
        """Run a command in the repository; `more` are environment variables."""
        return subprocess.run(
            command,
            cwd=self.path,
            env=environment(**more),
            capture_output=True,
            encoding="utf-8",
            check=False,
        )


def set_up_once(
    project: BakedProject, target: str = "setup", locks: Sequence[str] = ("requirements-dev.txt",)
) -> Path:
    """Run `make setup` (or setup-azure) for these locks, once; return the `.venv`."""
    content = b"".join((project.path / lock).read_bytes() for lock in locks)
    home = ROOT / ".cache" / hashlib.sha256(content).hexdigest()[:12]
    home.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{home}.lock"):
        if not (home / "made").exists():
            for name in ("Makefile", *locks):
                shutil.copy2(project.path / name, home / name)
            made = subprocess.run(
                ["make", target],
                cwd=home,
                env=environment(),
                capture_output=True,
                encoding="utf-8",
                check=False,
            )
            assert made.returncode == 0, made.stdout + made.stderr
            (home / "made").touch()
    return home / ".venv"


@pytest.fixture(scope="session")
def make_ready(template: Path, tmp_path_factory: pytest.TempPathFactory):  # type: ignore[no-untyped-def]
    """Return a function that renders with some answers and gives the result its `.venv`."""

    def ready(**answers: str) -> ReadyProject:
        folder = cookiecutter(
            str(template),
            no_input=True,
            default_config=True,
            extra_context=answers,
            output_dir=str(tmp_path_factory.mktemp("ready")),
        )
        project = ReadyProject(Path(folder))
        (project.path / ".venv").symlink_to(set_up_once(project), target_is_directory=True)
        os.utime(project.path / ".venv" / ".made-from-lock")
        return project

    return ready


@pytest.fixture(scope="session")
def ready(make_ready) -> ReadyProject:  # type: ignore[no-untyped-def]
    """The repository of the default answers, shared: leave it as you found it."""
    project: ReadyProject = make_ready()
    return project


@pytest.fixture(scope="module")
def served(ready: ReadyProject, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The sample's model, served in a repository of the module's own; afterwards deleted."""
    from tests.generated.serving import serve

    endpoint = serve(ready, tmp_path_factory.mktemp("served"))
    yield endpoint
    endpoint.drive("deploy", "--delete")
