"""Numbers as people write them: found out over a whole column, said, and read alike anywhere."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amlkit.tabular.table import (
    Column,
    Schema,
    TableError,
    csv_file,
    parse,
    read_frame,
    read_table,
    tally,
)
from amlkit.tabular.table.number_formats import BODIES, NumberFormat, parse_numbers
from amlkit.tabular.table.profile import Profile, infer_task, profile_table

ROWS = 30
NARROW, NO_BREAK, APOSTROPHE, MINUS, EN_DASH = "\u202f", "\u00a0", "\u2019", "\u2212", "\u2013"


def write(
    folder: Path, values: list[str], delimiter: str = ",", other: tuple[str, ...] = ("w",)
) -> Path:
    """Write a table of the values as x, the others over and over, and a target y."""
    path = folder / "t.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter=delimiter)
        writer.writerow(["x", "other", "y"])
        for i, value in enumerate(values):
            writer.writerow([value, other[i % len(other)], i % 2])
    return path


def looked_at(path: Path, words: str | None = None) -> Profile:
    """Return the profile of such a table, x being forced to a type where `words` say it."""
    return profile_table(path, "y", types={"x": words} if words else None)


WAYS = [
    ("{i},{i:03}", "1,234.5", lambda i: i * 1001),
    ("{i},000,{i:03}.5", "1,234.5", lambda i: i * 1_000_001 + 0.5),
    ("{i},{i:02},000", "1,234.5", lambda i: i * 101_000),
    ("{i},5", ",", lambda i: i + 0.5),
    ("{i}.000.{i:03}", "1.234,5", lambda i: i * 1_000_001),
    ("{i}.{i:03},25", "1.234,5", lambda i: i * 1001 + 0.25),
    ("{i} {i:03},5", "1 234,5", lambda i: i * 1001 + 0.5),
    (f"{{i}}{NARROW}{{i:03}},5", "1 234,5", lambda i: i * 1001 + 0.5),
    (f"{{i}}{NO_BREAK}{{i:03}}", "1 234.5", lambda i: i * 1001),
    ("{i}'{i:03}.50", "1'234.5", lambda i: i * 1001 + 0.5),
    (f"{{i}}{APOSTROPHE}{{i:03}}", "1'234.5", lambda i: i * 1001),
    ("{i}%", "1,234.5%", lambda i: i / 100),
    ("{i}.5 %", "1,234.5%", lambda i: (10 * i + 5) / 1000),
    ("{i},5 %", "1.234,5%", lambda i: (10 * i + 5) / 1000),
    ("{i}‰", "1,234.5‰", lambda i: i / 1000),
    ("${i},000", "$1,234.5", lambda i: i * 1000),
    ("$ {i}.5", "$1,234.5", lambda i: i + 0.5),
    ("€ {i}.234,56", "€1.234,5", lambda i: i * 1000 + 234.56),
    ("{i}.234,56 €", "1.234,5 €", lambda i: i * 1000 + 234.56),
    ("CHF {i}'234.50", "CHF 1'234.5", lambda i: i * 1000 + 234.5),
    ("{i} USD", "1,234.5 USD", lambda i: i),
    ("₹{i},23,456", "₹1,234.5", lambda i: i * 100_000 + 23_456),
    ("({i},200)", "1,234.5", lambda i: -i * 1000 - 200),
    ("$({i}.50)", "$1,234.5", lambda i: -i - 0.5),
    ("-${i}.50", "$1,234.5", lambda i: -i - 0.5),
    ("{i}.5 kg", "1,234.5 kg", lambda i: i + 0.5),
    ("{i}kg", "1,234.5 kg", lambda i: i),
    (" {i} months", "1,234.5 months", lambda i: i),
    ("{i}.25 m²", "1,234.5 m²", lambda i: i + 0.25),
    ("{i}°", "1,234.5°", lambda i: i),
    ("${i}.5/kg", "$1,234.5/kg", lambda i: i + 0.5),
    ("{i}.2e-3", None, lambda i: float(f"{i}.2e-3")),
    (f"{MINUS}{{i}}", None, lambda i: -i),
    (f"{EN_DASH}{{i}}.5", None, lambda i: -i - 0.5),
    ("+{i}", None, lambda i: i),
]


@pytest.mark.parametrize(("way", "form", "number"), WAYS, ids=[way[0] for way in WAYS])
def test_a_column_of_numbers_is_read_as_people_write_it(
    tmp_path: Path, way: str, form: str | None, number: object
) -> None:
    """The profile finds the format out and shows a value; file and request give the same."""
    texts = [way.format(i=i) for i in range(1, ROWS)]
    profile = looked_at(write(tmp_path, texts))
    assert (profile.columns[0].type, profile.columns[0].format) == ("number", form)
    read = read_table(tmp_path / "t.csv", profile.schema)["x"].to_pylist()
    assert read == [number(i) for i in range(1, ROWS)]  # type: ignore[operator]
    assert (profile.columns[0].min, profile.columns[0].max) == (min(read), max(read))
    column = profile.schema.columns[0]
    alone = [parse(pa.array([text.strip()]), column)[0].as_py() for text in texts]  # type: ignore[index]
    assert alone == read
    if form is not None:
        assert profile.notes[0].startswith("'x' is read as numbers: ")


@pytest.mark.parametrize(
    "way",
    [
        "0{i}234", "+4915{i:02}1234567", "(555) 123-45{i:02}", "6{i:02} 345 678",
        "+34 6{i:02} 345 678", "555-12{i:02}", "4111 1111 1111 10{i:02}", "123-45-67{i:02}",
        "1.{i}.3", "192.168.1.{i}", "192.168.100.1{i:02}", "{i}:00", "12:{i:02}", "{i} am",
        "{i} p.m.", "{i} May", "{i}-May", "1990-{i}", "{i}-{i}9", "20{i:02}/21", "20{i:02}Q1",
        "5'{i}", "{i}/2", "{i}+", "<{i}", "#{i}", "v{i}", "Room {i}", "{i}. Married", "{i}-",
        "{i}_000", "{i}.5,{i}.7", "{i},{i}", "{i} x {i}", "1,2,{i}", "12,34 {i}", "ABC {i}",
    ],
)  # fmt: skip
def test_what_only_looks_like_numbers_stays_a_category(tmp_path: Path, way: str) -> None:
    """Codes, telephones, versions, addresses, times, ranges, labels."""
    texts = [way.format(i=i) for i in range(10, 10 + ROWS)]
    if way == "{i},{i}":
        texts[3:5] = ["7", "1,2,3"]  # lists
    assert looked_at(write(tmp_path, texts)).columns[0].type == "category"


@pytest.mark.parametrize(
    "values",
    [
        ["1 kg", "2 lb"], ["1.5", "2,5"], ["1,234.5", "1 234.5"], ["$1", "€1"], ["1", "2", "5more"],
        ["5%", "6"], ["1 kg", "2"], ["10+", "9"], ["1,23", "1,234.5"],
    ],
)  # fmt: skip
def test_a_column_that_is_written_in_two_ways_stays_a_category(
    tmp_path: Path, values: list[str]
) -> None:
    """Units, currencies and marks must be the same in all of a column."""
    assert looked_at(write(tmp_path, values * 12)).columns[0].type == "category"


def test_a_currency_may_be_missing_from_a_value_or_stand_behind_it(tmp_path: Path) -> None:
    """As in accounts, where it is on the first line only, and a dash is nothing."""
    values = ["1,200", "$ 1,300.00", "(300)", "$(5)", "7 $", " $ -   ", "1.5e3"] * 3
    profile = looked_at(write(tmp_path, values))
    assert profile.columns[0].format == "$1,234.5"
    read = read_table(tmp_path / "t.csv", profile.schema)["x"].to_pylist()
    assert read[:7] == [1200, 1300, -300, -5, 7, None, 1500]


THOUSANDS = [f"{i},{i * 37 % 1000:03}" for i in range(1, ROWS)]
POINTS = [f"{i}.{i * 37 % 1000:03}" for i in range(1, ROWS)]


@pytest.mark.parametrize(
    ("values", "delimiter", "other", "form", "least", "words"),
    [
        (THOUSANDS, ",", "w", "1,234.5", 1037, "(three digits always follow); for 1.037"),
        (THOUSANDS, "\t", "w", "1,234.5", 1037, "three digits always follow"),
        (THOUSANDS, ";", "w", ",", 1.037, "(as is usual beside semicolons); for 1037"),
        (THOUSANDS, ";", "1.5", "1,234.5", 1037, "as the file's other columns"),
        (THOUSANDS, ",", "1,25", ",", 1.037, "as the file's other columns"),
        ([*THOUSANDS, "1,5"], ",", "w", ",", 1.037, "'1,037' is 1.037"),
        ([*THOUSANDS, "0,123"], ",", "w", ",", 0.123, "'1,037' is 1.037"),
        ([*THOUSANDS, "1,000,000"], ";", "w", "1,234.5", 1037, "'1,037' is 1037"),
        (POINTS, ",", "w", None, 1.037, ""),
        (POINTS, ";", "w", None, 1.037, "(nothing in the file tells); for 1037"),
        (POINTS, ";", "1,25", "1.234,5", 1037, "as the file's other columns"),
        (POINTS, ";", "1.25", None, 1.037, ""),
        ([f"{v} kg" for v in POINTS], ";", "w", "1.234,5 kg", 1037, "as is usual"),
        ([f"{v} kg" for v in POINTS], ",", "w", "1,234.5 kg", 1.037, "as is usual"),
        ([f"${v}" for v in THOUSANDS], ",", "w", "$1,234.5", 1037, "'$1,037' is 1037"),
        ([f"{v} €" for v in POINTS], ",", "w", "1.234,5 €", 1037, "'1.037 €' is 1037"),
    ],
)
def test_thousands_are_told_from_decimals(
    tmp_path: Path, values: list[str], delimiter: str, other: str, form: str | None, least: float,
    words: str,
) -> None:  # fmt: skip
    """By the whole column, then by the other columns, then by what is usual; and it is said."""
    profile = looked_at(write(tmp_path, values, delimiter, (other,)))
    assert (profile.columns[0].format, profile.columns[0].min) == (form, least)
    assert (words in profile.notes[0]) if words else not profile.notes


def test_the_line_of_a_note_reads_the_column_the_other_way(tmp_path: Path) -> None:
    """What is printed for data.types can be pasted."""
    path = write(tmp_path, THOUSANDS)
    (note,) = looked_at(path).notes
    line = note.partition("data.types: ")[2]
    assert line == '{"x": "number 1234,5"}'
    assert looked_at(path, "number 1234,5").columns[0].min == 1.037


@pytest.mark.parametrize(
    ("usual", "late", "form"),
    [
        ("{i}", "1,234", "1,234.5"),
        ("{i}", "$5", "$1,234.5"),
        ("{i}.5", "1 234.5", "1 234.5"),
        ("{i}", f"{MINUS}7", None),
        ("{i}.{i:03}", "1.234.567", "1.234,5"),
        ("{i},{i:03}", "1,5", ","),
        ("{i}%", "5", "category"),
        ("{i}%", "-3%", "1,234.5%"),
        ("{i}", "5 kg", "category"),
        ("{i}.5 kg", "1,5 kg", "category"),
        ("{i}", "-", None),
    ],
)
@pytest.mark.parametrize("cap", [5, 10_000])
def test_a_way_of_writing_that_comes_late_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, usual: str, late: str, form: str, cap: int
) -> None:
    """In another block, also after the values are no longer counted; the statistics are right."""
    monkeypatch.setattr(tally, "DISTINCT_CAP", cap)
    monkeypatch.setattr(csv_file.CsvSource.blocks, "__defaults__", (512, None))
    texts = [usual.format(i=i) for i in range(1, 400)]
    column = looked_at(write(tmp_path, [*texts, late])).columns[0]
    if form == "category":
        assert column.type == "category"
        return
    assert (column.type, column.format, column.missing) == ("number", form, late == "-")
    numbers = parse_numbers(pa.array([t for t in [*texts, late] if t != "-"]), form).to_numpy()  # type: ignore[union-attr]
    assert (column.min, column.max) == (numbers.min(), numbers.max())
    assert column.mean == pytest.approx(numbers.mean())
    assert column.std == pytest.approx(numbers.std(ddof=1))


def test_a_target_as_people_write_it_is_a_regression(tmp_path: Path) -> None:
    """With its distribution, in one block or many, counted or not."""
    prices = [f"${1000 + 7 * i:,}" for i in range(ROWS)]
    path = write(tmp_path, prices)
    profile = profile_table(path, "x")
    assert infer_task(profile)[0] == "regression"
    assert profile.target.quantiles is not None
    assert profile.target.quantiles["50"] == pytest.approx(1000 + 7 * (ROWS - 1) / 2)
    assert profile.target.histogram is not None
    assert sum(profile.target.histogram["counts"]) == ROWS


@pytest.mark.parametrize("blank", ["-", "--", "\u2014", "\u2013", ".", "..", "*", "**", "…"])
def test_a_dash_alone_is_missing_but_in_a_category(tmp_path: Path, blank: str) -> None:
    """In numbers and dates, and it is said where; in a category it may be a value."""
    for usual in ("{i}", "{i},000", "2024-01-{i:02}"):
        path = write(tmp_path, [usual.format(i=i) if i % 5 else blank for i in range(1, ROWS)])
        profile = looked_at(path)
        column = profile.columns[0]
        assert column.type != "category" and column.missing == 5 and column.distinct == 24
        assert "read as missing: 'x' (5 rows)" in profile.notes[-1]
        assert read_table(path, profile.schema)["x"].null_count == 5
    profile = looked_at(write(tmp_path, ["+", blank] * ROWS))
    assert (profile.columns[0].type, profile.columns[0].missing) == ("category", 0)
    assert looked_at(write(tmp_path, [blank] * ROWS)).columns[0].type == "category"


def test_words_among_numbers_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The column stays a category; the note says what to list, and listing it helps."""
    values = [f"{i},000" if i % 12 else "unknown" for i in range(1, ROWS)]
    path = write(tmp_path, [*values, "-"])
    for cap in (10_000, 5):
        monkeypatch.setattr(tally, "DISTINCT_CAP", cap)
        profile = looked_at(path)
        assert profile.columns[0].type == "category"
        assert "category: 'x' ('unknown'); to read the others" in profile.notes[0]
    listed = profile_table(path, "y", missing_values=["", "unknown"])
    assert (listed.columns[0].format, listed.columns[0].missing) == ("1,234.5", 3)
    for other in (["a", "b", "1"], [f"{i} kg" if i % 2 else f"{i} lb" for i in range(ROWS)]):
        assert not looked_at(write(tmp_path, other * 9)).notes


