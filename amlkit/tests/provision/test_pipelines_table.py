"""The table of `bootstrap.py pipelines`: names, requests, and what hangs on what."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from amlkit.provision.cloud.az import Az
from amlkit.provision.cloud.client import Client, rest
from amlkit.provision.cloud.failures import Failure, Kind, Refused
from amlkit.provision.cloud.placeholders import fact
from amlkit.provision.pipelines import azure_devops, github
from amlkit.provision.pipelines.federation import credential
from amlkit.provision.pipelines.names import WORKFLOW, Repository, repository, variables
from amlkit.provision.pipelines.names import workflow_branch as branch_of
from amlkit.provision.pipelines.rows import Finding, Plan, make

NAMES = {
    "variableGroup": "churn",
    "productionVariableGroup": "churn-prod",
    "stagingEnvironment": "churn-staging",
    "productionEnvironment": "churn-prod",
    "mainBranch": "refs/heads/main",
}


# The forms in which the two services give their addresses.
@pytest.mark.parametrize(
    ("address", "name", "on_github"),
    [
        ("https://dev.azure.com/contoso/My%20Project/_git/my%20repo", "my repo", False),
        ("https://contoso@dev.azure.com/contoso/churn/_git/churn", "churn", False),
        ("https://contoso.visualstudio.com/DefaultCollection/churn/_git/churn", "churn", False),
        ("git@ssh.dev.azure.com:v3/contoso/churn/churn.ml", "churn.ml", False),
        ("contoso@vs-ssh.visualstudio.com:v3/contoso/churn/churn", "churn", False),
        ("https://github.com/contoso/churn.git", "contoso/churn", True),
        ("git@github.com:contoso/churn.ml.git", "contoso/churn.ml", True),
        ("ssh://git@github.com/contoso/churn", "contoso/churn", True),
        ("https://x-access-token:secret@github.com/contoso/churn", "contoso/churn", True),
    ],
)
def test_the_remote_names_the_repository(
    address: str, name: str, on_github: bool, tmp_path: Path
) -> None:
    assert repository(tmp_path, address) == Repository(name, on_github)
    for words in (["init", "-q"], ["remote", "add", "origin", address]):
        subprocess.run(["git", "-C", str(tmp_path), *words], check=True)
    assert repository(tmp_path, "") == Repository(name, on_github)


@pytest.mark.parametrize("address", ["https://gitlab.com/a/b", "", "git@gitlab.com:a/b.git"])
def test_another_host_is_refused(address: str, tmp_path: Path) -> None:
    with pytest.raises(Refused, match="--repository"):
        repository(tmp_path, address)


def test_names_that_are_missing_are_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="cannot be read"):
        variables(tmp_path)
    (tmp_path / "pipelines").mkdir()
    file = tmp_path / "pipelines" / "variables.yml"
    file.write_text("variables:\n- {name: variableGroup, value: churn}\n", encoding="utf-8")
    with pytest.raises(Refused, match="productionVariableGroup is missing"):
        variables(tmp_path)


def test_facts_keep_their_kind_and_unknown_ones_are_shown() -> None:
    project, number = fact("project"), fact("number")
    body = {"id": number, "name": f"a-{number}", "text": "{project} {0}"}
    command = rest("post", f"{project}/x", f"id={number}", body=body)
    assert not command.known({"project": "p"})
    filled = command.filled({"project": "p", "number": 7})
    assert filled == rest("post", "p/x", "id=7", body={**body, "id": 7, "name": "a-7"})
    assert "<project>/x" in command.filled({}).words


def test_what_others_wrote_into_an_approval_stays_as_it_is() -> None:
    """It is sent again with another approver: braces in it name no fact."""
    row = azure_devops.approval("churn-prod", ["approver_0"])
    there = {"instructions": "Look at {run} {0} first", "approvers": [{"id": "bob"}]}
    facts = {"organization": "o", "project": "p", "production": "1", "approver_0": "ada"}
    change = row.change({"id": 3, "settings": there}, facts)
    assert change is not None and change.known(facts)
    settings = change.filled(facts).body["settings"]
    assert settings == {**there, "approvers": [{"id": "bob"}, {"id": "ada"}]}


@pytest.mark.parametrize("federation", [True, False])
@pytest.mark.parametrize("on_github", [True, False])
def test_each_row_hangs_on_rows_before_it_alone(federation: bool, on_github: bool) -> None:
    wanted = azure_devops.Wanted(
        organization="contoso",
        project="churn",
        repository=Repository("contoso/churn" if on_github else "churn", on_github),
        variables=NAMES,
        approvers=["ada@contoso.example"],
        production=True,
        subscription="s",
        values={"TENANT_ID": "t"} if federation else {},
    )
    facts: dict[str, object] = {"organization_name": "contoso", "client": "c"}
    learnt = {
        "id": 1,
        "name": "n",
        "displayName": "d",
        "tenantId": "t",
        "authorization": {
            "parameters": {
                "workloadIdentityFederationIssuer": "i",
                "workloadIdentityFederationSubject": "s",
            }
        },
    }
    keys = set()
    for row in azure_devops.rows(wanted):
        assert row.look.known(facts), row.title
        assert row.make is None or row.make.known(facts), row.title
        assert row.make or row.advice, row.title
        assert row.key not in keys
        keys.add(row.key)
        facts |= row.learns(learnt)
    assert any(key.startswith("approval") for key in keys)


@pytest.mark.parametrize("branch", ["main", "trunk"])
def test_a_default_branch_that_the_workflow_does_not_name_is_told(
    branch: str, tmp_path: Path
) -> None:
    """Renamed, it would train and deploy no more, with nothing said: wildfly-operator#224."""
    path = tmp_path / WORKFLOW
    path.parent.mkdir(parents=True)
    path.write_text(f"on:\n  push:\n    branches: [{branch}]\n", encoding="utf-8")
    wanted = github.Wanted("contoso/churn", "s", "p", branch_of(tmp_path), [], {})
    rows = {row.key: row for row in github.rows(wanted)}
    [policy] = [row for key, row in rows.items() if key == "branch p"]
    assert policy.make and policy.make.body == {"name": branch}
    row = rows["default_branch"]
    assert row.optional and "`branches-ignore` in ci.yml" in row.advice
    assert row.pick({"default_branch": branch}, {})
    assert row.pick({"default_branch": "other"}, {}) is None


def test_a_workflow_without_a_branch_is_refused(tmp_path: Path) -> None:
    path = tmp_path / WORKFLOW
    path.parent.mkdir(parents=True)
    path.write_text("on: [push]\n", encoding="utf-8")
    with pytest.raises(Refused, match="names no branch"):
        branch_of(tmp_path)


class Refusing(Az):
    """An `az` that may do nothing."""

    def json(self, *arguments: str, **options: object) -> object:
        """See `Az.json`."""
        raise Failure(Kind.FORBIDDEN, "", "no right")


def test_what_is_refused_says_which_row_it_is_and_what_that_takes() -> None:
    row = credential("house-main", "main", "issuer", "subject")
    plan = Plan([Finding(row, None, row.make)], {"client": "c"})
    with pytest.raises(
        Failure, match=rf"^{row.title}: no right; .*; it takes an owner of the appl"
    ):
        make(plan, Client(Refusing(print)), print)
