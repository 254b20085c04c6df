"""What a table may lie in: packed text, JSON lines, Parquet in parts; what is said of the rest."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import shlex
import subprocess
import sys
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from amlkit.tabular.asset import find_table
from amlkit.tabular.table import TableError, csv_file, json_lines, read_frame, read_table
from amlkit.tabular.table.profile import Profile, profile_table
from amlkit.tabular.table.schema import Schema

ROWS = 40
TEXT = "size,kind,paid,y\n" + "".join(
    f"{i}.5,{'äbc'[i % 3]},{'true' if i % 2 else 'false'},{i % 3}\n" for i in range(ROWS)
)
PLAIN = TEXT.encode()


def zipped(*files: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip archive of these files."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, data in files:
            archive.writestr(name, data)
    return out.getvalue()


def zstd(data: bytes) -> bytes:
    """A zstd frame."""
    return bytes(pa.compress(data, codec="zstd", asbytes=True))


def write(folder: Path, name: str, data: bytes | str) -> Path:
    """Write a file and return its path."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


def frame_of(path: Path, target: str = "y") -> pd.DataFrame:
    """The table as its profile's schema reads it."""
    return read_frame(path, profile_table(path, target).schema)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """The table from a plain CSV."""
    return frame_of(write(tmp_path_factory.mktemp("plain"), "t.csv", PLAIN))


PACKED = {
    "gzip": ("t.csv.gz", gzip.compress(PLAIN)),
    "gzip in two parts": ("t.csv.gz", gzip.compress(PLAIN[:99]) + gzip.compress(PLAIN[99:])),
    "bzip2": ("t.csv.bz2", bz2.compress(PLAIN)),
    "xz": ("t.csv.xz", lzma.compress(PLAIN)),
    "zstd": ("t.csv.zst", zstd(PLAIN)),
    "zstd in two parts": ("t.tsv.zst", zstd(PLAIN[:99]) + zstd(PLAIN[99:])),
    "zip": ("t.zip", zipped(("t.csv", PLAIN))),
    "zip from a Mac": ("t.csv.zip", zipped(("a/t.csv", PLAIN), ("__MACOSX/a/._t.csv", b"x"))),
    "packed under another name": ("t.csv", gzip.compress(PLAIN)),
    "UTF-16, packed": ("t.csv.gz", gzip.compress(TEXT.encode("utf-16"))),
}


@pytest.mark.parametrize("case", PACKED)
def test_packed_text_is_the_same_table(tmp_path: Path, plain: pd.DataFrame, case: str) -> None:
    name, data = PACKED[case]
    pd.testing.assert_frame_equal(frame_of(write(tmp_path, name, data)), plain)


@pytest.mark.parametrize("case", ["gzip", "bzip2", "xz", "zstd", "zip"])
@pytest.mark.parametrize("harm", ["cut", "changed"])
def test_packed_text_that_is_damaged_is_refused(tmp_path: Path, case: str, harm: str) -> None:
    name, data = PACKED[case]
    half = len(data) // 2
    path = write(tmp_path, name, data[:half] + (b"" if harm == "cut" else b"\0\xff" * half))
    with pytest.raises(TableError, match=f"the {case} file is damaged"):
        profile_table(path, "y")


def test_packed_text_is_read_in_bounded_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """64 MB of one letter are 64 kB on disk: a record that does not end is given up in time."""
    with gzip.open(tmp_path / "t.csv.gz", "wb") as stream:
        stream.write(b"x,y\n" + b"z" * (64 << 20))
    monkeypatch.setattr(csv_file, "_LONGEST_RECORD", 1 << 20)
    tracemalloc.start()
    with pytest.raises(TableError, match="line 2 does not end within 1 MB"):
        profile_table(tmp_path / "t.csv.gz", "y")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 32 << 20


def as_lines(frame: pd.DataFrame) -> str:
    """The frame as JSON lines."""
    rows = frame.astype(object).where(frame.notna(), None).to_dict("records")
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


LINES = as_lines(pd.read_csv(io.StringIO(TEXT)))


