"""What pushes, pull requests and the schedule run: azure-pipelines.yml, from a fresh rendering on.

The first runs are on hosted machines with an empty cache; the unit tests of the drivers, which CI
runs on the sample as well, are left out. Then the team gets an agent of its own, which keeps its
folder, and keeps few of its unit tests.
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

STAGES = ["changes", "ci", "data", "environment", "training", "staging", "production"]
CLOUD = set(STAGES) - {"changes", "ci"}


@pytest.fixture(scope="module")
def team(found: Found) -> Organisation:
    """A team that has just rendered its repository, with a table of noise beside the sample."""
    team = found("Chain of pushes")
    write_noise(team.path / "data" / "penguins.csv", team.path / "data" / "noise.csv")
    team.keep_tests("features", "train", "score")
    team.push("a table of noise")
    return team


@pytest.fixture(scope="module")
def first(team: Organisation) -> Run:
    """The run that the first push starts."""
    return team.run(reason="IndividualCI")


@pytest.fixture(scope="module")
def own_agent(team: Organisation, first: Run) -> None:
    """From here on the team has an agent of its own and few unit tests."""
    team.use_own_agent()
    team.keep_tests("features")
    team.push("an agent of our own, few tests")


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


def test_every_stage_runs_and_succeeds(first: Run) -> None:
    assert first.results == dict.fromkeys(STAGES, "Succeeded"), first.failed
    assert first.unknown == []


def test_both_endpoints_answer_with_the_model_that_was_trained(
    team: Organisation, first: Run
) -> None:
    assert first.job("training", "train").outputs["model.new_version"] == "1"
    for flags in ((), ("--env", "prod")):
        version, predictions = team.serving(*flags)
        assert version == "1"
        assert set(predictions) <= {"MALE", "FEMALE"}


def test_the_runs_page_has_tests_coverage_metrics_and_the_report(first: Run) -> None:
    assert first.tests["total"] >= 8
    assert first.tests["failed"] == 0
    assert first.line_coverage is not None
    assert first.line_coverage > 0.5
    page = "".join(first.summaries)
    assert "roc_auc" in page
    report = (first.artifacts / "training-1" / "report.html").read_text(encoding="utf-8")
    assert "roc_auc" in report or "ROC" in report


def test_a_second_push_without_a_change_does_nothing(team: Organisation, first: Run) -> None:
    mark = team.standin.journal.mark()
    run = team.run(reason="IndividualCI")
    assert run.results == {name: "Succeeded" if name == "changes" else "Skipped" for name in STAGES}
    assert team.standin.journal.since(mark) == []


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


def test_a_pull_request_runs_ci_and_nothing_else(team: Organisation, own_agent: None) -> None:
    mark = team.standin.journal.mark()
    run = team.run(reason="PullRequest", branch="refs/pull/1/merge")
    assert run.result == "Succeeded", run.failed
    assert skipped(run) == CLOUD
    [cache] = [step.log for step in run.steps if step.log.startswith("cache ")]
    assert ": true, from uv|" in cache
    assert run.tests["total"] >= 3
    assert run.secrets == {team.service.access_token}
    assert team.standin.journal.since(mark) == []


def test_a_failing_ci_stops_everything_that_was_asked_for(
    team: Organisation, own_agent: None
) -> None:
    git(team.path, "checkout", "--quiet", "-b", "broken-lint")
    (team.path / "src" / "broken.py").write_text("import nothing_used\n", encoding="utf-8")
    commit = team.push("what lint refuses")
    git(team.path, "checkout", "--quiet", "main")
    mark = team.standin.journal.mark()
    run = team.run(branch="refs/heads/broken-lint", commit=commit, parameters={"run": "everything"})
    assert (run.result, run.stages["ci"].result) == ("Failed", "Failed")
    assert run.stages["ci"].reason.startswith("Lint, format, types: exit code ")
    assert skipped(run) == CLOUD
    assert team.standin.journal.since(mark) == []


def test_another_branch_reaches_azure_only_when_asked(team: Organisation, own_agent: None) -> None:
    run = team.run(branch="refs/heads/feature", cancel_at="ci")
    outputs = run.job("changes", "look").outputs
    wanted = {name for name, value in outputs.items() if value == "true"}
    assert wanted == {"inputs.ci"}
    assert run.result == "Canceled"
    assert skipped(run) == {"ci", *CLOUD}


def test_a_training_that_fails_stops_the_deployment(team: Organisation, own_agent: None) -> None:
    """It fails on Azure alone, so that CI does not see it."""
    team.begin_training_with(
        "import os",
        "",
        'if "AZUREML_RUN_ID" in os.environ:',
        '    raise RuntimeError("broken on purpose")',
        "",
    )
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


def test_no_run_met_a_variable_that_nothing_defines(team: Organisation, first: Run) -> None:
    assert [unknown for run in team.service.runs for unknown in run.unknown] == []


@pytest.mark.parametrize("kind", KINDS)
def test_all_that_is_in_the_pipeline_was_met(team: Organisation, first: Run, kind: str) -> None:
    """By the tests above: it holds for the whole module alone."""
    team.all_met(kind)


def test_the_time_each_run_took(team: Organisation, first: Run) -> None:
    print(f"\n{team.times()}")
    assert {run.pipeline for run in team.service.runs} == {
        "azure-pipelines.yml",
        "pipelines/data.yml",
    }
