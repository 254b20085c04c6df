"""Text to numbers, booleans and dates, a whole column at a time; which types a text can be."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from amlkit.tabular.table.schema import Column, TableError, shorten
from amlkit.tabular.table.source import Part

ISO = "ISO8601"
# pattern → replacement that gives ISO order; RE2, so \b and groups but no look-around
_DAYS = {
    "%Y/%m/%d": (r"^(\d{4})/(\d\d?)/(\d\d?)", r"\1-\2-\3"),
    "%d.%m.%Y": (r"^(\d\d?)\.(\d\d?)\.(\d{4})", r"\3-\2-\1"),
    "%d/%m/%Y": (r"^(\d\d?)/(\d\d?)/(\d{4})", r"\3-\2-\1"),
    "%m/%d/%Y": (r"^(\d\d?)/(\d\d?)/(\d{4})", r"\3-\1-\2"),
}
_TIMES = {"": "$", " %H:%M": r" \d\d?:\d\d$", " %H:%M:%S": r" \d\d?:\d\d:\d\d$"}
_ISO = r"^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d([.,]\d+)?)?( ?(Z|[+-]\d\d(:?\d\d)?))?)?$"
_ANY_DATE = r"^\d{1,4}[-./]\d\d?[-./]\d"
DATE_FORMATS = (ISO, *(day + time for day in _DAYS for time in _TIMES))
# What a column of text may turn out to be, the likelier first; "category" fits everything.
NUMBERS = ("number", "number,")
CANDIDATES = ("boolean", *NUMBERS, *DATE_FORMATS)
_BOOLEANS = {"true": 1.0, "false": 0.0, "1": 1.0, "0": 0.0, "yes": 1.0, "no": 0.0}
_SAMPLE = 64  # values looked at before a whole column is

Strings: TypeAlias = "pa.StringArray | pa.ChunkedArray"


def stripped(values: Strings, missing: Sequence[str]) -> Strings:
    """Return the strings without spaces around them; what is then a missing value becomes null."""
    trimmed = pc.utf8_trim_whitespace(values)
    if pc.sum(pc.binary_length(trimmed)) == pc.sum(pc.binary_length(values)):
        return values
    return without(trimmed, missing)


def without(values: Strings, missing: Sequence[str]) -> Strings:
    """Return the strings with each that is written as a missing value as null."""
    gone = pc.is_in(values, pa.array(list(missing), pa.string()))
    return (
        pc.if_else(gone, pa.scalar(None, pa.string()), values) if pc.any(gone).as_py() else values
    )


def parse_numbers(values: Strings, decimal: str | None = None) -> pa.Array | None:
    """Return the strings as float64, or None if one of them is no finite number."""
    try:
        if decimal == ",":
            if pc.any(pc.match_substring(values, ".")).as_py():
                return None
            values = pc.replace_substring(values, ",", ".")
        numbers = pc.cast(values, pa.float64())
    except pa.ArrowInvalid:
        return None
    return numbers if all_finite(numbers) else None


def all_finite(numbers: pa.Array) -> bool:
    """Return whether no value is infinite or NaN (nulls aside)."""
    total = pc.sum(numbers).as_py()
    return total is None or bool(np.isfinite(total)) or bool(pc.all(pc.is_finite(numbers)).as_py())


def parse_booleans(values: Strings) -> pa.Array | None:
    """Return true/false (any case; also 1/0 and yes/no) as 1.0/0.0, or None if one is neither."""
    words = pa.array(list(_BOOLEANS), pa.string())
    found = pc.index_in(pc.utf8_lower(values), words)
    if found.null_count != values.null_count:
        return None
    return pc.take(pa.array(list(_BOOLEANS.values())), found)


def parse_dates(values: Strings, form: str | None) -> pa.Array | None:
    """Return the strings as timestamp[s] (zones to UTC), or None if one of them does not fit.

    Days that no calendar has (31.02.2020) do not fit. Fractions of a second are cut off.
    """
    try:
        if form is None or form == ISO:
            return _parse_iso(values)
        day = next((day for day in _DAYS if form.startswith(day)), None)
        if day is None or not _all_match(values, _pattern(form)):
            return None
        padded = pc.replace_substring_regex(values, r"\b(\d)\b", r"0\1")
        return pc.cast(pc.replace_substring_regex(padded, *_DAYS[day]), pa.timestamp("s"))
    except pa.ArrowInvalid:
        return None


def _parse_iso(values: Strings) -> pa.Array | None:
    try:
        return pc.cast(values, pa.timestamp("s"))
    except pa.ArrowInvalid:
        pass  # zones or fractions of a second
    if not _all_match(values, _ISO):
        return None
    whole = pc.replace_substring_regex(values, r"[.,]\d+", "")
    whole = pc.replace_substring_regex(whole, r" ([Z+-])", r"\1")
    zoned = pc.match_substring_regex(whole, r"[T ].*(Z|[+-]\d\d(:?\d\d)?)$")
    nothing = pa.scalar(None, pa.string())
    return pc.coalesce(
        utc_seconds(pc.cast(pc.if_else(zoned, whole, nothing), pa.timestamp("s", "UTC"))),
        pc.cast(pc.if_else(zoned, nothing, whole), pa.timestamp("s")),
    )


def utc_seconds(dates: pa.Array) -> pa.Array:
    """Return dates or timestamps of any unit and zone as timestamp[s] in UTC."""
    if not pa.types.is_timestamp(dates.type):
        return pc.cast(dates, pa.timestamp("s"), safe=False)
    seconds = pc.cast(dates, pa.timestamp("s", dates.type.tz), safe=False)
    # through whole seconds: no time zone database is needed, which Windows lacks
    return pc.cast(pc.cast(seconds, pa.int64()), pa.timestamp("s"))


def _pattern(form: str) -> str:
    if form == ISO:
        return _ISO
    day = next(day for day in _DAYS if form.startswith(day))
    return _DAYS[day][0] + _TIMES[form[len(day) :]]


def _all_match(values: Strings, pattern: str) -> bool:
    return pc.all(pc.match_substring_regex(values, pattern)).as_py() is not False


def surviving(candidates: Sequence[str], values: Strings, forced: bool = False) -> list[str]:
    """Return the candidates that every value fits; values are stripped and not missing."""
    if len(values) == 0 or not candidates:
        return list(candidates)
    if len(values) > 2 * _SAMPLE:
        candidates = surviving(candidates, values.slice(0, _SAMPLE), forced)
    elif ISO in candidates and not _all_match(values, _ANY_DATE):
        candidates = [candidate for candidate in candidates if candidate not in DATE_FORMATS]
    return [candidate for candidate in candidates if fits(candidate, values, forced)]


def fits(candidate: str, values: Strings, forced: bool = False) -> bool:
    """Return whether every value can be of that type.

    A type that the user has `forced` takes more: codes like 01234 as numbers, 1/0 and yes/no as
    booleans.
    """
    if candidate == "boolean":
        if forced:
            return parse_booleans(values) is not None
        lower = pc.utf8_lower(values)
        return bool(pc.all(pc.is_in(lower, pa.array(["true", "false"]))).as_py())
    if candidate in NUMBERS:
        if parse_numbers(values, decimal_of(candidate)) is None:
            return False
        return forced or not has_leading_zeros(values)
    return _all_match(values, _pattern(candidate)) and parse_dates(values, candidate) is not None


def decimal_of(candidate: str) -> str | None:
    """Return the `format` of a column of numbers: "," for a decimal comma."""
    return "," if candidate == "number," else None


def first_misfit(values: Strings, fit: Callable[[Strings], bool]) -> str:
    """Return the first value that does not fit, found by halving; there must be one."""
    while len(values) > 1:
        half = values.slice(0, len(values) // 2)
        values = values.slice(len(values) // 2) if fit(half) else half
    return str(values[0].as_py())


def has_leading_zeros(values: Strings) -> bool:
    """Return whether a whole number is written as a code is: 01234."""
    zero = pc.or_(pc.starts_with(values, "0"), pc.starts_with(values, "-0"))
    return not _none_match(pc.filter(values, zero), r"^-?0\d+$")


def _none_match(values: Strings, pattern: str) -> bool:
    return pc.any(pc.match_substring_regex(values, pattern)).as_py() is not True


_ARROW = {
    "number": pa.float64(),
    "boolean": pa.float64(),
    "category": pa.dictionary(pa.int32(), pa.string()),
    "date": pa.timestamp("s"),
}
_BITS = pa.array([0.0, 1.0, None])


def convert(
    values: pa.ChunkedArray, column: Column, missing: Sequence[str], file: str, block: Part | None
) -> pa.ChunkedArray:
    """Return one column of text or of Parquet's own type as the schema's type.

    TableError names the first value that does not fit, with its line if `block` is given.
    """
    values = as_plain(values, column.type)
    if not pa.types.is_string(values.type):
        return _from_typed(values, column, missing, file)
    if block is None and column.type != "category":
        values = without(values, missing)  # the CSV reader does so itself
    if column.type == "category":
        return _category(values, missing)
    for _ in range(2):
        result = parse(values, column)
        if result is not None:
            return result
        values = stripped(values, missing)  # a rare " NA " or " 5.1": only then look for spaces
    value = first_misfit(values, lambda part: parse(part, column) is not None)
    line = block.line_of(column.name, lambda text: text == value) if block else None
    raise misfit(file, column, value, line)


def misfit(file: str, column: Column, value: object, line: int | None) -> TableError:
    """Return the error for a value that is not of its column's type."""
    where = f" (line {line})" if line else ""
    kind = column.type + (f" like {column.format}" if column.format else "")
    return TableError(
        f"{file}: column {column.name!r} holds {shorten(value)!r}{where}, which is not a {kind}; "
        "mend the value, list it as missing, or give the column another type"
    )


