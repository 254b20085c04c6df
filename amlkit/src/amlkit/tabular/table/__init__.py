"""Reading any tidy table, CSV or Parquet, by a schema that says what each column is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from amlkit.tabular.table.csv_dialect import Progress
from amlkit.tabular.table.frame import read_frame, to_frame
from amlkit.tabular.table.schema import DEFAULT_MISSING, TYPES, Column, Schema, TableError
from amlkit.tabular.table.source import file_kind, typed_blocks

__all__ = [
    "DEFAULT_MISSING",
    "TYPES",
    "Column",
    "Schema",
    "TableError",
    "file_kind",
    "iter_tables",
    "read_frame",
    "read_table",
    "to_frame",
]


def read_table(path: Path, schema: Schema) -> pa.Table:
    """Return the whole table with the schema's columns, in the schema's order.

    number and boolean (1, 0) are float64, category is dictionary<int32, string>, date is
    timestamp[s] in UTC; a missing value is null. TableError names the column, the value and the
    line of what does not fit.
    """
    return _joined(list(typed_blocks(Path(path), schema)))


def iter_tables(
    path: Path,
    schema: Schema,
    rows: int = 100_000,
    require_target: bool = True,
    also: Sequence[str] = (),
    progress: Progress | None = None,
) -> Iterator[pa.Table]:
    """Yield the table as `read_table` types it, `rows` rows at a time, in the file's order.

    Memory is bounded. Without `require_target` the target may be absent, and then is here too. The
    columns `also` come last, as the file has them. `progress` hears (bytes read, bytes in all).
    """
    held: list[pa.Table] = []
    count = 0
    for table in typed_blocks(Path(path), schema, require_target, also, progress):
        held.append(table)
        count += table.num_rows
        if count >= rows:
            whole, at = _joined(held), 0
            while count - at >= rows:
                yield whole.slice(at, rows)
                at += rows
            held, count = [whole.slice(at)], count - at
    if count:
        yield _joined(held)


def _joined(tables: list[pa.Table]) -> pa.Table:
    """Return the tables as one, each category with one dictionary."""
    return pa.concat_tables(tables).unify_dictionaries()
