"""Azure on loopback for chains, and the teams whose pipelines are run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from standin import StandIn
from tests.azure.conftest import no_faults_left as no_faults_left
from tests.azure.conftest import sdk_python as sdk_python
from tests.azure.conftest import sdk_venv as sdk_venv
from tests.azure.conftest import standin as standin
from tests.conftest import Bake
from tests.pipelines.chains.organisation import Organisation, organisation

Found = Callable[[str], Organisation]


@pytest.fixture(scope="session")
def bytecode(shared_folder: Path) -> Path:
    """Where all machines keep what is compiled: those of other processes of the session too."""
    made = shared_folder / "bytecode"
    made.mkdir(exist_ok=True)
    return made


@pytest.fixture(scope="session")
def found(
    bake_anew: Bake,
    standin: StandIn,
    sdk_python: str,
    bytecode: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Found]:
    """Found an organisation: `found("Name of the project")`."""
    with ExitStack() as stack:

        def make(name: str) -> Organisation:
            rendered = bake_anew(project_name=name).path
            folder = tmp_path_factory.mktemp("team")
            return stack.enter_context(
                organisation(rendered, folder, standin, sdk_python, bytecode)
            )

        yield make


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The tests of a module share a team; they install and train."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.xdist_group(f"chains-{item.path.stem}"))
            item.add_marker(pytest.mark.slow)
