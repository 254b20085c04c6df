"""A rendered repository with GitHub's workflows, and Azure on loopback for it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any

import pytest
from uv import find_uv_bin

from standin import StandIn, callers
from standin.issuers import GITHUB
from tests.azure.conftest import no_faults_left as no_faults_left
from tests.azure.conftest import sdk_python as sdk_python
from tests.azure.conftest import sdk_venv as sdk_venv
from tests.azure.conftest import standin as standin
from tests.conftest import Bake
from tests.environments import give
from tests.github.engine import Run, Runner
from tests.pipelines.chains.advisories import Advisories
from tests.pipelines.chains.conftest import bytecode as bytecode
from tests.pipelines.chains.organisation import Organisation, machine, python311
from tests.pipelines.runner.checkout import git
from tests.pipelines.runner.variables import leaks
from tests.pipelines.runner.watching import Watch

CHECKED = "    - uses: ./.github/actions/setup\n"


@dataclass
class Team(Organisation):
    """An organisation on GitHub: its workflows are run by act."""

    runner: Runner = None  # type: ignore[assignment]  # beside the fields of Azure DevOps

    def act(
        self,
        workflow: str,
        event: str,
        *,
        production: bool = True,
        federated: bool = False,
        **how: Any,
    ) -> Run:
        """Run a workflow with the six secrets, which may stand in nothing that is said or kept.

        Federated: without a secret, and with the token of a job in staging's environment.
        """
        secrets = callers.variables(self.standin.account)
        variables = {"PRODUCTION": "on" if production else "off"}
        secret = secrets["SPN_PASSWORD"]
        if federated:
            del secrets["SPN_PASSWORD"]
            variables["AZURE_AUTH"] = "workload-identity"
            how["token"] = self.token()
            secret = how["token"]["ACTIONS_ID_TOKEN_REQUEST_TOKEN"]
        with Watch({secret}) as watch:
            run = self.runner.run(workflow, event, secrets=secrets, variables=variables, **how)
        assert not watch.found, watch.found
        self.no_secret_in(run, secret)
        return run

    def token(self) -> dict[str, str]:
        """The variables of a job in staging's environment, whose tokens Entra trusts."""
        subject = f"repo:contoso/{self.slug}:environment:{self.slug}-staging"
        azure, client = self.standin.azure, self.standin.account.client_id
        azure.federated.add(client, GITHUB, subject)
        step = azure.issuers.github_step(subject)
        return {name: text for name, text in step.items() if name != "GITHUB_ACTIONS"}

    def no_secret_in(self, run: Run, secret: str) -> None:
        """A secret is not in the log, nor in anything that the runner keeps."""
        kept = [path for path in run.artifacts.parent.rglob("*") if path.is_file()]
        texts = [("the log", run.log.encode())]
        texts += [(str(path), path.read_bytes()) for path in kept]
        assert leaks(texts, {secret}) == []

    def by_hand(self, what: str, *, production: bool = True, **inputs: Any) -> Run:
        """What *Run workflow* starts."""
        given = {"run": what, "wait": True, **inputs}
        # An event has texts; of them the context `inputs` makes booleans.
        texts = {n: str(v).lower() if isinstance(v, bool) else v for n, v in given.items()}
        payload = {"inputs": texts}
        event = "workflow_dispatch"
        return self.act("train-and-deploy.yml", event, payload=payload, production=production)


@pytest.fixture(scope="module")
def team(
    bake_anew: Bake,
    standin: StandIn,
    sdk_python: str,
    bytecode: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Team]:
    """A fresh rendering, committed; the runner keeps virtual environments as one's own does.

    That of the drivers is a fork of one that has imported the SDK.
    """
    project = bake_anew(project_name="Flow on GitHub", ci_provider="github-actions")
    folder = tmp_path_factory.mktemp("github")
    give(project, "setup-azure")
    kept = folder / "kept" / ".venv-azure"
    (kept / "bin").mkdir(parents=True)
    shutil.copy2(project.path / ".venv-azure" / "pyvenv.cfg", kept / "pyvenv.cfg")
    (kept / "bin" / "python").symlink_to(sdk_python)
    (project.path / ".venv-azure").unlink()
    git(project.path, "init", "--quiet", "--initial-branch=main")
    with Advisories() as audited:
        env = machine(standin, folder, bytecode) | audited
        env |= {
            "PYTHON_OF_RUNNER": os.path.dirname(python311()),
            "CACHE_OF_RUNNER": said_by(find_uv_bin(), "cache", "dir"),
            "KEPT_BY_RUNNER": str(folder / "kept"),
        }
        runner = Runner(project.path, folder, env)
        has: dict[str, Any] = {"path": project.path, "standin": standin, "python": sdk_python}
        nothing = [one.name for one in fields(Organisation) if one.default is MISSING]
        no_keys: dict[str, Any] = {
            one.name: {} for one in fields(Organisation) if one.name == "keys"
        }
        team = Team(**{**dict.fromkeys(nothing), **no_keys, **has, "runner": runner})
        team.push("rendered")
        yield team


def said_by(*command: str) -> str:
    """What a program prints."""
    return subprocess.run(command, check=True, capture_output=True, encoding="utf-8").stdout.strip()


@pytest.fixture(scope="module")
def checked(team: Team) -> None:
    """From here on CI is one step that succeeds: what it runs has been run once by then."""
    path = team.path / ".github/workflows/ci.yml"
    head, _, _ = path.read_text(encoding="utf-8").partition(CHECKED)
    path.write_text(head + "    - run: test -f README.md\n", encoding="utf-8")
    team.push("a short CI")


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The tests of a module share a team, so one process runs them; they install and train."""
    for item in items:
        if item.path.parent == Path(__file__).parent and item.path.stem == "test_runs":
            item.add_marker(pytest.mark.xdist_group("github-runs"))
            item.add_marker(pytest.mark.slow)
