"""`training.search` through the driver on this machine: told, tried, recorded, and no part else."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from amlkit.calls import Calls
from amlkit.flow import tried
from amlkit.flow.search import record, search_of, words
from amlkit.flow.training import told
from amlkit.interpreter import in_folder
from amlkit.local import open_local
from amlkit.local.models import Registry, import_mlflow
from amlkit.records import Run
from amlkit.settings import SettingsError, load_settings
from conftest import SAMPLE, TEMPLATE, Answer, Project, give_pipeline

pytestmark = pytest.mark.slow  # jobs are processes that train

# As docs/model.md has it.
SEARCHED = """\
training:
  estimator: sklearn.linear_model.LogisticRegression
  search:
    C: {min: 0.001, max: 100.0, log: true}
    class_weight: [null, balanced]
  trials: 20
"""


def train(project: Project, *arguments: str) -> Answer:
    """One call of the training driver."""
    return project.call("model", "--local", "--json", *arguments)


def test_the_best_trial_is_trained_recorded_and_shown(project: Project) -> None:
    (project.root / "config.search.yml").write_text(
        SEARCHED.replace("trials: 20", "trials: 3\n  importance_seconds: 0"), encoding="utf-8"
    )
    answer = train(project, "--env", "search")
    assert answer.code == 0, answer.err
    found = answer.json["search"]
    assert found["metric"] == "roc_auc" and 0.9 < found["score"] < 1 and found["trial"] is None
    assert found["parameters"].keys() == {"C", "class_weight"}
    metrics = json.loads(Path(answer.json["url"], "outputs", "metrics.json").read_text("utf-8"))
    assert metrics["training"]["parameters"]["C"] == found["parameters"]["C"]
    scores = [trial["score"] for trial in metrics["search"]["trials"]]
    assert len(scores) == 3 and max(scores) == found["score"] != answer.json["metrics"]["roc_auc"]
    client = import_mlflow()(Registry(project.root / ".local-workspace").uri)
    [run] = client.search_runs([client.get_experiment_by_name("sample").experiment_id])
    assert run.data.metrics["cv_roc_auc"] == pytest.approx(found["score"])
    page = Path(answer.json["report"]).read_text(encoding="utf-8")
    assert "scored in folds of the training rows" in page
    assert f"C {found['parameters']['C']}" in page
    assert answer.err.count("roc_auc 0.9") >= 3 and "trial 3 of 3: " in answer.err

    # The job that this one is has an identity of its own, and no search none.
    dry = train(project, "--env", "search", "--dry-run")
    assert dry.json["run_id"] == answer.json["run_id"]
    other = train(project, "--env", "search", "--set=training.trials=4", "--dry-run")
    assert other.json["run_id"] is None
    assert ": the best of 4 trials at most by roc_auc, in one job" in other.err


def test_the_docs_show_these_settings() -> None:
    assert SEARCHED in (TEMPLATE / "docs" / "model.md").read_text(encoding="utf-8")


def test_without_a_search_nothing_changes(shared: Project) -> None:
    """Neither what the job is told nor its identity: what an earlier amlkit trained is found."""
    flags = ("--env", "test", "--experiment", "no-search")
    first = train(shared, *flags)
    text = (shared.root / "config.test.yml").read_text(encoding="utf-8")
    try:
        (shared.root / "config.test.yml").write_text(
            f"{text}training: {{search: {{}}, trials: 7}}\n", encoding="utf-8"
        )
        again = train(shared, *flags)
    finally:
        (shared.root / "config.test.yml").write_text(text, encoding="utf-8")
    assert again.json["run_id"] == first.json["run_id"], again.err
    assert "search" not in again.json
    assert not {"search", "trials"} & told(load_settings(SAMPLE, environ={})).keys()
    overrides = [("training.trials", 3, "--set"), ("training.search", {}, "--set")]
    assert not {"search", "trials"} & told(load_settings(SAMPLE, overrides=overrides)).keys()


def test_a_foreign_package_is_told_of_a_search_and_may_leave_it(shared: Project) -> None:
    search = '--set=training.search={"C": [1, 2]}'
    answer = train(shared, "--env", "test", "--experiment", "searched", search)
    assert answer.code == 0, answer.err
    assert answer.json["registered"] and "search" not in answer.json
    other = train(shared, "--env", "test", "--experiment", "searched")
    assert other.json["run_id"] != answer.json["run_id"]


@pytest.mark.parametrize(
    ("overrides", "metric", "goal"),
    [
        ({}, "roc_auc", "maximize"),
        ({"training.task": "regression"}, "r2", "maximize"),
        ({"gate.rules": {"any": {"primary_metric": "rmse"}}}, "rmse", "minimize"),
        ({"gate.rules": {"a": {"primary_metric": "b"}, "c": {"primary_metric": "d"}}}, "", ""),
    ],
)
def test_the_gates_primary_metric_is_what_trials_are_scored_by(
    shared: Project, overrides: dict[str, Any], metric: str, goal: str
) -> None:
    given = [("training.search", {"C": [1, 2]}, "--set"), ("training.task", "auto", "--set")]
    more = [(key, value, "--set") for key, value in overrides.items()]
    settings = load_settings(shared.root, overrides=[*given, *more], environ={})
    if "gate.rules" in overrides:  # in place of the file's
        object.__setattr__(
            settings.gate,
            "rules",
            {k: v for k, v in settings.gate.rules.items() if k in overrides["gate.rules"]},
        )
    here = open_local(shared.root / ".local-workspace")
    data = here.data.get(settings.data.name)
    assert data is not None
    if not metric:
        with pytest.raises(SettingsError, match=r"--set: training\.search: gate\.rules has none"):
            search_of(settings, here, Calls(), data)
        return
    search = search_of(settings, here, Calls(training_sweep=lambda trial, search: None), data)
    assert search is not None
    assert (search.metric, search.goal, search.definition) == (metric, goal, None)


def test_a_misspelled_parameter_is_told_before_there_is_a_job(project: Project) -> None:
    """By both drivers that search; and of what the owner's function and features make of it."""
    give_pipeline(project)
    config = project.root / "config.search.yml"
    config.write_text(SEARCHED.replace("    C:", "    tl: [1]\n    C:"), encoding="utf-8")
    for driver, flags in (("model", ()), ("pipeline", ("--dry-run",))):
        answer = project.call(driver, "--local", "--json", "--env", "search", *flags)
        assert answer.code == 2
        assert re.match(
            r"config\.search\.yml:4: training\.search: LogisticRegression takes no 'tl'; did you "
            r"mean 'tol'\? Valid: C, .*verbose, warm_start$",
            answer.json["error"],
        ), answer.err
    assert not (project.root / ".local-workspace" / "runs").exists()

    package = project.root / "src" / "sample_model"
    (package / "wrapped.py").write_text(
        "from sklearn.ensemble import AdaBoostClassifier\n"
        "from sklearn.tree import DecisionTreeClassifier\n"
        "print('hello')\n\n\n"
        "def wrapped():\n    return AdaBoostClassifier(DecisionTreeClassifier())\n",
        encoding="utf-8",
    )
    both = {"estimator__max_depth": [1, 2], "estimator__max_depht": [1, 2]}
    said = of_names(project, "sample_model.wrapped.wrapped", **both)
    assert (
        "AdaBoostClassifier takes no 'estimator__max_depht'; did you mean 'estimator__max" in said
    )

    features = package / "features.py"
    text = features.read_text(encoding="utf-8")
    assert text.count('("model", model)') == 1
    wrapper = '("model", __import__("sklearn.multiclass").multiclass.OneVsRestClassifier(model))'
    features.write_text(text.replace('("model", model)', wrapper), encoding="utf-8")
    name = "sklearn.linear_model.LogisticRegression"
    said = of_names(project, name, estimator__C=[1], C=[1])
    assert "OneVsRestClassifier takes no 'C'" in said


