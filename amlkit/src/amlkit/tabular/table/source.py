"""Any table's file: of which kind it is, and its rows as typed tables, block by block."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from amlkit.tabular.table.ahead import ahead
from amlkit.tabular.table.convert import convert
from amlkit.tabular.table.csv_blocks import Block, CsvSource, need_columns
from amlkit.tabular.table.csv_dialect import Progress
from amlkit.tabular.table.parquet_source import MAGIC, ParquetSource
from amlkit.tabular.table.schema import Schema, TableError

_SUFFIXES = (".csv", ".tsv", ".txt", ".data", ".tab", "")
# what spreadsheets, archives and pictures begin with
_NOT_TEXT = (b"PK\3\4", b"\xd0\xcf\x11\xe0", b"%PDF", b"\x89PNG", b"SQLi", b"BZh", b"7z\xbc\xaf")


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
