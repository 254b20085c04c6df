"""Features and training: answers for any row, metrics that are those of the model."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from amlkit.gate import less_is_better
from amlkit.tabular.table import Schema, to_frame
from conftest import CONFIG
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression

from {{ cookiecutter.package_name }}.evaluate import evaluate
from {{ cookiecutter.package_name }}.features import build_pipeline

ESTIMATORS = [LogisticRegression(max_iter=1_000), HistGradientBoostingClassifier()]


def test_the_model_is_better_than_its_baseline(trained: Path) -> None:
    record = json.loads((trained / "outputs" / "metrics.json").read_text(encoding="utf-8"))
    name = CONFIG["gate"]["rules"][record["task"]]["primary_metric"]
    value, baseline = record["metrics"][name], record["baseline"]["metrics"][name]
    assert value < baseline if less_is_better(name) else value > baseline


def test_the_metrics_are_of_rows_not_learned_from(
    trained: Path, schema: Schema, rows: pa.Table
) -> None:
    record = json.loads((trained / "outputs" / "metrics.json").read_text(encoding="utf-8"))
    known = rows.num_rows - rows.column(schema.target).null_count
    learned, measured = record["rows"]["train"], record["rows"]["test"]
    if record["split"]["folds"]:  # few rows: each is measured by a model of the others
        assert 0 < measured <= learned <= known
    else:
        assert min(learned, measured) > 0 and learned + measured <= known


def predicting(values: list[Any], probability: Any = None) -> Any:
    """A model that gives these answers."""
    model = SimpleNamespace(predict=lambda X: np.array(values), classes_=np.array(["a", "b"]))
    if probability is not None:
        model.predict_proba = lambda X: np.array(probability)
    return model


def test_classes_are_measured_as_expected() -> None:
    model = predicting(["a", "b", "b", "b"], [[0.9, 0.1], [0.4, 0.6], [0.2, 0.8], [0.1, 0.9]])
    truth = np.array(["a", "a", "b", "b"], dtype=object)
    found = evaluate(model, pd.DataFrame(index=range(4)), truth, "classification", ["a", "b"])
    assert found.metrics["accuracy"] == 0.75
    assert found.metrics["roc_auc"] == 1.0


def test_numbers_are_measured_as_expected() -> None:
    found = evaluate(
        predicting([1.0, 3.0]),
        pd.DataFrame(index=range(2)),
        np.array([1.0, 5.0]),
        "regression",
        None,
    )
    assert found.metrics["mae"] == 1.0
    assert found.metrics["r2"] == pytest.approx(0.5)


def fitted(schema: Schema, rows: pa.Table, estimator: Any) -> tuple[Any, pd.DataFrame]:
    """The pipeline, fitted to two classes by turns, and the rows that it was fitted to."""
    X = to_frame(rows)[[column.name for column in schema.features]]
    return build_pipeline(schema.features, estimator).fit(X, np.arange(len(X)) % 2), X


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda e: type(e).__name__)
def test_missing_values_and_new_categories_get_an_answer(
    schema: Schema, rows: pa.Table, estimator: Any
) -> None:
    pipeline, X = fitted(schema, rows, estimator)
    asked = X.head(2).copy()
    for column in schema.features:
        missing = asked[column.name].astype(object)
        missing.iloc[0] = np.nan
        if column.type == "category":
            missing.iloc[1] = "never seen before"
        asked[column.name] = missing.astype(X[column.name].dtype)
    assert np.isfinite(pipeline.predict_proba(asked)).all()


def test_every_column_is_learned_from(schema: Schema, rows: pa.Table) -> None:
    pipeline, _ = fitted(schema, rows, LogisticRegression(max_iter=1_000))
    names = " ".join(pipeline["columns"].get_feature_names_out())
    assert [column.name for column in schema.features if column.name not in names] == []
