"""JSON lines: each line an object, the table's columns being the keys of all of them."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from amlkit.tabular.table.csv_dialect import Undecodable, find_unicode, pieces
from amlkit.tabular.table.header import read_header
from amlkit.tabular.table.schema import TableError, shorten
from amlkit.tabular.table.source import Progress

BLOCK = 1 << 20  # bytes of text held at a time: as Python's objects they are ten times that
_LONGEST_LINE = 128 << 20
_MOST_KEYS = 100_000
_INT64 = 2**63


@dataclass
class LinesPart:
    """Some whole lines of a file, the first being line `line`."""

    source: JsonLinesSource
    text: bytes
    line: int

    def columns(self, names: Sequence[str], missing: Sequence[str]) -> pa.Table:
        """Return the named columns: numbers and booleans where they are no others, else strings."""
        rows = [row for _, row in self.rows()]
        gone = frozenset(missing)
        return pa.table({name: self._column(name, rows, gone) for name in names})

    def _column(
        self, name: str, rows: Sequence[Mapping[str, Any]], gone: frozenset[str]
    ) -> pa.Array:
        own, type_ = self.source.written[name], self.source.types.get(name)
        values = [row.get(own) for row in rows]
        if type_ == pa.float64():
            return pa.array(list(map(_float, values)), type_)
        if type_ is not None:
            return pa.array(values, type_)
        texts = map(_text, values)
        try:
            return pa.array([None if text in gone else text for text in texts], pa.string())
        except UnicodeEncodeError:
            line = self.line_of(name, lambda text: not _is_whole(text))
            raise self.source.half(line, repr(name)) from None

    def line_of(self, column: str, found: Callable[[str], bool]) -> int | None:
        """See `Part.line_of`."""
        own = self.source.written[column]
        for line, row in self.rows():
            text = _text(row.get(own))
            if text is not None and found(text.strip()):
                return line
        return None

    def rows(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """Yield (line, object)."""
        for line, text in enumerate(self.text.split(b"\n"), self.line):
            if text and not text.isspace():
                yield line, self._row(line, text)

    def _row(self, line: int, text: bytes) -> dict[str, Any]:
        where = f"{self.source.file}: line {line}"
        try:
            row = json.loads(text.decode())
        except UnicodeDecodeError as error:
            why = f"line {line} is not in UTF-8; save the file so"
            raise Undecodable(self.source.file, why, line) from error
        except ValueError as error:  # also for a number of more than 4,300 digits
            raise TableError(
                f"{where} is no JSON object ({shorten(error, 80)}); each line must be one, whole"
            ) from error
        except RecursionError:
            raise TableError(f"{where} holds values nested too deep; flatten them") from None
        if not isinstance(row, dict):
            raise TableError(f"{where} is {shorten(text.decode(), 40)!r}; an object is expected")
        return row


class JsonLinesSource:
    """JSON lines. Their keys and types are looked through once, before any row is read."""

    kind, delimiter, encoding = "json", "", ""

    def __init__(self, path: Path, encoding: str | None = None) -> None:
        self.path, self.file = path, path.name
        self._encoding = encoding or find_unicode(path)
        self._rows = 0
        kinds: dict[str, set[type]] = {}
        self.written: dict[str, str] = {}
        for part in self._lines():
            self._look_at(part, kinds)
        if not self._rows:
            raise TableError(f"{self.file}: the file is empty; lines with an object are needed")
        header = read_header(self.file, list(kinds))
        self.names, self.index, self.notes = list(header.names), header.index, header.notes
        self.written = dict(zip(self.names, kinds, strict=True))
        found = {name: _type_of(kinds[own]) for name, own in self.written.items()}
        self.types = {name: type_ for name, type_ in found.items() if type_ is not None}

    def take_in(self, written: Mapping[str, str], types: Mapping[str, pa.DataType]) -> None:
        """Have the columns of several files: names and the keys that they are written as, types."""
        self.written = {**written, **self.written}
        self.names, self.types = list(written), dict(types)

    def parts(self, names: Sequence[str], progress: Progress | None = None) -> Iterator[LinesPart]:
        """See `Source.parts`."""
        return self._lines(progress)

    def most_rows(self) -> int:
        """See `Source.most_rows`."""
        return self._rows

    def _look_at(self, part: LinesPart, kinds: dict[str, set[type]]) -> None:
        """Note the keys and the kinds of their values; TableError for what is no table."""
        for line, row in part.rows():
            self._rows += 1
            for key, value in row.items():
                kind = type(value)
                if kind is int and not -_INT64 <= value < _INT64:
                    kind = float
                if kind in (dict, list):
                    raise TableError(
                        f"{self.file}: line {line} holds nested values in {key!r}; flatten them, "
                        "write them as text, or leave them out"
                    )
                kinds.setdefault(key, set()).add(kind)
            if not all(map(_is_whole, row)):
                raise self.half(line, "a key")
            if len(kinds) > _MOST_KEYS:
                raise TableError(
                    f"{self.file}: more than {_MOST_KEYS:,} different keys up to line {line}; "
                    "the lines of a table have the same ones"
                )

    def half(self, line: int | None, where: str) -> TableError:
        """Return the error for half of a surrogate pair: JSON can escape it, no text holds it."""
        return TableError(
            f"{self.file}: line {line} holds half a character in {where}, such as \\ud83d; write "
            "its letters as they are, in UTF-8"
        )

    def _lines(self, progress: Progress | None = None) -> Iterator[LinesPart]:
        """Yield whole lines, about BLOCK bytes at a time."""
        rest, line = b"", 1
        for piece in pieces(self.path, self._encoding, BLOCK, progress):
            cut = piece.rfind(b"\n") + 1
            if cut:
                yield (part := LinesPart(self, rest + piece[:cut], line))
                line, rest = line + part.text.count(b"\n"), piece[cut:]
            else:
                rest += piece
            if len(rest) > _LONGEST_LINE:
                raise TableError(
                    f"{self.file}: line {line} does not end within {_LONGEST_LINE >> 20} MB; "
                    "each line must be one object"
                )
        if rest:
            yield LinesPart(self, rest, line)


def _type_of(kinds: set[type]) -> pa.DataType | None:
    """Return the type of a column that holds values of these kinds; None for text."""
    kinds = kinds - {type(None)}
    if kinds == {bool}:
        return pa.bool_()
    if kinds == {int}:
        return pa.int64()
    return pa.float64() if kinds and kinds <= {int, float} else None


def _float(value: Any) -> float | None:
    """Return a number as the nearest float, infinite where it is beyond them all."""
    try:
        return None if value is None else float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _text(value: Any) -> str | None:
    """Return a value as JSON writes it, a text without its quotes."""
    return value if value is None or isinstance(value, str) else json.dumps(value)


def _is_whole(text: str) -> bool:
    """Return whether a text can be written as UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
