"""Text to numbers, booleans and dates, a whole column at a time; which types a text can be."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from amlkit.tabular.table.date_formats import (
    DATE_FORMATS,
    fitting_dates,
    parse_dates,
    parse_mixed_dates,
    utc_seconds,
)
from amlkit.tabular.table.number_formats import (
    SYMBOLS,
    NumberFormat,
    Strings,
    all_finite,
    parse_numbers,
)
from amlkit.tabular.table.number_scan import first_misfit
from amlkit.tabular.table.schema import TYPES, Column, TableError, shorten
from amlkit.tabular.table.source import Part

# What a column of text may turn out to be, the likelier first; "category" fits everything.
CANDIDATES = ("boolean", "number", *DATE_FORMATS)
_YES, _NO = ("true", "1", "yes", "y", "t", "on"), ("false", "0", "no", "n", "f", "off")
_BOOLEANS = {**dict.fromkeys(_YES, 1.0), **dict.fromkeys(_NO, 0.0)}
_NOTHING = [sign * times for sign in "-\u2012\u2013\u2014\u2015\u2212.*" for times in (1, 2, 3)]
_NOTHING.append("\u2026")


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


def is_blank(values: Strings) -> pa.BooleanArray | pa.ChunkedArray:
    """Return which of the strings are only dashes, dots or asterisks: how people mark a blank.

    A spreadsheet puts the currency beside a dash.
    """
    return pc.is_in(pc.utf8_trim(values, SYMBOLS + " "), pa.array(_NOTHING))


def without_blanks(values: Strings) -> Strings:
    """Return the strings that are not blank."""
    return values.filter(pc.invert(is_blank(values)))


def parse_booleans(values: Strings) -> pa.Array | None:
    """Return true/false as 1.0/0.0, or None if one is neither.

    In any case, and also as 1/0, yes/no, y/n, t/f and on/off.
    """
    words = pa.array(list(_BOOLEANS), pa.string())
    found = pc.index_in(pc.utf8_lower(values), words)
    if found.null_count != values.null_count:
        return None
    return pc.take(pa.array(list(_BOOLEANS.values())), found)


def surviving(candidates: Sequence[str], values: Strings, forced: bool = False) -> list[str]:
    """Return which of "boolean" and the formats of dates every value fits.

    The values are stripped and not missing. A boolean that the user has `forced` may be written
    as `parse_booleans` takes it.
    """
    dates = fitting_dates([form for form in candidates if form in DATE_FORMATS], values)
    return [
        candidate
        for candidate in candidates
        if candidate in dates or (candidate == "boolean" and _are_booleans(values, forced))
    ]


def _are_booleans(values: Strings, forced: bool) -> bool:
    if forced or not len(values):
        return parse_booleans(values) is not None
    lower = pc.utf8_lower(values)
    return bool(pc.all(pc.is_in(lower, pa.array(["true", "false"]))).as_py())


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
    return TableError(
        f"{file}: column {column.name!r} holds {shorten(value)!r}{where}, which is not a "
        f"{kind_text(column)}; mend the value, list it as missing, or give the column another type"
    )


def check_type(column: Column) -> None:
    """Raise TableError for a type or a format that there is not."""
    if column.type not in TYPES:
        raise TableError(
            f"types: {column.name!r} cannot be {column.type!r}; choose {' or '.join(TYPES)}"
        )
    if column.format is not None and column.type == "number":
        try:
            NumberFormat.of(column.format)
        except TableError as error:
            raise TableError(f"types: {column.name!r}: {error}") from None
    elif column.format is not None and not (
        column.type == "date" and column.format in DATE_FORMATS
    ):
        known = f"; those of a date are {', '.join(DATE_FORMATS)}"
        raise TableError(f"types: {column.name!r}: {column.words!r} has no such format{known}")


def kind_text(column: Column) -> str:
    """Return the type in words: "number like 1.234,5 €"."""
    if column.format is None:
        return column.type
    number = column.type == "number"
    return (
        f"{column.type} like {NumberFormat.of(column.format).example if number else column.format}"
    )


def parse(values: pa.ChunkedArray | pa.Array, column: Column) -> pa.Array | None:
    """Return strings as the column's number, boolean or date; None if one does not fit.

    A date may be in ISO 8601 whatever the column's own format, which no other begins like. A blank
    (`is_blank`) is null.
    """
    result = _parse(values, column)
    if result is None and pc.any(blank := is_blank(values)).as_py():
        result = _parse(pc.if_else(blank, pa.scalar(None, pa.string()), values), column)
    return result


def _parse(values: Strings, column: Column) -> pa.Array | None:
    if column.type == "number":
        return parse_numbers(values, column.format)
    if column.type == "boolean":
        return parse_booleans(values)
    dates = parse_dates(values, column.format)
    return parse_mixed_dates(values, column.format) if dates is None else dates


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
