"""What pushes, pull requests and the schedule run: azure-pipelines.yml, from a fresh rendering on.

The first runs are on hosted machines with an empty cache; the unit tests of the drivers, which CI
runs on the sample as well, are left out. Then the team gets an agent of its own, which keeps its
folder and has no tool cache, and CI is played where a test is about what comes after it.
"""

from __future__ import annotations

import csv
import random
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.pipelines.chains.conftest import Found
from tests.pipelines.chains.organisation import Organisation
from tests.pipelines.conftest import choose
from tests.pipelines.runner.checkout import git
from tests.pipelines.runner.coverage import KINDS
from tests.pipelines.runner.orchestrator import TIMED_OUT
from tests.pipelines.runner.results import Run

STAGES = ["ci", "train", "staging", "production"]
PASSED: dict[str, Any] = {"lost": {"ci.check": "Succeeded"}}  # a CI that is not run anew
SERVICES = r"/services(\?.*)?$"
SUBMITTED = "/execution/"
POLLED = re.compile(r"/history/v1\.0/.*/runs/[^/]+/details$")


@pytest.fixture(scope="module")
def team(found: Found) -> Organisation:
    """A team that has just rendered its repository, and set up production."""
    team = found("Chain of pushes")
    team.keep_tests("train", "score")
    choose(team.path, production="on")
    team.push("production is set up")
    return team


@pytest.fixture(scope="module")
def first(team: Organisation) -> Run:
    """The run that the first push starts."""
    return team.run(reason="IndividualCI")


@pytest.fixture(scope="module")
def unchanged(team: Organisation, first: Run) -> tuple[Run, list[str]]:
    """The run after it, with nothing changed, and its requests that changed something."""
    mark = team.standin.journal.mark()
    run = team.run(reason="Schedule", **PASSED)
    return run, team.changes(mark)


