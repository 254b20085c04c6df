"""Both workflows as GitHub would run them, from a fresh rendering on, in this order."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.github.conftest import Team
from tests.github.engine import Run

FLOW = "train-and-deploy.yml"
MADE = "Transitioning"  # what is being deployed
# Begins and goes on as commands of shells and runners do.
HOSTILE = (
    "::set-output name=x::true ##vso[task.complete] "
    """$(cd; touch owned) `cd; touch owned` "; cd; touch owned; '; cd; touch owned #"""
)


@pytest.fixture(scope="module")
def first(team: Team, checked: None) -> Run:
    """The run that the first push to main starts."""
    return team.act(FLOW, "push", payload={"ref": "refs/heads/main"})


def test_a_pull_request_runs_ci_with_no_secret_and_no_azure(team: Team) -> None:
    """CI as written, its packages installed anew; few of the unit tests, little of the sample.

    All drivers run on GitHub below, and all of the sample's way in `tests/pipelines`.
    """
    team.keep_few_tests()
    team.edit(".github/workflows/ci.yml", "in data environment model deploy; do", "in data; do")
    team.push("few tests, little of the sample")
    mark = team.standin.journal.mark()
    runner = team.runner
    usual = dict(runner.environment)
    del runner.environment["KEPT_BY_RUNNER"]
    try:
        run = runner.run("ci.yml", "pull_request")
    finally:
        runner.environment = usual
    assert (run.code, run.jobs) == (0, {"check": "success"}), run.log
    assert {result for step, result in run.steps.items() if step[0] == "check"} == {"success"}
    assert team.standin.journal.since(mark) == []


def test_the_first_push_reaches_both_endpoints(team: Team, first: Run) -> None:
    assert first.jobs == dict.fromkeys(("check", "train", "staging", "production"), "success"), (
        first.log
    )
    assert first.output("train", "model", "registered") == "true"
    assert team.serving()[0] == team.serving("--env", "prod")[0] == "1"
    report = first.artifacts / "training-1" / "report.html"
    assert "roc_auc" in report.read_text(encoding="utf-8")


def test_nothing_changed_writes_nothing_and_takes_one_job_beside_ci(team: Team, first: Run) -> None:
    mark = team.standin.journal.mark()
    run = team.act(FLOW, "schedule")
    assert run.jobs == {"check": "success", "train": "success"}, run.log
    assert team.changes(mark) == []
    assert run.output("train", "staging", "due") == "false"
    assert run.output("train", "production", "due") == "false"


@pytest.mark.sweep
def test_a_gate_that_refuses_deploys_nothing_and_production_stays_off(
    team: Team, first: Run
) -> None:
    team.edit("config.yml", "        roc_auc: 0.6", "        roc_auc: 1.0")
    team.edit("config.yml", "  seed: 0", "  seed: 1")
    team.push("what no model meets")
    run = team.act(FLOW, "push", production=False)
    team.undo()
    assert run.jobs == {"check": "success", "train": "success"}, run.log
    assert run.output("train", "model", "registered") == "false"
    assert run.output("train", "staging", "due") == "false"
    assert ("train", "production") not in run.outputs
    assert "misses the threshold" in run.log


def test_a_failing_ci_or_training_is_followed_by_nothing(team: Team, first: Run) -> None:
    team.edit(".github/workflows/ci.yml", "test -f README.md", "test ! -f README.md")
    team.push("what CI refuses")
    mark = team.standin.journal.mark()
    run = team.act(FLOW, "push")
    team.undo()
    assert (run.code, run.jobs) == (1, {"check": "failure"}), run.log
    assert team.standin.journal.since(mark) == []

    team.edit("src/model.py", "if __name__", "raise SystemExit(1)\nif __name__")
    team.push("no training")
    run = team.act(FLOW, "push")
    team.undo()
    assert (run.code, run.jobs) == (1, {"check": "success", "train": "failure"}), run.log


@pytest.mark.parametrize(
    ("at", "ran"),
    [
        ("Run Main sleep 9", {"check"}),
        ("Run Main Register the data", {"check", "train"}),
        ("Run Main What is due in staging", {"check", "train"}),
    ],
)
def test_what_is_canceled_is_followed_by_nothing(
    at: str, ran: set[str], team: Team, first: Run
) -> None:
    slow = ran == {"check"}
    if slow:  # a step that lasts until it is interrupted
        team.edit(".github/workflows/ci.yml", "test -f README.md", "sleep 9")
        team.push("a slow CI")
    mark = team.standin.journal.mark()
    run = team.act(FLOW, "push", cancel_at=at)
    if slow:
        team.undo()
    assert run.code == 1, run.log
    assert set(run.jobs) <= ran, run.log
    assert team.changes(mark) == []


@pytest.fixture(scope="module")
def due(team: Team, first: Run) -> None:
    """From here on both endpoints are to be deployed to: what serves is defined otherwise."""
    team.edit("config.yml", "    memory_gb: 2\n", "    memory_gb: 3\n")
    team.push("more memory")


