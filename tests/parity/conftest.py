"""One repository for each place, with the same package and the same table."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from standin import StandIn
from standin.specifications.witness import watched
from tests.azure.conftest import KEPT, SDK
from tests.conftest import Bake, BakedProject, environment
from tests.environments import give, install
from tests.forks import ForkServer, place_shim
from tests.generated.conftest import ENVIRONMENTS
from tests.parity.places import PLACES, Place, with_other_package

SCORES = """
from pathlib import Path
from amlkit.flow.environment import environment_definition
from amlkit.local.environments import LocalEnvironments
from amlkit.settings import load_settings
here = LocalEnvironments(Path(".local-workspace"))
here.interpreter(environment_definition(load_settings(Path.cwd()), serving=True), print)
"""
STEPS = {"azureml_sdk": "v2", "training_pipeline": True}
# tests/azure has these by SDK v1 as well.
V1_ELSEWHERE = {
    f"test_{scenario}"
    for scenario in ("second", "failed_job", "failed_smoke_test", "expired_token")
}
SDK_V2 = ("azure.ai.ml", "azure.ai.ml.entities", "azure.identity")


@pytest.fixture(scope="module", params=PLACES)
def place(
    request: pytest.FixtureRequest,
    bake: Bake,
    bake_anew: Bake,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Place]:
    """A place to work in, as its own repository has it."""
    name = request.param
    if name == "local":
        project = with_other_package(bake_anew(project_name="Parity local", **STEPS))
        give(project)
        _share_environments(project)
        here = Place(name, project, str(project.path / ".venv" / "bin" / "python"))
        yield here
        here.drive("deploy", "--delete")
        return
    answers = STEPS if name == "v2" else {"azureml_sdk": name}
    project = with_other_package(bake_anew(project_name=f"Parity {name}", **answers))
    give(project, "setup-azure")
    _share_environments(project)
    real = install(bake(azureml_sdk=name), "setup-azure") / "bin" / "python"
    python = tmp_path_factory.mktemp("sdk") / "python"
    # The stand-in's proxy lets nobody install: what scores a file here is there before.
    subprocess.run([real, "-c", SCORES], cwd=project.path, env=environment(), check=True)
    first = SDK if name == "v1" else SDK_V2
    with watched() as witness, StandIn(tmp_path_factory.mktemp("standin")) as standin:
        variables = {**standin.caller, "PYTHONUTF8": "1"}
        with ForkServer(Path(real), standin.caller, first, KEPT) as server:
            place_shim(python, [str(real)], server.socket)
            yield Place(name, project, str(python), standin, variables)
        assert not witness.violations, f"answers that are not as published: {witness.violations}"
        unhandled = [f"{e.method} {e.host}{e.path}" for e in standin.journal.unhandled()]
        assert not unhandled, f"the stand-in does not play: {unhandled}"


def _share_environments(project: BakedProject) -> None:
    """What serves and scores on this machine has one name, and is installed once."""
    config = project.path / "config.yml"
    text = config.read_text(encoding="utf-8")
    serving = f'name: "{project.path.name}-serve"'
    assert serving in text
    config.write_text(text.replace(serving, "name: parity-serve"), encoding="utf-8")
    ENVIRONMENTS.mkdir(parents=True, exist_ok=True)
    (project.path / ".local-workspace").mkdir(exist_ok=True)
    (project.path / ".local-workspace" / "environments").symlink_to(ENVIRONMENTS)


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups, and pytest what is left out
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The scenarios of a place share its repository, so one process runs them."""
    for item in items:
        if Path(__file__).parent in item.path.parents and hasattr(item, "callspec"):
            place = item.callspec.params["place"]
            item.add_marker(pytest.mark.slow)
            item.add_marker(pytest.mark.xdist_group(f"parity-{place}"))
            if place == "v1" and getattr(item, "originalname", "") in V1_ELSEWHERE:
                item.add_marker(pytest.mark.sweep)
