"""The job on few rows, by time and by group: what it measures, and what the champion is held to."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sample_model.evaluate import evaluate
from sample_model.features import build_pipeline
from sample_model.train import SETTINGS, train

from amlkit.serving.predictor import Predictor
from amlkit.serving.rows import RowReader
from amlkit.tabular.estimators import make_estimator
from amlkit.tabular.table import TableError
from amlkit.tabular.training import Job, main

LINEAR = {"estimator": "sklearn.linear_model.Ridge"}
Run = Callable[..., dict[str, Any]]


def cars(path: Path) -> Path:
    """32 cars, their mileage falling with their weight."""
    random = np.random.default_rng(7)
    weight = random.uniform(1.5, 5.5, 32)
    pd.DataFrame(
        {
            "model": [f"car {number}" for number in range(32)],
            "weight": weight.round(3),
            "power": (60 + 45 * weight + random.normal(0, 20, 32)).round(),
            "mileage": (37 - 5.3 * weight + random.normal(0, 1.8, 32)).round(1),
        }
    ).to_csv(path, index=False)
    return path


def sales(path: Path, rows: int = 400) -> Path:
    """What 80 shops sold in some months, a few of which are not known."""
    random = np.random.default_rng(0)
    shop, month = random.integers(0, 80, rows), random.integers(0, 48, rows)
    sold = 50 + shop % 7 * 10 + month + random.normal(0, 5, rows)
    dates = pd.Timestamp("2020-01-01") + pd.to_timedelta(month * 31, "D")
    frame = pd.DataFrame(
        {"shop": [f"shop {n}" for n in shop], "month": dates, "staff": shop % 7, "sold": sold}
    )
    frame.loc[:4, ["month", "shop"]] = None
    frame.to_csv(path, index=False)
    return path


@pytest.fixture()
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> Run:
    """Train in this process into a folder of a name; metrics.json, and the log as "log"."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)

    def call(
        name: str, table: Path, target: str, *more: str, job: Any = train, **told: Any
    ) -> dict[str, Any]:
        outputs = tmp_path / name
        words = ["--data", str(table), "--target", target, "--outputs", str(outputs), *more]
        known = {key: SETTINGS[key] for key in getattr(job, "knows", SETTINGS)}
        assert main(job, known, [*words, "--settings", json.dumps(told)]) == 0
        found: dict[str, Any] = json.loads((outputs / "metrics.json").read_text("utf-8"))
        return {**found, "log": capsys.readouterr().out}

    return call


def read(table: Path, target: str, **settings: Any) -> Any:
    """The rows alone, as `train` reads them."""
    job = Job(argparse.Namespace(data=table, target=target, outputs=None, champion=None), {})
    return job.read(**settings)


@pytest.mark.slow  # trains
def test_few_rows_are_measured_in_folds_by_models_like_the_kept_one(
    run: Run, tmp_path: Path
) -> None:
    """32 cars: all are measured, the kept model learns from all, and is what is served."""
    table = cars(tmp_path / "cars.csv")
    first = run("first", table, "mileage")
    assert first["rows"] == {"train": 32, "test": 32}
    assert first["split"] == {"by": "folds", "column": None, "folds": 5}
    assert 0.75 < first["metrics"]["r2"] < 1.0
    assert "evaluate on 32 of 32 rows, in 5 folds, by row hash" in first["log"]
    assert "fold 5 of 5, fitted on 26 rows" in first["log"]
    assert first["log"].count("the best by RMSE") == first["log"].count(" fits: 2 pipelines") == 1
    model = tmp_path / "first" / "model"
    shown = json.loads((model / "examples.json").read_text("utf-8"))
    predictor = Predictor(model)
    answers, _ = predictor.predict(RowReader(predictor.schema).read(shown["data"]))
    np.testing.assert_allclose(answers, shown["predictions"], rtol=1e-4)

    champion = ("--champion", str(model), "--champion-version", "1")
    second = run("second", table, "mileage", *champion, **LINEAR, parameters={"alpha": 1e6})
    assert second["holdout"] == first["holdout"]
    rival = second["champion"]
    assert rival["refitted"] == "it learned from all rows of its table"
    # the champion's recipe without its choice: close to what the champion was measured at
    assert rival["metrics"]["r2"] == pytest.approx(first["metrics"]["r2"], abs=0.05)
    assert second["metrics"]["r2"] < 0.1


@pytest.mark.slow  # trains
def test_a_model_by_time_is_measured_on_what_came_after(run: Run, tmp_path: Path) -> None:
    """The time stays a feature; a champion that knows these times is fitted anew."""
    table, by_time = sales(tmp_path / "sales.csv"), {"by": "time", "column": "month"}
    first = run("first", table, "sold", **LINEAR)
    assert first["split"] == {"by": "row hash", "column": None, "folds": None}
    model = tmp_path / "first" / "model"
    champion = ("--champion", str(model), "--champion-version", "1")
    second = run("second", table, "sold", *champion, **LINEAR, split=by_time)
    assert second["split"] == {"by": "time", "column": "month", "folds": None}
    assert second["champion"]["refitted"] == "its rows were held out by row hash"
    assert second["champion"]["metrics"] == pytest.approx(second["metrics"])  # the same recipe
    schema = json.loads((tmp_path / "second" / "model" / "schema.json").read_text("utf-8"))
    assert "month" in schema["features"] and schema["split"]["last"] < 2e9


