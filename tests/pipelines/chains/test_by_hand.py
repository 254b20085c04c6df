"""What is run by hand: the pipelines in pipelines/, each on an agent that keeps its folder."""

from __future__ import annotations

from typing import Any

import pytest

from tests.pipelines.chains.conftest import Found
from tests.pipelines.chains.organisation import Organisation
from tests.pipelines.conftest import choose
from tests.pipelines.runner.checkout import git
from tests.pipelines.runner.coverage import KINDS
from tests.pipelines.runner.results import Run

# The stage of a pipeline that has jobs alone.
ONLY = "__default"
RUN = r"/history/v1\.0/.*/runs/[^/]+(/details)?$"


@pytest.fixture(scope="module")
def team(found: Found, tmp_path_factory: pytest.TempPathFactory) -> Organisation:
    """A team with an agent of its own and few tests, in whose workspace there is nothing."""
    team = found("Chain by hand")
    team.use_own_agent()
    team.fork_drivers(tmp_path_factory.mktemp("forked"))
    team.keep_few_tests()
    # The pushes go all of the sample's way, in the same step.
    team.edit("pipelines/checks.yml", "in data environment model deploy; do", "in data; do")
    team.push("an agent of our own, few tests")
    return team


@pytest.fixture(scope="module")
def first(team: Organisation) -> None:
    """Version 1, from an empty workspace to both endpoints, one pipeline after the other."""
    for name in ("data", "environment", "training", "deployment"):
        run = team.run(f"pipelines/{name}.yml")
        assert run.result == "Succeeded", run.failed
    run = team.run("pipelines/deployment.yml", parameters={"target": "production"})
    assert run.result == "Succeeded", run.failed
    assert team.serving()[0] == team.serving("--env", "prod")[0] == "1"


def test_a_second_version_by_hand_while_the_token_expires(team: Organisation, first: None) -> None:
    fault = team.standin.fault(path=RUN, method="GET", after=2, expire_token=True)
    run = team.run(
        "pipelines/training.yml",
        parameters={"force": True, "replaceChampion": True, "experiment": "by-hand"},
    )
    assert fault.hits == 1
    assert run.result == "Succeeded", run.failed
    assert run.job(ONLY, "train").outputs["model.new_version"] == "2"


def test_a_run_that_nobody_waits_for_is_resumed(team: Organisation, first: None) -> None:
    git(team.path, "checkout", "--quiet", "-b", "slow")
    team.begin_training_with("__import__('time').sleep(5)")
    commit = team.push("a slow training")
    git(team.path, "checkout", "--quiet", "main")
    where: Any = {"branch": "refs/heads/slow", "commit": commit}
    run = team.run("pipelines/training.yml", parameters={"wait": False}, **where)
    assert run.result == "Succeeded", run.failed
    outputs = run.job(ONLY, "train").outputs
    assert "model.registered" not in outputs
    run_id = outputs["model.run_id"]
    assert run_id in run.log
    mark = team.standin.journal.mark()
    resumed = team.run("pipelines/training.yml", parameters={"runId": run_id})
    assert resumed.result == "Succeeded", resumed.failed
    assert resumed.job(ONLY, "train").outputs["model.run_id"] == run_id
    assert not [request for request in team.changes(mark) if "/execution/" in request]


def deploy(team: Organisation, target: str, **parameters: Any) -> Run:
    """Run pipelines/deployment.yml."""
    return team.run("pipelines/deployment.yml", parameters={"target": target, **parameters})


def test_a_rejected_approval_leaves_production_as_it_is(team: Organisation, first: None) -> None:
    team.service.approvals[f"{team.slug}-prod"] = False
    run = deploy(team, "production", modelVersion="2")
    team.service.approvals.clear()
    assert (run.result, run.agent_jobs) == ("Failed", [])
    assert "rejected" in run.stages[ONLY].reason
    assert team.serving("--env", "prod")[0] == "1"


def test_a_version_goes_where_it_is_sent(team: Organisation, first: None) -> None:
    assert deploy(team, "staging", modelVersion="2").result == "Succeeded"
    assert (team.serving()[0], team.serving("--env", "prod")[0]) == ("2", "1")
    assert deploy(team, "production", modelVersion="2").result == "Succeeded"
    assert team.serving("--env", "prod")[0] == "2"


def test_a_failed_smoke_test_leaves_what_serves(team: Organisation, first: None) -> None:
    before = team.serving()
    git(team.path, "checkout", "--quiet", "-b", "broken-service")
    score = team.path / team.package / "score.py"
    broken = "\n\ndef init():\n    raise RuntimeError('broken on purpose')\n"
    score.write_text(score.read_text(encoding="utf-8") + broken, encoding="utf-8")
    commit = team.push("a service that does not start")
    git(team.path, "checkout", "--quiet", "main")
    where: Any = {"branch": "refs/heads/broken-service", "commit": commit}
    run = team.run("pipelines/deployment.yml", parameters={"modelVersion": "2"}, **where)
    assert run.result == "Failed"
    assert "broken on purpose" in run.log
    assert team.serving() == before


