"""The training in steps on this machine: the same model as in one job, and the gate's say."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from amlkit.cli import ArgumentError
from amlkit.flow.chain import TRAVELS, travelling
from amlkit.flow.pipeline import checked, show, unschedule
from amlkit.pipelines import Schedule
from amlkit.records import DataAsset
from amlkit.settings import load_settings
from conftest import SAMPLE, Answer, Project, give_pipeline

pytestmark = pytest.mark.slow  # steps are processes

STEPS = ["prepare", "train", "evaluate", "register"]
QUICK = ("training.estimator=sklearn.linear_model.LogisticRegression", "training.folds=0")
# Of metrics.json, what two trainings of one table have alike.
ALIKE = (
    "task",
    "metrics",
    "intervals",
    "train_metrics",
    "baseline",
    "rows",
    "holdout",
    "split",
    "search",
)
SEARCH = "training.search={C: [0.1, 1.0]}"


@pytest.fixture(scope="module")
def steps(shared: Project) -> Project:
    """The second model in steps."""
    return give_pipeline(shared)


def pipe(project: Project, *flags: str, env: str = "test", **parameters: Any) -> Answer:
    """One call of the driver, with the second model's parameters."""
    more = [f"--set=training.parameters={json.dumps(parameters)}"] if parameters else []
    where = ["--env", env] if env else []
    return project.run("pipeline", "--local", "--json", *where, *more, *flags)


@pytest.mark.sweep  # a sample is in tests/parity
def test_a_failed_step_is_named_with_the_owners_exception(steps: Project) -> None:
    answer = pipe(steps, fail=True)
    assert answer.code == 1
    assert "step train: " in answer.json["error"] and "told to fail" in answer.json["error"]
    assert list(answer.json["steps"]) == STEPS[:2]
    log = Path(answer.json["error"].rpartition("; log: ")[2])
    assert answer.json["steps"]["train"]["run_id"] in log.parts and log.is_file()


@pytest.mark.sweep
def test_the_steps_make_the_model_of_one_job(project: Project) -> None:
    """The same metrics, and compared with what model.py made champion; an equal call finds them."""
    give_pipeline(project)
    told = (*QUICK, SEARCH, "training.trials=2", "training.importance_seconds=0")
    flags = [f"--set={text}" for text in told]
    one = project.call("model", "--local", "--json", *flags).json
    answer = pipe(project, *flags, env="")
    assert answer.code == 0, answer.err
    assert list(answer.json["steps"]) == STEPS
    assert {step["status"] for step in answer.json["steps"].values()} == {"Completed"}
    assert answer.json["registered"] and answer.json["model"]["version"] == "2"
    home = project.root / ".local-workspace"
    runs = (one["run_id"], answer.json["steps"]["evaluate"]["run_id"])
    whole, parted = (
        json.loads((home / "runs" / run / "outputs" / "metrics.json").read_text("utf-8"))
        for run in runs
    )
    assert {key: whole[key] for key in ALIKE} == {key: parted[key] for key in ALIKE}
    assert parted["champion"]["version"] == "1" and "metrics" in parted["champion"]
    assert Path(answer.json["report"]).is_file()
    # What was handed over is needed no more.
    assert not (home / "pipelines" / answer.json["run_id"] / "prepared").exists()

    again = pipe(project, *flags, env="").json
    assert again["run_id"] == answer.json["run_id"] and not again["created"]


def test_settings_travel_as_they_are(tmp_path: Path) -> None:
    """Numbers and texts that YAML and JSON write differently among them."""
    odd = {"gate.tolerance": 1e-05, "data.target": "\U00020bb7 yes", "experiment": "0x1f"}
    told = [(key, value, "--set") for key, value in odd.items()]
    settings = load_settings(SAMPLE, overrides=told, environ={})
    data = DataAsset(settings.data.name, "v", settings.data.target, 3, "")
    (tmp_path / "config.yml").write_text(travelling(settings, data), encoding="utf-8")
    there = load_settings(tmp_path, environ={})
    assert all(getattr(there, name) == getattr(settings, name) for name in TRAVELS)


@pytest.mark.parametrize("cron", ["0 6 * *", "0 6 1 * *", "0 6 * 2 1", "0 6 * * ;", "daily"])
def test_a_cron_expression_that_azure_would_take_otherwise(cron: str) -> None:
    with pytest.raises(ArgumentError, match="--schedule"):
        checked(cron)
    assert checked(" 0  6 * * 1,3 ") == "0 6 * * 1,3"


@pytest.mark.parametrize(
    ("known", "flags", "said"),
    [
        (True, {"dry_run": True}, "schedule house-retraining, 0 6 * * 1 (UTC): would be removed"),
        (False, {"dry_run": True}, "schedule house-retraining: there is none"),
        (True, {"status": True}, "(UTC): it has started no pipeline yet"),
        (False, {"status": True}, "schedule house-retraining: there is none"),
    ],
)
def test_what_is_only_looked_at_is_not_said_to_be_done(
    known: bool, flags: dict[str, bool], said: str
) -> None:
    """Of a schedule that is there, or not, and has not run yet."""
    found = Schedule("house-retraining", "0 6 * * 1", True) if known else None
    args = SimpleNamespace(dry_run=flags.get("dry_run", False))
    context: Any = SimpleNamespace(args=args, settings=SimpleNamespace(experiment="house"))
    schedules: Any = SimpleNamespace(schedule=lambda name: found, last_of=lambda name: None)
    look = show if flags.get("status") else unschedule
    [line] = look(context, schedules).words()
    assert line.endswith(said)
    assert look(context, schedules).record()["changed"] == (known and look is unschedule)


def test_this_machine_has_no_schedules(steps: Project) -> None:
    for flags in (("--schedule", "0 6 * * 1"), ("--unschedule",), ("--status",)):
        assert "no schedules" in pipe(steps, *flags).json["error"]
    for flags in (("--no-wait",), ("--wait-minutes", "3")):
        answer = pipe(steps, *flags)
        assert answer.code == 2 and flags[0] in answer.json["error"]