def test_types_force_and_forbid(tmp_path: Path) -> None:
    """`number` tries all formats, one may be named, `category` forbids; a misfit names its line."""
    path = write(tmp_path, THOUSANDS)
    assert looked_at(path, "category").columns[0].type == "category"
    assert looked_at(path, "number").columns[0].format == "1,234.5"
    assert looked_at(path, "number 1.234,5").columns[0].format == "1.234,5"
    codes = write(tmp_path, [f"0{i} 345 678" for i in range(ROWS)])
    with pytest.raises(TableError, match=r"'00 345 678' \(line 2\), which is not a number"):
        looked_at(codes, "number")
    assert looked_at(write(tmp_path, [f"0{i}" for i in range(ROWS)]), "number").columns[0].max == 29
    units = write(tmp_path, [f"{i}.5 kg" for i in range(ROWS)] + ["7 lb"])
    with pytest.raises(TableError, match=r"'7 lb' \(line 32\), which is not .* like 1234.5 kg"):
        looked_at(units, "number")
    with pytest.raises(TableError, match=r"'x': 'euros' is no way of writing numbers known here"):
        looked_at(path, "number euros")
    with pytest.raises(TableError, match=r"'x': 'category 1,234.5' has no such format"):
        looked_at(path, "category 1,234.5")


