"""A Parquet file, or a folder of Parquet parts, as one table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from amlkit.tabular.parts import table_files
from amlkit.tabular.table.header import read_header
from amlkit.tabular.table.schema import TableError, names_text, shorten
from amlkit.tabular.table.source import Progress
from amlkit.tabular.table.values import is_plain, is_text

ROWS = 1 << 16  # read at a time
_PANDAS_INDEX = "__index_level_"
_DAMAGES = (pa.ArrowException, OSError, UnicodeDecodeError)
_NO_VALUE = "__HIVE_DEFAULT_PARTITION__"


@dataclass
class ParquetPart:
    """Some rows of a file, and the texts that its folder's names say of all of them."""

    table: pa.Table
    folder: dict[str, str | None]

    def columns(self, names: Sequence[str], missing: Sequence[str]) -> pa.Table:
        """Return the named columns in the file's types; the folder's texts with null as missing."""
        return pa.table({name: self._column(name, missing) for name in names})

    def _column(self, name: str, missing: Sequence[str]) -> pa.ChunkedArray:
        if name not in self.folder:
            return self.table[name]
        text = self.folder[name]
        value = pa.scalar(None if text in missing else text, pa.string())
        return pa.chunked_array([pa.repeat(value, self.table.num_rows)])

    def line_of(self, column: str, found: Callable[[str], bool]) -> int | None:
        """Return None: there are no lines."""
        return None


@dataclass(frozen=True)
class _File:
    """A file of the table: its columns with their types, its rows, what its folder says."""

    path: Path
    name: str
    types: dict[str, pa.DataType]
    rows: int
    folder: dict[str, str | None]


class ParquetSource:
    """Parquet whose columns are plain values; pandas' index columns are left out.

    All parts of a folder have the same columns, each of one type. Folders of it that are called
    `year=2024` are a column `year`, as Spark and Hive write them.
    """

    kind, delimiter, encoding = "parquet", "", ""

    def __init__(self, path: Path, parts: Mapping[str, Path] | None = None) -> None:
        """`parts`: those files alone, by name, of whose folders the names say nothing."""
        self.path, self.file = path, path.name
        if parts is None:
            files = [_look_at(name, part, path) for name, part in table_files(path).items()]
        else:
            files = [_look_at(name, part, part) for name, part in parts.items()]
        for file in files[1:]:
            self._compare(files[0], file)
        first = files[0]
        header = read_header(self.file, [*first.types, *first.folder])
        self.names, self.index, self.notes = list(header.names), header.index, header.notes
        self._written = dict(zip(self.names, [*first.types, *first.folder], strict=True))
        self.types = {
            name: self._common_type(name, (file.types[own] for file in files))
            for name, own in self._written.items()
            if own in first.types
        }
        odd = [f"{name} ({type_})" for name, type_ in self.types.items() if not is_plain(type_)]
        if odd:
            raise TableError(
                f"{self.file}: columns that are not plain values: {names_text(odd)}; "
                "flatten them, write them as text, or leave them out"
            )
        self._files = files

    def parts(
        self, names: Sequence[str], progress: Progress | None = None
    ) -> Iterator[ParquetPart]:
        """See `Source.parts`: at most ROWS rows at a time."""
        total, before = sum(file.path.stat().st_size for file in self._files), 0
        own = [self._written[name] for name in names if name in self.types]
        called = {written: name for name, written in self._written.items()}
        for file in self._files:
            size, done = file.path.stat().st_size, 0
            folder = {called[key]: text for key, text in file.folder.items()}
            for table in _batches(file, own):
                done += table.num_rows
                yield ParquetPart(
                    self._as_one(table.rename_columns([called[key] for key in own])), folder
                )
                if progress is not None:
                    progress(before + size * done // max(file.rows, 1), total)
            before += size

    def most_rows(self) -> int:
        """See `Source.most_rows`."""
        return sum(file.rows for file in self._files)

    def _compare(self, first: _File, file: _File) -> None:
        """Raise TableError where a part has other columns than the first."""
        for one, other in ((first, file), (file, first)):
            if absent := ({*one.types, *one.folder}) - ({*other.types, *other.folder}):
                raise TableError(
                    f"{self.file}: {one.name} has columns that {other.name} has not: "
                    f"{names_text(sorted(absent))}; write the parts anew, all with the same columns"
                )

    def _common_type(self, name: str, types: Iterable[pa.DataType]) -> pa.DataType:
        """Return the type that a column has in all parts; TableError where they do not agree."""
        found = list(dict.fromkeys(types))
        known = [type_ for type_ in found if not pa.types.is_null(type_)] or found
        if len(known) == 1:
            return known[0]
        if all(map(is_text, known)):
            plain = not all(map(pa.types.is_dictionary, known))
            return pa.string() if plain else pa.dictionary(pa.int32(), pa.string())
        try:
            schemas = [pa.schema([("", type_)]) for type_ in known]
            return pa.unify_schemas(schemas, promote_options="permissive").field(0).type
        except pa.ArrowException:
            written = names_text([str(type_) for type_ in known])
            raise TableError(
                f"{self.file}: column {name!r} is of another type in other parts: {written}; "
                "write the parts anew, all with the same types"
            ) from None

    def _as_one(self, table: pa.Table) -> pa.Table:
        """Return the table with the types that all parts have in common."""
        for place, name in enumerate(table.column_names):
            column, wanted = table[name], self.types[name]
            if column.type != wanted:
                if pa.types.is_dictionary(column.type):
                    column = pc.cast(column, pa.string())
                if pa.types.is_dictionary(wanted):
                    column = pc.dictionary_encode(column)
                table = table.set_column(place, name, pc.cast(column, wanted, safe=False))
        return table


def _look_at(name: str, part: Path, table: Path) -> _File:
    """Return what a file says of itself; TableError if it is damaged."""
    try:
        with pq.ParquetFile(part) as parquet:
            schema, rows = parquet.schema_arrow, parquet.metadata.num_rows
    except _DAMAGES as error:
        raise _damaged(name, error) from error
    fields = [field for field in schema if not field.name.startswith(_PANDAS_INDEX)]
    read_header(name, [field.name for field in fields])  # no name twice
    folders = part.relative_to(table).parent.parts if part != table else ()
    said = [map(unquote, folder.split("=", 1)) for folder in folders if "=" in folder]
    folder = {key: None if text == _NO_VALUE else text for key, text in said}
    return _File(part, name, {field.name: field.type for field in fields}, rows, folder)


def _batches(file: _File, columns: Sequence[str]) -> Iterator[pa.Table]:
    """Yield the named columns of a file, at most ROWS rows at a time, in bounded memory."""
    try:
        with pq.ParquetFile(file.path, pre_buffer=False) as parquet:
            for batch in parquet.iter_batches(batch_size=ROWS, columns=list(columns)):
                batch.validate(full=True)  # that texts are UTF-8, above all
                yield pa.Table.from_batches([batch]).select(list(columns))
    except _DAMAGES as error:
        raise _damaged(file.name, error) from error


def _damaged(name: str, error: Exception) -> TableError:
    return TableError(
        f"{name}: the Parquet file is damaged or not one ({shorten(error, 120)}); write it again"
    )
