"""Which stages of azure-pipelines.yml run, whatever becomes of those before: every case in seconds.

Conditions, outputs, approvals and locks are the runner's; only what becomes of each job is said by
the test. That the drivers set those outputs is shown by the chains.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import BakedProject
from tests.pipelines.conftest import choose, copied
from tests.pipelines.runner.errors import PipelineError
from tests.pipelines.runner.line import Line
from tests.pipelines.runner.model import Job
from tests.pipelines.runner.orchestrator import TIMED_OUT
from tests.pipelines.runner.results import (
    CANCELED,
    FAILED,
    ISSUES,
    SKIPPED,
    SUCCEEDED,
    JobResult,
    Run,
    StepResult,
)
from tests.pipelines.runner.service import Service
from tests.pipelines.runner.variables import Variables

STAGES = ("ci", "train", "staging", "production")
COMMIT = "0" * 40


class Played:
    """The project with production, its jobs played: each ends well and says what it is told."""

    def __init__(self, root: Path, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.slug = root.name
        self.service = Service(
            root,
            folder,
            {},
            groups={root.name: {}, self.production: {}},
            environments={f"{root.name}-staging", self.production},
        )
        self.outputs = {"train": due("true", "false", "4"), "staging": {"deploy.version": "4"}}
        self.given: dict[str, Variables] = {}
        # The files of the commit are those of the rendering itself.
        patch.setattr(Service, "files", lambda service, commit: root)
        patch.setattr("tests.pipelines.runner.orchestrator.Agent", self.agent)

    @property
    def production(self) -> str:
        """The name of production's environment, and of its group."""
        return f"{self.slug}-prod"

    def agent(self, service: Service, run: Run, job: Job, given: Variables) -> Any:
        """Stands in for the agent that would run the job."""
        stage = given["System.StageName"]
        self.given[stage] = given
        prefix = f"{job.name}." if job.deployment else ""
        outputs = {f"{prefix}{name}": text for name, text in self.outputs.get(stage, {}).items()}

        class Ended:
            def execute(self) -> JobResult:
                return JobResult(job.name, SUCCEEDED, [StepResult("", "played")], outputs)

        return Ended()

    def start(self, file: str = "azure-pipelines.yml", **how: Any) -> Run:
        """A run of the commit."""
        self.given.clear()
        return self.service.start(file, commit=COMMIT, **how)

    def ran(self, **how: Any) -> list[str]:
        """The stages whose jobs took an agent."""
        return [job.partition(".")[0] for job in self.start(**how).agent_jobs]


def due(staging: str, production: str, version: str = "") -> dict[str, str]:
    """What the train stage says."""
    return {
        "staging.due": staging,
        "staging.due_version": version if staging == "true" else "",
        "production.due": production,
        "production.due_version": version if production == "true" else "",
    }


