"""What a table is made of: its columns with their types, and how the file writes them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from typing import Any

TYPES = ("number", "category", "boolean", "date")

# What pandas reads as missing, "?" and "n.a.", which many public tables use, and the errors of
# spreadsheets. Compared after stripping.
DEFAULT_MISSING = (
    *("", "?", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND"),
    *("1.#QNAN", "<NA>", "N.A.", "N/A", "NA", "NULL", "NaN", "None", "n.a.", "n/a", "nan", "null"),
    *("#DIV/0!", "#NAME?", "#NUM!", "#REF!", "#VALUE!"),
)


class TableError(ValueError):
    """One line: what is wrong with the table, where, and what to do about it."""


@dataclass(frozen=True)
class Column:
    """One column of a table.

    `type` is one of TYPES. `format` says how a text is to be read. For a date it is the strptime
    format, or "ISO8601". For a number it is 1234.5 as the column would write it: 1,234.5 1.234,5
    1 234.5 1 234,5 1'234.5 or 1'234,5, with a currency, a unit, % or ‰ where it has one, as in
    "$1,234.5", "1.234,5 €" and "1,234.5%"; None is 1234.5 itself and "," is 1234,5.
    """

    name: str
    type: str
    format: str | None = None

    @classmethod
    def of(cls, name: str, words: str) -> Column:
        """Return the column of a type and, if it follows, a format: "date %d/%m/%Y"."""
        type_, _, form = words.strip().partition(" ")
        return cls(name, type_, form.strip() or None)

    @property
    def words(self) -> str:
        """The type and the format, as `of` and the setting data.types take them."""
        return f"{self.type} {self.format}" if self.format else self.type

    @property
    def setting(self) -> str:
        """The line of config.yml that gives the column this type."""
        return f"data.types: {json.dumps({self.name: self.words}, ensure_ascii=False)}"


@dataclass(frozen=True)
class Schema:
    """The columns in file order, the target among them, and how the file is written."""

    columns: tuple[Column, ...]
    target: str
    kind: str = "csv"  # "csv", "json" or "parquet"
    delimiter: str = ","
    encoding: str = "utf-8"
    missing_values: tuple[str, ...] = DEFAULT_MISSING

    @property
    def features(self) -> tuple[Column, ...]:
        """All columns but the target."""
        return tuple(column for column in self.columns if column.name != self.target)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            **asdict(self),
            "columns": [asdict(column) for column in self.columns],
            "missing_values": list(self.missing_values),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Schema:
        """Return what `to_dict` wrote; TableError if it is not a schema."""
        try:
            columns = tuple(
                Column(str(c["name"]), str(c["type"]), c.get("format")) for c in values["columns"]
            )
            target = str(values["target"])
        except (AttributeError, KeyError, TypeError) as error:
            raise TableError(f"this is not the schema of a table: {error!r} is wrong") from error
        for column in columns:
            if column.type not in TYPES:
                raise TableError(f"column {column.name!r}: type {column.type!r} is unknown")
        return cls(
            columns,
            target,
            str(values.get("kind", "csv")),
            str(values.get("delimiter", ",")),
            str(values.get("encoding", "utf-8")),
            tuple(map(str, values.get("missing_values", DEFAULT_MISSING))),
        )


def shorten(text: object, width: int = 60) -> str:
    """Return the text on one line, at most `width` characters."""
    line = " ".join(str(text).split())
    return line if len(line) <= width else line[: width - 1] + "…"


def names_text(names: Sequence[str], most: int = 8) -> str:
    """Return a few names for a message: "a, b, c and 5 more"."""
    shown = ", ".join(shorten(name, 40) for name in names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"


def no_such_column(name: str, names: Sequence[str]) -> str:
    """Return the words for a column that is not there, the nearest names first."""
    folded = {other.casefold(): other for other in reversed(names)}
    near = [folded[match] for match in get_close_matches(name.casefold(), list(folded), n=3)]
    hint = f"did you mean {' or '.join(map(repr, near))}? " if near else ""
    return f"there is no column {name!r}; {hint}the columns are {names_text(names)}"