@pytest.fixture(scope="module")
def own_agent(
    team: Organisation,
    first: Run,
    unchanged: tuple[Run, list[str]],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """From here on the team has an agent of its own, few unit tests and little of the sample.

    The first run went all the way of the sample, its drivers by themselves; the steps are the same
    here.
    """
    team.use_own_agent()
    team.fork_drivers(tmp_path_factory.mktemp("forked"))
    team.keep_few_tests()
    team.edit("pipelines/checks.yml", "in data environment model deploy; do", "in data; do")
    team.push("an agent of our own, few tests")


def shuffle_target(table: Path) -> None:
    """The table with its target shuffled: nothing can be learnt from it."""
    with table.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    answers = [row["Sex"] for row in rows]
    random.Random(0).shuffle(answers)
    with table.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows({**row, "Sex": answer} for row, answer in zip(rows, answers, strict=True))


def served(team: Organisation) -> tuple[str, str]:
    """The versions that staging and production serve."""
    return team.serving()[0], team.serving("--env", "prod")[0]


def outputs(run: Run) -> dict[str, str]:
    """What the train stage said."""
    return run.job("train", "train").outputs


def test_every_stage_runs_and_succeeds(first: Run) -> None:
    assert first.results == dict.fromkeys(STAGES, "Succeeded"), first.failed
    assert first.unknown == []


def test_both_endpoints_answer_with_the_model_that_was_trained(
    team: Organisation, first: Run
) -> None:
    assert outputs(first)["model.new_version"] == "1"
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


def test_with_nothing_changed_one_job_looks_and_writes_nothing(
    team: Organisation, unchanged: tuple[Run, list[str]]
) -> None:
    run, changes = unchanged
    assert run.result == "Succeeded", run.failed
    assert run.agent_jobs == ["train.train"]  # beside CI's
    assert "has the same inputs" in run.log
    found = outputs(run)
    assert (found["staging.due"], found["production.due"]) == ("false", "false")
    assert found["model.new_version"] == ""
    assert changes == []
    for step in run.job("train", "train").steps:
        print(f"{step.seconds:6.1f} s {step.title}")


@pytest.fixture(scope="module")
def refused(team: Organisation, own_agent: None) -> Run:
    """The first on one's own agent: of a table of noise."""
    shuffle_target(team.path / "data" / "penguins.csv")
    team.push("a table of noise")
    run = team.run(reason="IndividualCI", **PASSED)
    team.undo()
    return run


def test_a_pull_request_runs_ci_and_nothing_else(team: Organisation, refused: Run) -> None:
    """On an agent that keeps its folder, where Azure's SDK is in an environment beside CI's."""
    mark = team.standin.journal.mark()
    run = team.run(reason="PullRequest", branch="refs/pull/1/merge")
    assert run.results == {"ci": "Succeeded"}, run.failed
    assert run.tests["total"] >= 3
    assert run.secrets == {team.service.access_token}
    assert team.standin.journal.since(mark) == []
    sources = team.service.folder / "agents" / "own-1" / "work" / "1" / "s"
    sdk = "lib/python3.11/site-packages/azureml/core"
    assert (sources / ".venv-azure" / sdk).is_dir()
    assert (sources / ".venv").is_dir()
    assert not (sources / ".venv" / sdk).exists()


def test_a_failing_ci_stops_everything(team: Organisation, own_agent: None) -> None:
    (team.path / "src" / "broken.py").write_text("import nothing_used\n", encoding="utf-8")
    team.push("what lint refuses")
    mark = team.standin.journal.mark()
    run = team.run(reason="IndividualCI")
    team.undo()
    assert run.results == dict(zip(STAGES, ["Failed", *["Skipped"] * 3], strict=True))
    assert run.stages["ci"].reason.startswith("Lint, format, types: exit code ")
    # That no test has run is no second fault.
    assert [step.title for step in run.steps if step.result == "Failed"] == ["Lint, format, types"]
    assert team.standin.journal.since(mark) == []


def test_a_gate_that_refuses_skips_the_deployment_and_says_why(refused: Run) -> None:
    run = refused
    assert run.result == "Succeeded", run.failed
    assert run.agent_jobs == ["train.train"]
    found = outputs(run)
    assert (found["model.registered"], found["model.new_version"]) == ("false", "")
    assert "misses the threshold" in "".join(run.summaries)
    issues = [issue for step in run.steps for issue in step.issues]
    assert [issue.kind for issue in issues] == ["warning"]
    assert issues[0].text.startswith("nothing is deployed: ")
    assert (run.artifacts / "training-1" / "report.html").is_file()


@pytest.fixture(scope="module")
def failed_staging(team: Organisation, own_agent: None) -> Run:
    """Of a new definition of what serves, which Azure would not take."""
    team.edit("config.yml", "    memory_gb: 2\n", "    memory_gb: 3\n")
    team.push("more memory")
    team.standin.fault(path=SERVICES, method="POST", status=400, count=50)
    return team.run(reason="IndividualCI", **PASSED)


def test_a_staging_that_fails_stops_production(team: Organisation, failed_staging: Run) -> None:
    run = failed_staging
    results = ["Succeeded", "Succeeded", "Failed", "Skipped"]
    assert run.results == dict(zip(STAGES, results, strict=True)), run.failed
    assert outputs(run)["staging.due"] == "true"
    assert "is not deployed: Azure ML: " in run.log
    assert served(team) == ("1", "1")


@pytest.fixture(scope="module")
def made_up(team: Organisation, failed_staging: Run) -> Run:
    """By the schedule. What is due in production is not known, and nobody approves it in time."""
    team.service.approvals[f"{team.slug}-prod"] = TIMED_OUT
    # Staging is asked about before production is.
    team.standin.fault(path="/services$", method="GET", status=403, after=1)
    return team.run(reason="Schedule", **PASSED)


def test_the_schedule_makes_up_for_what_failed(made_up: Run) -> None:
    """And an approval that times out passes for success, with production as it was."""
    assert made_up.result == "SucceededWithIssues", made_up.failed
    assert made_up.agent_jobs == ["train.train", "staging.serve"]
    assert made_up.job("staging", "serve").outputs["serve.deploy.switched"] == "true"


def test_what_is_not_known_of_production_holds_up_production_alone(made_up: Run) -> None:
    found = outputs(made_up)
    assert (found["staging.due"], found.get("production.due", "")) == ("true", "")
    asked = made_up.job("train", "train").step("production")
    assert asked.result == "SucceededWithIssues"
    assert [issue.kind for issue in asked.issues] == ["error"]


@dataclass
class Late:
    """A run that is approved late, and those that went through while it waited."""

    run: Run
    meanwhile: list[Run]
    submitted: list[bool]  # whether each of them submitted a training


@pytest.fixture(scope="module")
def late(team: Organisation, made_up: Run) -> Late:
    """Version 1 waits for production while another run deploys it, and the next one version 2.

    The first wait for the training of version 2 is canceled; its run in Azure goes on.
    """
    meanwhile, submitted = [], []

    def goes_through(**how: Any) -> None:
        mark = team.standin.journal.mark()
        meanwhile.append(team.run(**how, **PASSED))
        submitted.append(any(SUBMITTED in one for one in team.changes(mark)))

    def approve() -> bool:
        team.service.approvals[f"{team.slug}-prod"] = True
        goes_through(reason="Schedule")
        team.begin_training_with(
            "import os, time", "", "if 'AZUREML_RUN_ID' in os.environ:", "    time.sleep(6)"
        )
        team.push("a slow training")
        mark = team.standin.journal.mark()

        def waits() -> bool:
            return any(POLLED.search(entry.path) for entry in team.standin.journal.since(mark))

        goes_through(cancel_at="train.model", cancel_when=waits)
        goes_through(reason="Schedule")
        team.undo()
        return True

    team.service.approvals[f"{team.slug}-prod"] = approve
    return Late(team.run(reason="Schedule", **PASSED), meanwhile, submitted)


def test_production_gets_what_staging_serves_though_staging_has_nothing_to_do(late: Late) -> None:
    run = late.meanwhile[0]
    assert run.result == "Succeeded", run.failed
    found = outputs(run)
    assert (found["staging.due"], found["production.due"]) == ("false", "true")
    assert run.agent_jobs == ["train.train", "production.serve"]
    deployed = run.job("production", "serve").outputs
    assert (deployed["serve.deploy.switched"], deployed["serve.deploy.version"]) == ("true", "1")


def test_a_run_canceled_while_it_trains_is_taken_up_by_the_next(late: Late) -> None:
    """Nothing runs after the job; the run in Azure goes on, and is not submitted again."""
    _, run, again = late.meanwhile
    assert (run.result, run.agent_jobs) == ("Canceled", ["train.train"])
    assert run.results["train"] == "Canceled"
    assert again.result == "Succeeded", again.failed
    assert late.submitted == [False, True, False]
    assert outputs(again)["model.status"] == "Completed"


def test_an_older_model_that_is_approved_late_does_not_replace_a_newer_one(
    team: Organisation, late: Late
) -> None:
    run = late.run
    assert run.result == "Succeeded", run.failed
    assert run.agent_jobs == ["train.train", "production.serve"]
    deployed = run.job("production", "serve").outputs
    assert deployed["serve.deploy.due"] == "false"
    assert deployed["serve.deploy.switched"] != "true"
    assert served(team) == ("2", "2")


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
    before = served(team)
    run = team.run(reason="IndividualCI", **PASSED)
    team.undo()
    results = ["Succeeded", "Failed", "Skipped", "Skipped"]
    assert run.results == dict(zip(STAGES, results, strict=True)), run.failed
    assert "broken on purpose" in run.log
    assert served(team) == before


def test_another_branch_runs_ci_alone(team: Organisation, own_agent: None) -> None:
    run = team.run(branch="refs/heads/feature", **PASSED)
    assert run.results == {"ci": "Succeeded"}


def test_no_run_met_a_variable_that_nothing_defines(team: Organisation, first: Run) -> None:
    assert [unknown for run in team.service.runs for unknown in run.unknown] == []


@pytest.mark.parametrize("kind", KINDS)
def test_all_that_is_in_the_pipeline_was_met(team: Organisation, first: Run, kind: str) -> None:
    """By the tests above: it holds for the whole module alone."""
    team.all_met(kind)


def test_the_time_each_run_took(team: Organisation, first: Run) -> None:
    print(f"\n{team.times()}")
    assert {run.pipeline for run in team.service.runs} == {"azure-pipelines.yml"}


def test_git_is_as_it_was_pushed(team: Organisation, first: Run) -> None:
    """A pipeline commits nothing."""
    assert git(team.path, "status", "--porcelain", "--untracked-files=no") == ""
