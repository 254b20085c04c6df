"""What the model learns from, for training and endpoint alike."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd


def matrix(frame: pd.DataFrame, columns: list[dict[str, Any]]) -> Any:
    """The features as numbers, (rows, columns): a category is its place, unknown is missing."""
    numbers = []
    for column in columns:
        values = frame[column["name"]]
        if column["categories"]:
            codes = pd.Categorical(values, categories=column["categories"]).codes.astype("float32")
            numbers.append(np.where(codes < 0, np.nan, codes))
        else:
            numbers.append(values.to_numpy("float32"))
    return np.column_stack(numbers)


def places(y: Any, classes: list[Any]) -> Any:
    """Classes as their places, (rows,)."""
    return pd.Categorical(y, categories=classes).codes.astype("int64")
