"""From a fresh rendering to answering endpoints, by azure-pipelines.yml alone."""

from __future__ import annotations

import pytest

from tests.pipelines.chains.conftest import Found
from tests.pipelines.chains.organisation import Organisation
from tests.pipelines.runner.results import Run

STAGES = ["changes", "ci", "data", "environment", "training", "staging", "production"]


@pytest.fixture(scope="module")
def team(found: Found) -> Organisation:
    """A team that has just rendered its repository, on hosted machines with an empty cache."""
    return found("Chain first run")


@pytest.fixture(scope="module")
def first(team: Organisation) -> Run:
    """The run that the first push starts."""
    return team.run(reason="IndividualCI")


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
    assert first.tests["total"] >= 10
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
    print(f"\n{team.times()}")
