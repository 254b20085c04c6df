"""A CSV file as blocks of whole records, each parsed by pyarrow into columns of text."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pyarrow as pa
from pyarrow import csv as pacsv

from amlkit.tabular.table.csv_dialect import (
    Undecodable,
    find_delimiter,
    find_encoding,
    pieces,
    read_head,
)
from amlkit.tabular.table.header import numbers_in_header, read_header
from amlkit.tabular.table.schema import TableError, names_text, shorten
from amlkit.tabular.table.source import Progress

BLOCK = 8 << 20  # bytes of text held at a time
_LONGEST_RECORD = 128 << 20
_PARSED_AT_ONCE = 1 << 20  # bytes given to one thread of pyarrow
_QUOTE = ord('"')
_LOOKED_AT = 20  # lines, to tell why there is one column
_LINE_END = re.compile(rb"\r\n?|\n")


@dataclass
class Block:
    """Some whole records of a file: `text` in UTF-8, its first line being line `line`."""

    source: CsvSource
    text: bytes
    line: int

    def columns(self, names: Sequence[str], missing: Sequence[str]) -> pa.Table:
        """Return the named columns as strings, missing values as null; TableError if ragged."""
        size = _PARSED_AT_ONCE
        while True:
            try:
                return pacsv.read_csv(
                    pa.BufferReader(self.text),
                    pacsv.ReadOptions(
                        use_threads=False, column_names=self.source.names, block_size=size
                    ),
                    pacsv.ParseOptions(
                        delimiter=self.source.delimiter, newlines_in_values=b'"' in self.text
                    ),
                    pacsv.ConvertOptions(
                        check_utf8=False,  # checked already
                        include_columns=list(names),
                        column_types=dict.fromkeys(names, pa.string()),
                        null_values=list(missing),
                        strings_can_be_null=True,
                    ),
                )
            except pa.ArrowInvalid as error:
                if size < len(self.text) and "straddling" in str(error):
                    size = len(self.text) + 1  # a record longer than what one thread is given
                    continue
                self.check_widths()
                raise TableError(f"{self.source.file}: {shorten(error, 200)}") from error

    def check_widths(self) -> None:
        """Raise TableError for the first record that is not as wide as the header."""
        width = len(self.source.names)
        for line, row in self._records():
            if len(row) not in (0, width):
                raise TableError(
                    f"{self.source.file}: line {line} has {len(row)} field(s) where the header has "
                    f"{width}; mend the line or the header, or quote values that hold "
                    f"{self.source.delimiter!r}"
                )

    def line_of(self, column: str, found: Callable[[str], bool]) -> int | None:
        """Return the line of the first record whose stripped value in `column` is `found`."""
        place = self.source.names.index(column)
        return next(
            (
                line
                for line, row in self._records()
                if len(row) > place and found(row[place].strip())
            ),
            None,
        )

    def _records(self) -> Iterator[tuple[int, list[str]]]:
        """Yield (line, fields) of each record; slow, for the words of an error."""
        limit = csv.field_size_limit(_LONGEST_RECORD)
        try:
            text = io.StringIO(self.text.decode("utf-8", errors="replace"), newline="")
            reader = csv.reader(text, delimiter=self.source.delimiter)
            before = 0
            for row in reader:
                yield self.line + before, row
                before = reader.line_num
        finally:
            csv.field_size_limit(limit)


class CsvSource:
    """A CSV file with its dialect and its header.

    The encoding and the delimiter are found out unless given. With `names` the file has no header:
    its columns are called so, or Column1, Column2, … where none are given. TableError for a file
    without a usable header.
    """

    kind = "csv"
    types: Mapping[str, pa.DataType] = MappingProxyType({})  # all of it is text

    def __init__(
        self, path: Path, encoding: str | None = None, delimiter: str | None = None,
        names: Sequence[str] | None = None,
    ) -> None:  # fmt: skip
        self.path, self.file = path, path.name
        self.encoding = encoding or find_encoding(path)
        head = read_head(path, self.encoding)
        found, rival = (delimiter, None) if delimiter else find_delimiter(head)
        self.delimiter = found
        first, self._has_header = self._written_names(head), names is None
        numbered = [f"Column{place}" for place in range(1, len(first) + 1)]
        header = read_header(self.file, first if names is None else names or numbered)
        self.names, self.index, self.notes = list(header.names), header.index, header.notes
        if rival:
            self.notes += (f"each line could be parted at {rival!r}, too; it was at {found!r}",)
        if not self.encoding.startswith("utf"):
            self.notes += (f"the file is not UTF-8; its letters were read as {self.encoding}",)
        if names is None and (odd := numbers_in_header(header.names)):
            self.notes += (f"the first line looks like data: columns named {names_text(odd)}",)
        self._old_mac = "\r" in head and "\n" not in head

    def _written_names(self, head: str) -> list[str]:
        """Return the fields of the first record that is not blank."""
        rows = csv.reader(io.StringIO(head, newline=""), delimiter=self.delimiter)
        records = (row for row in rows if any(map(str.strip, row)))
        try:
            names = next(records, [])
            if names and not names[-1].strip() and len(next(records, names)) == len(names) - 1:
                names.pop()  # a delimiter ends the header, and none the rows
        except csv.Error as error:
            raise TableError(f"{self.file}: the header cannot be read ({error})") from error
        if not names:
            raise TableError(f"{self.file}: the file is empty; a header and rows are needed")
        return names

    def why_narrow(self) -> str:
        """Why the header has fewer columns than the lines below; empty where that is not known."""
        lines = read_head(self.path, self.encoding).splitlines()
        first, *rest = [line for line in lines if line.strip()][:_LOOKED_AT] or [""]
        delimiter, _ = find_delimiter("\n".join(rest))
        try:
            widths = {len(row) for row in csv.reader(rest[:-1] or rest, delimiter=delimiter)}
        except csv.Error:  # a field too long for the csv module
            return ""
        if len(widths) == 1 and max(widths) > len(self.names):
            return f"line 1 is no header of the lines below ({shorten(first)!r}): remove or mend it"
        if len(self.names) == 1 and all(len(line.split()) > 1 for line in (first, *rest)):
            return "values parted by blanks are not read: write a comma between them"
        return ""

    def parts(self, names: Sequence[str], progress: Progress | None = None) -> Iterator[Block]:
        """See `Source.parts`."""
        return self.blocks(progress=progress)

    def most_rows(self) -> int:
        """See `Source.most_rows`: the lines are counted."""
        # "\r" alone ends lines in files of old Macs; counting both only reserves addresses
        ends = (b"\n", b"\r")
        counted = (max(map(piece.count, ends)) for piece in pieces(self.path, self.encoding))
        return 1 + sum(counted)

    def blocks(self, size: int = BLOCK, progress: Progress | None = None) -> Iterator[Block]:
        """Yield the records below the header in blocks of about `size` bytes."""
        rest, line, header = b"", 1, self._has_header
        for piece in self._normal_pieces(size, progress):
            rest += piece
            if header:
                cut = self._header_length(rest)
                if not cut:
                    self._check_length(rest, line)
                    continue
                line, rest, header = line + rest.count(b"\n", 0, cut), rest[cut:], False
            stray = stray_quote(rest, self.delimiter)
            if stray is not None:
                line += rest.count(b"\n", 0, stray)
                raise TableError(
                    f"{self.file}: line {line} has a quote inside a value; quote the whole value "
                    'and write the quote doubled: "5"" pipe"'
                )
            cut = whole_records(rest)
            if cut:
                yield self._checked(rest[:cut], line)
                line, rest = line + rest.count(b"\n", 0, cut), rest[cut:]
            self._check_length(rest, line)
        if rest.strip(b"\r\n"):
            if rest.count(b'"') % 2:
                line += rest.count(b"\n", 0, rest.rindex(b'"'))
                raise TableError(
                    f"{self.file}: the quote opened on line {line} is never closed; "
                    "close it, or write it doubled inside a quoted value"
                )
            if not header:
                yield self._checked(rest, line)

    def _checked(self, text: bytes, line: int) -> Block:
        """Return the block; Undecodable if its bytes are not UTF-8."""
        try:
            if not text.isascii():
                text.decode()
        except UnicodeDecodeError as error:
            line += text.count(b"\n", 0, error.start)
            raise Undecodable.at(self.file, line) from error
        return Block(self, text, line)

    def _normal_pieces(self, size: int, progress: Progress | None) -> Iterator[bytes]:
        """Yield UTF-8 pieces whose lines end in "\\n" (or "\\r\\n")."""
        for piece in pieces(self.path, self.encoding, size, progress):
            if b"\0" in piece:
                raise TableError(f"{self.file}: the file holds NUL bytes; it is not a text table")
            yield piece.replace(b"\r", b"\n") if self._old_mac else piece

    def _header_length(self, text: bytes) -> int:
        """Return the bytes up to the first record below the header, 0 if that is not in sight."""
        blank = b" \t\r\n" + self.delimiter.encode()
        start = len(text) - len(text.lstrip(blank))
        for end in _LINE_END.finditer(text, start):
            closed = text.count(b'"', start, end.start()) % 2 == 0
            if closed and text[start : end.start()].strip(blank):
                return end.end()
        return 0

    def _check_length(self, rest: bytes, line: int) -> None:
        if len(rest) > _LONGEST_RECORD:
            raise TableError(
                f"{self.file}: the record on line {line} does not end within "
                f"{_LONGEST_RECORD >> 20} MB; is a quote left open there?"
            )


def stray_quote(text: bytes, delimiter: str) -> int | None:
    """Return the place of a quote that neither opens, closes nor is doubled in a value, or None.

    Quotes are taken in pairs, from a record's start. If each opening one follows a delimiter or a
    line's end (or the quote that it doubles), and each closing one stands before such, the pairs
    are the quoted fields; else the text could be read in more than one way.
    """
    if b'"' not in text:
        return None
    edges = np.zeros(256, bool)
    edges[[*delimiter.encode(), *b'\r\n"']] = True
    symbols = np.frombuffer(text, np.uint8)
    quotes = np.flatnonzero(symbols == _QUOTE)
    opening, closing = quotes[0::2], quotes[1::2]
    wrong = opening[(opening > 0) & ~edges[symbols[opening - 1]]]
    inside = closing[closing < len(text) - 1]
    stray = np.concatenate([wrong, inside[~edges[symbols[inside + 1]]]])
    return int(stray.min()) if len(stray) else None


def whole_records(text: bytes) -> int:
    """Return how many bytes at the front are whole records: up to a line end outside quotes."""
    cut = text.rfind(b"\n") + 1
    if b'"' not in text:
        return cut
    quotes = np.flatnonzero(np.frombuffer(text, np.uint8) == _QUOTE)
    while cut:
        before = int(np.searchsorted(quotes, cut))
        if before % 2 == 0:
            return cut
        cut = text.rfind(b"\n", 0, int(quotes[before - 1])) + 1
    return 0
