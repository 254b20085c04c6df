"""Reading tables: what is written in a CSV or a Parquet file comes back typed, and equal."""

from __future__ import annotations

import csv
import gzip
import io
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amlkit.tabular.table import (
    Column,
    Schema,
    TableError,
    csv_file,
    iter_tables,
    read_frame,
    read_table,
    to_frame,
)
from amlkit.tabular.table.profile import profile_table

COLUMNS = (
    Column("size", "number"),
    Column("kind", "category"),
    Column("paid", "boolean"),
    Column("day", "date", "ISO8601"),
    Column("y", "number"),
)
SCHEMA = Schema(COLUMNS, "y")
TEXT = (
    "size,kind,paid,day,y\n"
    "1.5,a,true,2024-02-29,1\n"
    "NA, b ,FALSE,2024-01-01T10:30:00+02:00,2\n"
    "-3e2,?,,NA,3\n"
    ' 7 ,"x, ""y""\nz",True,2024-01-01 09:00,4\n'
)


def write(folder: Path, text: str | bytes, name: str = "t.csv") -> Path:
    """Write a file and return its path."""
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def schema_of(*columns: Column, **facts: str) -> Schema:
    """Return a schema of these columns and the target y."""
    return Schema((*columns, Column("y", "number")), "y", **facts)  # type: ignore[arg-type]


def test_every_type_is_read_and_missing_is_null(tmp_path: Path) -> None:
    """Numbers, categories, booleans and dates, stripped, with missing values as null."""
    table = read_table(write(tmp_path, TEXT), SCHEMA)
    assert [str(field.type) for field in table.schema] == [
        "double",
        "dictionary<values=string, indices=int32, ordered=0>",
        "double",
        "timestamp[s]",
        "double",
    ]
    assert table["size"].to_pylist() == [1.5, None, -300.0, 7.0]
    assert table["kind"].to_pylist() == ["a", "b", None, 'x, "y"\nz']
    assert table["paid"].to_pylist() == [1.0, 0.0, None, 1.0]
    assert table["day"].to_pylist() == [
        datetime(2024, 2, 29),
        datetime(2024, 1, 1, 8, 30),
        None,
        datetime(2024, 1, 1, 9, 0),
    ]


def test_frame_has_the_types_that_training_expects(tmp_path: Path) -> None:
    """Categories are str with NaN, dates datetime64[s] with NaT; both ways to a frame agree."""
    path = write(tmp_path, TEXT)
    frame = to_frame(read_table(path, SCHEMA))
    assert [str(kind) for kind in frame.dtypes] == [
        "float64",
        "object",
        "float64",
        "datetime64[s]",
        "float64",
    ]
    assert frame["kind"].tolist()[:2] == ["a", "b"]
    assert isinstance(frame["kind"][2], float) and np.isnan(frame["kind"][2])
    assert frame["day"].isna().tolist() == [False, False, True, False]
    pd.testing.assert_frame_equal(frame, read_frame(path, SCHEMA))


@pytest.mark.parametrize("rows", [1, 3, 1000])
def test_iterating_gives_the_table_in_order(tmp_path: Path, rows: int) -> None:
    """iter_tables yields `rows` rows at a time, together the whole table in order."""
    lines = [f"{i},{'abc'[i % 3]},true,2024-01-01,{i}\n" for i in range(10)]
    path = write(tmp_path, "size,kind,paid,day,y\n" + "".join(lines))
    tables = list(iter_tables(path, SCHEMA, rows=rows))
    assert [table.num_rows for table in tables[:-1]] == [rows] * (len(tables) - 1)
    assert pa.concat_tables(tables).to_pylist() == read_table(path, SCHEMA).to_pylist()


def test_scoring_needs_no_target_and_no_extra_columns(tmp_path: Path) -> None:
    """Without require_target the target may be absent; unknown columns are left out."""
    path = write(tmp_path, "extra,day,size,paid,kind\nq,2024-01-01,1,true,a\n")
    (table,) = iter_tables(path, SCHEMA, require_target=False)
    assert table.column_names == ["size", "kind", "paid", "day"]
    with pytest.raises(TableError, match="columns are missing: y"):
        read_table(path, SCHEMA)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("size,y\n1,1\n\nabc,2\n", r"'size' holds 'abc' \(line 4\), which is not a number"),
        ("size,y\n1,1\ninf,2\n", r"'size' holds 'inf' \(line 3\)"),
        ("flag,y\ntrue,1\nmaybe,2\n", r"'flag' holds 'maybe' \(line 3\), which is not a boolean"),
        ("day,y\n2024-01-01,1\n2024-02-30,2\n", r"'day' holds '2024-02-30' \(line 3\)"),
        ("size,y\n1,1\n1,2,3\n", "line 3 has 3 field"),
        ('size,y\n"1\n2",1\n3\n', "line 4 has 1 field"),
        ('size,y\n1,1\n5" pipe,2\n', "line 3 has a quote inside"),
        ('size,y\n1,1\n"abc,2\n', "quote opened on line 3 is never closed"),
        ("size,y\n1,1\n\0,2\n", "NUL"),
        ("size,y\n", "no rows"),
        ("other,y\n1,1\n", "columns are missing: size"),
    ],
)
def test_a_value_that_does_not_fit_is_named(tmp_path: Path, text: str, words: str) -> None:
    """The error names column, value and line, in one line."""
    name = text.partition(",")[0]
    types = {"flag": "boolean", "day": "date"}
    column = Column(name if name != "other" else "size", types.get(name, "number"))
    with pytest.raises(TableError, match=words) as caught:
        read_table(write(tmp_path, text), schema_of(column))
    assert "\n" not in str(caught.value)


