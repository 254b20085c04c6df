"""A rendered repository with a `.venv`, made by its own `make setup`."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.conftest import Bake, BakedProject, environment
from tests.environments import give

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


MakeReady = Callable[..., ReadyProject]


@pytest.fixture(scope="session")
def make_ready(bake_anew: Bake) -> MakeReady:
    """Return a function that renders with some answers and gives the result its `.venv`."""

    def ready(**answers: str) -> ReadyProject:
        project = ReadyProject(bake_anew(**answers).path)
        give(project)
        return project

    return ready


@pytest.fixture(scope="session")
def ready(make_ready: MakeReady) -> ReadyProject:
    """The repository of the default answers, shared: leave it as you found it."""
    return make_ready()


@pytest.fixture(scope="module")
def served(ready: ReadyProject, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The sample's model, served in a repository of the module's own; afterwards deleted."""
    from tests.generated.serving import serve

    endpoint = serve(ready, tmp_path_factory.mktemp("served"))
    yield endpoint
    endpoint.drive("deploy", "--delete")
