"""Any table as typed tables: part by part, as a whole, or as a frame."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import pyarrow as pa

from amlkit.tabular.table.kinds import open_source
from amlkit.tabular.table.schema import Schema, TableError, names_text
from amlkit.tabular.table.source import Part, Progress
from amlkit.tabular.table.values import convert

if TYPE_CHECKING:
    import pandas as pd

Item = TypeVar("Item")
Result = TypeVar("Result")

WORKERS = min(os.cpu_count() or 1, 8)
_NUMPY = {"category": np.dtype(object), "date": np.dtype("datetime64[s]")}


def ahead(work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """Yield work(item) for each item in order, as many under way as there are threads.

    Memory stays bounded: an item is drawn only when a place is free. Errors come in order too.
    """
    with ThreadPoolExecutor(WORKERS) as pool:
        under_way: deque[Future[Result]] = deque()
        try:
            for item in items:
                under_way.append(pool.submit(work, item))
                del item
                if len(under_way) > WORKERS:
                    yield under_way.popleft().result()
            while under_way:
                yield under_way.popleft().result()
        finally:
            for future in under_way:
                future.cancel()


def typed_blocks(
    path: Path,
    schema: Schema,
    require_target: bool = True,
    also: Sequence[str] = (),
    progress: Progress | None = None,
) -> Iterator[pa.Table]:
    """Yield the table's parts as typed tables; TableError when there is no row at all.

    The columns `also` come last, as the file has them: text in a CSV. `progress` hears (bytes read,
    bytes in all).
    """
    source = open_source(path, schema.encoding, schema.delimiter)
    wanted = [c for c in schema.columns if c.name != schema.target or require_target
              or c.name in source.names]  # fmt: skip
    names = [column.name for column in wanted]
    _need_columns(source.file, source.names, [*names, *also])
    read = list(dict.fromkeys([*names, *also]))
    missing = schema.missing_values

    def typed(part: Part) -> pa.Table:
        table = part.columns(read, missing)
        arrays = []
        for column in wanted:
            block = None if column.name in source.types else part
            arrays.append(convert(table[column.name], column, missing, source.file, block))
        return pa.table([*arrays, *(table[name] for name in also)], names=[*names, *also])

    empty = True
    for table in ahead(typed, source.parts(read, progress)):
        if table.num_rows:
            yield table
            empty = False
    if empty:
        raise TableError(f"{source.file}: the table has a header but no rows")


def _need_columns(file: str, names: Sequence[str], wanted: Sequence[str]) -> None:
    """Raise TableError naming the wanted columns that are not there."""
    there = set(names)
    absent = [name for name in wanted if name not in there]
    if absent:
        raise TableError(
            f"{file}: columns are missing: {names_text(absent)}; it has {names_text(names)}"
        )


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
    most = open_source(path, schema.encoding, schema.delimiter).most_rows()
    columns = {c.name: np.empty(most, _NUMPY.get(c.type, np.dtype(float))) for c in schema.columns}
    texts: dict[str, str] = {}
    rows = 0
    for table in typed_blocks(path, schema):
        for name, column in columns.items():
            column[rows : rows + table.num_rows] = column_array(table[name], texts)
        rows += table.num_rows
    return _frame({name: column[:rows] for name, column in columns.items()})


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