def test_the_format_of_a_date_can_be_named(tmp_path: Path) -> None:
    """Where day and month could change places; the note says the line."""
    path = write(tmp_path, [f"{i % 9 + 1}/{i % 12 + 1}/2024" for i in range(ROWS)])
    profile = looked_at(path)
    assert profile.columns[0].format == "%d/%m/%Y"
    assert profile.notes[0].endswith('set data.types: {"x": "date %m/%d/%Y"}')
    assert looked_at(path, "date %m/%d/%Y").columns[0].format == "%m/%d/%Y"


def test_text_in_parquet_is_a_number_only_as_no_program_writes_it(tmp_path: Path) -> None:
    """Text "12" was text before; "$1,234" and "11%" have no other way into the file."""
    frame = pd.DataFrame(
        {
            "price": [f"${i},000" for i in range(1, ROWS)],
            "share": [f"{i}%" if i % 7 else None for i in range(1, ROWS)],
            "code": [f"{i}" for i in range(1, ROWS)],
            "y": np.arange(1, ROWS) % 2,
        }
    )
    frame.to_parquet(tmp_path / "t.parquet")
    schema = profile_table(tmp_path / "t.parquet", "y").schema
    assert [c.words for c in schema.columns] == [
        "number $1,234.5", "number 1,234.5%", "category", "number",
    ]  # fmt: skip
    read = read_frame(tmp_path / "t.parquet", schema)
    assert read["price"].tolist() == [i * 1000 for i in range(1, ROWS)]
    assert read["share"][0] == 0.01 and np.isnan(read["share"][6])