def parse(values: pa.ChunkedArray | pa.Array, column: Column) -> pa.Array | None:
    """Return strings as the column's number, boolean or date; None if one does not fit.

    A date may be in ISO 8601 whatever the column's own format, which no other begins like.
    """
    if column.type == "number":
        return parse_numbers(values, column.format)
    if column.type == "boolean":
        return parse_booleans(values)
    dates = parse_dates(values, column.format)
    if dates is not None or column.format in (None, ISO):
        return dates
    is_iso, nothing = pc.match_substring_regex(values, r"^\d{4}-"), pa.scalar(None, pa.string())
    iso = parse_dates(pc.if_else(is_iso, values, nothing), ISO)
    own = parse_dates(pc.if_else(is_iso, nothing, values), column.format)
    return None if iso is None or own is None else pc.coalesce(iso, own)


def as_plain(values: pa.ChunkedArray, wanted: str) -> pa.ChunkedArray:
    """Return dictionaries and the kinds of string as plain strings; categories of any as text."""
    if pa.types.is_dictionary(values.type):
        values = pc.cast(values, values.type.value_type)
    if is_text(values.type):
        return pc.cast(values, pa.string())
    if wanted != "category":
        return values
    if pa.types.is_floating(values.type):
        whole = pc.all(pc.equal(values, pc.floor(values))).as_py() and all_finite(values)
        values = pc.cast(values, pa.int64(), safe=False) if whole else values
    return pc.cast(values, pa.string())


