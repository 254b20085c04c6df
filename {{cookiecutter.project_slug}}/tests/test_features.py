"""From the columns of a table to what an estimator takes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from conftest import COLUMNS
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression

from {{ cookiecutter.package_name }}.features import build_pipeline

ESTIMATORS = [LogisticRegression(), HistGradientBoostingClassifier()]


def rows(count: int = 60) -> pd.DataFrame:
    """Rows of the small table."""
    return pd.DataFrame(
        {
            "age": np.arange(count, dtype=float),
            "city": np.resize(np.array(["Bern", "Rome"], dtype=object), count),
            "since": pd.date_range("2024-01-01", periods=count, freq="D"),
        }
    )


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda e: type(e).__name__)
def test_missing_values_and_new_categories_get_an_answer(estimator: Any) -> None:
    X = rows()
    pipeline = build_pipeline(COLUMNS, estimator).fit(X, X["age"] > 30)
    asked = rows(2)
    asked.loc[0, ["age", "city"]] = [np.nan, np.nan]
    asked.loc[1, "city"] = "Oslo"
    assert np.isfinite(pipeline.predict_proba(asked)).all()


def test_every_column_is_learned_from() -> None:
    X = rows()
    pipeline = build_pipeline(COLUMNS, LogisticRegression()).fit(X, X["age"] > 30)
    names = " ".join(pipeline[:-1].get_feature_names_out())
    assert all(column.name in names for column in COLUMNS)
