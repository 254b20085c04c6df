"""A team's days: what is skipped, refused, broken, resumed, rejected and rolled back.

The team has an agent of its own, which keeps its folder, and few unit tests; so CI is quick.
"""

from __future__ import annotations

import csv
import random
from pathlib import Path

import pytest

from tests.pipelines.chains.conftest import Found
from tests.pipelines.chains.organisation import Organisation
from tests.pipelines.runner.checkout import git
from tests.pipelines.runner.coverage import KINDS
from tests.pipelines.runner.results import Run

CLOUD = ("data", "environment", "training", "staging", "production")
# The first line of the sample's training.
HEAD = "    told = job.settings\n"
# The stage of a pipeline that has jobs alone.
ONLY = "__default"
RUN = r"/history/v1\.0/.*/runs/[^/]+(/details)?$"


@pytest.fixture(scope="module")
def team(found: Found) -> Organisation:
    """A team with an agent of its own, few tests, and a table of noise beside the sample."""
    team = found("Chain day by day")
    for path in (*team.path.glob("pipelines/*.yml"), team.path / "azure-pipelines.yml"):
        if path.name not in ("variables.yml", "steps.yml"):
            name = str(path.relative_to(team.path))
            team.edit(name, "pool: {vmImage: ubuntu-24.04}", "pool: {name: own-pool}")
    for path in team.path.glob("tests/test_*.py"):
        if path.name != "test_features.py":
            path.unlink()
    write_noise(team.path / "data" / "penguins.csv", team.path / "data" / "noise.csv")
    team.push("an agent of our own, few tests, a table of noise")
    return team


@pytest.fixture(scope="module")
def first(team: Organisation) -> Run:
    """The run that deployed version 1."""
    run = team.run(reason="IndividualCI")
    assert run.result == "Succeeded", run.failed
    return run


def write_noise(source: Path, target: Path) -> None:
    """The table with its target shuffled: nothing can be learnt from it."""
    with source.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    answers = [row["Sex"] for row in rows]
    random.Random(0).shuffle(answers)
    with target.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows({**row, "Sex": answer} for row, answer in zip(rows, answers, strict=True))


def skipped(run: Run) -> set[str]:
    """The stages that were not run."""
    return {name for name, result in run.results.items() if result == "Skipped"}


def test_the_schedule_trains_and_writes_nothing_where_nothing_changed(
    team: Organisation, first: Run
) -> None:
    mark = team.standin.journal.mark()
    run = team.run(reason="Schedule")
    assert run.result == "Succeeded", run.failed
    assert skipped(run) == {"ci", "data", "environment", "staging", "production"}
    assert "has the same inputs" in run.log
    assert run.job("training", "train").outputs["model.new_version"] == ""
    assert team.changes(mark) == []


def test_a_pull_request_runs_ci_and_nothing_else(team: Organisation, first: Run) -> None:
    mark = team.standin.journal.mark()
    run = team.run(reason="PullRequest", branch="refs/pull/1/merge")
    assert run.result == "Succeeded", run.failed
    assert skipped(run) == set(CLOUD)
    assert run.tests["total"] >= 3
    assert run.secrets == {team.service.access_token}
    assert team.standin.journal.since(mark) == []


def test_a_failing_ci_stops_everything_that_was_asked_for(team: Organisation, first: Run) -> None:
    git(team.path, "checkout", "--quiet", "-b", "broken-lint")
    (team.path / "src" / "broken.py").write_text("import nothing_used\n", encoding="utf-8")
    commit = team.push("what lint refuses")
    git(team.path, "checkout", "--quiet", "main")
    mark = team.standin.journal.mark()
    run = team.run(branch="refs/heads/broken-lint", commit=commit, parameters={"run": "everything"})
    assert (run.result, run.stages["ci"].result) == ("Failed", "Failed")
    assert run.stages["ci"].reason.startswith("Lint, format, types: exit code ")
    assert skipped(run) == set(CLOUD)
    assert team.standin.journal.since(mark) == []


def test_another_branch_reaches_azure_only_when_asked(team: Organisation, first: Run) -> None:
    run = team.run(branch="refs/heads/feature", cancel_at="ci")
    outputs = run.job("changes", "look").outputs
    wanted = {name for name, value in outputs.items() if value == "true"}
    assert wanted == {"inputs.ci"}
    assert run.result == "Canceled"
    assert skipped(run) == {"ci", *CLOUD}


