"""Azure with nothing in it, a user's machine with the real az, and a rendered repository."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from standin import StandIn
from standin.specifications.witness import watched
from tests.az.cloud import Cloud, Machine
from tests.azure.conftest import sdk_venv as sdk_venv
from tests.conftest import Bake

# az asks a server of its own for its newest version; nothing is lost where that is refused.
NOT_PLAYED = {"azcliprod.blob.core.windows.net"}


@pytest.fixture(scope="session")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A user's machine whose az is a fork for each call: quick. One for a process's tests."""
    with Machine(tmp_path_factory.mktemp("az") / "machine") as made:
        yield made


@pytest.fixture
def cloud(machine: Machine, bake: Bake, tmp_path: Path) -> Iterator[Cloud]:
    """A subscription with nothing in it, and a repository that knows it; one for each test."""
    machine.forget()
    yield from empty_cloud(machine, bake, tmp_path)


def empty_cloud(machine: Machine, bake: Bake, folder: Path, **answers: str) -> Iterator[Cloud]:
    """A cloud whose answers are held to what is published, and which plays all it is asked for."""
    with watched() as witness, StandIn(folder / "standin", empty=True) as standin:
        yield Cloud.begin(machine, standin, bake(**answers).path, folder / "work")
        assert not witness.violations, f"answers that are not as published: {witness.violations}"
        refused = {entry.host for entry in standin.journal.refused()} - NOT_PLAYED
        assert not refused, f"something asked for a host outside: {refused}"
        unhandled = [f"{e.method} {e.host}{e.path}" for e in standin.journal.unhandled()]
        assert not unhandled, f"the stand-in does not play: {unhandled}"


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The tests of a module share what it set up, so one process runs them; they install az."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.slow)
            if item.get_closest_marker("xdist_group") is None:
                item.add_marker(pytest.mark.xdist_group(f"az-{item.path.stem}"))
