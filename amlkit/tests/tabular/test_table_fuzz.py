"""Generated tables, in all the ways in which text is written, whole and damaged.

What is whole is read as it was written; what is damaged is that, too, or refused in one line.
"""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import json
import random
import sys
import zipfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from amlkit.tabular.table import DEFAULT_MISSING, TableError, read_table
from amlkit.tabular.table.profile import profile_table

HOW_MANY = [100, pytest.param(10_000, marks=pytest.mark.sweep)]
MOST_MEMORY = 600 << 20  # bytes by which the process may grow, of which a field is at most 2 MB
TARGET = "the target"
LETTERS = "abcXYZ0123456789 .-_/:äßé€"
MARKS = ",;|\t'\"\n\r%$\\#"
WIDE = "Ωж中🐧\u2028\u00a0\u0301"
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "cp1252")


@dataclass
class Table:
    """A table of texts, and how it is written."""

    names: list[str]
    rows: list[list[str]]
    delimiter: str = ","
    quoting: int = csv.QUOTE_MINIMAL
    end: str = "\n"
    encoding: str = "utf-8"
    packing: str = ""
    last_end: bool = True
    blank_lines: bool = False
    lines: bool = field(default=False)
    """Whether it is JSON lines."""

    def text(self) -> str:
        """The table as its file's text."""
        if self.lines:
            rows = (dict(zip(self.names, row, strict=True)) for row in self.rows)
            return "".join(json.dumps(row, ensure_ascii=self.last_end) + self.end for row in rows)
        out = io.StringIO(newline="")
        writer = csv.writer(
            out,
            delimiter=self.delimiter,
            quoting=self.quoting,
            lineterminator=self.end,  # type: ignore[arg-type]
        )
        for row in [self.names, *self.rows]:
            writer.writerow(row)
            out.write(self.end * self.blank_lines)
        text = out.getvalue()
        return text if self.last_end else text.removesuffix(self.end)

    def write(self, folder: Path, data: bytes | None = None) -> Path:
        """Write the file, or other bytes as it, and return its path."""
        data = self.text().encode(self.encoding) if data is None else data
        path = folder / f"t.{'jsonl' if self.lines else 'csv'}"
        if self.packing == "zip":
            with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
                archive.writestr(path.name, data)
        else:
            path.write_bytes(PACK[self.packing](data))
        return path

    def values(self) -> dict[str, list[str | None]]:
        """The columns as they are to be read: without spaces around, missing values as None."""
        columns = dict(zip(self.names, map(list, zip(*self.rows, strict=True)), strict=True))
        trimmed = {
            name: pc.utf8_trim_whitespace(pa.array(values, pa.string())).to_pylist()
            for name, values in columns.items()
        }
        return {
            name.strip(): [None if value in DEFAULT_MISSING else value for value in values]
            for name, values in trimmed.items()
        }


PACK: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    "gzip": lambda data: gzip.compress(data, 1),
    "bzip2": bz2.compress,
    "zstd": lambda data: bytes(pa.compress(data, codec="zstd", asbytes=True)),
}


def a_text(draw: random.Random, alphabet: str) -> str:
    """A value as people write them, and as nobody should."""
    kind = draw.random()
    if kind < 0.15:
        return draw.choice(
            ["", " ", "NA", " ? ", "null", "0", "-1.5", "2024-01-31", "true", '"', "''"]
        )
    if kind < 0.16:
        return draw.choice("xyz") * draw.randint(1_000, 200_000)
    return "".join(draw.choices(alphabet, k=draw.randint(1, 12)))


