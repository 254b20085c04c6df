"""A rendered repository with a `.venv`, made by its own `make setup`."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from filelock import FileLock

from tests.conftest import Bake, BakedProject, environment
from tests.environments import CACHE, give

if TYPE_CHECKING:
    from tests.generated.serving import Served

# Environments of local endpoints, by their content: kept from one session to the next.
ENVIRONMENTS = CACHE / "environments"


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

    def copy(self, folder: Path) -> ReadyProject:
        """A copy to work in."""
        shutil.copytree(self.path, folder, symlinks=True)
        return ReadyProject(folder)


@pytest.fixture(scope="session")
def ready(bake_anew: Bake) -> ReadyProject:
    """The repository of the default answers, shared: leave it as you found it."""
    project = ReadyProject(bake_anew().path)
    give(project)
    ENVIRONMENTS.mkdir(parents=True, exist_ok=True)
    (project.path / ".local-workspace").mkdir()
    (project.path / ".local-workspace" / "environments").symlink_to(ENVIRONMENTS)
    return project


@pytest.fixture(scope="session")
def trained(ready: ReadyProject, shared_folder: Path) -> ReadyProject:
    """The same, the sample's model registered; once for all workers, so only to be copied."""
    home = shared_folder / "trained"
    with FileLock(f"{home}.lock"):
        if not home.exists():
            half = shared_folder / "half trained"
            shutil.rmtree(half, ignore_errors=True)
            made = ready.copy(half)
            done = made.run(made.python, "src/model.py", "--local", "--json")
            assert done.returncode == 0, done.stdout + done.stderr
            assert json.loads(done.stdout)["registered"], done.stdout
            half.rename(home)
    return ReadyProject(home)


@pytest.fixture(scope="module")
def served(trained: ReadyProject, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The sample's model, served in a repository of the module's own; afterwards deleted."""
    from tests.generated.serving import serve

    endpoint = serve(trained, tmp_path_factory.mktemp("served"))
    yield endpoint
    endpoint.drive("deploy", "--delete")
