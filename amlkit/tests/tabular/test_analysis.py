"""What analysis.json says of a model: where it errs, at which threshold, on which other rows."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from amlkit.tabular import analysis
from amlkit.tabular.analysis import analyse
from amlkit.tabular.evaluation import Evaluation
from amlkit.tabular.judgement import Judgement
from amlkit.tabular.rows import Rows
from amlkit.tabular.split import LEARNED, Split
from amlkit.tabular.table import Column, Schema

ROWS = 1_000
MINUS = "\N{MINUS SIGN}"


def table(X: pd.DataFrame, y: Any, folds: int | None = None) -> Rows:
    """Rows of which the second half is measured; with folds all are."""
    part = np.where(np.arange(len(y)) < len(y) // 2, LEARNED, 0)
    part = np.zeros(len(y), dtype=int) if folds else part
    split = Split(
        by="row hash", column=None, share=0.5, folds=folds, part=part, order=None, moved=0,
        repeated=0, identity="", notes=(),
    )  # fmt: skip
    kinds = {"f": "number", "M": "date"}
    columns = tuple(Column(str(n), kinds.get(X[n].dtype.kind, "category")) for n in X.columns)
    regression = y.dtype.kind == "f"
    return Rows(
        X=X[split.kept], y=y[split.kept], X_test=X[split.measured], y_test=y[split.measured],
        columns=columns, task="regression" if regression else "classification",
        classes=None if regression else np.unique(y).tolist(), split=split, held_out=pa.table({}),
        schema=Schema(columns, "y"), read_again=lambda: pa.table({}), record={},
    )  # fmt: skip


@pytest.fixture()
def random() -> np.random.Generator:
    """Equal numbers in each test."""
    return np.random.default_rng(5)


def test_the_segment_that_goes_wrong_comes_first(random: np.random.Generator) -> None:
    town = random.choice(["Oslo", "Rome", "Lima"], ROWS)
    y = random.normal(10, 2, ROWS)
    X = pd.DataFrame({"town": town, "size": random.uniform(0, 9, ROWS), "rare": ["a"] * ROWS})
    X.loc[:30, "rare"] = "b"
    rows = table(X, y)
    off = np.where(rows.X_test["town"] == "Rome", 4.0, 0.5)
    found = analyse(rows, Evaluation({"r2": 0.5}, rows.y_test + off), Judgement())
    worst = found["segments"][0]
    assert (worst["column"], worst["segment"], worst["metric"]) == ("town", "Rome", "rmse")
    assert worst["rows"] == int((rows.X_test["town"] == "Rome").sum())
    assert worst["value"] == pytest.approx(4.0) and worst["interval"][0] <= 4.0
    assert found["loss"]["value"] < 4.0
    assert {segment["column"] for segment in found["segments"]} == {"town", "size"}
    quarters = [s for s in found["segments"] if s["column"] == "size"]
    assert sum(s["rows"] for s in quarters) == len(rows.y_test)


@pytest.mark.parametrize(
    ("values", "type_", "texts"),
    [
        ([-25.117, 3550.0, 123456.7], "number", [f"{MINUS}25.12", "3,550", "123,457"]),
        ([1.00001, 1.00002, 2.0], "number", ["1.00001", "1.00002", "2"]),
        ([2004.0, 2006.0, 2011.0], "number", ["2004", "2006", "2011"]),
        ([1600.0, 2004.0, 2400.0], "number", ["1,600", "2,004", "2,400"]),
        ([1e-9, 1e20], "number", [f"1e{MINUS}09", "1e+20"]),
        (
            ["2024-05-06 00:00", "2024-05-07 10:30"],
            "date",
            ["2024-05-06", "2024-05-07"],
        ),
        (
            ["2024-05-06 01:00", "2024-05-06 10:30"],
            "date",
            ["2024-05-06 01:00:00", "2024-05-06 10:30:00"],
        ),
        ([False, True], "boolean", ["false", "true"]),
    ],
)
def test_a_segments_ends_are_told_apart(values: Any, type_: str, texts: list[str]) -> None:
    assert analysis._texts(values, type_) == texts


def test_the_rows_of_the_largest_error_are_shown(random: np.random.Generator) -> None:
    y = random.normal(10, 2, ROWS)
    X = pd.DataFrame({"day": pd.Timestamp("2024-05-06"), "x": [1.0, np.nan] * (ROWS // 2)})
    rows = table(X, y)
    said = rows.y_test.copy()
    said[7] += 50
    worst = analyse(rows, Evaluation({}, said), Judgement())["worst_rows"]
    assert len(worst) == analysis.WORST_ROWS
    assert worst[0]["row"] == {"day": "2024-05-06", "x": None}
    assert worst[0]["error"] == pytest.approx(50)
    json.dumps(worst, allow_nan=False)


def test_each_threshold_counts_both_kinds_of_error(random: np.random.Generator) -> None:
    y = np.where(random.random(ROWS) < 0.3, "yes", "no")
    rows = table(pd.DataFrame({"x": random.normal(size=ROWS)}), y)
    second = np.where(rows.y_test == "yes", 0.8, 0.1)
    said = Evaluation({}, rows.y_test, np.column_stack([1 - second, second]))
    rows_at = {row["threshold"]: row for row in analyse(rows, said, Judgement())["thresholds"]}
    yes, all_rows = int((rows.y_test == "yes").sum()), len(rows.y_test)
    assert rows_at[0.05]["false_positives"] == all_rows - yes
    assert rows_at[0.5] == {
        "threshold": 0.5, "precision": 1.0, "recall": 1.0, "share": yes / all_rows,
        "false_positives": 0, "false_negatives": 0,
    }  # fmt: skip
    assert rows_at[0.95]["precision"] is None
    assert rows_at[0.95]["false_negatives"] == yes


def test_three_classes_without_probabilities_have_an_error_rate(
    random: np.random.Generator,
) -> None:
    y = random.choice(["a", "b", "c"], ROWS)
    rows = table(pd.DataFrame({"x": np.where(y == "c", 9.5, 1.5)}), y)
    said = np.where(rows.y_test == "c", "a", rows.y_test)
    found = analyse(rows, Evaluation({}, said), Judgement())
    assert found["loss"] == {"name": "error rate", "value": (rows.y_test == "c").mean()}
    assert found["segments"][0]["segment"] == "9.5" and found["segments"][0]["value"] == 1.0
    assert "thresholds" not in found


def test_a_gap_that_means_overfitting_is_named(random: np.random.Generator) -> None:
    rows = table(pd.DataFrame({"x": random.normal(size=ROWS)}), random.normal(size=ROWS))
    baseline = {"name": "mean", "metrics": {"r2": 0.0}, "difference": {}}

    def kinds(known: float) -> list[str]:
        judgement = Judgement({"r2": (0.3, 0.5)}, {"r2": known}, baseline)
        found = analyse(rows, Evaluation({"r2": 0.4}, rows.y_test), judgement)
        return [check["kind"] for check in found["data_checks"]]

    assert kinds(0.95) == ["overfitting"]
    assert kinds(0.55) == kinds(0.45) == []


def test_columns_that_drift_are_named_the_farthest_first(random: np.random.Generator) -> None:
    """Those of equal distributions are not, however many categories they have."""
    late = np.arange(ROWS) >= ROWS // 2
    X = pd.DataFrame(
        {
            "price": random.normal(np.where(late, 3, 0), 1, ROWS),
            "shop": np.where(late & (random.random(ROWS) < 0.4), "new", "old"),
            "same": random.normal(size=ROWS),
            "many": random.integers(0, 200, ROWS).astype(str),
        }
    )
    rows, same = table(X, random.normal(size=ROWS)), table(X, random.normal(size=ROWS), folds=5)

    def drifting(rows: Rows) -> list[str]:
        checks = analyse(rows, Evaluation({}, rows.y_test), Judgement())["data_checks"]
        return [check["column"] for check in checks if check["kind"] == "drift"]

    assert drifting(rows) == ["price", "shop"]
    assert drifting(same) == []


def test_time_is_bounded_and_what_was_not_looked_at_is_said(
    random: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(analysis, "SECONDS", -1.0)
    rows = table(pd.DataFrame({"x": random.normal(size=ROWS)}), random.normal(size=ROWS))
    found = analyse(rows, Evaluation({}, rows.y_test), Judgement())
    assert found["segments"] == []
    assert found["notes"] == ["segments of 0 of 1 columns, after -1 s of looking"]
