"""The profile of a table: the types found out, the statistics, the refusals, the task."""

from __future__ import annotations

import codecs
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amlkit.tabular.table import TableError, csv_dialect, csv_file, read_frame, tally
from amlkit.tabular.table.profile import (
    ColumnProfile,
    Profile,
    check_target,
    infer_task,
    profile_table,
)
from amlkit.tabular.table.reading import WORKERS, ahead
from conftest import PENGUINS

ROWS = 24


def write(folder: Path, text: str | bytes, name: str = "t.csv") -> Path:
    """Write a file and return its path."""
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def column_of(folder: Path, values: list[str], delimiter: str = ",") -> ColumnProfile:
    """Return the profile of a column x of these values."""
    lines = [f"{value}{delimiter}{i % 2}\n" for i, value in enumerate(values)]
    path = write(folder, f"x{delimiter}y\n" + "".join(lines))
    return profile_table(path, "y").columns[0]


def profile_of(folder: Path, target: list[object], **options: object) -> Profile:
    """Return the profile of a table with this target y."""
    lines = [f"{i},{value}\n" for i, value in enumerate(target)]
    path = write(folder, "x,y\n" + "".join(lines))
    return profile_table(path, "y", **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("value", "type_", "form"),
    [
        ("{i}", "number", None),
        ("-{i}.5e-3", "number", None),
        (" {i} ", "number", None),
        ("0{i}", "category", None),
        ("-0{i}", "category", None),
        ("0.{i}", "number", None),
        ('"{i},000"', "number", "1,234.5"),
        ("{i}_0", "category", None),
        ("v{i}", "category", None),
        ("yes", "category", None),
        ("1", "number", None),
        ("TRUE", "boolean", None),
        ("2024-01-{d:02}", "date", "ISO8601"),
        ("2024-01-{d:02}T10:00:00.25Z", "date", "ISO8601"),
        ("2024-01-{d:02} 10:00:00+05:30", "date", "ISO8601"),
        ("2024/1/{d}", "date", "%Y/%m/%d"),
        ("{d}.1.2024", "date", "%d.%m.%Y"),
        ("{d}.01.2024 9:30", "date", "%d.%m.%Y %H:%M"),
        ("{d}/01/2024", "date", "%d/%m/%Y"),
        ("01/{d}/2024 10:00:59", "date", "%m/%d/%Y %H:%M:%S"),
        ("2024-02-{e}", "category", None),
        ("{d}.13.2024", "category", None),
        ("10:{d:02}", "category", None),
    ],
)
def test_the_type_of_a_column_is_found_out(
    tmp_path: Path, value: str, type_: str, form: str | None
) -> None:
    """Each way of writing a value, and those that only look like it."""
    values = [value.format(i=i + 1, d=i % 28 + 1, e=i % 10 + 22) for i in range(60)]
    column = column_of(tmp_path, values)
    assert (column.type, column.format) == (type_, form)


@pytest.mark.parametrize(
    ("usual", "late"),
    [
        ("{i}", "abc"),
        ("{i}", "007"),
        ("{i}", "inf"),
        ("{i}", "1e999"),
        ("{i}", "2024-01-01"),
        ("true", "1"),
        ("2024-01-01", "2024-01-32"),
        ("01.02.2024", "31.02.2024"),
    ],
)
@pytest.mark.parametrize("cap", [5, 10_000])
def test_a_type_that_changes_in_the_last_row_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, usual: str, late: str, cap: int
) -> None:
    """Also after the column's values are no longer counted, and in another block."""
    monkeypatch.setattr(tally, "DISTINCT_CAP", cap)
    monkeypatch.setattr(csv_file.CsvSource.blocks, "__defaults__", (256, None))
    values = [usual.format(i=i) for i in range(300)]
    assert column_of(tmp_path, values).type != "category"
    column = column_of(tmp_path, [*values, late])
    assert column.type == "category"
    distinct = len({*values, late})
    assert column.distinct == (distinct if distinct <= cap else None)


