"""What every kind of file offers that a table is read from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol

import pyarrow as pa

Progress = Callable[[int, int], None]
"""Is called with (bytes read, bytes in all)."""


class Part(Protocol):
    """Some rows of a table, as its file has them."""

    def columns(self, names: Sequence[str], missing: Sequence[str]) -> pa.Table:
        """Return the named columns, those of text as strings with missing values as null."""

    def line_of(self, column: str, found: Callable[[str], bool]) -> int | None:
        """Return the line of the first row whose stripped text in `column` is `found`."""


class Source(Protocol):
    """A table's file, its columns known, its rows not read yet."""

    @property
    def kind(self) -> str:
        """One of csv, json, parquet."""

    @property
    def file(self) -> str:
        """Its name, for messages."""

    @property
    def delimiter(self) -> str:
        """What parts the values of a CSV; "" for the other kinds."""

    @property
    def encoding(self) -> str:
        """How a CSV's text is written; "" for the other kinds."""

    @property
    def names(self) -> Sequence[str]:
        """All columns in the file's order, without spaces around them."""

    @property
    def index(self) -> Sequence[str]:
        """Those among them that only number or name the rows."""

    @property
    def types(self) -> Mapping[str, pa.DataType]:
        """The columns that are not text as somebody wrote it, with their type in the file."""

    @property
    def notes(self) -> Sequence[str]:
        """What was taken otherwise than it is written, a line each."""

    def parts(self, names: Sequence[str], progress: Progress | None = None) -> Iterator[Part]:
        """Yield the rows in the file's order, in parts that hold the named columns at least."""

    def most_rows(self) -> int:
        """Return a number of rows that the table does not exceed."""
