"""The table that a file called MLTable describes, read from the files beside it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import accumulate, pairwise
from pathlib import Path

import pyarrow as pa

from amlkit.tabular.parts import MLTABLE
from amlkit.tabular.table.csv_dialect import Undecodable
from amlkit.tabular.table.csv_file import CsvSource
from amlkit.tabular.table.header import index_note
from amlkit.tabular.table.json_lines import JsonLinesSource
from amlkit.tabular.table.mltable import ENCODINGS, KEEP, READERS, MLTable, read_mltable
from amlkit.tabular.table.parquet import ParquetSource
from amlkit.tabular.table.schema import TableError, names_text, no_such_column
from amlkit.tabular.table.source import Part, Progress, Source


class MLTableSource:
    """One table of the files that an MLTable names, in their order, with the columns it keeps.

    `converted` are the types that it gives to columns, as the setting data.types takes them.
    """

    def __init__(self, folder: Path) -> None:
        told = read_mltable(folder)
        paths = [folder / name for name in told.files]
        self._folder, self._told = folder, told
        with self._encoded():
            self._sources = _opened(folder, told)
        self._sizes = [path.stat().st_size for path in paths]
        first = self._sources[0]
        self.kind = told.kind
        self.file = paths[0].name if len(paths) == 1 else folder.name
        self.delimiter, self.encoding = first.delimiter, first.encoding
        self.names = _kept(folder, told, first.names)
        asked = {*told.types, *(n for step, names in told.columns if step == KEEP for n in names)}
        self.index = [name for name in first.index if name in self.names and name not in asked]
        self.types: Mapping[str, pa.DataType] = {
            name: type_ for name, type_ in first.types.items() if name in self.names
        }
        notes = dict.fromkeys(note for one in self._sources for note in one.notes)
        self.notes = tuple(_of_index(notes, first.index, self.index))
        self.converted = _converted(folder, told, first.names, self.names, self.index)

    def parts(self, names: Sequence[str], progress: Progress | None = None) -> Iterator[Part]:
        """See `Source.parts`."""
        before = [0, *accumulate(self._sizes)] if len(self._sources) > 1 else [0]
        for start, source in zip(before, self._sources, strict=False):
            with self._encoded():
                yield from source.parts(names, self._one_of(progress, start))

    def most_rows(self) -> int:
        """See `Source.most_rows`."""
        with self._encoded():
            return sum(source.most_rows() for source in self._sources)

    def why_narrow(self, names: Sequence[str]) -> str:
        """Return the error, where only `names` are left to learn from, too few."""
        first = self._sources[0]
        said, needed = f"{self._folder.name}/{MLTABLE}", "a target and at least one more are needed"
        left = names_text(names) or "none"
        if len(first.names) - len(first.index) > 1:
            steps = " and ".join(dict.fromkeys(step for step, _ in self._told.columns))
            return f"{said}: {steps}: {left} is left of {names_text(first.names)}; {needed}"
        if not isinstance(first, CsvSource):
            return f"{self.file}: only one column was found ({left}); {needed}"
        why = first.why_narrow() or f"{needed}: is that how the values are parted?"
        return (
            f"{said}: read_delimited.delimiter: parted at {first.delimiter!r}, {first.file} has "
            f"only one column ({left}); {why}"
        )

    def without(self, name: str) -> str:
        """Why a column is not there; empty where its files do not have it either."""
        gone = name in self._sources[0].names and name not in self.names
        steps = " and ".join(dict.fromkeys(step for step, _ in self._told.columns))
        return f"{self._folder.name}/{MLTABLE}: {steps}: {name!r} is not kept" if gone else ""

    @contextmanager
    def _encoded(self) -> Iterator[None]:
        """Name the key that says how the files are written, where one of them is not."""
        try:
            yield
        except Undecodable as error:
            reader = next(name for name, kind in READERS.items() if kind == self._told.kind)
            said = next(word for word, own in ENCODINGS.items() if own == self._told.encoding)
            others = [word for word in ("windows1252", "utf8", "utf16") if word != said]
            line = f" (line {error.line})" if error.line else ""
            raise TableError(
                f"{self._folder.name}/{MLTABLE}: {reader}.encoding: {error.file} is not {said}"
                f"{line}; say {' or '.join(others[:2])} if it is that, or save it in UTF-8"
            ) from error

    def _one_of(self, progress: Progress | None, before: int) -> Progress | None:
        """Return the progress of one file, of whose table so many bytes are read."""
        total = sum(self._sizes)
        return progress and (lambda done, _: progress(before + done, total))


def _opened(folder: Path, told: MLTable) -> list[Source]:
    """Return what reads the files, all with the same columns of the same types."""
    paths = {name: folder / name for name in told.files}
    if told.kind == "parquet":
        return [ParquetSource(folder, paths)]
    if told.kind == "json":
        lines = [JsonLinesSource(path, told.encoding) for path in paths.values()]
        _share_columns(lines)
        return [*lines]
    found: list[CsvSource] = []
    for path in paths.values():
        names: Sequence[str] | None = [] if told.header == "no_header" else None
        if found and told.header == "from_first_file":
            names = found[0].names
        found.append(CsvSource(path, told.encoding, told.delimiter, names))
    for one, other in pairwise(found):
        if one.names != other.names:
            raise TableError(
                f"{folder.name}: {other.file} has the columns {names_text(other.names)}, where "
                f"{one.file} has {names_text(one.names)}; write the same into all, in one order"
            )
    return [*found]


def _share_columns(lines: Sequence[JsonLinesSource]) -> None:
    """Give all files the columns of any, and types that the values of all have."""
    written: dict[str, str] = {}
    for one in lines:
        written |= {name: own for name, own in one.written.items() if name not in written}
    types = {}
    for name in written:
        found = {one.types.get(name) for one in lines if name in one.written}
        if len(found) == 1:
            types[name] = found.pop()
        elif found == {pa.int64(), pa.float64()}:
            types[name] = pa.float64()
    for one in lines:
        one.take_in(written, {name: type_ for name, type_ in types.items() if type_ is not None})


def _kept(folder: Path, told: MLTable, names: Sequence[str]) -> list[str]:
    """Return the columns that are left, in the files' order."""
    left = list(names)
    for step, chosen in told.columns:
        _check(folder, step, chosen, left)
        left = [name for name in left if (name in chosen) == (step == KEEP)]
    return left


def _converted(
    folder: Path, told: MLTable, names: Sequence[str], kept: Sequence[str], index: Sequence[str]
) -> dict[str, str]:
    """Return the types of columns that the MLTable gives; none of an index."""
    _check(folder, "convert_column_types", list(told.types), names)
    text = dict.fromkeys(names, "category") if told.all_text else {}
    types = {**text, **told.types}
    return {name: types[name] for name in kept if name in types and name not in index}


def _of_index(notes: Iterable[str], before: Sequence[str], index: Sequence[str]) -> Iterator[str]:
    """Yield the notes, that on the files' index as it is for what is left of it."""
    for note in notes:
        if not before or note != index_note(before):
            yield note
        elif index:
            yield index_note(index)


def _check(folder: Path, step: str, chosen: Sequence[str], names: Sequence[str]) -> None:
    """Raise TableError for a column that there is not."""
    for name in chosen:
        if name not in names:
            raise TableError(f"{folder.name}/{MLTABLE}: {step}: {no_such_column(name, names)}")
