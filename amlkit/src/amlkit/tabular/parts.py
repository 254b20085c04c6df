"""The files that a table is made of: one, a folder's parts, or what lies in an MLTable's folder."""

from __future__ import annotations

import os
from pathlib import Path, PurePath

PARQUET = (".parquet", ".pq")  # how the names of a table's parts end
SCORED = (".parquet", ".csv")  # how the name of a table ends that a model was asked for
MLTABLE = "MLTable"  # the file that makes a table of its folder, in Azure ML's own words
KNOWLEDGE = ("schema.json", "profile.json")  # what a data asset keeps beside its table


def is_mltable(table: Path) -> bool:
    """Whether a folder is a table by its file MLTable, whose name has these very letters."""
    return table.is_dir() and MLTABLE in os.listdir(table)


def table_files(table: Path) -> dict[str, Path]:
    """A table's files by their name beside it, sorted: `t.csv`, or `parts/part-0.parquet`, ….

    In a folder, what begins with a point or an underscore is no part: Spark and Hive write notes of
    their own so, `_SUCCESS` and `.part-0.parquet.crc`.
    """
    if not table.is_dir():
        return {table.name: table}
    names = sorted(path.relative_to(table) for path in table.rglob("*") if path.is_file())
    return {
        f"{table.name}/{name.as_posix()}": table / name for name in names if not is_hidden(name)
    }


def is_hidden(name: PurePath) -> bool:
    """Whether a file, or a folder above it, is none of a table's parts."""
    return any(word.startswith((".", "_")) for word in name.parts)


def table_size(table: Path) -> int:
    """The bytes of a table's files."""
    return sum(path.stat().st_size for path in table_files(table).values())
