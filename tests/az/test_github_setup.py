"""`infra/bootstrap.py pipelines --to github` by the real `gh` and `az`."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator

import pytest

from standin.world.github_api import Repository
from tests.az.cloud import Cloud, Done, Machine
from tests.az.conftest import empty_cloud
from tests.az.world.caller import signs_in
from tests.conftest import Bake

INSTALL = ["apt-get", "install", "-y", "--no-install-recommends", "gh"]
FEDERATION = ("--set", "azure.auth=workload-identity")
ISSUER = "https://token.actions.githubusercontent.com"
APPROVER = ("--approver", "ada")
SIX = {"TENANT_ID", "SPN_ID", "AML_WORKSPACE_NAME", "RESOURCE_GROUP", "SUBSCRIPTION_ID"}


def check_gh() -> None:
    """Installs GitHub's client where that is ours to do; elsewhere the test fails without it."""
    if not shutil.which("gh") and sys.platform == "linux" and os.geteuid() == 0:
        for command in (["apt-get", "update"], INSTALL):
            subprocess.run(command, capture_output=True, check=False, timeout=600)
    if not shutil.which("gh"):
        pytest.fail(f"no `gh`: sudo {' '.join(INSTALL)}, or https://cli.github.com")


@pytest.fixture(scope="module")
def subscription(
    machine: Machine, bake: Bake, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Cloud]:
    """One cloud for the module, with an application that was handed out."""
    check_gh()
    machine.forget()
    folder = tmp_path_factory.mktemp("github")
    for cloud in empty_cloud(machine, bake, folder, ci_provider="github-actions"):
        cloud.standin.azure.github.add_user("ada")
        cloud.standin.azure.github.add_user("bob")
        made = cloud.az("ad", "app", "create", "--display-name", "handed-out")
        cloud.az("ad", "sp", "create", "--id", str(made["appId"]))
        yield cloud


@pytest.fixture
def cloud(subscription: Cloud) -> Cloud:
    """Nothing is set up."""
    subscription.standin.azure.github.repositories.clear()
    for application in subscription.standin.world.applications.values():
        application.federated.clear()
    subscription.standin.clear_faults()
    return subscription


def run(cloud: Cloud, *flags: str, **more: str) -> Done:
    """One run, unasked."""
    [application] = cloud.standin.world.applications.values()
    more = {
        "SPN_ID": application.body["appId"],
        "GH_TOKEN": cloud.standin.azure.github.token,
    } | more
    words = ("pipelines", "--to", "github", "--repository", "contoso/churn", "--yes", "--json")
    return cloud.bootstrap(*words, *flags, **more)


def writes(cloud: Cloud, since: int) -> int:
    """How many requests of the journal wrote."""
    entries = cloud.standin.journal.entries[since:]
    hosts = ("api.github.com", "graph.microsoft.com")
    return sum(entry.method != "GET" and entry.host in hosts for entry in entries)


def protected(repository: Repository, name: str) -> tuple[set[int], list[str]]:
    """Who approves, and which branches may."""
    found = repository.environments[name]
    people = {each["id"] for each in found.given.get("reviewers") or []}
    return people, [each["name"] for each in found.branches]


def test_without_a_secret_a_first_run_makes_all_and_a_second_nothing(cloud: Cloud) -> None:
    github = cloud.standin.azure.github
    repository = github.add_repository("contoso/churn")
    first = run(cloud, *APPROVER, *FEDERATION)
    assert first.code == 0, str(first)
    slug = cloud.project.name
    assert protected(repository, f"{slug}-staging") == (set(), ["main"])
    assert protected(repository, f"{slug}-prod") == ({github.users["ada"]}, ["main"])
    assert repository.variables == {"AZURE_AUTH": "workload-identity"}
    for environment in repository.environments.values():
        assert set(environment.secrets) == SIX
    named = f"repo:contoso@{repository.owner}/churn@{repository.id}"
    [application] = cloud.standin.world.applications.values()
    assert {(each["issuer"], each["subject"]) for each in application.federated} == {
        (ISSUER, f"{named}:environment:{slug}-{which}") for which in ("staging", "prod")
    }
    assert len(application.federated) == 2
    issuers = cloud.standin.azure.issuers
    client = str(application.body["appId"])
    for place, good in ((f"environment:{slug}-prod", True), ("ref:refs/heads/other", False)):
        token = issuers.token(ISSUER, f"{named}:{place}")
        assert signs_in(cloud.standin, client, token) is good
    assert first.record["next"] == ["gh variable set PRODUCTION --body on --repo contoso/churn"]
    since = len(cloud.standin.journal.entries)
    second = run(cloud, *APPROVER, *FEDERATION)
    assert second.code == 0 and second.record["made"] == [], str(second)
    assert writes(cloud, since) == 0
    # Its administrator goes back to names without ids: each credential trusts the other subject.
    repository.immutable = False
    renamed = run(cloud, *APPROVER, *FEDERATION)
    assert renamed.code == 0, str(renamed)
    assert {each["subject"] for each in application.federated} == {
        f"repo:contoso/churn:environment:{slug}-{which}" for which in ("staging", "prod")
    }
    # What others set stays when one more approves.
    repository.environments[f"{slug}-prod"].given["wait_timer"] = 30
    # And who else may use it is said: a tag named main is not the branch.
    others = [{"id": 71, "name": "release/*"}, {"id": 72, "name": "main", "type": "tag"}]
    repository.environments[f"{slug}-prod"].branches[:0] = [{"type": "branch"} | o for o in others]
    third = run(cloud, "--approver", "bob", *FEDERATION)
    assert third.code == 0, str(third)
    [note] = third.record["notes"]
    assert "branch release/*, tag main" in note and "deployment-branch-policies/71" in note
    assert protected(repository, f"{slug}-prod")[0] == set(github.users.values())
    assert repository.environments[f"{slug}-prod"].given["wait_timer"] == 30


