"""The values of one column in a request, read as the table reader reads a file's.

What a typed client sends is taken as it is. Only where a text stands for a number, a boolean or a
date is it read as the table writes it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa

from amlkit.tabular.saved_model import Array
from amlkit.tabular.table import ISO, Column, parse, shorten
from amlkit.tabular.table.number_formats import NumberFormat

_NONE: type = type(None)
_TEXTS = frozenset({str, _NONE})


class Refused(ValueError):
    """One line: what is wrong with the rows, where, and what to send instead."""


class Reader:
    """Reads a column's values into an array of `saved_model.Columns`.

    `missing` are the texts that stand for a missing value.
    """

    what: ClassVar[str]
    """What a value is, in words."""
    send: ClassVar[str]
    """What to send instead of another."""
    types = frozenset({_NONE})
    """Values of these are taken as they are."""
    example: str | None = None
    """How the table writes a value, where it has a way of its own."""

    def __init__(self, column: Column, missing: Sequence[str]) -> None:
        self.column = column
        self.missing = frozenset(missing)

    def read(self, values: list[Any]) -> Array:
        """The whole column.

        Raises:
            Refused: the first value that is not of the column's type.
        """
        types = set(map(type, values))
        if types <= self.types:
            return self.typed(values)
        if types <= _TEXTS:
            return self.written(values)
        readable = self.types | {str}
        if not types <= readable:
            at = next(at for at, value in enumerate(values) if type(value) not in readable)
            raise self.refusal(values[at], at)
        is_text = [type(value) is str for value in values]
        texts, others = (
            [value if type(value) is str else None for value in values],
            [value if type(value) is not str else None for value in values],
        )
        return np.where(is_text, self.written(texts), self.typed(others))

    def typed(self, values: list[Any]) -> Array:
        """Values of `types` alone."""
        raise NotImplementedError

    def written(self, values: list[str | None]) -> Array:
        """What texts say."""
        texts = self.texts(values)
        found = self.parse(texts)
        if found is None:
            ends = range(len(texts))
            at = bisect_left(ends, True, key=lambda end: self.parse(texts[: end + 1]) is None)
            raise self.refusal(values[at], at)
        return np.asarray(found.to_numpy(zero_copy_only=False))

    def texts(self, values: list[str | None]) -> list[str | None]:
        """Texts without spaces around them; None for one that is missing."""
        missing = self.missing
        return [
            None if value is None or (text := value.strip()) in missing else text
            for value in values
        ]

    def parse(self, texts: list[str | None]) -> pa.Array | None:
        """Texts as the table's reader has them; None if one does not fit."""
        return parse(pa.array(texts, pa.string()), self.column)

    def refusal(self, value: Any, at: int) -> Refused:
        """The words for a value that does not fit."""
        like = f" (or {self.example})" if self.example else ""
        return Refused(
            f"data[{at}]: column {shown(self.column.name)} holds {shown(value)}, "
            f"which is not {self.what}; send {self.send}{like} or null"
        )


class Numbers(Reader):
    """float64, NaN is missing; so are the numbers among the missing values, such as -99."""

    what = send = "a number"
    types = frozenset({int, float, _NONE})

    def __init__(self, column: Column, missing: Sequence[str]) -> None:
        super().__init__(column, missing)
        self._missing_numbers = missing_numbers(missing)
        self.example = NumberFormat.of(column.format).example if column.format else None

    def typed(self, values: list[Any]) -> Array:
        """As a Parquet file holds them."""
        numbers = np.array(values, dtype=np.float64)  # None becomes NaN
        if self._missing_numbers.size:
            numbers[np.isin(numbers, self._missing_numbers)] = np.nan
        return numbers


class Booleans(Reader):
    """float64: 1 or 0, NaN is missing."""

    what, send = "a boolean", "true, false"
    types = frozenset({bool, int, float, _NONE})

    def typed(self, values: list[Any]) -> Array:
        """True and false, or 1 and 0."""
        numbers = np.array(values, dtype=np.float64)  # None becomes NaN
        if not np.isin(numbers[~np.isnan(numbers)], (0.0, 1.0)).all():
            at = next(at for at, value in enumerate(values) if value not in (None, 0, 1))
            raise self.refusal(values[at], at)
        return numbers


class Dates(Reader):
    """datetime64[s] in UTC, NaT is missing; JSON has no type for them, so all are texts."""

    what, send = "a date", "a date such as 2024-01-31 or 2024-01-31T12:00:00"

    def __init__(self, column: Column, missing: Sequence[str]) -> None:
        super().__init__(column, missing)
        self.example = None if column.format == ISO else column.format

    def typed(self, values: list[Any]) -> Array:
        """None at all."""
        return np.full(len(values), "NaT", dtype="datetime64[s]")


class Categories(Reader):
    """object: str, None is missing. A number is its text, where the table's categories are such."""

    what = send = "a text"

    def __init__(self, column: Column, missing: Sequence[str], digits: bool) -> None:
        super().__init__(column, missing)
        self.types = _TEXTS | {int, float} if digits else _TEXTS

    def typed(self, values: list[Any]) -> Array:
        """Texts as they are, numbers as Parquet's are written: 3, whether it was 3 or 3.0."""
        if not {int, float}.isdisjoint(map(type, values)):
            values = [_digits(value) if type(value) in (int, float) else value for value in values]
        return np.array(self.texts(values), dtype=object)


_READERS = {"number": Numbers, "boolean": Booleans, "date": Dates}


def reader_of(described: Mapping[str, Any], missing: Sequence[str]) -> Reader:
    """What reads a column that schema.json describes."""
    name, type_ = described["name"], described["type"]
    column = Column(name, type_, described.get("format"))
    if type_ in _READERS:
        return _READERS[type_](column, missing)
    return Categories(column, missing, described.get("digits", False))


def _digits(number: float) -> str:
    return str(int(number)) if number == int(number) else repr(number)


def missing_numbers(missing: Sequence[str]) -> Array:
    """The numbers among the texts that stand for a missing value, such as "-99"."""
    numbers = []
    for text in missing:
        try:
            numbers.append(float(text))
        except ValueError:
            continue
    return np.array([number for number in numbers if np.isfinite(number)], dtype=np.float64)


def shown(value: Any) -> str:
    """A value as a message shows it: short, on one line."""
    return shorten(repr(value) if isinstance(value, str) else _json_word(value))


def _json_word(value: Any) -> str:
    words: dict[Any, str] = {_NONE: "null", list: "a list", dict: "an object"}
    if type(value) is bool:
        return "true" if value else "false"
    return words.get(type(value)) or str(value)
