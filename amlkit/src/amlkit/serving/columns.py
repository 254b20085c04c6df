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

from amlkit.tabular.table.frame import column_array

Array = NDArray[Any]
Columns = dict[str, Array]


def from_table(table: pa.Table, names: Sequence[str]) -> Columns:
    """Return the named columns of a table that `table.read_table` or `iter_tables` read."""
    texts: dict[str, str] = {}
    return {name: column_array(table[name], texts, None) for name in names}


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