def _from_typed(
    values: pa.ChunkedArray, column: Column, missing: Sequence[str], file: str
) -> pa.ChunkedArray:
    """Return a Parquet column that is not text as the schema's type."""
    temporal = pa.types.is_date(values.type) or pa.types.is_timestamp(values.type)
    if pa.types.is_null(values.type):
        return pc.cast(values, _ARROW[column.type])
    if temporal != (column.type == "date"):
        raise TableError(
            f"{file}: column {column.name!r} is of type {values.type} in the file, "
            f"which cannot be read as {column.type}"
        )
    if temporal:
        return utc_seconds(values)
    numbers = _without_numbers(pc.cast(values, pa.float64(), safe=False), missing)
    if column.type == "boolean" and pc.all(pc.is_in(numbers, _BITS)).as_py() is False:
        raise TableError(f"{file}: column {column.name!r} holds more than 1 and 0, so no booleans")
    if all_finite(numbers):
        return numbers
    # a number that is none is a missing value, and so is one without bounds
    return pc.if_else(pc.is_finite(numbers), numbers, pa.scalar(None, pa.float64()))


def _without_numbers(numbers: pa.ChunkedArray, missing: Sequence[str]) -> pa.ChunkedArray:
    """Return the numbers with those that are listed as missing values ("-99") as null."""
    listed = [parse_numbers(pa.array([text])) for text in missing]
    gone = pa.array([number[0].as_py() for number in listed if number is not None], pa.float64())
    if not len(gone):
        return numbers
    return pc.if_else(pc.is_in(numbers, gone), pa.scalar(None, pa.float64()), numbers)


def _category(values: pa.ChunkedArray, missing: Sequence[str]) -> pa.ChunkedArray:
    """Return strings as dictionary<int32, string>, stripped, missing values null."""
    encoded = pc.dictionary_encode(values).combine_chunks()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.chunk(0)
    names = without(stripped(encoded.dictionary, missing), missing)
    if names is not encoded.dictionary:  # equal names, or none, after stripping
        encoded = pc.dictionary_encode(pc.take(names, encoded.indices))
    return pa.chunked_array([encoded])


def is_plain(type_: pa.DataType) -> bool:
    """Return whether a column of this type can be a number, a category, a boolean or a date."""
    t = pa.types
    return is_text(type_) or any(
        test(type_)
        for test in (
            *(t.is_integer, t.is_floating, t.is_decimal, t.is_boolean, t.is_null),
            *(t.is_date, t.is_timestamp),
        )
    )


def is_text(type_: pa.DataType) -> bool:
    """Return whether a column of this type holds text, dictionary-encoded or not."""
    if pa.types.is_dictionary(type_):
        return is_plain(type_.value_type)
    return (
        pa.types.is_string(type_) or pa.types.is_large_string(type_)
        or pa.types.is_string_view(type_)
    )  # fmt: skip


def natural_type(type_: pa.DataType) -> str:
    """Return the type of Schema that a Parquet column has by itself."""
    if pa.types.is_boolean(type_):
        return "boolean"
    if pa.types.is_date(type_) or pa.types.is_timestamp(type_):
        return "date"
    return "category" if is_text(type_) else "number"
