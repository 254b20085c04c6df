"""From an empty subscription to a trained model and back, by the real `az`, in this order."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from standin.journal import Entry
from tests.az.cloud import Cloud, Done, Machine
from tests.az.conftest import empty_cloud
from tests.az.leaks import left_secrets
from tests.conftest import Bake

MADE = {
    "resource group": 1,
    "Microsoft.Storage/storageAccounts": 1,
    "Microsoft.KeyVault/vaults": 1,
    "Microsoft.OperationalInsights/workspaces": 1,
    "Microsoft.Insights/components": 1,
    "Microsoft.MachineLearningServices/workspaces": 1,
    "application": 1,
    "service principal": 1,
    "AzureML Data Scientist on workspaces": 1,
    "Storage Blob Data Contributor on storageAccounts": 1,
}


@pytest.fixture(scope="module")
def cloud(bake: Bake, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """One subscription for the module; at first az is started as the program that it is."""
    folder = tmp_path_factory.mktemp("az")
    with Machine(folder / "machine", forked=False) as machine:
        yield from empty_cloud(machine, bake, folder)


@pytest.fixture(scope="module")
def runs() -> list[Done]:
    """What was said so far: nothing of it may hold a secret."""
    return []


def measured(cloud: Cloud, *arguments: str) -> tuple[Done, list[Entry], int]:
    """A run, the requests that it made, and the number of az processes."""
    mark, calls = cloud.standin.journal.mark(), len(cloud.machine.program.calls())
    done = cloud.bootstrap(*arguments)
    requests = [e for e in cloud.standin.journal.since(mark) if not e.refused]
    return done, requests, len(cloud.machine.program.calls()) - calls


def changes(requests: list[Entry]) -> list[str]:
    """The requests that may change something; logins, questions and batches of them do not."""
    return [
        f"{e.method} {e.host}{e.path}"
        for e in requests
        if e.method not in ("GET", "HEAD")
        and e.host != "login.microsoftonline.com"
        and not e.path.endswith(("/checkNameAvailability", "/$batch"))
    ]


def told(capsys: pytest.CaptureFixture[str], what: str, *run: Any) -> None:
    """Prints the figures of a run, whatever pytest does with output."""
    done, requests, calls = run
    with capsys.disabled():
        seconds = done.record["seconds"]
        print(f"\n{what}: {calls} az processes, {len(requests)} requests, {seconds:.1f} s")


def test_plan_changes_nothing(cloud: Cloud, runs: list[Done]) -> None:
    """It reads, and shows everything as to be created."""
    done, requests, _ = measured(cloud, "plan", "--json")
    runs.append(done)
    assert done.code == 0, str(done)
    assert changes(requests) == []
    states = {each["step"]: each["state"] for each in done.record["steps"]}
    assert states["workspace"] == states["application"] == "to create"
    assert not cloud.inventory()


def test_the_first_apply_makes_everything(
    cloud: Cloud, runs: list[Done], capsys: pytest.CaptureFixture[str]
) -> None:
    """Each thing once, with the user's table in the container; printed: what it took."""
    run = measured(cloud, "apply", "--yes", "--json", "--data", "data/penguins.csv")
    runs.append(run[0])
    assert run[0].code == 0, str(run[0])
    made = cloud.inventory()
    assert {kind: made[kind] for kind in MADE} == MADE, made
    told(capsys, "first apply", *run)
    assert run[2] <= 27  # 25 without a table of one's own
    cloud.machine.program.fork()  # from here on: what az itself does was seen


def test_the_second_apply_creates_nothing(
    cloud: Cloud, runs: list[Done], capsys: pytest.CaptureFixture[str]
) -> None:
    """It only reads, with at most 7 processes."""
    before = cloud.inventory()
    run = measured(cloud, "apply", "--yes", "--json")
    done, requests, calls = run
    runs.append(done)
    assert done.code == 0, str(done)
    assert done.record["created"] == []
    assert changes(requests) == []
    assert calls <= 7 and cloud.inventory() == before
    told(capsys, "second apply", *run)


