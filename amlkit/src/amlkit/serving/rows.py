"""The rows of a request: checked, and read as the table reader reads a file's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any

import numpy as np
import pyarrow as pa

from amlkit.tabular.saved_model import Array, Columns
from amlkit.tabular.table import DEFAULT_MISSING, ISO, names_text, parse_dates, shorten

_NONE = type(None)
_WANTED = {
    "number": ("a number", "a number"),
    "boolean": ("a boolean", "true, false"),
    "category": ("a text", "a text"),
    "date": ("a date", "a date such as 2024-01-31 or 2024-01-31T12:00:00"),
}


class Refused(ValueError):
    """One line: what is wrong with the rows, where, and what to send instead."""


class RowReader:
    """Checks the rows of a request against a model's `schema.json` and reads them.

    Values are read as the table reader reads them, so that a row has the same answer wherever it
    comes from: texts are stripped, and those listed as missing values are missing.
    """

    def __init__(self, schema: Mapping[str, Any]) -> None:
        columns = {column["name"]: column for column in schema["columns"]}
        self.known = frozenset(columns)
        self.target = schema["target"]
        self.names: list[str] = list(schema["features"])
        self._columns = [(n, columns[n]["type"], columns[n].get("format")) for n in self.names]
        self._missing = frozenset(schema.get("missing_values", DEFAULT_MISSING))
        self._missing_numbers = missing_numbers(self._missing)

    def read(self, rows: Any) -> Columns:
        """The columns that the model uses.

        Raises:
            Refused: the first thing that is wrong.
        """
        if type(rows) is not list or not rows:
            raise Refused('"data" must be a list of at least one row, each an object of columns')
        if set(map(type, rows)) != {dict}:
            at = next(at for at, row in enumerate(rows) if type(row) is not dict)
            raise Refused(f'data[{at}] is no object; send {{"column": value, …}} for each row')
        if not all(map(self.known.issuperset, rows)):
            raise self._unknown(rows)
        try:
            return {
                name: self._read(name, type_, form, [row[name] for row in rows])
                for name, type_, form in self._columns
            }
        except KeyError:
            raise self._absent(rows) from None

    def _read(self, name: str, type_: str, form: str | None, values: list[Any]) -> Array:
        types = set(map(type, values))
        if type_ == "number":
            if not types <= {float, int, _NONE}:
                raise _wrong(name, type_, values, lambda v: type(v) in (float, int, _NONE))
            return self._numbers(name, values)
        if type_ == "boolean":
            if not types <= {bool, _NONE}:
                raise _wrong(name, type_, values, lambda v: type(v) in (bool, _NONE))
            return np.array(values, dtype=np.float64)  # None becomes NaN
        if not types <= {str, _NONE}:
            raise _wrong(name, type_, values, lambda v: type(v) in (str, _NONE))
        missing = self._missing
        texts = [
            None if text is None or (stripped := text.strip()) in missing else stripped
            for text in values
        ]
        if type_ == "date":
            return _dates(name, form, texts)
        return np.array(texts, dtype=object)

    def _numbers(self, name: str, values: list[Any]) -> Array:
        try:
            numbers = np.array(values, dtype=np.float64)  # None becomes NaN
        except OverflowError:  # a whole number of more than 308 digits
            numbers = np.array([_float(value) for value in values])
        if np.isinf(numbers).any():
            raise _wrong(name, "number", values, lambda v: v is None or abs(_float(v)) < np.inf)
        if self._missing_numbers.size:
            numbers[np.isin(numbers, self._missing_numbers)] = np.nan
        return numbers

    def _unknown(self, rows: Sequence[Mapping[str, Any]]) -> Refused:
        """The words for the first column that the model does not know."""
        at, name = next((a, n) for a, row in enumerate(rows) for n in row if n not in self.known)
        if name == self.target:
            return Refused(f"data[{at}]: {shown(name)} is what the model predicts; leave it out")
        near = get_close_matches(name, self.known, n=3)
        hint = f"did you mean {' or '.join(map(repr, near))}? " if near else ""
        known = names_text(sorted(self.known))
        return Refused(f"data[{at}]: there is no column {shown(name)}; {hint}there are {known}")

    def _absent(self, rows: Sequence[Mapping[str, Any]]) -> Refused:
        """The words for the first row that lacks a column."""
        at, name = next((a, n) for a, row in enumerate(rows) for n in self.names if n not in row)
        return Refused(f"data[{at}] has no column {shown(name)}; send null for a missing value")


def missing_numbers(missing: Sequence[str] | frozenset[str]) -> Array:
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
    words: dict[Any, str] = {type(None): "null", list: "a list", dict: "an object"}
    if type(value) is bool:
        return "true" if value else "false"
    if type(value) is int and value.bit_length() > 200:
        return f"a whole number of {value.bit_length()} bits"
    return words.get(type(value)) or str(value)


def _wrong(name: str, type_: str, values: list[Any], right: Any) -> Refused:
    """The words for the first value that is not of its column's type."""
    at = next(at for at, value in enumerate(values) if not right(value))
    what, send = _WANTED[type_]
    said = shown(values[at])
    return Refused(
        f"data[{at}]: column {shown(name)} holds {said}, which is not {what}; send {send} or null"
    )


def _float(value: Any) -> float:
    try:
        return np.nan if value is None else float(value)
    except OverflowError:
        return np.inf


def _dates(name: str, form: str | None, texts: list[str | None]) -> Array:
    """The texts as datetime64[s]: ISO 8601 or the column's own format, as the table has it."""
    dates = _parsed(texts, form)
    if dates is None:  # both in one request, or one that is neither
        parts = [_parsed([text], form) for text in texts]
        bad = next((at for at, part in enumerate(parts) if part is None), None)
        if bad is not None:
            own = f" or as {form}" if form not in (None, ISO) else ""
            raise Refused(
                f"data[{bad}]: column {shown(name)} holds {shown(texts[bad])}, which is not a "
                f"date; send {_WANTED['date'][1]}{own}, or null"
            )
        dates = np.concatenate([part for part in parts if part is not None])
    return dates


def _parsed(texts: list[str | None], form: str | None) -> Array | None:
    strings = pa.array(texts, pa.string())
    dates = parse_dates(strings, ISO)
    if dates is None and form not in (None, ISO):
        dates = parse_dates(strings, form)
    return None if dates is None else np.asarray(dates.to_numpy(zero_copy_only=False))