def test_decimal_commas_are_numbers_in_a_file_of_semicolons(tmp_path: Path) -> None:
    """All of a column must be written so; whole numbers follow; a point beside it is text."""
    column = column_of(tmp_path, [f"{i},5" for i in range(ROWS)], ";")
    assert (column.type, column.format, column.min, column.max) == ("number", ",", 0.5, 23.5)
    assert profile_table(tmp_path / "t.csv", "y").columns[1].format == ","
    assert column_of(tmp_path, ["1,5", "2.5", *["3"] * ROWS], ";").type == "category"
    assert column_of(tmp_path, ["1.5", "2.5", *["3"] * ROWS], ";").format is None


MONTH_FIRST = [f"{month}/{day}/2024" for month in (1, 2, 3) for day in range(1, 10)]


@pytest.mark.parametrize(
    ("dates", "form", "words"),
    [
        (MONTH_FIRST, "%m/%d/%Y", "order of time"),
        (MONTH_FIRST[::-1], "%m/%d/%Y", "order of time"),
        ([*MONTH_FIRST, "2/1/2024"], "%d/%m/%Y", "nothing in the file tells"),
    ],
)
def test_day_or_month_first_is_chosen_and_said(
    tmp_path: Path, dates: list[str], form: str, words: str
) -> None:
    """By the order of time where only one reading keeps it, else day first, with a note."""
    path = write(tmp_path, "x,y\n" + "".join(f"{d},{i % 2}\n" for i, d in enumerate(dates)))
    profile = profile_table(path, "y")
    assert profile.columns[0].format == form
    assert words in profile.notes[0]


def test_another_column_can_tell_day_from_month(tmp_path: Path) -> None:
    """A column with a 13th month settles the reading of its neighbour."""
    lines = [f"{i % 9 + 1}/2/2024,2/{i + 1}/2024,{i % 2}\n" for i in range(ROWS)]
    profile = profile_table(write(tmp_path, "a,b,y\n" + "".join(lines)), "y")
    assert [c.format for c in profile.columns[:2]] == ["%m/%d/%Y"] * 2
    assert "as in the other columns" in profile.notes[0]


HEAD = "x,y\n" + "".join(f"é{i},{i % 3}\n" for i in range(ROWS))


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        (HEAD.encode(), "utf-8"),
        (codecs.BOM_UTF8 + HEAD.encode(), "utf-8"),
        (HEAD.encode("utf-16"), "utf-16"),
        (codecs.BOM_UTF16_BE + HEAD.encode("utf-16-be"), "utf-16"),
        (HEAD.encode("cp1252"), "cp1252"),
        (HEAD.replace("é", "e").encode() + b"\x80uro,1\n", "cp1252"),
        (HEAD.replace("é", "e").encode() + b"1,caf\xc3", "cp1252"),
    ],
)
@pytest.mark.parametrize("piece", [7, 4 << 20])
def test_the_encoding_is_found_out_from_the_whole_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: bytes, encoding: str, piece: int
) -> None:
    """A late byte that is not UTF-8 counts; a character cut by a piece's edge does not."""
    monkeypatch.setattr(csv_dialect.pieces, "__defaults__", (piece, None))
    profile = profile_table(write(tmp_path, data), "y")
    assert profile.schema.encoding == encoding
    assert [column.name for column in profile.columns] == ["x", "y"]
    assert profile.rows == ROWS + (b"uro" in data or b"caf" in data)