def of_names(project: Project, estimator: str, **search: Any) -> str:
    """What is said of a search before there is a job, on this machine."""
    given = [("training.search", search, "--set"), ("training.estimator", estimator, "--set")]
    settings = load_settings(project.root, overrides=given, environ={})
    train = (project.root / "src" / "sample_model" / "train.py").read_bytes()
    return tried.problem(settings, train, local=True)


def test_what_nobody_here_knows_of_a_search_is_left_to_the_job(
    shared: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another train.py, no `make setup`; on Azure ML another version, or a ready-made image."""
    given = [("training.search", {"CC": [1]}, "--set")]
    settings = load_settings(shared.root, overrides=given, environ={})
    ours = (shared.root / "src" / "sample_model" / "train.py").read_bytes()
    asked: list[str] = []
    answer = {"problem": "wrong", "packages": {"Scikit_Learn": "1.7.2"}}

    def ask(_: Any, python: str) -> Any:
        asked.append(python)
        return answer

    monkeypatch.setattr(tried, "_ask", ask)
    assert tried.problem(settings, ours.replace(b"best_of_trials(", b"mine("), local=True) == ""
    assert tried.problem(settings, ours, local=False) == "" and not asked
    python = in_folder(shared.root / ".venv")
    python.parent.mkdir(parents=True)
    python.touch()
    lock = shared.root / settings.azure.environment.training_lock
    for pin, said in (("1.7.2", "wrong"), ("1.6.0", "")):
        lock.write_text(f"scikit-learn=={pin}\n", encoding="utf-8")
        assert tried.problem(settings, ours, local=False) == said
    assert asked == [str(python)] * 2
    lock.write_text("scikit-learn==1.7.2\n", encoding="utf-8")
    image = [("azure.environment.training_image", "mcr.microsoft.com/x:1", "--set")]
    ready = load_settings(shared.root, overrides=[*given, *image], environ={})
    assert tried.problem(ready, ours, local=False) == ""


def test_several_estimators_cannot_be_searched(project: Project) -> None:
    answer = train(project, "--dry-run", '--set=training.search={"C": [1, 2]}')
    assert answer.code == 2
    assert ": training.search needs one estimator whose" in answer.json["error"]


@pytest.mark.parametrize("search", [None, 3, {"best": 3}, {"best": {"score": "x"}}, {"trials": 3}])
def test_what_a_foreign_package_says_of_a_search_may_be_anything(search: Any) -> None:
    run = Run("r", "e", "Completed", "", None, "", "m", {}, None, trial="r_1")
    assert record(run, {"search": search})["search"]["trial"] == "r_1"
    assert words(run, {"search": search}) == ["the best trial: run r_1"]
