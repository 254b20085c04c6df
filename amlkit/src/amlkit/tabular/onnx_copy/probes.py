"""Rows made up to show where two models part: unknown, missing and extreme values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from sklearn.pipeline import Pipeline

from amlkit.serving.columns import Array, Columns, from_table, row_count
from amlkit.serving.onnx_model import LIMIT

BASE = 20  # held-out rows that the values are put into
CELLS = 1_000_000  # of all probe rows together
CATEGORIES = 100  # known texts tried in each column
UNKNOWN = ("no such text", "", "nan", "é\N{SNOWMAN}")
NUMBERS = (0.0, 1.0, -1.0, 0.1, 16_777_217.0, -1e9, 1e18, LIMIT, -LIMIT, 1e-30)
DATES = np.array(
    ["1970-01-01", "0001-01-01", "9999-12-31T23:59:59", "2000-02-29", "1969-12-31T23:00:00"],
    dtype="datetime64[s]",
)


def probes(schema: Mapping[str, Any], pipeline: Pipeline, held_out: pa.Table) -> Columns:
    """Held-out rows with, in each column in turn, a value put in; and all missing, and all zero."""
    types = {column["name"]: column["type"] for column in schema["columns"]}
    names: list[str] = list(schema["features"])
    values = {name: _values(types[name], _known(pipeline, name)) for name in names}
    changes = sum(map(len, values.values())) + 2
    rows = max(1, min(BASE, held_out.num_rows, CELLS // (changes * len(names))))
    places = np.linspace(0, held_out.num_rows - 1, rows).astype(np.int64)
    base = from_table(held_out.take(pa.array(places)), names)
    parts = list(_parts(base, values, types))
    return {name: np.concatenate([part[name] for part in parts]) for name in names}


def _parts(
    base: Columns, values: Mapping[str, Array], types: Mapping[str, str]
) -> Iterator[Columns]:
    rows = row_count(base)
    for name, tried in values.items():
        part = {other: np.tile(column, len(tried)) for other, column in base.items()}
        part[name] = np.repeat(tried, rows)
        yield part
    yield {name: np.repeat(tried[:1], rows) for name, tried in values.items()}
    zero = {name: np.zeros(rows) for name in values if types[name] in ("number", "boolean")}
    yield {**base, **zero}


def _values(type_: str, known: list[str]) -> Array:
    """What is put into a column of a type; the first is the missing value."""
    if type_ == "category":
        return np.array([None, *UNKNOWN, *known], dtype=object)
    if type_ == "date":
        return np.concatenate([np.array(["NaT"], dtype="datetime64[s]"), DATES])
    return np.array([np.nan, *(NUMBERS if type_ == "number" else (0.0, 1.0))])


def _known(pipeline: Pipeline, name: str) -> list[str]:
    """Some of the texts that the model has learned for a column."""
    for part, encoder, columns in pipeline["columns"].transformers_:
        if part == "texts" and name in columns:
            categories = encoder.categories_[list(columns).index(name)]
            return [text for text in categories if isinstance(text, str)][:CATEGORIES]
    return []
