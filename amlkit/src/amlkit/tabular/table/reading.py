"""Any table's file, CSV or Parquet, as typed tables: block by block, as a whole, or as a frame."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from amlkit.tabular.table.csv_dialect import Progress, pieces
from amlkit.tabular.table.csv_file import Block, CsvSource, need_columns
from amlkit.tabular.table.schema import Schema, TableError, check_names, names_text, shorten
from amlkit.tabular.table.values import convert, is_plain

if TYPE_CHECKING:
    import pandas as pd

Item = TypeVar("Item")
Result = TypeVar("Result")

WORKERS = min(os.cpu_count() or 1, 8)
MAGIC = b"PAR1"
_SUFFIXES = (".csv", ".tsv", ".txt", ".data", ".tab", "")
# what spreadsheets, archives and pictures begin with
_NOT_TEXT = (b"PK\3\4", b"\xd0\xcf\x11\xe0", b"%PDF", b"\x89PNG", b"SQLi", b"BZh", b"7z\xbc\xaf")
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


class ParquetSource:
    """A Parquet file whose columns are plain values; pandas' index columns are left out."""

    def __init__(self, path: Path) -> None:
        self.path, self.file = path, path.name
        try:
            with pq.ParquetFile(path) as parquet:
                schema, self.rows = parquet.schema_arrow, parquet.metadata.num_rows
        except (pa.ArrowException, OSError) as error:
            raise self._damaged(error) from error
        fields = [field for field in schema if not field.name.startswith("__index_level_")]
        check_names(self.file, [field.name for field in fields])
        self.types = {field.name: field.type for field in fields}
        self.names = list(self.types)
        odd = [f"{name} ({type_})" for name, type_ in self.types.items() if not is_plain(type_)]
        if odd:
            raise TableError(
                f"{self.file}: columns that are not plain values: {names_text(odd)}; "
                "flatten them, write them as text, or leave them out"
            )
        if len(self.names) < 2:
            raise TableError(
                f"{self.file}: a target and at least one more column are needed; "
                f"it has {names_text(self.names) or 'none'}"
            )

    def batches(
        self, names: Sequence[str], rows: int = 1 << 16, progress: Progress | None = None
    ) -> Iterator[pa.Table]:
        """Yield the named columns, at most `rows` rows at a time, in bounded memory."""
        total, done = self.path.stat().st_size, 0
        try:
            with pq.ParquetFile(self.path, pre_buffer=False) as parquet:
                for batch in parquet.iter_batches(batch_size=rows, columns=list(names)):
                    yield pa.Table.from_batches([batch]).select(list(names))
                    done += batch.num_rows
                    if progress is not None:
                        progress(total * done // max(self.rows, 1), total)
        except (pa.ArrowException, OSError) as error:
            raise self._damaged(error) from error

    def _damaged(self, error: Exception) -> TableError:
        return TableError(
            f"{self.file}: the Parquet file is damaged or not one ({shorten(error, 120)}); "
            "write it again"
        )


def file_kind(path: Path) -> str:
    """Return "csv" or "parquet"; TableError if there is no such file or it is no table."""
    if not path.exists():
        raise TableError(f"{path}: there is no such file")
    if path.is_dir():
        raise TableError(f"{path}: this is a folder; name the table's file in it")
    try:
        with path.open("rb") as file:
            head = file.read(4)
    except OSError as error:
        raise TableError(f"{path}: the file cannot be read ({error.strerror})") from error
    if not head:
        raise TableError(f"{path.name}: the file is empty; a header and rows are needed")
    suffix = path.suffix.lower()
    if head == MAGIC or suffix in (".parquet", ".pq"):
        return "parquet"
    if suffix == ".gz":
        suffix = Path(path.stem).suffix.lower()
    if suffix not in _SUFFIXES or head.startswith(_NOT_TEXT):
        what = suffix if suffix not in _SUFFIXES else "its content"
        raise TableError(
            f"{path.name}: {what} is not a kind of table known here; "
            "save it as CSV (.csv, .tsv, .txt, .csv.gz) or as Parquet (.parquet)"
        )
    return "csv"


def typed_blocks(
    path: Path,
    schema: Schema,
    require_target: bool = True,
    also: Sequence[str] = (),
    progress: Progress | None = None,
) -> Iterator[pa.Table]:
    """Yield the file's blocks as typed tables; TableError when there is no row at all.

    The columns `also` come last, as the file has them: text in a CSV. `progress` hears (bytes read,
    bytes in all).
    """
    source: CsvSource | ParquetSource
    if file_kind(path) == "parquet":
        source = ParquetSource(path)
    else:
        source = CsvSource(path, schema.encoding, schema.delimiter)
    wanted = [c for c in schema.columns if c.name != schema.target or require_target
              or c.name in source.names]  # fmt: skip
    names = [column.name for column in wanted]
    need_columns(source.file, source.names, [*names, *also])
    read = list(dict.fromkeys([*names, *also]))
    missing = schema.missing_values

    def typed(part: Block | pa.Table) -> pa.Table:
        block = part if isinstance(part, Block) else None
        table = part.columns(read, missing) if isinstance(part, Block) else part
        arrays = [convert(table[c.name], c, missing, source.file, block) for c in wanted]
        return pa.table([*arrays, *(table[name] for name in also)], names=[*names, *also])

    parts: Iterable[Block | pa.Table]
    parts = (
        source.blocks(progress=progress)
        if isinstance(source, CsvSource)
        else source.batches(read, progress=progress)
    )
    empty = True
    for table in ahead(typed, parts):
        if table.num_rows:
            yield table
            empty = False
    if empty:
        raise TableError(f"{source.file}: the table has a header but no rows")


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
