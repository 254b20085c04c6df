"""The form in which every model here takes rows: one array for each column.

number and boolean are float64 (NaN is missing), category is object (str, None is missing), date is
datetime64[s] (NaT is missing).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Array = NDArray[Any]
Columns = dict[str, Array]


def from_table(table: pa.Table, names: Sequence[str]) -> Columns:
    """Return the named columns of a table that `table.read_table` or `iter_tables` read."""
    columns: Columns = {}
    for name in names:
        values = table[name]
        if not pa.types.is_dictionary(values.type):
            columns[name] = np.asarray(values.to_numpy())
            continue
        parts = [np.empty(0, object)]
        for chunk in values.chunks:
            texts = np.array([*chunk.dictionary.to_pylist(), None], dtype=object)
            parts.append(texts[chunk.indices.fill_null(len(texts) - 1).to_numpy()])
        columns[name] = np.concatenate(parts)
    return columns


def is_missing(values: Array) -> Array:
    """Which of the texts (object) are missing, as a mask."""
    nothing: Any = None
    mask: Array = np.equal(values, nothing)
    return mask


def take(columns: Columns, rows: Array) -> Columns:
    """Return some rows of the columns, by a mask or by their places."""
    return {name: values[rows] for name, values in columns.items()}


def row_count(columns: Columns) -> int:
    """The number of rows."""
    return len(next(iter(columns.values())))
