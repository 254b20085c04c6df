"""Typed tables as pandas frames, with as little memory as it takes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from amlkit.tabular.table.csv_dialect import pieces
from amlkit.tabular.table.parquet_source import ParquetSource
from amlkit.tabular.table.schema import Schema
from amlkit.tabular.table.source import file_kind, typed_blocks

if TYPE_CHECKING:
    import pandas as pd

_NUMPY = {"category": np.dtype(object), "date": np.dtype("datetime64[s]")}


def to_frame(table: pa.Table) -> pd.DataFrame:
    """Return a table of `read_table` or `iter_tables` for scikit-learn.

    number and boolean are float64, category is object (str), date is datetime64[s]; what is
    missing is NaN, or NaT in dates. Each column is an array of its own, so nothing is copied twice.
    """
    texts: dict[str, str] = {}
    return _frame({name: column_array(table[name], texts) for name in table.column_names})


def read_frame(path: Path, schema: Schema) -> pd.DataFrame:
    """Return `to_frame(read_table(path, schema))` without ever holding both.

    The arrays are laid out for as many rows as the file has lines and filled block by block.
    """
    path = Path(path)
    most = _most_rows(path, schema)
    columns = {c.name: np.empty(most, _NUMPY.get(c.type, np.dtype(float))) for c in schema.columns}
    texts: dict[str, str] = {}
    rows = 0
    for table in typed_blocks(path, schema):
        for name, column in columns.items():
            column[rows : rows + table.num_rows] = column_array(table[name], texts)
        rows += table.num_rows
    return _frame({name: column[:rows] for name, column in columns.items()})


def _most_rows(path: Path, schema: Schema) -> int:
    """Return a number of rows that the file does not exceed."""
    if file_kind(path) == "parquet":
        return ParquetSource(path).rows
    # "\r" alone ends lines in files of old Macs; counting both only reserves addresses
    ends = (b"\n", b"\r")
    return 1 + sum(max(piece.count(e) for e in ends) for piece in pieces(path, schema.encoding))


def column_array(
    column: pa.ChunkedArray, texts: dict[str, str], missing: float | None = np.nan
) -> np.ndarray[Any, Any]:
    """Return the column as numpy has it; equal texts are one object, kept in `texts`.

    A missing text is `missing`; a missing number is NaN, a missing date NaT.
    """
    if not pa.types.is_dictionary(column.type):
        return np.asarray(column.to_numpy())
    parts = []
    for chunk in column.chunks:
        names = [texts.setdefault(name, name) for name in chunk.dictionary.to_pylist()]
        values = np.array([*names, missing], dtype=object)
        parts.append(values[chunk.indices.fill_null(len(names)).to_numpy()])
    return np.concatenate(parts) if parts else np.empty(0, object)


def _frame(columns: dict[str, np.ndarray[Any, Any]]) -> pd.DataFrame:
    import pandas as pd  # only here: reading needs no pandas

    return pd.DataFrame(columns, copy=False)
