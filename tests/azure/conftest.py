"""A rendered repository with the unmodified SDK, and Azure on loopback to run it against."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from standin import StandIn
from standin.specifications.witness import watched
from tests.conftest import Bake, BakedProject
from tests.environments import give, install
from tests.forks import ForkServer, place_shim
from tests.forks.jobs import forked_jobs

# What a driver or a script of the SDK imports first, and what others find imported.
SDK = ("azureml.core", "azureml.core.model", "azureml.core.webservice", "azureml.core.compute")
KEPT = (
    *("azureml", "azure", "msrest", "msal", "requests", "urllib3", "cryptography", "yaml"),
    *("numpy", "pandas", "pyarrow"),  # what reads tables
)


@dataclass(frozen=True)
class Answer:
    """What a driver said."""

    code: int
    record: dict[str, Any]
    said: str


@dataclass(frozen=True)
class AzureProject(BakedProject):
    """A rendered repository whose drivers reach the stand-in."""

    standin: StandIn
    python: str
    """That of its `.venv-azure`, with SDK v1: a fork of one that has imported it."""

    def by_itself(self) -> AzureProject:
        """The same, by the interpreter as a user starts it."""
        return replace(self, python=str(self.path / ".venv-azure" / "bin" / "python"))

    def environment(self, **more: str) -> dict[str, str]:
        """The variables of a driver: the way to the stand-in, and who calls."""
        return {**self.standin.caller, "PYTHONUTF8": "1", **more}

    def start(self, driver: str, *arguments: str, **more: str) -> subprocess.Popen[str]:
        """A driver with `--json`, under way."""
        return subprocess.Popen(
            [self.python, f"src/{driver}.py", "--json", *arguments],
            cwd=self.path,
            env=self.environment(**more),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )

    def drive(self, driver: str, *arguments: str, **more: str) -> Answer:
        """A driver with `--json`, to its end."""
        process = self.start(driver, *arguments, **more)
        out, err = process.communicate(timeout=600)
        secret = self.standin.account.client_secret
        assert secret not in out + err, "a driver printed the secret"
        return Answer(process.returncode, json.loads(out), err)

    def sdk(self, script: str, *arguments: str, **more: str) -> Any:
        """The JSON that a script with the SDK's `workspace` prints; it is not of this project."""
        head = """
        import json, os, sys, warnings
        warnings.simplefilter("ignore")
        from azureml.core import Workspace
        from azureml.core.authentication import ServicePrincipalAuthentication
        e = os.environ
        auth = ServicePrincipalAuthentication(e["TENANT_ID"], e["SPN_ID"], e["SPN_PASSWORD"])
        workspace = Workspace.get(
            e["AML_WORKSPACE_NAME"], auth, e["SUBSCRIPTION_ID"], e["RESOURCE_GROUP"]
        )
        """
        done = subprocess.run(
            [self.python, "-c", dedent(head) + dedent(script), *arguments],
            env=self.environment(**more),
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    def done(self, driver: str, *arguments: str, **more: str) -> dict[str, Any]:
        """What a driver that must succeed answered."""
        answer = self.drive(driver, *arguments, **more)
        assert answer.code == 0, answer.said
        return answer.record


@pytest.fixture(scope="session")
def standin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIn]:
    """Azure on loopback, shared by a process's tests: use names of your own."""
    with (
        watched() as witness,
        forked_jobs(tmp_path_factory.mktemp("jobs")),
        StandIn(tmp_path_factory.mktemp("standin")) as running,
    ):
        yield running
        assert not witness.violations, f"answers that are not as published: {witness.violations}"
        refused = [f"{entry.method} {entry.host}" for entry in running.journal.refused()]
        assert not refused, f"something asked for a host outside: {refused}"
        unhandled = [f"{e.method} {e.host}{e.path}" for e in running.journal.unhandled()]
        assert not unhandled, f"the stand-in does not play: {unhandled}"


@pytest.fixture(autouse=True)
def no_faults_left(standin: StandIn) -> Iterator[None]:
    """Faults end with the test that asked for them."""
    yield
    standin.clear_faults()


@pytest.fixture(scope="session")
def sdk_venv(bake: Any) -> Path:
    """The virtual environment that `make setup-azure` makes, made once for its content."""
    return install(bake(), "setup-azure")


@pytest.fixture(scope="session")
def sdk_python(
    sdk_venv: Path, standin: StandIn, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """A `python` that has the unmodified SDK v1: a fork of one that has imported it."""
    real, python = sdk_venv / "bin" / "python", tmp_path_factory.mktemp("sdk") / "python"
    with ForkServer(real, standin.caller, SDK, KEPT) as server:
        place_shim(python, [str(real)], server.socket)
        yield str(python)


@pytest.fixture(scope="module")
def project(
    bake_anew: Bake, standin: StandIn, sdk_python: str, request: pytest.FixtureRequest
) -> AzureProject:
    """A repository of the module's own; its name keeps its assets apart from other modules'."""
    module = request.module.__name__.rpartition(".test_")[2]
    project = AzureProject(bake_anew(project_name=f"Azure {module}").path, standin, sdk_python)
    give(project, "setup-azure")
    return project


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The tests of a module share a repository, so one process runs them; they install and train.

    Each process has a stand-in of its own.
    """
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.xdist_group(f"azure-{item.path.stem}"))
            item.add_marker(pytest.mark.slow)