def test_a_value_that_does_not_fit_the_format_is_named(tmp_path: Path) -> None:
    """A batch in another currency is refused, not misread."""
    path = write(tmp_path, ["$5", "€6"])
    schema = Schema((Column("x", "number", "$1,234.5"), Column("y", "number")), "y")
    with pytest.raises(TableError, match=r"'€6' \(line 3\), which is not a number like \$1,234\.5"):
        read_table(path, schema)


def test_every_format_keeps_its_spelling() -> None:
    """In schema.json and in data.types; those of before mean what they meant."""
    assert NumberFormat.of(None) == NumberFormat.of("1234.5") == NumberFormat()
    assert NumberFormat.of(",") == NumberFormat.of("1234,5") == NumberFormat("1234,5")
    for body in BODIES:
        for before, after in [("", ""), ("$", ""), ("CHF", ""), ("", "€"), ("", "%"), ("$", "/kg")]:
            form = NumberFormat(body, before, after)
            assert NumberFormat.of(form.spelling) == form
            assert NumberFormat.of(form.example) == form
            column = Column("x", "number", form.spelling)
            assert Column.of("x", column.words) == column
    old = {"columns": [{"name": "x", "type": "number", "format": ","}], "target": "x"}
    assert Schema.from_dict(old).columns == (Column("x", "number", ","),)