def test_the_group_is_no_feature(tmp_path: Path) -> None:
    """The groups to come are others; rows without one are learned from."""
    rows = read(sales(tmp_path / "sales.csv"), "sold", split={"by": "group", "column": "shop"})
    assert "shop" not in rows.X and "month" in rows.X
    assert "without 'shop': the group of training.split" in rows.record["notes"]
    assert "5 rows without 'shop' are only learned from" in rows.record["notes"]
    assert len(rows.groups) == len(rows.X) and rows.times is None
    held_out = set(rows.held_out.column("shop").to_pylist())
    kept = rows.read_again().column("shop").filter(rows.split.kept).to_pylist()
    assert held_out and not held_out & set(kept)
    alone = tmp_path / "alone.csv"
    pd.read_csv(tmp_path / "sales.csv")[["shop", "sold"]].to_csv(alone, index=False)
    with pytest.raises(TableError, match="no column is left to learn from: without 'shop'"):
        read(alone, "sold", split={"by": "group", "column": "shop"})


def flowers(path: Path) -> Path:
    """Three kinds, and a fourth of three rows; the target is a whole number."""
    random = np.random.default_rng(0)
    kind = np.repeat([1, 2, 3, 9], [60, 60, 60, 3])
    frame = pd.DataFrame({"length": random.normal(kind, 1).round(3), "kind": kind})
    frame.to_csv(path, index=False)
    return path


def test_a_rare_class_is_refused_dropped_or_merged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The refusal says what to set; what was set is said."""
    table = flowers(tmp_path / "flowers.csv")
    with pytest.raises(TableError, match=r"'9' .* 3 rows, .* training\.rare_classes: drop"):
        read(table, "kind")
    rows = read(table, "kind", rare_classes="drop")
    assert rows.classes == [1, 2, 3] and len(rows.X) + len(rows.X_test) == 180
    assert "left out the classes 9 of 'kind' (3 rows)" in capsys.readouterr().out
    with pytest.raises(TableError, match=r"at least 5 are needed; set training\.rare_classes"):
        read(table, "kind", rare_classes="merge")
    frame = pd.read_csv(table)
    frame.loc[len(frame)], frame.loc[len(frame) + 1] = (0.5, 7), (0.7, 7)
    frame.to_csv(table, index=False)
    rows = read(table, "kind", rare_classes="merge")
    assert rows.classes == ["1", "2", "3", "other"]
    assert rows.read_again().num_rows == 185


@pytest.mark.filterwarnings("ignore:Skipping features without any observed values:UserWarning")
def test_a_column_without_a_value_in_a_fold_is_no_hindrance(tmp_path: Path) -> None:
    """A fold's model may know fewer columns than the next."""
    random = np.random.default_rng(0)
    frame = pd.DataFrame(random.normal(size=(40, 2)), columns=["x", "y"])
    frame["seldom"] = np.where(np.arange(40) < 1, 1.0, np.nan)
    frame["word"] = np.where(np.arange(40) < 2, "rare", "usual")
    frame.to_csv(tmp_path / "table.csv", index=False)
    job = Job(
        argparse.Namespace(
            data=tmp_path / "table.csv", target="y", outputs=tmp_path, champion=None
        ),
        {},
    )
    rows = job.read(folds=5)

    def fit(X: Any, y: Any, groups: Any, times: Any) -> Any:
        estimator = make_estimator(LINEAR["estimator"], {}, "regression", 0)
        return build_pipeline(rows.columns, estimator).fit(X, y)

    evaluation = job.evaluate(None, fit, rows, evaluate)
    assert len(evaluation.prediction) == 40 and "r2" in evaluation.metrics


def train_of_0_2(job: Job) -> None:
    """What train.py did before folds came."""
    told = job.settings
    rows = job.read(told["task"], told["holdout"], told["drop_columns"], told["min_class_rows"])
    estimator = make_estimator(told["estimator"], told["parameters"], rows.task, told["seed"])
    pipeline = build_pipeline(rows.columns, estimator)
    with job.stage("fit", "fit"):
        pipeline.fit(rows.X, rows.y)
    evaluation = evaluate(pipeline, rows.X_test, rows.y_test, rows.task, rows.classes)
    job.write(rows, pipeline, evaluation, evaluate)


train_of_0_2.knows = (  # type: ignore[attr-defined]
    *("task", "estimator", "parameters", "seed", "holdout", "drop_columns", "min_class_rows"),
)


@pytest.mark.slow  # trains
def test_a_train_py_of_before_folds_holds_rows_out_as_ever(run: Run, tmp_path: Path) -> None:
    """Nothing that it measures has been learned from."""
    found = run("old", cars(tmp_path / "cars.csv"), "mileage", job=train_of_0_2, **LINEAR)
    assert found["split"]["folds"] is None
    assert found["rows"]["train"] + found["rows"]["test"] == 32


def test_both_sides_name_the_classes_alike(tmp_path: Path) -> None:
    """Marks are texts where one of them is broken, also on a side that lacks it."""
    random = np.random.default_rng(0)
    frame = pd.DataFrame({"x": random.normal(size=600), "mark": random.choice([1.0, 2.0], 600)})
    frame.loc[random.permutation(600)[:6], "mark"] = 2.5
    frame.to_csv(tmp_path / "marks.csv", index=False)
    for share in (0.1, 0.3, 0.9):
        settings = {"task": "classification", "holdout": share}
        rows = read(tmp_path / "marks.csv", "mark", **settings)
        assert rows.classes == ["1", "2", "2.5"] and set(rows.y_test) <= set(rows.classes)