def test_a_file_of_another_encoding_is_refused_at_its_line(tmp_path: Path) -> None:
    """A Latin-1 byte where UTF-8 was agreed is an error, not a broken string."""
    path = write(tmp_path, b"kind,y\na,1\ncaf\xe9,2\n")
    with pytest.raises(TableError, match="line 3 is not in UTF-8"):
        read_table(path, schema_of(Column("kind", "category")))


def test_decimal_comma_and_other_dates(tmp_path: Path) -> None:
    """The column's format says how numbers and dates are written."""
    path = write(tmp_path, "size;day;y\n3,5;1.2.2024 9:05;1\n-1,25;28.02.2024 10:00;2\n")
    columns = (Column("size", "number", ","), Column("day", "date", "%d.%m.%Y %H:%M"))
    table = read_table(path, schema_of(*columns, delimiter=";"))
    assert table["size"].to_pylist() == [3.5, -1.25]
    assert table["day"].to_pylist() == [datetime(2024, 2, 1, 9, 5), datetime(2024, 2, 28, 10)]


@pytest.mark.parametrize("day", ["31.02.2024", "1.13.2024", "01.02.24", "01.02.2024 10:00"])
def test_days_that_no_calendar_has_do_not_fit(tmp_path: Path, day: str) -> None:
    """A date must be one, and be written as the format says."""
    path = write(tmp_path, f"day,y\n{day},1\n")
    with pytest.raises(TableError, match="'day' holds"):
        read_table(path, schema_of(Column("day", "date", "%d.%m.%Y")))


def test_an_all_missing_category_is_read(tmp_path: Path) -> None:
    """A dictionary without any value gives nulls, and NaN in the frame."""
    schema = schema_of(Column("kind", "category"))
    table = read_table(write(tmp_path, "kind,y\nNA,1\n,2\n"), schema)
    assert table["kind"].to_pylist() == [None, None]
    assert to_frame(table)["kind"].isna().all()
    assert len(to_frame(table.slice(0, 0))) == 0


def test_gzip_utf16_and_old_line_ends_are_read(tmp_path: Path) -> None:
    """The same table in other wrappings is the same table."""
    schema = schema_of(Column("kind", "category"))
    text = "kind,y\né,1\nb,2\n"
    expected = read_table(write(tmp_path, text), schema).to_pylist()
    packed = write(tmp_path, gzip.compress(text.encode()), "t.csv.gz")
    assert read_table(packed, schema).to_pylist() == expected
    assert read_table(write(tmp_path, text.replace("\n", "\r")), schema).to_pylist() == expected
    wide = schema_of(Column("kind", "category"), encoding="utf-16")
    assert read_table(write(tmp_path, text.encode("utf-16")), wide).to_pylist() == expected
    with pytest.raises(TableError, match="gzip file is damaged"):
        read_table(write(tmp_path, gzip.compress(text.encode() * 99)[:-9], "d.csv.gz"), schema)


@pytest.mark.parametrize("size", [40, 97, 1 << 20])
def test_the_block_size_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    """Quoted line ends, long records and the last line survive being cut into blocks anywhere."""
    rows = [[f'a "{i}",\n\r\n;' * (i % 4) + "z" * (i % 7) * 40, str(i)] for i in range(60)]
    out = io.StringIO(newline="")
    csv.writer(out).writerows([["kind", "y"], *rows])
    path = write(tmp_path, out.getvalue().rstrip())
    monkeypatch.setattr(csv_file.CsvSource.blocks, "__defaults__", (size, None))
    monkeypatch.setattr(csv_file, "_PARSED_AT_ONCE", 64)
    table = read_table(path, schema_of(Column("kind", "category")))
    assert table["y"].to_pylist() == [float(y) for _, y in rows]
    assert table["kind"].to_pylist() == [kind.strip() or None for kind, _ in rows]


def test_a_last_row_of_nothing_is_a_row(tmp_path: Path) -> None:
    """Also where tabs part it and no line end follows."""
    path = write(tmp_path, "kind\ty\na\t1\n\t")
    table = read_table(path, schema_of(Column("kind", "category"), delimiter="\t"))
    assert table.to_pylist() == [{"kind": "a", "y": 1.0}, {"kind": None, "y": None}]