def test_status_shows_what_stands(cloud: Cloud, runs: list[Done]) -> None:
    """Each step by itself, and whose it is, with at most 7 processes."""
    done, _, calls = measured(cloud, "status", "--json")
    runs.append(done)
    assert done.code == 0, str(done)
    assert calls <= 7
    steps = {each["step"]: each for each in done.record["steps"]}
    assert steps["workspace"]["state"] == "there" and steps["workspace"]["ours"]
    assert steps["providers"]["state"] == "there" and not steps["providers"]["ours"]


def test_the_secret_reaches_the_pipelines_alone(cloud: Cloud, runs: list[Done]) -> None:
    """It is in the variable group, and nowhere that anything was written or could be read."""
    words = ["--to", "azure-devops", "--organization", "contoso", "--project", "churn", "--json"]
    runs.append(cloud.bootstrap("credentials", *words))
    assert runs[-1].code == 0, str(runs[-1])
    assert cloud.inventory()["secret"] == 1
    assert left_secrets(cloud, runs) == []


def test_the_drivers_reach_the_workspace(cloud: Cloud, sdk_venv: Path) -> None:
    """What the pipelines get is enough for the data driver, with the unmodified SDK v1."""
    application = next(iter(cloud.standin.world.applications.values())).body["appId"]
    [secret] = cloud.standin.account.credentials[application].values()
    group = next(iter(cloud.standin.world.variable_groups.values())).variables
    names = {
        "TENANT_ID": "TenantID",
        "SPN_ID": "SpnID",
        "SUBSCRIPTION_ID": "SubscriptionID",
        "RESOURCE_GROUP": "ResourceGroup",
        "AML_WORKSPACE_NAME": "AmlWorkspaceName",
    }
    assert group["SpnPassword"] == {"isSecret": True, "value": secret}
    given = {name: group[variable]["value"] for name, variable in names.items()}
    done = subprocess.run(
        [str(sdk_venv / "bin" / "python"), "src/data.py", "--json"],
        cwd=cloud.project,
        env={**cloud.environment(), **given, "SPN_PASSWORD": secret},
        capture_output=True,
        encoding="utf-8",
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["data"]["rows"] > 0
    assert cloud.standin.journal.find(host=r"api\.azureml\.ms", path_regex="/dataset/")


def test_destroy_removes_what_it_made(cloud: Cloud, runs: list[Done]) -> None:
    """All of it, from another clone; what Azure keeps is said, with what ends it."""
    another = Cloud(cloud.machine, cloud.standin, cloud.project.with_name("clone"))
    shutil.copytree(cloud.project, another.project)
    shutil.rmtree(another.project / ".azure-bootstrap")
    done = another.bootstrap("destroy", "--yes", "--json")
    runs.append(done)
    assert done.code == 0, str(done)
    left = cloud.inventory()
    assert set(left) <= {"variable group", "resource group"}, left
    kept = " ".join(each["what"] for each in done.record["kept_by_azure"])
    assert "Key Vault" in kept and "workspace" in kept


def test_what_is_in_the_way_of_an_apply_is_told_before_it(cloud: Cloud) -> None:
    """Azure keeps the deleted workspace's name."""
    done = cloud.bootstrap("apply", "--yes", "--json")
    assert done.code == 1
    assert "destroy --purge" in done.record["error"]


def test_destroyed_for_good_all_can_be_made_again(cloud: Cloud, runs: list[Done]) -> None:
    """From either clone: the names are free."""
    done = cloud.bootstrap("destroy", "--purge", "--yes", "--json")
    runs.append(done)
    assert done.code == 0, str(done)
    assert "resource group" not in cloud.inventory()
    cloud.apply()
    made = cloud.inventory()
    assert {kind: made[kind] for kind in MADE} == MADE, made
    done = cloud.bootstrap("destroy", "--purge", "--yes", "--json")
    assert done.code == 0, str(done)
    assert set(cloud.inventory()) <= {"variable group"}
    assert not cloud.standin.world.deleted
    # Of the application that was removed without --purge Entra ID keeps the name for a month.
    assert len(cloud.standin.world.deleted_applications) == 1