IN_LINES = {
    "plain": ("t.jsonl", LINES.encode()),
    "blank lines between": ("t.ndjson", LINES.replace("\n", "\r\n\r\n").encode()),
    "a mark before, no end after": ("t.json", b"\xef\xbb\xbf" + LINES.strip().encode()),
    "gzip": ("t.jsonl.gz", gzip.compress(LINES.encode())),
    "zip": ("t.zip", zipped(("t.jsonl", LINES.encode()))),
    "UTF-16": ("t.jsonl", LINES.encode("utf-16")),
}


@pytest.mark.parametrize("case", IN_LINES)
@pytest.mark.parametrize("block", [50, 1 << 20])
def test_json_lines_are_the_same_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, plain: pd.DataFrame, case: str, block: int
) -> None:
    monkeypatch.setattr(json_lines, "BLOCK", block)
    name, data = IN_LINES[case]
    pd.testing.assert_frame_equal(frame_of(write(tmp_path, name, data)), plain)


def test_json_values_keep_what_they_are(tmp_path: Path) -> None:
    """Numbers are numbers whatever they look like; texts are read as those of a CSV."""
    rows = [
        {
            "n": 1.234,
            "big": 2**70,
            "far": 10**400,
            "id": 12345678901234567,
            "code": "007",
            "mixed": "a",
            "y": 1,
        },
        {"n": 2, "big": 1, "id": 1, "code": "011", "mixed": 2.50, "y": 2, "late": "x"},
        {"n": None, "big": None, "far": -1, "id": 2, "code": None, "mixed": True, "y": 1.0},
        {"n": float("nan"), "big": 3, "id": 3, "code": "NA", "y": 2},
    ]
    path = write(tmp_path, "t.jsonl", "".join(json.dumps(row) + "\n" for row in rows * 4))
    profile = profile_table(path, "y", types={"id": "category"})
    types = {column.name: (column.type, column.missing) for column in profile.columns}
    assert types == {
        "n": ("number", 8),
        "big": ("number", 4),
        "far": ("number", 12),
        "id": ("category", 0),
        "code": ("category", 8),
        "mixed": ("category", 4),
        "y": ("number", 0),
        "late": ("category", 12),
    }
    table = read_table(path, profile.schema).slice(0, 4)
    assert table["id"].to_pylist() == ["12345678901234567", "1", "2", "3"]
    assert table["mixed"].to_pylist() == ["a", "2.5", "true", None]
    assert table["big"].to_pylist() == [2.0**70, 1.0, None, 3.0]


GOOD_LINE = '{"x": 1, "y": 2}\n'


NO_LINES = {
    "nothing": ("", "empty"),
    "blanks": (" \n\n", "empty"),
    "an object": (GOOD_LINE + '{"x": {"a": 1}, "y": 1}\n', "line 2 holds nested values in 'x'; fl"),
    "a list": (GOOD_LINE + '\n{"x": [1], "y": 1}\n', "line 3 holds nested values in 'x'; flatten"),
    "cut off": (GOOD_LINE + '{"x": 1,\n', "line 2 is no JSON object"),
    "no object": (GOOD_LINE + "[1, 2]\n", r"line 2 is '\[1, 2\]'; an object is expected"),
    "deep": (GOOD_LINE + "[" * 100_000 + "\n", "line 2 holds values nested too deep"),
    "Latin-1": (GOOD_LINE.encode() + b'{"x": "\xff"}\n', "line 2 is not in UTF-8"),
    "half a value": (GOOD_LINE + r'{"x": "\ud800"}' + "\n", "line 2 holds half a character in 'x'"),
    "half a name": (GOOD_LINE + r'{"\ud800": 1}' + "\n", "line 2 holds half a character in a key"),
    "one name twice": ('{"x": 1, " x": 2}\n', "same name: x"),
    "one column": ('{"y": 1}\n', "only one column"),
}


@pytest.mark.parametrize("case", NO_LINES)
def test_json_lines_of_no_use_are_refused_in_one_line(tmp_path: Path, case: str) -> None:
    data, words = NO_LINES[case]
    with pytest.raises(TableError, match=words) as caught:
        profile_table(write(tmp_path, "t.jsonl", data), "y")
    assert "\n" not in str(caught.value)


