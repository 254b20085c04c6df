"""Reading any tidy table, in whatever kind of file, by a schema that says what each column is."""

from __future__ import annotations

from amlkit.tabular.table.csv_file import CsvSource
from amlkit.tabular.table.date_formats import ISO, parse_dates
from amlkit.tabular.table.kinds import file_kind
from amlkit.tabular.table.reading import (
    column_array,
    iter_tables,
    read_frame,
    read_table,
    to_frame,
)
from amlkit.tabular.table.schema import (
    DEFAULT_MISSING,
    TYPES,
    Column,
    Schema,
    TableError,
    names_text,
    shorten,
)
from amlkit.tabular.table.values import parse

__all__ = [
    "DEFAULT_MISSING",
    "ISO",
    "TYPES",
    "Column",
    "CsvSource",
    "Schema",
    "TableError",
    "column_array",
    "file_kind",
    "iter_tables",
    "names_text",
    "parse",
    "parse_dates",
    "read_frame",
    "read_table",
    "shorten",
    "to_frame",
]
