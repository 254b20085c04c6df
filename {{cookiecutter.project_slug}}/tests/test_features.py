"""From the columns of the table to what an estimator takes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from amlkit.tabular.table import Schema, to_frame
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression

from {{ cookiecutter.package_name }}.features import build_pipeline

ESTIMATORS = [LogisticRegression(max_iter=1_000), HistGradientBoostingClassifier()]


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