def a_table(draw: random.Random) -> Table:
    """A table of 2 to 6 columns and 12 to 40 rows, the target somewhere among them."""
    encoding = draw.choice(ENCODINGS)
    table = Table(
        [], [], draw.choice(",;\t|"), draw.choice([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
        draw.choice(["\n", "\n", "\r\n", "\r"]), encoding,
        draw.choice(["", "", "", "gzip", "bzip2", "zstd", "zip"]),
        draw.random() < 0.7, draw.random() < 0.1, draw.random() < 0.1,
    )  # fmt: skip
    alphabet = LETTERS + (MARKS if draw.random() < 0.6 else "")
    alphabet += WIDE if encoding != "cp1252" and draw.random() < 0.5 else ""
    if table.lines:
        table.end = draw.choice(["\n", "\r\n"])
        table.encoding = draw.choice(["utf-8", "utf-8-sig", "utf-16"])
    elif table.end != "\r\n":  # Python writes the other one without quotes
        alphabet = alphabet.replace("\r", "").replace("\n", "" if table.end == "\r" else "\n")
    names: dict[str, None] = {}
    for _ in range(draw.randint(1, 5)):
        name = a_text(draw, alphabet)[:30]
        if name.strip() and name.strip() not in map(str.strip, names) and name.strip() != TARGET:
            names[name] = None
    table.names = [*(names or {"x": None})]
    for at in range(draw.randint(12, 40)):
        row = [a_text(draw, alphabet) for _ in table.names]
        table.rows.append([*row, draw.choice("pq") if at > 3 else "pq"[at % 2]])
    table.names.append(TARGET)
    return table


def ragged(draw: random.Random, table: Table) -> bytes:
    """One row has a field more, or one less."""
    row = draw.choice(table.rows)
    row.pop() if draw.random() < 0.5 else row.append("one more")
    return table.text().encode(table.encoding)


def with_nul(draw: random.Random, table: Table) -> bytes:
    """A NUL somewhere."""
    text = table.text()
    at = draw.randrange(len(text))
    return (text[:at] + "\0" + text[at:]).encode(table.encoding)


def stray_quote(draw: random.Random, table: Table) -> bytes:
    """A quote inside a value that is not quoted."""
    table.quoting, table.encoding = csv.QUOTE_MINIMAL, "utf-8"
    table.rows[draw.randrange(len(table.rows))][0] = "stray inch mark"
    return table.text().replace("inch", '5" inch').encode(table.encoding)


def cut(draw: random.Random, table: Table) -> bytes:
    """The file ends too early."""
    data = table.text().encode(table.encoding)
    return data[: draw.randrange(len(data))]


def flipped(draw: random.Random, table: Table) -> bytes:
    """Some bytes are others."""
    data = bytearray(table.text().encode(table.encoding))
    for _ in range(draw.randint(1, 9)):
        data[draw.randrange(len(data))] = draw.randrange(256)
    return bytes(data)


def mixed_ends(draw: random.Random, table: Table) -> bytes:
    """Lines end in more than one way; in values there are none of them."""
    table.rows = [
        [value.replace("\n", " ").replace("\r", " ") for value in row] for row in table.rows
    ]
    table.names = [name.replace("\n", " ").replace("\r", " ") for name in table.names]
    parts = table.text().split(table.end)
    return "".join(part + draw.choice(["\n", "\r\n", "\r"]) for part in parts).encode(
        table.encoding
    )


def no_closing_quote(draw: random.Random, table: Table) -> bytes:
    """A quote is opened and not closed, and the text after it is long."""
    rest = "".join(f"{draw.random()}{table.delimiter}x{table.end}" for _ in range(500))
    return (table.text() + '"' + rest).encode(table.encoding)


def noise(draw: random.Random, table: Table) -> bytes:
    """No text at all."""
    return draw.randbytes(draw.randint(0, 3_000))


HARMS: tuple[Callable[[random.Random, Table], bytes], ...] = (
    ragged, with_nul, stray_quote, cut, flipped, mixed_ends, no_closing_quote, noise,
)  # fmt: skip
# Of these nothing may be read: whatever came of it, it would not be what was written.
REFUSED = (ragged, with_nul, stray_quote, no_closing_quote)


def read(path: Path) -> dict[str, list[str | None]]:
    """The table's columns as they are typed, then all of them as text."""
    typed = profile_table(path, TARGET)
    assert read_table(path, typed.schema).num_rows == typed.rows
    types = {column.name: "category" for column in typed.schema.columns}
    table = read_table(path, profile_table(path, TARGET, types=types).schema)
    return {name: table[name].to_pylist() for name in table.column_names}


@pytest.mark.parametrize("how_many", HOW_MANY)
def test_a_generated_file_is_read_as_it_was_written_or_refused_in_one_line(
    tmp_path: Path, how_many: int, record_property: Callable[[str, object], None]
) -> None:
    before, tried = memory(), Counter[str]()
    for seed in range(how_many):
        draw = random.Random(seed)
        table = a_table(draw)
        harm = draw.choice([None, cut, flipped] if table.lines else [None, *HARMS])
        path = table.write(tmp_path, harm and harm(draw, table))
        try:
            found = read(path)
        except TableError as error:
            assert harm not in (None, mixed_ends), (seed, error)
            assert "\n" not in str(error), seed
            tried["refused"] += 1
        else:
            assert harm not in REFUSED, (seed, harm)
            assert harm not in (None, mixed_ends) or found == table.values(), seed
            tried["read"] += 1
    record_property("tried", tried.total())
    assert min(tried["read"], tried["refused"]) > how_many // 5
    assert memory() - before < MOST_MEMORY


def memory() -> int:
    """The most bytes that this process has held; 0 where the system does not say."""
    if sys.platform == "win32":
        return 0
    import resource

    kilobytes = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * kilobytes