def test_half_a_character_at_the_edge_of_a_piece_is_not_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The two halves of an é with letters between them are no UTF-8."""
    monkeypatch.setattr(csv_dialect.pieces, "__defaults__", (1, None))
    path = write(tmp_path, HEAD.replace("é", "e").encode() + b"caf\xc3zzz\xa9,1\n")
    assert profile_table(path, "y").schema.encoding == "cp1252"


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found_out(tmp_path: Path, delimiter: str) -> None:
    """Delimiters inside quotes and decimal commas do not mislead."""
    text = f'"a;b,c|d"{delimiter}y\n' + f'"1;2,3|4\t5"{delimiter}1,5\n' * 9
    if delimiter == ",":
        text = text.replace("1,5\n", "1.5\n")
    path = write(tmp_path, text + f'x{delimiter}7\n\n"z"{delimiter}2\n\n')
    profile = profile_table(path, "y")
    assert profile.schema.delimiter == delimiter
    assert [column.name for column in profile.columns] == ["a;b,c|d", "y"]
    assert profile.rows == 11


@pytest.mark.parametrize(
    ("line", "delimiter", "rival"),
    [
        ("Austin, TX\t1", "\t", ","),  # of as many columns the one that values seldom hold
        ("a;1,5", ";", ","),
        ("a;b;1,5", ";", ","),
        ("a,b,c|d", ",", "|"),  # else the one that makes more columns
        ("a,b", ",", None),
    ],
)
def test_of_two_delimiters_one_is_chosen_and_it_is_said(
    tmp_path: Path, line: str, delimiter: str, rival: str | None
) -> None:
    """Where each row could be parted by either, the names too."""
    header = line.translate(str.maketrans("15", "yz"))
    source = csv_file.CsvSource(write(tmp_path, "\n".join([header, *[line] * 12])))
    assert source.delimiter == delimiter
    assert [repr(rival) in note for note in source.notes] == ([True] if rival else [])


GOOD = "x,y\n" + "".join(f"{i},{i % 3}\n" for i in range(ROWS))


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("t.csv", None, "no such file"),
        ("t.csv", "", "empty"),
        ("t.csv", " \n\n", "empty"),
        ("t.csv", "x,y\n", "a header but no rows"),
        ("t.csv", "x,y", "a header but no rows"),
        ("t.csv", "x,y,x,z,z\n1,2,3,4,5\n", "same name: x, z"),
        ("t.csv", "y\n1\n2\n", "separated by comma, semicolon, tab or |"),
        ("t.csv", "x,y\n1,2,3\n", "line 2 has 3 field(s) where the header has 2; mend the line or"),
        ("t.csv", "# Data\nx,z,y\n1,2,3\n4,5,6\n", "header of the lines below ('# Data'): remove"),
        ("t.csv", "# Data, by us\nx,z,y\n1,2,3\n4,5,6\n", "below ('# Data, by us'): remove"),
        ("t.csv", "x  y\n1  2\n30 4\n", "write a comma between"),
        ("t.csv", b"PK\3\4" + bytes(50), "the zip file is damaged"),
        ("t.csv", b"%PDF-1.7", "its content is not a kind of table"),
        ("t.docx", "text", ".docx is not a kind of table"),
        ("t.csv", bytes(range(256)) * 9, "NUL byte"),
        (
            "t.csv",
            GOOD.encode() + b"caf\x81,1\n",
            "line 26 is not in UTF-8, and the text is not of",
        ),
        ("t.csv", GOOD.replace("x", "имя").encode("cp1251"), "line 1 is not in UTF-8"),
        ("t.csv", (GOOD + "名前,1\n").encode("shift-jis"), "line 26 is not in UTF-8"),
        ("t.csv", (HEAD + "caf").encode() + b"\xe9,1\n", "line 26 is not in UTF-8"),
        ("t.csv", GOOD + "1\n", "line 26 has 1 field"),
        ("t.csv", GOOD + '"a\nb",1\n1,2,3\n', "line 28 has 3 field"),
        ("t.csv", GOOD + 'a "b",1\n', "line 26 has a quote inside"),
        ("t.csv", GOOD + '"a"b,1\n', "line 26 has a quote inside"),
        ("t.csv", GOOD + '"open,1\n' + GOOD, "line 26 is never closed"),
        ("t.csv", "x,target\n1,2\n", "did you mean"),
        ("t.csv", GOOD.replace(",1\n", ",0\n").replace(",2\n", ",0\n"), "is 0 in every row"),
        ("t.csv", "x,y\n" + "1,NA\n" * ROWS, "missing in all 24 rows"),
        ("t.csv", "x,y\n1,2\n2,3\n3,NA\n", "2 rows with a value in 'y' are too few"),
        ("t.parquet", b"PAR1" + b"x" * 40, "damaged"),
    ],
)
def test_a_table_of_no_use_is_refused_in_one_line(
    tmp_path: Path, name: str, data: str | bytes | None, words: str
) -> None:
    """Each refusal names what is wrong and, where there is one, the line."""
    path = write(tmp_path, data, name) if data is not None else tmp_path / name
    target = "targt" if words.startswith("did") else "y"
    with pytest.raises(TableError) as caught:
        profile_table(path, target)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_types_can_be_forced(tmp_path: Path) -> None:
    """A forced type holds; a value that does not fit is named with its line."""
    codes = ["007", "1", "0"] * 8
    assert profile_of(tmp_path, codes, types={"y": "number"}).target.type == "number"
    assert profile_of(tmp_path, [1, 2] * 9, types={"x": "category"}).columns[0].type == "category"
    assert profile_of(tmp_path, ["yes", "0"] * 9, types={"y": "boolean"}).target.distinct == 2
    with pytest.raises(TableError, match=r"'y' holds 'abc' \(line 20\), which is not a number"):
        profile_of(tmp_path, [*range(18), "abc"], types={"y": "number"})
    with pytest.raises(TableError, match="cannot be 'int'"):
        profile_of(tmp_path, [1, 2], types={"y": "int"})
    with pytest.raises(TableError, match="no column 'why'"):
        profile_of(tmp_path, [1, 2], types={"why": "number"})


def test_missing_values_can_be_chosen(tmp_path: Path) -> None:
    """The words given replace the usual ones, and are compared after stripping."""
    values = ["-99", " -99 ", "NA", *range(30)]
    profile = profile_of(tmp_path, values, missing_values=["-99", "NA"])
    assert (profile.target.type, profile.target.missing, profile.rows) == ("number", 3, 33)
    assert profile_of(tmp_path, values, missing_values=["-99"]).target.type == "category"


def test_infinite_numbers_are_said(tmp_path: Path) -> None:
    """inf makes no number in CSV, and the note says so."""
    profile = profile_of(tmp_path, [*range(20), "inf"])
    assert profile.target.type == "category"
    assert "not finite" in profile.notes[0]


NUMBERS = st.lists(
    st.none() | st.floats(-1e12, 1e12) | st.integers(-50, 50), min_size=12, max_size=60
).filter(lambda values: len({v for v in values if v is not None}) > 1)


@settings(max_examples=40, deadline=None)
@given(values=NUMBERS, cap=st.sampled_from([3, 10_000]), size=st.sampled_from([64, 1 << 20]))
def test_statistics_equal_those_of_pandas(
    values: list, cap: int, size: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Whether counted or summed up, in one block or many; from Parquet they are the same."""
    folder = tmp_path_factory.mktemp("stats")
    frame = pd.DataFrame({"x": pd.Series(values, dtype=float)})
    frame["kind"] = [f"k{i % 4}" for i in range(len(frame))]
    frame["y"] = np.arange(len(frame)) % 2
    frame.to_csv(folder / "t.csv", index=False)
    frame.to_parquet(folder / "t.parquet", row_group_size=7)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tally, "DISTINCT_CAP", cap)
        patch.setattr(csv_file.CsvSource.blocks, "__defaults__", (size, None))
        profiles = [profile_table(folder / name, "y") for name in ("t.csv", "t.parquet")]
    expected = frame["x"].describe()
    for profile in profiles:
        x, kind, _ = profile.columns
        assert x.missing == frame["x"].isna().sum()
        assert (x.min, x.max) == (expected["min"], expected["max"])
        scale = frame["x"].abs().max() or 1.0
        assert x.mean == pytest.approx(expected["mean"], rel=1e-9, abs=1e-12 * scale)
        if x.std is not None and len(frame["x"].dropna()) > 1:
            assert x.std == pytest.approx(expected["std"], rel=1e-6, abs=1e-9 * scale)
        if cap > 3:
            assert x.distinct == frame["x"].nunique()
            assert dict(kind.top) == frame["kind"].value_counts().to_dict()