@pytest.mark.parametrize(("job", "federated"), [("staging", False), ("production", True)])
def test_a_deployment_that_is_canceled_midway_leaves_what_serves(
    job: str, federated: bool, team: Team, due: None
) -> None:
    """While the new one is made beside it; what staging was left with, the second run mends.

    That the first cannot ask what production lacks holds up production alone. The second has no
    secret: it signs in by the tokens of its jobs.
    """
    flags = ("--env", "prod") if job == "production" else ()
    before = team.serving(*flags)
    if job == "staging":  # which is asked about first
        team.standin.fault(path="/services$", method="GET", status=403, after=1)

    def being_made() -> bool:
        services = [*team.standin.azure.services.services.values()]
        made = [one.name for one in services if one.state == MADE]
        return any(("-prod" in name) == (job == "production") for name in made)

    run = team.act(FLOW, "schedule", cancel_when=being_made, federated=federated)
    assert run.code == 1, run.log
    assert (run.output("train", "production", "due") == "true") == (job == "production")
    assert list(run.jobs)[-1] == job
    assert set(run.jobs.values()) == {"success", "failure"}
    assert team.serving(*flags) == before
    assert team.serving()[0] == team.serving("--env", "prod")[0] == "1"


def test_what_is_typed_by_hand_commands_nobody(team: Team, first: Run, tmp_path: Path) -> None:
    mark = team.standin.journal.mark()
    typed: dict[str, dict[str, Any]] = {
        "data": {"path": HOSTILE, "target": HOSTILE},
        "training": {"runId": HOSTILE},
        "staging": {"modelVersion": HOSTILE},
    }
    for what, inputs in typed.items():
        run = team.by_hand(what, **inputs)
        assert run.code == 1, run.log
        assert set(run.jobs.values()) == {"failure"}
        assert [name for set_by in run.outputs.values() for name in set_by if name == "x"] == []
        assert list(run.artifacts.parent.rglob("owned")) == []
    assert team.changes(mark) == []


@pytest.mark.sweep
def test_a_smoke_test_that_fails_keeps_what_serves_and_is_mended(team: Team, first: Run) -> None:
    score = f"{team.package}/score.py"
    text = (team.path / score).read_text(encoding="utf-8")
    (team.path / score).write_text(
        text + "\n\ndef run(data):\n    raise OSError\n", encoding="utf-8"
    )
    team.push("what cannot score")
    run = team.act(FLOW, "push")
    assert run.jobs == {"check": "success", "train": "success", "staging": "failure"}, run.log
    assert team.serving()[0] == team.serving("--env", "prod")[0] == "1"

    (team.path / score).write_text(text + "\n# mended\n", encoding="utf-8")
    team.push("what scores")
    run = team.act(FLOW, "schedule", production=False)
    assert run.jobs == dict.fromkeys(("check", "train", "staging"), "success"), run.log
    assert int(team.serving()[0]) > int(team.serving("--env", "prod")[0])


@pytest.mark.sweep
def test_parameters_reach_the_drivers_and_production_follows_staging(
    team: Team, first: Run
) -> None:
    """Trained by hand, deployed to staging by version, then to production by state; taken back."""
    before = team.serving()[0]
    run = team.by_hand("training", force=True, replaceChampion=True)
    assert run.jobs == {"train": "success"}, run.log
    version = run.output("train", "model", "new_version")
    assert version and version != before
    run = team.by_hand("staging", modelVersion=version)
    assert run.jobs == {"staging": "success"}, run.log
    assert run.output("staging", "deploy", "version") == version
    run = team.by_hand("production", production=False)
    assert run.jobs == {}, run.log
    run = team.act(FLOW, "schedule")  # staging has nothing to do
    assert run.jobs == dict.fromkeys(("check", "train", "production"), "success"), run.log
    assert team.serving("--env", "prod")[0] == version
    run = team.by_hand("rollback staging")
    assert run.jobs == {"staging": "success"}, run.log
    assert team.serving()[0] == before


def test_every_step_and_both_ways_of_every_condition_were_met(team: Team, first: Run) -> None:
    """By the tests above: it holds for the whole module alone."""
    present = steps_of(team.path)
    met = {
        step
        for run in team.runner.runs
        for step, result in run.steps.items()
        if result != "skipped"
    }
    jobs = yaml.safe_load((team.path / ".github/workflows" / FLOW).read_text(encoding="utf-8"))[
        "jobs"
    ]
    ran = {job: {job in run.jobs for run in team.runner.runs} for job in jobs if job != "ci"}
    print(f"\nsteps: {len(present & met)} of {len(present)}; both ways of {len(ran)} jobs")
    for run in team.runner.runs:
        print(f"{run.seconds:5.1f} s  {run.jobs}")
    assert present - met == set()
    assert all(ways == {True, False} for ways in ran.values()), ran


def steps_of(repository: Path) -> set[tuple[str, str]]:
    """The steps of the workflows, by job and id or number."""
    found = set()
    for path in (repository / ".github/workflows").glob("*.yml"):
        for job, does in yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"].items():
            found |= {(job, str(step.get("id", n))) for n, step in enumerate(does.get("steps", []))}
    return found