@pytest.fixture
def project(default: BakedProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Played:
    """The rendered pipelines with production on, their jobs played."""
    root = copied(default, tmp_path).path
    choose(root, production="on")
    return Played(root, tmp_path / "service", monkeypatch)


@pytest.mark.parametrize(
    ("staging", "production", "ran"),
    [
        ("true", "false", STAGES),  # production lacks what staging will have, not what it has
        ("true", "true", STAGES),
        ("true", "", STAGES),
        ("false", "true", ("ci", "train", "production")),
        ("false", "false", ("ci", "train")),
        ("false", "", ("ci", "train")),
        ("", "true", ("ci", "train")),  # nobody knows what staging should serve
        ("", "", ("ci", "train")),
    ],
)
def test_what_runs_is_what_is_due(
    project: Played, staging: str, production: str, ran: tuple[str, ...]
) -> None:
    project.outputs["train"] = due(staging, production, "4")
    assert project.ran() == list(ran)


@pytest.mark.parametrize("reason", ["Manual", "IndividualCI", "BatchedCI", "Schedule"])
def test_whatever_started_it_on_main(project: Played, reason: str) -> None:
    assert project.ran(reason=reason) == list(STAGES)


@pytest.mark.parametrize("ends", [CANCELED, FAILED, "the run is canceled"])
@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize(("staging", "production"), [*product(("true", "false"), repeat=2)])
def test_nothing_runs_after_a_job_that_did_not_end_well(
    project: Played, stage: str, ends: str, staging: str, production: str
) -> None:
    """Canceled alone, out of time, without its agent, failed, or with the whole run."""
    project.outputs["train"] = due(staging, production, "4")
    before = project.ran()
    if stage not in before:
        return
    job = {"ci": "check", "train": "train"}.get(stage, "serve")
    lost = {f"{stage}.{job}": ends} if ends in (CANCELED, FAILED) else {}
    run = project.start(lost=lost, cancel_at="" if lost else stage)
    assert list(project.given) == before[: before.index(stage)]
    assert run.result == (FAILED if ends == FAILED else CANCELED)


def test_a_job_with_warnings_is_good(project: Played) -> None:
    run = project.start(lost={"ci.check": ISSUES})
    assert list(project.given) == list(STAGES[1:])
    assert run.result == ISSUES


@pytest.mark.parametrize("stage", STAGES)
def test_what_is_left_out_by_hand_lets_nothing_slip_past(project: Played, stage: str) -> None:
    assert project.ran(left_out=(stage,)) == list(STAGES[: STAGES.index(stage)])


def test_production_gets_the_version_that_staging_serves(project: Played) -> None:
    project.start()
    assert project.given["production"].get("modelVersion") == "4"
    project.outputs["train"] = due("false", "true", "3")
    project.start()
    assert project.given["production"].get("modelVersion") == "3"


@pytest.mark.parametrize("environment", ["staging", "prod"])
@pytest.mark.parametrize(
    ("answer", "result", "whole"),
    [(False, FAILED, FAILED), (TIMED_OUT, SKIPPED, SUCCEEDED)],
    ids=["rejected", "timed out"],
)
def test_an_approval_that_is_not_given(
    project: Played, environment: str, answer: Any, result: str, whole: str
) -> None:
    """One that times out leaves its stage skipped and the run green: nothing follows from that."""
    project.outputs["train"] = due("true", "true", "4")
    project.service.approvals[f"{project.slug}-{environment}"] = answer
    run = project.start()
    stage = "staging" if environment == "staging" else "production"
    assert (run.results[stage], run.result) == (result, whole)
    assert list(project.given) == list(STAGES[: STAGES.index(stage)])


def test_an_approval_that_comes_late(project: Played) -> None:
    """What is deployed is the version that was asked about; the driver says whether it is due."""
    project.service.approvals[project.production] = lambda: bool(late(project)) or True
    project.start()
    assert project.given["production"].get("modelVersion") == "4"


def late(project: Played) -> Mapping[str, str]:
    """Meanwhile a newer run went through."""
    project.service.approvals.clear()
    project.outputs["staging"] = {"deploy.version": "5"}
    return project.service.start(commit=COMMIT).results


@pytest.mark.parametrize(
    ("reason", "branch"),
    [
        ("PullRequest", "refs/pull/7/merge"),
        ("PullRequest", "refs/heads/main"),
        ("IndividualCI", "refs/heads/feature/x"),
        ("Manual", "refs/heads/feature/main"),
        ("IndividualCI", "refs/tags/main"),
    ],
)
def test_a_pull_request_or_a_branch_needs_nothing_that_is_set_up(
    project: Played, reason: str, branch: str
) -> None:
    project.service.groups.clear()
    project.service.environments = set()
    run = project.start(reason=reason, branch=branch)
    assert run.results == {"ci": SUCCEEDED}
    assert run.secrets == {project.service.access_token}


@pytest.mark.parametrize(
    ("missing", "words"),
    [
        ("groups", "variable group .*-prod was not found"),
        ("environments", "environment .*-prod could not be found"),
    ],
)
def test_production_is_off_until_it_is_set_up(project: Played, missing: str, words: str) -> None:
    """Neither its group nor its environment is asked for, and nothing reaches it."""
    kept: Any = getattr(project.service, missing)
    kept.pop(project.production) if missing == "groups" else kept.remove(project.production)
    with pytest.raises(PipelineError, match=words):
        project.start()
    choose(project.service.repository, production="off")
    project.outputs["train"] = due("true", "true", "4")
    assert project.ran() == ["ci", "train", "staging"]
    assert "production" not in project.service.runs[-1].stages


def test_a_service_connection_that_is_missing_is_refused_before_anything_runs(
    project: Played,
) -> None:
    choose(project.service.repository, serviceConnection="azure")
    with pytest.raises(PipelineError, match="service connection azure could not be found"):
        project.start()
    project.service.connections["azure"] = {}
    assert project.ran() == list(STAGES)
    assert project.start(reason="PullRequest", branch="refs/pull/1/merge").results == {
        "ci": SUCCEEDED
    }


def test_two_pushes_at_once_start_one_run_after_another(project: Played) -> None:
    line = Line(project.service)
    line.push("a" * 40, ["src/model.py"])
    line.push("b" * 40, ["src/model.py"])
    line.push("c" * 40, ["src/model.py"])
    line.push("d" * 40, ["README.md"])
    [first] = line.going
    line.push("e" * 40, ["src/model.py"], branch="refs/heads/feature")
    assert len(line.going) == 2  # a branch waits for none
    line.finish(first)
    [*_, last] = line.going
    assert (last.run.commit, last.run.reason) == ("c" * 40, "BatchedCI")
    assert line.finish(last).results == dict.fromkeys(STAGES, SUCCEEDED)


def test_an_approval_that_nobody_gives_holds_the_next_push_back(project: Played) -> None:
    """Microsoft's page warns of it, and so does docs/pipelines.md."""
    line = Line(project.service)
    line.push("a" * 40, ["src/model.py"])
    [first] = line.going
    while first.at != "waits production":
        line.advance(first)
    line.push("b" * 40, ["src/model.py"])
    assert len(line.going) == 1
    scheduled = line.begin(reason="Schedule", commit=COMMIT)
    assert line.finish(scheduled).result == SUCCEEDED


def test_of_the_runs_that_wait_for_an_environment_the_newest_deploys(project: Played) -> None:
    project.service.locks = {f"{project.slug}-staging", project.production}
    line = Line(project.service)
    first, second, third = (line.begin(commit=COMMIT) for _ in range(3))
    while first.at != "holds staging":
        line.advance(first)
    for waits in (second, third):
        for _ in range(6):
            line.advance(waits)
        assert waits.at == "waits staging"  # one deployment at a time
    while first.at != "waits production":
        line.advance(first)
    line.advance(second)
    assert second.at == "done"
    assert list(second.run.results.values()) == [SUCCEEDED, SUCCEEDED, CANCELED, SKIPPED]
    assert line.finish(third).result == SUCCEEDED
    assert line.finish(first).result == SUCCEEDED


@pytest.mark.parametrize("target", ["staging", "production"])
def test_of_deployments_by_hand_that_wait_none_is_dropped(project: Played, target: str) -> None:
    """A rollback that somebody asked for gives way to no other run of the pipeline."""
    project.service.locks = {f"{project.slug}-staging", project.production}
    line = Line(project.service, "pipelines/deployment.yml")
    asked: list[dict[str, Any]] = [{}, {"rollback": True}, {"modelVersion": "4"}]
    going = [line.begin(commit=COMMIT, parameters={"target": target, **one}) for one in asked]
    for one in going:
        line.advance(one)
    assert [one.at.partition(" ")[0] for one in going] == ["holds", "waits", "waits"]
    assert [line.finish(one).result for one in going] == [SUCCEEDED] * 3


@pytest.mark.parametrize(
    ("target", "environment"), [("staging", "-staging"), ("production", "-prod")]
)
def test_deployment_by_hand_goes_where_it_is_sent(
    project: Played, target: str, environment: str
) -> None:
    project.start("pipelines/deployment.yml", parameters={"target": target})
    assert project.given["__default"]["Environment.Name"] == project.slug + environment