def test_spread_is_right_far_from_zero(tmp_path: Path) -> None:
    """A spread of about one around 1e9 would be lost by summing squares."""
    numbers = 1e9 + np.random.default_rng(0).normal(size=500)
    column = column_of(tmp_path, [repr(float(number)) for number in numbers])
    assert column.std == pytest.approx(numbers.std(ddof=1), rel=1e-6)


def test_values_are_counted_up_to_a_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond it distinct is None, nothing is kept, and the range is still exact."""
    column = column_of(tmp_path, [str(i) for i in range(10_000)])
    assert column.distinct == 10_000
    column = column_of(tmp_path, [str(i) for i in range(10_001)])
    assert (column.distinct, column.min, column.max, column.top) == (None, 0, 10_000, ())
    monkeypatch.setattr(tally, "_BYTES_CAP", 1000)
    assert column_of(tmp_path, [f"{i}" + "z" * 100 for i in range(ROWS)]).distinct is None


def test_the_targets_distribution(tmp_path: Path) -> None:
    """Counts of classes; quantiles and a histogram of numbers, sampled when there are many."""
    target = profile_of(tmp_path, ["b", "a", "a", ""] * 9).target
    assert (target.classes, target.rarest, target.missing) == ((("a", 18), ("b", 9)), ("b", 9), 9)
    target = profile_of(tmp_path, [i / 2 for i in range(1001)]).target
    assert target.quantiles is not None and target.quantiles["50"] == 250
    assert target.histogram is not None and sum(target.histogram["counts"]) == 1001
    assert target.sampled is None
    many = profile_of(tmp_path, [i / 2 for i in range(60_001)]).target
    assert many.sampled == tally.SAMPLE and many.quantiles is not None
    assert many.quantiles["50"] == pytest.approx(15_000, rel=0.05)


@pytest.mark.parametrize(
    ("values", "task"),
    [
        (["a", "b"] * 9, "classification"),
        (["true", "false"] * 9, "classification"),
        ([0.5, 1.5] * 9, "classification"),
        ([1, 2, 3] * 6, "classification"),
        (list(range(10)) * 2, "classification"),
        (list(range(11)) * 2, "regression"),
        ([0.5, 1.5, 2.0] * 6, "regression"),
        ([i / 7 for i in range(12_000)], "regression"),
    ],
)
def test_the_task_is_inferred_with_a_reason(
    tmp_path: Path, values: list[object], task: str
) -> None:
    """By the target's type and its number of values."""
    profile = profile_of(tmp_path, values)
    inferred, why = infer_task(profile)
    assert inferred == task and "'y'" in why
    check_target(profile, inferred, min_class_rows=2)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([f"2024-01-{i + 1:02}" for i in range(20)], "is a date"),
        ([f"name {i}" for i in range(20)], "another text in each row"),
        ([f"name {i % 201}" for i in range(402)], "201 different texts"),
        ([f"name {i}" for i in range(10_500)], "too many different texts"),
    ],
)
def test_a_target_that_cannot_be_predicted_is_refused(
    tmp_path: Path, values: list[str], words: str
) -> None:
    """Dates, names and too many classes."""
    with pytest.raises(TableError, match=words):
        infer_task(profile_of(tmp_path, list(values)))


