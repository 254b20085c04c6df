"""Which stages of azure-pipelines.yml run, whatever became of those before: every case in seconds.

Conditions and outputs are the runner's; only what becomes of each job is said by the test.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import BakedProject
from tests.pipelines.runner.model import Job
from tests.pipelines.runner.results import FAILED, SUCCEEDED, JobResult, Run
from tests.pipelines.runner.service import Service
from tests.pipelines.runner.variables import Variables

STAGES = ("changes", "ci", "data", "environment", "training", "staging", "production")
EVERYTHING = ("ci", "data", "environment", "training", "deployment")
REGISTERED = {"model.registered": "true", "model.new_version": "4"}
KNOWN = {"model.registered": "true", "model.new_version": ""}
REFUSED = {"model.registered": "false", "model.new_version": ""}


class Played:
    """A run whose jobs end as told, and what the jobs were given."""

    def __init__(self, outputs: Mapping[str, Mapping[str, str]], fails: str) -> None:
        self.outputs, self.fails = outputs, fails
        self.given: dict[str, Variables] = {}

    def agent(self, service: Service, run: Run, job: Job, given: Variables) -> Any:
        """Stands in for the agent that would run the job."""
        stage = given["System.StageName"]
        self.given[stage] = given
        outcome = FAILED if stage == self.fails else SUCCEEDED
        outputs = dict(self.outputs.get(stage, {})) if outcome == SUCCEEDED else {}

        class Ended:
            def execute(self) -> JobResult:
                return JobResult(job.name, outcome, outputs=outputs)

        return Ended()


class Pipelines:
    """The rendered pipelines, their jobs played."""

    def __init__(self, root: Path, folder: Path, patch: pytest.MonkeyPatch) -> None:
        groups: dict[str, dict[str, str]] = {root.name: {}, f"{root.name}-prod": {}}
        self.service = Service(root, folder, {}, groups=groups)
        self.patch = patch
        # The files of the commit are those of the rendering itself.
        patch.setattr(Service, "_files", lambda service, commit: root)

    def run(
        self,
        changed: tuple[str, ...],
        *,
        trained: Mapping[str, str] = REGISTERED,
        fails: str = "",
        file: str = "azure-pipelines.yml",
        **how: Any,
    ) -> tuple[list[str], Played]:
        """The stages that ran, and what they were given."""
        outputs = {
            "changes": {f"inputs.{name}": str(name in changed).lower() for name in EVERYTHING},
            "training": trained,
            "staging": {"serve.deploy.version": "3"},
        }
        played = Played(outputs, fails)
        self.patch.setattr("tests.pipelines.runner.orchestrator.Agent", played.agent)
        run = self.service.start(file, commit="0" * 40, **how)
        return [name for name, result in run.results.items() if result != "Skipped"], played


@pytest.fixture
def pipelines(default: BakedProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pipelines:
    """The rendered pipelines, their jobs played."""
    return Pipelines(default.path, tmp_path, monkeypatch)


@pytest.mark.parametrize(
    ("changed", "trained", "ran"),
    [
        pytest.param((), REGISTERED, (), id="nothing changed"),
        pytest.param(("ci",), REGISTERED, ("ci",), id="a pull request, or documentation"),
        pytest.param(EVERYTHING, REGISTERED, STAGES[1:], id="a first run"),
        pytest.param(
            ("ci", "training", "deployment"),
            REGISTERED,
            ("ci", "training", "staging", "production"),
            id="the package",
        ),
        pytest.param(
            ("ci", "training", "deployment"), REFUSED, ("ci", "training"), id="the gate refuses"
        ),
        pytest.param(("training",), KNOWN, ("training",), id="the schedule, nothing new"),
        pytest.param(
            ("training",),
            REGISTERED,
            ("training", "staging", "production"),
            id="the schedule, with new data",
        ),
        pytest.param(
            ("ci", "deployment"), REFUSED, ("ci", "staging", "production"), id="the service alone"
        ),
        pytest.param(("data",), REGISTERED, ("data",), id="data, asked for"),
    ],
)
def test_a_stage_that_is_skipped_stops_nothing(
    pipelines: Pipelines,
    changed: tuple[str, ...],
    trained: Mapping[str, str],
    ran: tuple[str, ...],
) -> None:
    assert pipelines.run(changed, trained=trained)[0] == ["changes", *ran]


@pytest.mark.parametrize("fails", STAGES)
def test_a_stage_that_fails_stops_what_comes_after(pipelines: Pipelines, fails: str) -> None:
    assert pipelines.run(EVERYTHING, fails=fails)[0] == list(STAGES[: STAGES.index(fails) + 1])


@pytest.mark.parametrize("fails", ["ci", "training"])
def test_a_failure_is_seen_past_stages_that_were_skipped(pipelines: Pipelines, fails: str) -> None:
    changed = ("ci", "training", "deployment")
    ran, _ = pipelines.run(changed, fails=fails)
    assert ran == ["changes", "ci", "training"][: 2 if fails == "ci" else 3]


@pytest.mark.parametrize("stage", STAGES[1:])
def test_a_canceled_run_starts_no_stage(pipelines: Pipelines, stage: str) -> None:
    ran, _ = pipelines.run(EVERYTHING, cancel_at=stage)
    assert ran == list(STAGES[: STAGES.index(stage)])


def test_staging_gets_the_new_version_and_production_what_staging_serves(
    pipelines: Pipelines,
) -> None:
    _, played = pipelines.run(EVERYTHING)
    assert played.given["staging"].get("modelVersion") == "4"
    assert played.given["production"].get("modelVersion") == "3"
    _, played = pipelines.run(("deployment",))
    assert played.given["staging"].get("modelVersion") == ""  # the newest


def test_a_rejected_approval_stops_at_production(pipelines: Pipelines) -> None:
    environment = f"{pipelines.service.repository.name}-prod"
    pipelines.service.approvals[environment] = False
    ran, played = pipelines.run(EVERYTHING)
    assert ran == list(STAGES)
    assert "production" not in played.given


@pytest.mark.parametrize(
    ("target", "ran"),
    [
        ("staging, then production", ["staging", "production"]),
        ("staging", ["staging"]),
        ("production", ["production"]),
    ],
)
def test_deployment_by_hand_goes_where_it_is_sent(
    pipelines: Pipelines, target: str, ran: list[str]
) -> None:
    given = {"target": target, "modelVersion": "2"}
    done, played = pipelines.run((), file="pipelines/deployment.yml", parameters=given)
    assert done == ran
    assert played.given[ran[0]].get("modelVersion") == "2"