def test_back_by_hand_and_the_next_run_leaves_it(team: Organisation, first: None) -> None:
    """The pipeline that triggers has production off here: it neither asks nor reaches it."""
    assert deploy(team, "staging").result == "Succeeded"  # the newest
    newest = team.serving()[0]
    for target in ("staging", "production"):
        assert deploy(team, target, rollback=True).result == "Succeeded"
    back = (team.serving()[0], team.serving("--env", "prod")[0])
    assert newest not in back
    run = team.run(reason="Schedule", lost={"ci.check": "Succeeded"})
    assert run.result == "Succeeded", run.failed
    assert run.results["staging"] == "Skipped"
    assert "production" not in run.results
    outputs = run.job("train", "train").outputs
    assert outputs["staging.due"] == "false"
    assert "production.due" not in outputs
    assert deploy(team, "staging").result == "Succeeded"  # by hand too: nothing is due
    assert (team.serving()[0], team.serving("--env", "prod")[0]) == back


def test_the_environment_by_hand_builds_nothing_again(team: Organisation, first: None) -> None:
    mark, builds = team.standin.journal.mark(), len(team.standin.builds)
    run = team.run("pipelines/environment.yml")
    assert run.result == "Succeeded", run.failed
    assert team.changes(mark) == []
    assert len(team.standin.builds) == builds


def test_a_known_vulnerability_stops_ci(team: Organisation, first: None) -> None:
    team.advisories.vulnerable.add("numpy")
    try:
        run = team.run("pipelines/ci.yml")
    finally:
        team.advisories.vulnerable.clear()
    assert run.result == "Failed"
    [reason] = [job.reason for stage in run.stages.values() for job in stage.jobs.values()]
    assert reason.startswith("Known vulnerabilities of locked packages: exit code ")
    assert "GHSA-0000-0000-0000" in run.log
    assert {"numpy", "ruff", "scikit-learn"} <= team.advisories.asked


def test_ci_by_hand(team: Organisation, first: None) -> None:
    run = team.run("pipelines/ci.yml")
    assert run.result == "Succeeded", run.failed
    assert run.tests["total"] >= 3


def test_a_variable_that_the_group_lacks_is_named(team: Organisation, first: None) -> None:
    password = team.service.groups[team.slug].pop("SpnPassword")
    try:
        run = team.run("pipelines/environment.yml")
    finally:
        team.service.groups[team.slug]["SpnPassword"] = password
    assert run.result == "Failed"
    issues = [issue.text for step in run.steps for issue in step.issues]
    assert any("no variable SpnPassword" in text for text in issues), issues
    assert any("SpnPassword" in unknown for unknown in run.unknown)
    run.unknown.clear()


def test_a_service_connection_in_place_of_the_secret(team: Organisation, first: None) -> None:
    """The group has names alone, and the token of the job is the one secret of the run."""
    issuers, client = team.standin.azure.issuers, team.standin.account.client_id
    step = issuers.pipelines_step(client)
    token = step.pop("SYSTEM_ACCESSTOKEN")
    trusted = issuers.connections[step["AZURESUBSCRIPTION_SERVICE_CONNECTION_ID"]]
    team.standin.azure.federated.add(client, *trusted)
    git(team.path, "checkout", "--quiet", "-b", "federated")
    choose(team.path, serviceConnection="azure")
    where: Any = {"branch": "refs/heads/federated", "commit": team.push("no secret")}
    git(team.path, "checkout", "--quiet", "main")
    kept = dict(team.service.groups[team.slug]), team.service.access_token
    for name in ("TenantID", "SpnID", "SpnPassword"):
        del team.service.groups[team.slug][name]
    team.service.connections["azure"], team.service.access_token = step, token
    run = team.run("pipelines/environment.yml", **where)
    team.service.groups[team.slug], team.service.access_token = kept
    assert run.result == "Succeeded", run.failed
    assert run.secrets == {token}


def test_no_run_met_a_variable_that_nothing_defines(team: Organisation, first: None) -> None:
    assert [unknown for run in team.service.runs for unknown in run.unknown] == []


@pytest.mark.parametrize("kind", KINDS)
def test_all_that_is_in_the_pipelines_was_met(team: Organisation, first: None, kind: str) -> None:
    """By the tests above: it holds for the whole module alone."""
    other = "azure-pipelines.yml"  # that of test_pushes.py
    team.all_met(kind, but=other, off="- task: UsePythonVersion@0")


def test_every_pipeline_was_run(team: Organisation, first: None) -> None:
    """All five, and the one that triggers."""
    print(f"\n{team.times()}")
    parts = {"variables.yml", "setup.yml", "driver.yml", "checks.yml"}
    files = {f"pipelines/{path.name}" for path in team.path.glob("pipelines/*.yml")}
    files = {name for name in files if name.removeprefix("pipelines/") not in parts}
    assert {run.pipeline for run in team.service.runs} == files | {"azure-pipelines.yml"}