def test_a_class_with_too_few_rows_is_named(tmp_path: Path) -> None:
    """Only for classification; text cannot be regressed on."""
    profile = profile_of(tmp_path, [*["a"] * 10, *["b"] * 10, "c", "c"])
    with pytest.raises(TableError, match="class 'c' of the target 'y' has 2 rows, at least 5"):
        check_target(profile, "classification", 5)
    check_target(profile, "classification", 2)
    with pytest.raises(TableError, match="regression cannot predict it"):
        check_target(profile, "regression", 5)
    check_target(profile_of(tmp_path, [1.5, *[2.5] * 20]), "regression", 5)


def test_the_profile_survives_json(tmp_path: Path) -> None:
    """Nothing in it is NaN, and from_dict gives it back equal."""
    lines = [f"{i / 3},,k{i % 3},2024-01-01,{i % 2}\n" for i in range(ROWS)]
    profile = profile_table(write(tmp_path, "a,empty,k,d,y\n" + "".join(lines)), "y")
    assert Profile.from_dict(json.loads(json.dumps(profile.to_dict(), allow_nan=False))) == profile
    assert "'empty' is missing in every row" in profile.notes


def test_the_text_is_aligned_and_short(tmp_path: Path) -> None:
    """Wide letters take two cells, long names are cut, many columns are counted."""
    names = ["大きさ", "n" * 200, *(f"c{i}" for i in range(60)), "y"]
    lines = [",".join([f"{i}"] * (len(names) - 1)) + f",{'ab'[i % 2]}\n" for i in range(ROWS)]
    profile = profile_table(write(tmp_path, ",".join(names) + "\n" + "".join(lines)), "y")
    text = profile.to_text()
    assert "… and 23 more" in text
    assert "a  ████████████████████████  12 (50.0 %)" in text
    assert max(map(len, text.splitlines())) <= 120
    rows = text.splitlines()[3:8]
    places = [row.index("number") + ("大きさ" in row) * 3 for row in rows]
    assert len(set(places)) == 1


