"""Text to numbers, booleans and dates, a whole column at a time; which types a text can be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

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


def first_misfit(candidate: str, values: Strings, forced: bool = False) -> str:
    """Return the first value that the candidate does not fit, found by halving."""
    while len(values) > 1:
        half = values.slice(0, len(values) // 2)
        values = values.slice(len(values) // 2) if fits(candidate, half, forced) else half
    return str(values[0].as_py())


def has_leading_zeros(values: Strings) -> bool:
    """Return whether a whole number is written as a code is: 01234."""
    zero = pc.or_(pc.starts_with(values, "0"), pc.starts_with(values, "-0"))
    return not _none_match(pc.filter(values, zero), r"^-?0\d+$")


def _none_match(values: Strings, pattern: str) -> bool:
    return pc.any(pc.match_substring_regex(values, pattern)).as_py() is not True
