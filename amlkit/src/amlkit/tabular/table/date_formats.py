"""How a column writes its dates, and the dates that are read by it."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from amlkit.tabular.table.number_formats import Strings

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
_SAMPLE = 64  # values looked at before a whole column is


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


def parse_mixed_dates(values: Strings, form: str | None) -> pa.Array | None:
    """Return dates of which some are in ISO 8601 and the others in the form, which differs."""
    if form in (None, ISO):
        return None
    is_iso, nothing = pc.match_substring_regex(values, r"^\d{4}-"), pa.scalar(None, pa.string())
    iso = parse_dates(pc.if_else(is_iso, values, nothing), ISO)
    own = parse_dates(pc.if_else(is_iso, nothing, values), form)
    return None if iso is None or own is None else pc.coalesce(iso, own)


def fitting_dates(forms: Sequence[str], values: Strings) -> list[str]:
    """Return the formats that every value fits."""
    if len(values) > 2 * _SAMPLE:
        forms = fitting_dates(forms, values.slice(0, _SAMPLE))
    elif not _all_match(values, _ANY_DATE):
        return []
    return [
        form
        for form in forms
        if _all_match(values, _pattern(form)) and parse_dates(values, form) is not None
    ]