def parts_of(frame: pd.DataFrame, folder: Path, *names: str) -> Path:
    """Write a frame's rows to Parquet files of these names, beside what Spark leaves."""
    rows = -(-len(frame) // len(names))
    for at, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        frame.iloc[at * rows : (at + 1) * rows].to_parquet(folder / name)
    write(folder, "_SUCCESS", "")
    write(folder, ".part-0.parquet.crc", "crc")
    return folder


def test_a_folder_of_parquet_parts_is_one_table(tmp_path: Path, plain: pd.DataFrame) -> None:
    """Its rows in the order of the parts' names, wherever the columns stand in each."""
    frame = pd.read_csv(io.StringIO(TEXT)).astype({"kind": "category"})
    folder = parts_of(frame, tmp_path / "parts", "part-0.parquet", "part-1.parquet")
    last = pq.read_table(folder / "part-1.parquet")
    pq.write_table(last.select(last.column_names[::-1]), folder / "part-1.parquet")
    heard: list[tuple[int, int]] = []
    profile = profile_table(folder, "y", progress=lambda *steps: heard.append(steps))
    assert (profile.file, profile.rows, profile.schema.kind) == ("parts", ROWS, "parquet")
    assert heard == sorted(heard) and heard[-1][0] == heard[-1][1] == profile.size
    pd.testing.assert_frame_equal(read_frame(folder, profile.schema), plain)
    assert find_table(folder) == folder
    assert find_table(tmp_path) == folder


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["parquet", "zip", "gzip", "zstd"])
def test_whatever_byte_is_another_one_it_is_read_or_refused(tmp_path: Path, kind: str) -> None:
    """No error of a library comes through, and no text that is none."""
    path = tmp_path / (f"t.{kind}" if kind == "parquet" else PACKED[kind][0])
    pd.read_csv(io.StringIO(TEXT)).to_parquet(tmp_path / "t.parquet", compression=None)
    whole = path.read_bytes() if kind == "parquet" else PACKED[kind][1]
    refused = 0
    for place in range(0, len(whole), max(len(whole) // 150, 1)):
        changed = bytearray(whole)
        changed[place] ^= 0xFF
        path.write_bytes(changed)
        try:
            frame_of(path)
        except TableError as error:
            assert "\n" not in str(error)
            refused += 1
    assert refused > 20


def test_what_a_partitions_folder_is_called_is_a_column(tmp_path: Path) -> None:
    """As Spark and Hive write it; it is read as text in a CSV is, and escapes are undone."""
    frame = pd.read_csv(io.StringIO(TEXT))
    names = ["year=2023/city=a%2Fb/p.parquet", "year=__HIVE_DEFAULT_PARTITION__/city=c/p.parquet"]
    folder = parts_of(frame, tmp_path / "parts", *names)
    read = frame_of(folder)
    assert read.columns.tolist() == [*frame.columns, "year", "city"]
    assert read["year"].tolist()[:20] == [2023.0] * 20 and read["year"][20:].isna().all()
    assert read["city"].tolist() == ["a/b"] * 20 + ["c"] * 20
    only = Schema(
        tuple(c for c in profile_table(folder, "y").schema.columns if c.name == "city"), "y"
    )
    assert read_table(folder, only)["city"].to_pylist() == ["a/b"] * 20 + ["c"] * 20


@pytest.mark.parametrize(
    ("change", "type_"),
    [
        (lambda f: f.assign(size=2**60 + 1), "number"),
        (lambda f: f.assign(size=None), "number"),
        (lambda f: f.astype({"kind": "category"}), "category"),
        (lambda f: f.assign(kind=pd.Categorical(["z"] * len(f))), "category"),
    ],
)
def test_parts_may_write_a_column_in_types_that_go_together(
    tmp_path: Path, change: Callable[[pd.DataFrame], pd.DataFrame], type_: str
) -> None:
    frame = pd.read_csv(io.StringIO(TEXT))
    folder = parts_of(frame, tmp_path / "parts", "0.parquet", "1.parquet")
    change(frame.iloc[20:]).to_parquet(folder / "1.parquet")
    profile = profile_table(folder, "y")
    assert {"number": "size", "category": "kind"}[type_] in [
        column.name for column in profile.schema.columns if column.type == type_
    ]
    assert len(read_frame(folder, profile.schema)) == ROWS


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda f: f.drop(columns="kind"), "0.parquet has columns that .*1.parquet has not: kind"),
        (lambda f: f.assign(more=1), "1.parquet has columns that .*0.parquet has not: more"),
        (lambda f: f.assign(size="a"), "'size' is of another type in other parts: double, "),
        (lambda f: f.assign(size=[[1]] * len(f)), "'size' is of another type in other parts"),
    ],
)
def test_parts_that_do_not_go_together_are_refused(
    tmp_path: Path, change: Callable[[pd.DataFrame], pd.DataFrame], words: str
) -> None:
    frame = pd.read_csv(io.StringIO(TEXT))
    folder = parts_of(frame, tmp_path / "parts", "0.parquet", "1.parquet")
    change(frame.iloc[20:]).to_parquet(folder / "1.parquet")
    with pytest.raises(TableError, match=words):
        profile_table(folder, "y")