def test_the_texts_numbers_are_as_people_write_them(tmp_path: Path) -> None:
    """Whole ones whole, years without a separator, and no powers of ten."""
    lines = [
        f"{7373 + 18000 * i},{1990 + i},{i / 3 * 1e-4},{i * 1e14},{i % 2}\n" for i in range(24)
    ]
    profile = profile_table(write(tmp_path, "a,year,small,huge,y\n" + "".join(lines)), "y")
    text = profile.to_text()
    assert "7,373 … 421,373, mean 214,373 ± 127,279" in text
    assert "1990 … 2013, mean 2001.5 ± 7.0711" in text
    assert "0 … 0.00076667" in text and "0 … 2.3e+15" in text
    target = profile_table(tmp_path / "t.csv", "year").to_text()
    assert "  1990 … " in target and " … 2013  " in target and "1,99" not in target


def test_progress_is_told_and_ends_at_the_whole_file(tmp_path: Path) -> None:
    """Bytes only grow, and the last call says that all is done."""
    path = write(tmp_path, GOOD)
    heard: list[tuple[int, int]] = []
    profile_table(path, "y", progress=lambda done, total: heard.append((done, total)))
    assert heard == sorted(heard)
    assert heard[-1] == (path.stat().st_size, path.stat().st_size)


def test_memory_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only as many blocks as there are threads are held at a time, however long the file."""
    monkeypatch.setattr(csv_file.CsvSource.blocks, "__defaults__", (200, None))
    made: list[int] = []
    alive: list[int] = []
    parse = csv_file.Block.columns

    def counted(block: csv_file.Block, *args: object) -> object:
        made.append(block.line)
        return parse(block, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(csv_file.Block, "columns", counted)
    source = csv_file.CsvSource(write(tmp_path, GOOD + "5,1\n" * 5000))
    for block in ahead(lambda b: (b.columns(["x"], ()), b.line)[1], source.blocks()):
        alive.append(len([line for line in made if line > block]))
    assert len(alive) > 50
    assert max(alive) <= WORKERS + 1


def test_the_carried_frame_reads_by_its_profile() -> None:
    """What the profile says of a table is what reading it gives."""
    profile = profile_table(PENGUINS, "Sex")
    frame = read_frame(PENGUINS, profile.schema)
    assert len(frame) == profile.rows == 344
    assert frame.isna().sum().tolist() == [column.missing for column in profile.columns]
    assert frame["Sex"].value_counts().to_dict() == dict(profile.target.classes or ())
