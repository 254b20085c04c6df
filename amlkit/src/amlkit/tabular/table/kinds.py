"""Which kind of table a file or a folder holds, and what reads it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path, PurePath

from amlkit.tabular.parts import MLTABLE, PARQUET, is_mltable, table_files
from amlkit.tabular.table.csv_file import CsvSource
from amlkit.tabular.table.json_lines import JsonLinesSource
from amlkit.tabular.table.mltable import read_mltable
from amlkit.tabular.table.mltable_source import MLTableSource
from amlkit.tabular.table.packing import archived, packing, unpacked, unpacked_name
from amlkit.tabular.table.parquet import ParquetSource
from amlkit.tabular.table.schema import TableError, names_text
from amlkit.tabular.table.source import Source

KNOWN = "CSV (.csv, .tsv, .txt), JSON lines (.jsonl) or Parquet (.parquet)"
_TEXT = (".csv", ".tsv", ".txt", ".data", ".tab", "")
_JSON_LINES = (".jsonl", ".ndjson", ".json")
_MAGIC = b"PAR1"
_WORKBOOK = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods")
_OLD_WORKBOOK = b"\xd0\xcf\x11\xe0"
# Lines to paste: what they read and write is given behind them, so that no name needs escaping.
_OF_WORKBOOK = (
    'python -c "import sys, pandas; '
    "pandas.read_excel(sys.argv[1], dtype=object, engine='calamine')"
    '.to_csv(sys.argv[2], index=False)"'
)
_OF_JSON = (
    'python -c "import sys, pandas; '
    "pandas.read_json(sys.argv[1], dtype=False)"
    ".to_json(sys.argv[2], orient='records', lines=True)\""
)
# What else begins in a way of its own: pictures, databases, archives, Arrow's and NumPy's files.
_NOT_TEXT = (b"%PDF", b"\x89PNG", b"SQLi", b"7z\xbc\xaf", b"ARROW1", b"\x89HDF", b"\x93NUMPY")


def open_source(path: Path, encoding: str | None = None, delimiter: str | None = None) -> Source:
    """Return what reads the table; its columns are known then.

    The encoding and the delimiter of a CSV are found out unless given. TableError if there is no
    such table, or it cannot be read.
    """
    if is_mltable(path):  # which says itself how its files are written
        return MLTableSource(path)
    kind = file_kind(path)
    if kind == "parquet":
        return ParquetSource(path)
    return JsonLinesSource(path) if kind == "json" else CsvSource(path, encoding, delimiter)


def file_kind(path: Path) -> str:
    """Return "csv", "json", "parquet" or, of a folder, "mltable".

    TableError if there is no such file or it is no table.
    """
    if is_mltable(path):
        read_mltable(path)
        return "mltable"
    if path.is_dir():
        _check_folder(path)
        return "parquet"
    if not path.exists():
        raise TableError(f"{path}: there is no such file")
    if path.name == MLTABLE:
        raise TableError(f"{path.name}: name the folder that holds it; that is the table")
    try:
        packed = packing(path)
        _check_workbook(path)
        head = next(unpacked(path, 8), b"")
    except OSError as error:
        raise TableError(f"{path}: the file cannot be read ({error.strerror})") from error
    if not head:
        raise TableError(f"{path.name}: the file is empty; a header and rows are needed")
    suffix = PurePath(unpacked_name(path)).suffix.lower()
    if head.startswith(_MAGIC) or suffix in PARQUET:
        if packed:
            raise TableError(f"{path.name}: unpack it; Parquet is compressed in itself")
        return "parquet"
    if suffix in _JSON_LINES:
        _check_lines(path, suffix)
        return "json"
    if suffix not in _TEXT or head.startswith(_NOT_TEXT):
        what = "its content" if suffix in _TEXT else suffix
        raise TableError(
            f"{path.name}: {what} is not a kind of table known here; save it as {KNOWN}"
        )
    return "csv"


def _check_folder(path: Path) -> None:
    """Raise TableError unless a folder holds the parts of a Parquet table and nothing else."""
    files = table_files(path)
    other = [name for name, file in files.items() if not _is_parquet(file)]
    if not files or other:
        raise TableError(
            f"{path}: a folder is read as one table where all its files are Parquet, or one of "
            f"them is called {MLTABLE} and says how to read it; "
            + (f"this one holds {names_text(other)}: name one of them" if other else "it is empty")
        )


def _is_parquet(path: Path) -> bool:
    with path.open("rb") as file:
        return path.suffix.lower() in PARQUET or file.read(len(_MAGIC)) == _MAGIC


def _check_workbook(path: Path) -> None:
    """Raise TableError with the line that makes a table of a workbook."""
    with path.open("rb") as file:
        old = file.read(len(_OLD_WORKBOOK)) == _OLD_WORKBOOK
    sheets = {"xl/workbook.xml", "xl/workbook.bin", "content.xml"}
    if path.suffix.lower() not in _WORKBOOK and not old and not sheets & set(archived(path)):
        return
    table = path.with_suffix(".csv")
    raise TableError(
        f"{path.name}: a workbook; its first sheet is made a table by "
        f'`{_with_calamine()} "{path}" "{table}"`, then `python src/data.py --path "{table}"`'
    )


def _with_calamine() -> str:
    """The line that reads a workbook: by uv, from PATH or from this repository, else after pip."""
    uv = "uv" if shutil.which("uv") else _own_uv()
    if not uv:
        return f"python -m pip install pandas python-calamine`, then `{_OF_WORKBOOK}"
    return f"{uv} run --no-project --with pandas --with python-calamine {_OF_WORKBOOK}"


def _own_uv() -> str:
    """The uv that `make` put into the repository where commands are typed; empty without one."""
    for folder in (Path.cwd(), *Path.cwd().parents):
        places = [str(folder / ".tools" / "uv" / name) for name in ("bin", "Scripts")]
        if found := shutil.which("uv", path=os.pathsep.join(places)):
            return f'"{found}"' if " " in found else found
    return ""


def _check_lines(path: Path, suffix: str) -> None:
    """Raise TableError with the line that makes JSON lines of one JSON list."""
    head = next(unpacked(path, 4096), b"").lstrip(b"\xef\xbb\xbf \t\r\n")
    if suffix != ".json" or not head.startswith(b"["):
        return
    raise TableError(
        f"{path.name}: one JSON list; each of its rows is put on a line of its own by "
        f'`{_OF_JSON} "{path}" "{path.with_suffix(".jsonl")}"`'
    )