def test_a_training_that_fails_stops_the_deployment(team: Organisation, first: Run) -> None:
    """It fails on Azure alone, so that CI does not see it."""
    crash = "    import os\n\n    if 'AZUREML_RUN_ID' in os.environ:\n"
    crash += "        raise RuntimeError('broken on purpose')\n\n"
    team.edit(f"{team.package}/train.py", HEAD, crash.replace("'", '"') + HEAD)
    team.push("what breaks on Azure alone")
    run = team.run(reason="IndividualCI")
    team.undo()
    assert run.results == {
        "changes": "Succeeded",
        "ci": "Succeeded",
        "data": "Skipped",
        "environment": "Skipped",
        "training": "Failed",
        "staging": "Skipped",
        "production": "Skipped",
    }, run.failed
    assert "broken on purpose" in run.log
    assert team.serving()[0] == team.serving("--env", "prod")[0] == "1"


def test_a_gate_that_refuses_skips_the_deployment_and_says_why(
    team: Organisation, first: Run
) -> None:
    by_hand = team.run("pipelines/data.yml", parameters={"path": "data/noise.csv", "target": "Sex"})
    assert by_hand.result == "Succeeded", by_hand.failed
    run = team.run(reason="Schedule")
    assert run.result == "Succeeded", run.failed
    assert run.stages["training"].result == "Succeeded"
    assert {"staging", "production"} <= skipped(run)
    outputs = run.job("training", "train").outputs
    assert (outputs["model.registered"], outputs["model.new_version"]) == ("false", "")
    page = "".join(run.summaries)
    assert "misses the threshold" in page
    issues = [issue for step in run.steps for issue in step.issues]
    assert [issue.kind for issue in issues] == ["warning"]
    assert issues[0].text.startswith("nothing is deployed: ")
    assert (run.artifacts / "training-1" / "report.html").is_file()


def test_a_second_version_by_hand_while_the_token_expires(team: Organisation, first: Run) -> None:
    back = team.run("pipelines/data.yml")
    assert back.result == "Succeeded", back.failed
    fault = team.standin.fault(path=RUN, method="GET", after=2, expire_token=True)
    run = team.run(
        "pipelines/training.yml",
        parameters={"force": True, "replaceChampion": True, "experiment": "by-hand"},
    )
    assert fault.hits == 1
    assert run.result == "Succeeded", run.failed
    assert run.job(ONLY, "train").outputs["model.new_version"] == "2"


def test_a_run_that_outlives_its_pipeline_is_resumed(team: Organisation, first: Run) -> None:
    git(team.path, "checkout", "--quiet", "-b", "slow")
    team.edit(f"{team.package}/train.py", HEAD, f"{HEAD}    __import__('time').sleep(25)\n")
    commit = team.push("a slow training")
    git(team.path, "checkout", "--quiet", "main")
    short = {"waitMinutes": "0.01"}
    run = team.run(
        "pipelines/training.yml", branch="refs/heads/slow", commit=commit, parameters=short
    )
    assert run.result == "Failed"
    issues = [issue.text for step in run.steps for issue in step.issues]
    assert any("still going and the wait is over" in text for text in issues), issues
    outputs = run.job(ONLY, "train").outputs
    assert "model.registered" not in outputs
    run_id = outputs["model.run_id"]
    assert f"with runId {run_id} " in " ".join(issues)
    mark = team.standin.journal.mark()
    resumed = team.run("pipelines/training.yml", parameters={"runId": run_id})
    assert resumed.result == "Succeeded", resumed.failed
    assert resumed.job(ONLY, "train").outputs["model.run_id"] == run_id
    assert not [request for request in team.changes(mark) if "/execution/" in request]


def test_a_rejected_approval_leaves_production_as_it_is(team: Organisation, first: Run) -> None:
    team.service.approvals[f"{team.slug}-prod"] = False
    run = team.run("pipelines/deployment.yml", parameters={"modelVersion": "2"})
    assert (run.stages["staging"].result, run.result) == ("Succeeded", "Failed"), run.failed
    assert "rejected" in run.stages["production"].reason
    assert (team.serving()[0], team.serving("--env", "prod")[0]) == ("2", "1")