def profile_with_header(folder: Path, header: str, target: str = "y") -> Profile:
    """The profile of a table of numbers under this header."""
    width = header.count(",") + 1
    rows = "".join(",".join(str(i % (n + 2)) for n in range(width)) + "\n" for i in range(ROWS))
    return profile_table(write(folder, "t.csv", f"{header}\n{rows}"), target)


@pytest.mark.parametrize(
    ("header", "names", "said"),
    [
        (",x,y", ["x", "y"], "the first column has no name"),
        ("Unnamed: 0,x,y", ["x", "y"], "the first column has no name"),
        (",Unnamed: 0,x,y", ["x", "y"], "the first 2 columns have no name"),
        ("Unnamed: 0.1,Unnamed: 0,x,y", ["x", "y"], "the first 2 columns have no name"),
        ("x,,y", ["x", "Unnamed: 1", "y"], "column 2 has no name; it is called 'Unnamed: 1'"),
        (" x , y", ["x", "y"], "without the spaces around their names: x, y"),
        ("x,y", ["x", "y"], ""),
    ],
)
def test_columns_without_a_name_and_names_with_spaces(
    tmp_path: Path, header: str, names: list[str], said: str
) -> None:
    """The first ones are the rows' index, and no column of the table; all of it is said."""
    profile = profile_with_header(tmp_path, header)
    assert [column.name for column in profile.columns] == names
    assert said in "\n".join(profile.notes)
    assert bool(profile.notes) == bool(said)


def test_an_index_can_be_a_column_by_its_name(tmp_path: Path) -> None:
    """It is learned from where a type is given, predicted where it is the target."""
    profile_with_header(tmp_path, ",x,y")
    kept = profile_table(tmp_path / "t.csv", "y", types={"Unnamed: 0": "category"})
    assert [column.name for column in kept.columns] == ["Unnamed: 0", "x", "y"]
    assert read_table(tmp_path / "t.csv", kept.schema)["Unnamed: 0"][3].as_py() == "1"
    assert profile_table(tmp_path / "t.csv", "Unnamed: 0").target.name == "Unnamed: 0"


def test_spaces_around_a_name_may_be_typed_or_not(tmp_path: Path) -> None:
    """In the target and in the types; Parquet and JSON lines hold such names, too."""
    frame = pd.DataFrame({" a ": [*range(20)], " y ": ["n", "p"] * 10})
    frame.to_csv(tmp_path / "t.csv")
    frame.to_parquet(tmp_path / "t.parquet")
    write(tmp_path, "t.jsonl", as_lines(frame))
    for name in ("t.csv", "t.parquet", "t.jsonl"):
        profile = profile_table(tmp_path / name, " y ", types={" a ": "category"})
        assert [(c.name, c.type) for c in profile.columns] == [("a", "category"), ("y", "category")]
        assert profile.schema.target == "y"
        assert read_table(tmp_path / name, profile.schema)["a"].to_pylist()[:2] == ["0", "1"]


def test_a_delimiter_that_ends_the_header_alone_makes_no_column(tmp_path: Path) -> None:
    path = write(tmp_path, "t.csv", "x,y,\n" + "1,2\n3,4\n" * 9)
    assert [column.name for column in profile_table(path, "y").columns] == ["x", "y"]


def test_another_encoding_is_said(tmp_path: Path) -> None:
    path = write(tmp_path, "t.csv", TEXT.encode("cp1252"))
    assert "letters were read as cp1252" in profile_table(path, "y").notes[0]


WORKBOOK = zipped(("[Content_Types].xml", b"<x/>"), ("xl/workbook.xml", b"<x/>"))