def test_an_administrator_is_asked_for_the_federated_credentials(cloud: Cloud) -> None:
    """By the name that GitHub gives the repository; following the request lets it in."""
    repository = cloud.standin.azure.github.add_repository("contoso/churn")
    address = "https://github.com/contoso/churn.git"
    for words in (["init", "-q"], ["remote", "add", "origin", address]):
        subprocess.run(["git", "-C", str(cloud.project), *words], check=True)
    [application] = cloud.standin.world.applications.values()
    client = str(application.body["appId"])
    known = {"SPN_ID": client, "GH_TOKEN": cloud.standin.azure.github.token}
    done = cloud.bootstrap("plan", "--for-admin", "--json", *FEDERATION, **known)
    assert done.code == 0, str(done)
    lines = [e for e in done.record["request"].splitlines() if "federated-credential" in e]
    cloud.follow("\n".join(["```sh", *lines, "```"]))
    subject = f"repo:contoso@{repository.owner}/churn@{repository.id}:environment"
    for which in ("staging", "prod"):
        token = cloud.standin.azure.issuers.token(ISSUER, f"{subject}:{cloud.project.name}-{which}")
        assert signs_in(cloud.standin, client, token)


def test_with_a_secret_it_says_who_stores_it(cloud: Cloud) -> None:
    repository = cloud.standin.azure.github.add_repository("contoso/churn")
    done = run(cloud, *APPROVER)
    assert done.code == 0, str(done)
    assert len(repository.environments) == 2 and not repository.variables
    assert any("credentials --to github --env prod" in note for note in done.record["notes"])


@pytest.mark.parametrize(
    ("how", "flags", "words"),
    [
        ({"reviewers": False}, APPROVER, "GitHub Enterprise"),
        ({"admin": False}, APPROVER, "takes the role Admin"),
        ({}, (), "nobody approves what goes to production"),
        ({}, ("--approver", "eve"), "approver eve is missing"),
        (None, APPROVER, "repository contoso/churn is missing"),
    ],
    ids=["plan", "no administrator", "no approver", "unknown approver", "no repository"],
)
def test_what_is_in_the_way_is_told_in_a_line(
    cloud: Cloud, how: dict[str, bool] | None, flags: tuple[str, ...], words: str
) -> None:
    if how is not None:
        cloud.standin.azure.github.add_repository("contoso/churn", **how)
    done = run(cloud, *flags)
    assert done.code in (1, 2) and words in done.record["error"], str(done)


def test_who_is_not_logged_in_is_told_so(cloud: Cloud) -> None:
    cloud.standin.azure.github.add_repository("contoso/churn")
    done = run(cloud, *APPROVER, GH_TOKEN="gho_of_nobody")
    assert done.code == 1 and "gh auth login" in done.record["error"], str(done)


def test_a_run_whose_answer_is_lost_is_gone_on_with(cloud: Cloud) -> None:
    repository = cloud.standin.azure.github.add_repository("contoso/churn")
    cloud.standin.fault(".*/deployment-branch-policies", "POST", drop="after")
    run(cloud, *APPROVER)
    cloud.standin.clear_faults()
    assert run(cloud, *APPROVER).code == 0
    assert all(len(each.branches) == 1 for each in repository.environments.values())