def test_an_approval_lets_production_have_what_staging_serves(
    team: Organisation, first: Run
) -> None:
    team.service.approvals[f"{team.slug}-prod"] = True
    run = team.run("pipelines/deployment.yml", parameters={"modelVersion": "2"})
    assert run.result == "Succeeded", run.failed
    assert (team.serving()[0], team.serving("--env", "prod")[0]) == ("2", "2")


def test_a_failed_smoke_test_stops_before_production(team: Organisation, first: Run) -> None:
    before = (team.serving(), team.serving("--env", "prod"))
    git(team.path, "checkout", "--quiet", "-b", "broken-service")
    score = team.path / team.package / "score.py"
    broken = "\n\ndef init():\n    raise RuntimeError('broken on purpose')\n"
    score.write_text(score.read_text(encoding="utf-8") + broken, encoding="utf-8")
    commit = team.push("a service that does not start")
    git(team.path, "checkout", "--quiet", "main")
    run = team.run("pipelines/deployment.yml", branch="refs/heads/broken-service", commit=commit)
    assert run.results == {"staging": "Failed", "production": "Skipped"}
    assert "broken on purpose" in run.log
    assert (team.serving(), team.serving("--env", "prod")) == before


def test_back_by_hand(team: Organisation, first: Run) -> None:
    run = team.run("pipelines/deployment.yml", parameters={"rollback": True})
    assert run.result == "Succeeded", run.failed
    assert (team.serving()[0], team.serving("--env", "prod")[0]) == ("1", "1")


@pytest.mark.parametrize(("target", "flags"), [("staging", ()), ("production", ("--env", "prod"))])
def test_any_version_to_one_environment(
    team: Organisation, first: Run, target: str, flags: tuple[str, ...]
) -> None:
    run = team.run("pipelines/deployment.yml", parameters={"target": target, "modelVersion": "2"})
    assert run.results == {target: "Succeeded"}, run.failed
    assert team.serving(*flags)[0] == "2"


def test_the_environment_by_hand_builds_nothing_again(team: Organisation, first: Run) -> None:
    mark, builds = team.standin.journal.mark(), len(team.standin.builds)
    run = team.run("pipelines/environment.yml")
    assert run.result == "Succeeded", run.failed
    assert team.changes(mark) == []
    assert len(team.standin.builds) == builds


def test_ci_by_hand_with_a_warm_cache(team: Organisation, first: Run) -> None:
    run = team.run("pipelines/ci.yml")
    assert run.result == "Succeeded", run.failed
    hits = [step.log for step in run.steps if step.log.startswith("cache ")]
    assert len(hits) == 1
    assert ": true, from uv|" in hits[0]


def test_a_known_vulnerability_stops_ci(team: Organisation, first: Run) -> None:
    assert {"numpy", "ruff", "scikit-learn"} <= team.advisories.asked
    team.advisories.vulnerable.add("numpy")
    try:
        run = team.run("pipelines/ci.yml")
    finally:
        team.advisories.vulnerable.clear()
    assert run.result == "Failed"
    [reason] = [job.reason for stage in run.stages.values() for job in stage.jobs.values()]
    assert reason.startswith("Known vulnerabilities of locked packages: exit code ")
    assert "GHSA-0000-0000-0000" in run.log


def test_a_variable_that_the_group_lacks_is_named(team: Organisation, first: Run) -> None:
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


def test_no_run_met_a_variable_that_nothing_defines(team: Organisation, first: Run) -> None:
    assert [unknown for run in team.service.runs for unknown in run.unknown] == []


@pytest.mark.parametrize("kind", KINDS)
def test_all_that_stands_in_the_pipelines_was_met(
    team: Organisation, first: Run, kind: str
) -> None:
    """By the tests above: it holds for the whole module alone."""
    met, present = team.service.coverage.counts()[kind]
    print(f"\n{kind}: {met} of {present}")
    assert present > 0
    assert team.service.coverage.missed(kind) == []


def test_every_pipeline_was_run(team: Organisation, first: Run) -> None:
    print(f"\n{team.times()}")
    files = {f"pipelines/{path.name}" for path in team.path.glob("pipelines/*.yml")}
    parts = {"pipelines/variables.yml", "pipelines/steps.yml"}
    wanted = files - parts | {"azure-pipelines.yml"}
    assert {run.pipeline for run in team.service.runs} == wanted
