"""From the columns of a table to what an estimator can take: one scikit-learn Pipeline.

The Pipeline takes a DataFrame of named columns: a request to the model is a row of the table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler
from sklearn.utils import get_tags

from amlkit.tabular.dates import expanded_names, has_time, part_values
from amlkit.tabular.estimators import make_estimator
from amlkit.tabular.table.schema import Schema, TableError

# A text column with more distinct values than this, in over half of its rows, names the row.
IDENTIFIER_VALUES = 50
IDENTIFIER_SHARE = 0.5


def select_features(
    train: pa.Table, schema: Schema, drop_columns: Sequence[str] = ()
) -> tuple[list[str], list[str]]:
    """The columns worth learning from, in the table's order, and a note on each one left out.

    `train` holds the training rows alone: the test must not decide what is learned from.
    Raises TableError if a column to drop is not there, or if no column is left.
    """
    known = [column.name for column in schema.features]
    for name in drop_columns:
        if name not in known:
            near = get_close_matches(name, known, n=3, cutoff=0.4) or known[:3]
            raise TableError(
                f"training.drop_columns: no column {name!r} to drop; "
                f"did you mean {' or '.join(map(repr, near))}?"
            )
    names, notes = [], []
    for column in schema.features:
        reason = "in training.drop_columns" if column.name in drop_columns else ""
        reason = reason or _useless(train.column(column.name))
        if reason:
            notes.append(f"without {column.name!r}: {reason}")
        else:
            names.append(column.name)
    if not names:
        raise TableError(f"no column is left to learn from: {'; '.join(notes)}")
    return names, notes


def _useless(values: pa.ChunkedArray) -> str:
    """Why nothing can be learned from a column; empty if something can."""
    present = len(values) - values.null_count
    if present == 0:
        return "all values are missing"
    if not pa.types.is_dictionary(values.type):
        # The extremes tell a constant from the rest at once; counting a million numbers would not.
        ends = pc.min_max(values).as_py()
        constant = values.null_count == 0 and ends["min"] == ends["max"]
        return f"always {ends['min']}" if constant else ""
    codes = [chunk.indices for chunk in values.unify_dictionaries().chunks]
    distinct = len(pc.unique(pa.chunked_array(codes)).drop_null())
    if distinct == 1 and values.null_count == 0:
        return "always the same value"
    if distinct > IDENTIFIER_VALUES and distinct > IDENTIFIER_SHARE * present:
        return f"{distinct} different texts in {present} rows: an identifier or free text"
    return ""


class ExpandDates(TransformerMixin, BaseEstimator):
    """Each date column becomes numbers; all other columns pass by untouched.

    DataFrame in, DataFrame out. The numbers are those of `date_parts`, as float64, NaN where the
    date is missing. Learns nothing when fitted. A saved model refers to this class by its name and
    module: renaming either makes saved models unreadable.
    """

    def __init__(self, columns: Sequence[str] = (), timed: Sequence[str] = ()) -> None:
        self.columns = columns
        self.timed = timed

    def fit(self, X: pd.DataFrame, y: object = None) -> ExpandDates:
        """Note the names of the columns."""
        self.feature_names_in_ = np.asarray(X.columns, dtype=object)
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:
        """Replace the date columns; with none there is nothing to do and nothing to copy."""
        if not len(self.columns):
            return X
        numbers: dict[str, Any] = {}
        for name in self.columns:
            values = part_values(pd.to_datetime(X[name]).to_numpy(), name in self.timed)
            numbers.update(zip(expanded_names([name], self.timed), values, strict=True))
        rest: pd.DataFrame = X.drop(columns=list(self.columns))
        return pd.concat([rest, pd.DataFrame(numbers, index=X.index)], axis=1)

    def get_feature_names_out(self, input_features: object = None) -> Any:
        """The names of the columns that `transform` returns, in order."""
        rest = [name for name in self.feature_names_in_ if name not in self.columns]
        return np.asarray(rest + expanded_names(self.columns, self.timed), dtype=object)


def build_pipeline(
    schema: Schema,
    names: Sequence[str],
    estimator: str,
    parameters: Mapping[str, Any],
    task: str,
    seed: int,
) -> Pipeline:
    """An unfitted Pipeline of the steps "dates", "columns" and "model" over the columns `names`.

    Raises TableError, one line, if the estimator or one of its parameters does not exist.
    """
    model = make_estimator(estimator, parameters, task, seed)
    columns = [column for column in schema.features if column.name in names]
    dates = [column.name for column in columns if column.type == "date"]
    # Without a time of day in the file's format the hour would be a column of zeros.
    timed = [c.name for c in columns if c.type == "date" and has_time(c.format)]
    texts = [column.name for column in columns if column.type == "category"]
    numbers = [column.name for column in columns if column.type in ("number", "boolean")]
    numbers += expanded_names(dates, timed)
    encoder, scaler = _encoders(model)
    parts = [("texts", encoder, texts), ("numbers", scaler, numbers)]
    table = ColumnTransformer(
        [part for part in parts if part[2]],
        sparse_threshold=0.3 if _tag(model, "sparse") else 0.0,
        verbose_feature_names_out=False,
    )
    return Pipeline([("dates", ExpandDates(dates, timed)), ("columns", table), ("model", model)])


def _encoders(model: Any) -> tuple[Any, Any]:
    """What texts and numbers pass through before `model`.

    Only parts that skl2onnx turns into the same numbers. It gets these silently wrong:
    HistGradientBoosting's own `categorical_features`, OneHotEncoder's `max_categories`, and missing
    values in scikit-learn's other trees.
    """
    fill = SimpleImputer(strategy="median")
    if _tag(model, "allow_nan"):
        # Trees split an order of codes as well as any, and need no number scaled.
        encoder = OrdinalEncoder(
            handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-2
        )
        kind = type(model)
        own_side = "HistGradient" in kind.__name__ or not kind.__module__.startswith("sklearn.")
        return encoder, "passthrough" if own_side else fill
    # Others need each category apart, numbers of one size, and nothing missing (a missing text is a
    # category of its own, an unknown one is none of them).
    scaled = Pipeline([("fill", fill), ("scale", StandardScaler())])
    return OneHotEncoder(handle_unknown="ignore"), scaled


def _tag(model: Any, name: str) -> bool:
    """What a scikit-learn estimator says of its input; no for one that says nothing."""
    return hasattr(model, "__sklearn_tags__") and bool(getattr(get_tags(model).input_tags, name))
