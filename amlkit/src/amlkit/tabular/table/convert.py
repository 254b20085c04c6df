"""One column, as the file has it, to what the schema says it is."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from amlkit.tabular.table.column_types import (
    all_finite,
    parse_booleans,
    parse_dates,
    parse_numbers,
    stripped,
    utc_seconds,
    without,
)
from amlkit.tabular.table.csv_blocks import Block
from amlkit.tabular.table.parquet_source import is_text
from amlkit.tabular.table.schema import Column, TableError, shorten

_ARROW = {
    "number": pa.float64(),
    "boolean": pa.float64(),
    "category": pa.dictionary(pa.int32(), pa.string()),
    "date": pa.timestamp("s"),
}
_BITS = pa.array([0.0, 1.0, None])


def convert(
    values: pa.ChunkedArray, column: Column, missing: Sequence[str], file: str, block: Block | None
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
    value = _first_misfit(values, column)
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
    """Return strings as the column's number, boolean or date; None if one does not fit."""
    if column.type == "number":
        return parse_numbers(values, column.format)
    if column.type == "boolean":
        return parse_booleans(values)
    return parse_dates(values, column.format)


def _first_misfit(values: pa.ChunkedArray, column: Column) -> str:
    """Return the first value that does not parse, found by halving."""
    while len(values) > 1:
        half = values.slice(0, len(values) // 2)
        values = half if parse(half, column) is None else values.slice(len(values) // 2)
    return str(values[0].as_py())


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
    if column.type == "boolean" and not pc.all(pc.is_in(numbers, _BITS)).as_py():
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
