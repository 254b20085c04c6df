"""Promotion: production has a workspace of its own, and gets by content what staging serves."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from standin import StandIn
from tests.azure.conftest import AzureProject
from tests.azure.test_deploy import ask

GROUP, WORKSPACE = "standin-prod-rg", "standin-prod-ws"


@pytest.fixture(scope="module")
def production(project: AzureProject, standin: StandIn) -> dict[str, str]:
    """The variables of a second workspace; the files of the repository name both."""
    variables = standin.add_workspace(GROUP, WORKSPACE)
    account, config = standin.account, project.path / "config.yml"
    text = config.read_text(encoding="utf-8")
    for key in ("subscription_id", "resource_group", "workspace_name"):
        text = re.sub(rf"(?m)^  {key}: .*$", f'  {key}: "{getattr(account, key)}"', text)
    config.write_text(text, encoding="utf-8")
    with (project.path / "config.prod.yml").open("a", encoding="utf-8") as file:
        file.write(f"\nazure:\n  resource_group: {GROUP}\n  workspace_name: {WORKSPACE}\n")
    return variables


@pytest.fixture(scope="module")
def staged(project: AzureProject, production: dict[str, str]) -> dict[str, Any]:
    """What staging serves: another one than the newest of its workspace, by intention."""
    project.done("data")
    assert project.done("model")["registered"]
    return project.done("deploy")


@pytest.fixture
def changed_code(project: AzureProject) -> Iterator[Path]:
    """The owner's entry script with another line at its end."""
    script = next(project.path.glob("src/*/score.py"))
    before = script.read_text(encoding="utf-8")
    script.write_text(before + "\n# another line\n", encoding="utf-8")
    yield script
    script.write_text(before, encoding="utf-8")


def test_a_look_with_the_variables_of_staging_is_at_production(
    project: AzureProject, standin: StandIn, production: dict[str, str]
) -> None:
    """So does the pipeline's step that looks what is due there."""
    before = len(standin.journal.entries)
    record = project.done("deploy", "--env", "prod", "--status")
    assert record["due"]["is"] is False
    looked = [entry.path for entry in standin.journal.entries[before:]]
    assert any(f"/workspaces/{WORKSPACE}/" in path for path in looked)


def test_nothing_is_due_before_staging_serves(
    project: AzureProject, production: dict[str, str]
) -> None:
    record = project.done("deploy", "--env", "prod", "--due", **production)
    assert record["due"]["is"] is False and not record["switched"]


def test_what_staging_serves_is_due_only_from_the_same_checkout(
    project: AzureProject,
    production: dict[str, str],
    staged: dict[str, Any],
    changed_code: Path,
) -> None:
    record = project.done("deploy", "--env", "prod", "--due", **production)
    assert record["due"]["is"] is False
    assert "another code" in record["due"]["reason"]


def test_production_gets_the_same_bytes_and_answers_alike(
    project: AzureProject, standin: StandIn, production: dict[str, str], staged: dict[str, Any]
) -> None:
    version = staged["model"]["version"]
    told = project.done("deploy", "--env", "prod", "--status", **production)
    assert told["due"] == {"is": True, "version": version, "reason": told["due"]["reason"]}
    dry = project.done("deploy", "--env", "prod", "--due", "--dry-run", **production)
    assert not dry["switched"]
    record = project.done(
        *("deploy", "--env", "prod", "--due", "--model-version", version), **production
    )
    assert record["switched"]
    answers = []
    for done, variables, flags in ((staged, {}, ()), (record, production, ("--env", "prod"))):
        key = project.done("deploy", *flags, "--show-key", **variables)["key"]
        status, answer = ask(standin, done["endpoint"]["uri"], staged["example"], key)
        assert status == 200
        answers.append([answer["predictions"], answer["probabilities"]])
    assert answers[0] == answers[1]
    script = """
    from azureml.core import Model
    import hashlib, pathlib, tempfile
    model = Model(workspace, sys.argv[1], version=int(sys.argv[2]))
    folder = pathlib.Path(model.download(tempfile.mkdtemp()))
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    hashes = {p.relative_to(folder).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest()
              for p in files}
    print(json.dumps([hashes, model.tags]))
    """
    first, tags = project.sdk(script, staged["model"]["name"], version)
    second, copied = project.sdk(
        script, record["model"]["name"], record["model"]["version"], **production
    )
    assert first == second and first
    lineage = ("run_id", "data_version", "code_version", "git_commit", "metrics")
    assert {key: copied.get(key) for key in lineage} == {key: tags.get(key) for key in lineage}
    assert copied["promoted_from"].endswith(f"{staged['model']['name']}:{version}")


def test_the_second_time_nothing_is_due(
    project: AzureProject, standin: StandIn, production: dict[str, str], staged: dict[str, Any]
) -> None:
    before = len(standin.journal.entries)
    record = project.done("deploy", "--env", "prod", "--due", **production)
    assert record["due"]["is"] is False and "serves as it should" in record["due"]["reason"]
    sent = [entry for entry in standin.journal.entries[before:] if entry.method == "PUT"]
    assert not sent


def test_an_approval_of_another_version_is_not_followed(
    project: AzureProject, production: dict[str, str], staged: dict[str, Any]
) -> None:
    record = project.done("deploy", "--env", "prod", "--due", "--model-version", "99", **production)
    assert not record["switched"]