def test_a_per_cent_is_exactly_its_fraction() -> None:
    """As if the fraction had been written: dividing by 100 would not give it."""
    texts = [f"{i / 10}%" for i in range(1000)]
    numbers = parse_numbers(pa.array(texts), "1,234.5%")
    assert numbers is not None
    assert numbers.to_pylist() == [float(f"{i}e-3") for i in range(1000)]


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(
    numbers=st.lists(
        st.integers(-(10**9), 10**9).map(lambda n: n / 100), min_size=12, max_size=20, unique=True
    ),
    body=st.sampled_from(list(BODIES)),
    ends=st.sampled_from([("", ""), ("$", ""), ("€ ", ""), ("", " €"), ("", "%"), ("", " km")]),
    negative=st.sampled_from(["-{}", f"{MINUS}{{}}", "({})"]),
    delimiter=st.sampled_from([",", ";", "\t"]),
)
def test_what_is_written_comes_back(
    numbers: list[float], body: str, ends: tuple[str, str], negative: str, delimiter: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:  # fmt: skip
    """Two decimals show the decimal mark, so every format is told from every other."""
    mark, decimal = BODIES[body]

    def written(number: float) -> str:
        text = f"{abs(number):,.2f}".replace(",", "T").replace(".", decimal).replace("T", mark)
        text = f"{ends[0]}{text}{ends[1]}"
        return negative.format(text) if number < 0 else text

    folder = tmp_path_factory.mktemp("written")
    path = write(folder, [written(number) for number in numbers], delimiter)
    profile = looked_at(path)
    assert profile.columns[0].type == "number"
    scale = 100 if ends[1] == "%" else 1
    read = read_table(path, profile.schema)["x"].to_pylist()
    assert read == pytest.approx([number / scale for number in numbers], rel=1e-15)
