"""From the columns of the table to what an estimator can take: one scikit-learn Pipeline.

The Pipeline takes a DataFrame of named columns, so a request to the model is a row of the table.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from amlkit.tabular.features import ExpandDates
from amlkit.tabular.table import Column
from amlkit.tabular.words import Words
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler
from sklearn.utils import get_tags


def build_pipeline(columns: Sequence[Column], model: Any) -> Pipeline:
    """Make dates numbers, make texts and numbers ready, then `model`: an unfitted Pipeline.

    A column's type is "number", "boolean", "date", "category", or "text": long texts of many words.

    The ONNX copy, which serves faster, is made of just these steps and parts. With steps of your
    own the scikit-learn model serves, and the log says why.
    """
    dates = ExpandDates.of(columns)
    texts = [column.name for column in columns if column.type == "category"]
    numbers = [column.name for column in columns if column.type in ("number", "boolean")]
    numbers += dates.parts()
    words = [column.name for column in columns if column.type == "text"]
    base = model.estimator if hasattr(model, "refit") else model  # a search: what it is made of
    parts = [
        ("texts", for_texts(base), texts),
        ("numbers", for_numbers(base), numbers),
        ("words", Words(parts=0 if supports(base, "sparse") else 30), words),
    ]
    table = ColumnTransformer(
        [part for part in parts if part[2]],
        sparse_threshold=0.3 if supports(base, "sparse") else 0.0,
        verbose_feature_names_out=False,
    )
    return Pipeline([("dates", dates), ("columns", table), ("model", model)])


def for_texts(model: Any) -> Any:
    """Trees split an order of codes as well as any; others need each category apart.

    A missing text is a category of its own; one that was not there in training is none of them.
    """
    if supports(model, "allow_nan"):
        return OrdinalEncoder(
            handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-2
        )
    return OneHotEncoder(handle_unknown="ignore")


def for_numbers(model: Any) -> Any:
    """Trees need no number scaled; others need numbers of one size, and none missing."""
    fill = SimpleImputer(strategy="median")
    if not supports(model, "allow_nan"):
        return Pipeline([("fill", fill), ("scale", StandardScaler())])
    # ONNX gets missing values wrong in scikit-learn's trees other than histogram gradient boosting.
    kind = type(model)
    filled = kind.__module__.startswith("sklearn.") and "HistGradient" not in kind.__name__
    return fill if filled else "passthrough"


def supports(model: Any, what: str) -> bool:
    """Whether an estimator says that it takes "sparse" rows, or missing numbers ("allow_nan")."""
    return hasattr(model, "__sklearn_tags__") and bool(getattr(get_tags(model).input_tags, what))