def test_parquet_types_are_taken_as_they_are(tmp_path: Path) -> None:
    """Whole numbers, decimals, zones, dictionaries and pandas' index: same types, index dropped."""
    days = pd.date_range("2024-01-01", periods=12, freq="h", tz="Asia/Tokyo")
    frame = pd.DataFrame(
        {
            "whole": pd.array([1, None] * 6, dtype="Int64"),
            "flag": [True, False] * 6,
            "when": days,
            "kind": pd.Categorical(["u", None, "v"] * 4),
            "text day": ["2024-01-01", "NA", "?"] * 4,
            "text number": [f"{i}" for i in range(12)],
            "y": np.arange(12.0),
        },
        index=[f"r{i}" for i in range(12)],
    )
    path = tmp_path / "t.parquet"
    frame.to_parquet(path)
    schema = profile_table(path, "y").schema
    assert [(c.name, c.type) for c in schema.columns] == [
        ("whole", "number"),
        ("flag", "boolean"),
        ("when", "date"),
        ("kind", "category"),
        ("text day", "date"),
        ("text number", "category"),
        ("y", "number"),
    ]
    read = read_table(path, schema)
    assert read["when"][0].as_py() == datetime(2023, 12, 31, 15)
    assert read["kind"].to_pylist() == ["u", None, "v"] * 4
    assert read["text day"].to_pylist() == [datetime(2024, 1, 1), None, None] * 4
    assert read["whole"].to_pylist() == [1.0, None] * 6


def test_damaged_and_nested_parquet_are_refused(tmp_path: Path) -> None:
    """One line for a file cut short, and the names of the columns that hold lists."""
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"tags": [[1], [2]], "y": [1, 2]}), path)
    with pytest.raises(TableError, match="tags"):
        read_table(path, schema_of(Column("tags", "category")))
    pq.write_table(pa.table({"x": list(range(5000)), "y": list(range(5000))}), path)
    data = bytearray(path.read_bytes())
    with pytest.raises(TableError, match="damaged"):
        read_table(write(tmp_path, bytes(data[:-30]), "cut.parquet"), schema_of())


WORDS = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cs", "Cc"), exclude_characters="\ufeff"),
    min_size=1,
    max_size=8,
).map(lambda word: f"w{word}w")  # never a number, a date or a missing value, never spaces around


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_a_table_comes_back_from_csv_and_from_parquet(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Any dialect: the profile's schema reads the CSV and the Parquet file to equal frames."""
    folder = tmp_path_factory.mktemp("trip")
    rows = data.draw(st.integers(10, 30))

    def values(strategy: st.SearchStrategy) -> list:
        first = data.draw(strategy)  # of a column without any value nobody knows the type
        rest = st.lists(st.none() | strategy, min_size=rows - 1, max_size=rows - 1)
        return [first, *data.draw(rest)]

    day = datetime(2000, 1, 1)
    frame = pd.DataFrame(
        {
            "number": pd.Series(values(st.floats(-1e9, 1e9)), dtype=float),
            "word": pd.Series(values(WORDS), dtype=object),
            "day": pd.to_datetime(
                pd.Series(values(st.integers(-9999, 9999).map(lambda n: day + timedelta(n))))
            ).astype("datetime64[s]"),
            "y": np.arange(rows) % 3 + 0.5,
        }
    )
    delimiter = data.draw(st.sampled_from([",", ";", "\t", "|"]))
    encoding = data.draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]))
    quoting = data.draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]))
    end = data.draw(st.sampled_from(["\n", "\r\n"]))
    path = folder / "t.csv"
    frame.to_csv(
        path, index=False, sep=delimiter, encoding=encoding, quoting=quoting, lineterminator=end
    )
    schema = profile_table(path, "y").schema
    read = read_frame(path, schema)
    frame.to_parquet(folder / "t.parquet")
    from_parquet = profile_table(folder / "t.parquet", "y").schema
    pd.testing.assert_frame_equal(read, read_frame(folder / "t.parquet", from_parquet))
    assert schema.delimiter == delimiter
    assert read["word"].fillna("").tolist() == frame["word"].fillna("").tolist()
    np.testing.assert_array_equal(read["number"], frame["number"])
    pd.testing.assert_series_equal(read["day"], frame["day"])


def test_the_schema_survives_json(tmp_path: Path) -> None:
    """from_dict gives back what to_dict wrote, and refuses what is no schema."""
    assert Schema.from_dict(SCHEMA.to_dict()) == SCHEMA
    assert [column.name for column in SCHEMA.features] == ["size", "kind", "paid", "day"]
    with pytest.raises(TableError, match="not the schema"):
        Schema.from_dict({"columns": [{"name": "a"}]})