NO_TABLES = {
    "workbook": ({"t.xlsx": WORKBOOK}, "a workbook; its first sheet is made a table by `"),
    "workbook as CSV": ({"t.csv": WORKBOOK}, "a workbook"),
    "old workbook": ({"t.xls": b"\xd0\xcf\x11\xe0" + bytes(600)}, "a workbook"),
    "JSON list": ({"t.json": b' [{"x": 1, "y": 2}]'}, "one JSON list; each of its rows"),
    "Feather": ({"t.feather": b"ARROW1\0\0"}, ".feather is not a kind of table"),
    "packed Parquet": (
        {"t.parquet.gz": gzip.compress(b"PAR1")},
        "unpack it; Parquet is compressed",
    ),
    "two in one": ({"t.zip": zipped(("a.csv", PLAIN), ("b.csv", PLAIN))}, "holds a.csv, b.csv; un"),
    "none in one": ({"t.zip": zipped(("a/", b""))}, "this one holds no file"),
    "nothing packed": ({"t.gz": gzip.compress(b"")}, "is empty"),
    "folder of CSV": ({"t/a.csv": PLAIN, "t/b.csv": PLAIN}, "holds t/a.csv, t/b.csv: name one"),
    "empty folder": ({"t/_SUCCESS": b""}, "it is empty"),
    "damaged part": ({"t/0.parquet": b"PAR1cut"}, "t/0.parquet: the Parquet file is damaged"),
}


def test_a_workbook_is_read_by_the_uv_that_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On PATH, or where `make` put it; else pip installs what reads it."""
    said = {}
    (tmp_path / "src").mkdir()
    monkeypatch.chdir(tmp_path / "src")
    for case in ("pip", "own", "path"):
        uv = tmp_path / {"pip": "no", "own": ".tools/uv/bin", "path": "bin"}[case] / "uv"
        uv.parent.mkdir(parents=True)
        uv.touch(0o755)
        monkeypatch.setenv("PATH", str(tmp_path / "bin"))
        with pytest.raises(TableError) as caught:
            profile_table(write(tmp_path, "t.xlsx", WORKBOOK), "y")
        said[case] = str(caught.value).split("`")
    for words in said.values():
        assert words[-2] == f'python src/data.py --path "{tmp_path / "t.csv"}"'
    assert said["pip"][1] == "python -m pip install pandas python-calamine"
    assert said["own"][1].startswith(f"{tmp_path / '.tools/uv/bin/uv'} run --no-project")
    assert said["path"][1].startswith("uv run --no-project")


def test_a_header_of_numbers_is_noted(tmp_path: Path) -> None:
    """Not where they count, nor where they are years."""
    rows = "".join(f"{i},{i % 7},a,{i % 2}\n" for i in range(20))
    for header, noted in (("150,4,name,y", True), ("0,1,2,y", False), ("2019,2021,a,y", False)):
        notes = profile_table(write(tmp_path, "t.csv", f"{header}\n{rows}".encode()), "y").notes
        assert ("the first line looks like data: columns named 150, 4" in notes) == noted


@pytest.mark.parametrize("case", NO_TABLES)
def test_what_is_no_table_is_refused_with_a_way_on(tmp_path: Path, case: str) -> None:
    files, words = NO_TABLES[case]
    for name, data in files.items():
        write(tmp_path, name, data)
    with pytest.raises(TableError, match=words) as caught:
        profile_table(tmp_path / next(iter(files)).split("/")[0], "y")
    assert "\n" not in str(caught.value)


def test_an_archive_with_a_password_is_refused(tmp_path: Path) -> None:
    locked = bytearray(zipped(("t.csv", PLAIN)))
    for mark, flags in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        locked[locked.index(mark) + flags] |= 1
    with pytest.raises(TableError, match="password"):
        profile_table(write(tmp_path, "t.zip", bytes(locked)), "y")


def test_the_line_that_is_said_of_a_json_list_makes_a_table_of_it(tmp_path: Path) -> None:
    path = write(
        tmp_path, "it's.json", json.dumps([json.loads(line) for line in LINES.splitlines()])
    )
    with pytest.raises(TableError) as caught:
        profile_table(path, "y")
    python, *words = shlex.split(str(caught.value).split("`")[1])
    assert python == "python"
    subprocess.run([sys.executable, *words], check=True)
    assert profile_table(tmp_path / "it's.jsonl", "y").rows == ROWS
