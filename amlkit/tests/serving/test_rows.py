"""Requests as people send them: any shape and spelling is read as the table reader reads a file."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from amlkit.serving.body import NAMES, rows_of
from amlkit.serving.rows import RowReader
from amlkit.serving.values import Refused
from amlkit.tabular.model_files import input_schema
from amlkit.tabular.saved_model import Columns, from_table
from amlkit.tabular.table import Column, Schema, read_table

SCHEMA = Schema(
    (
        Column("n", "number"),
        Column("€", "number", ","),
        Column("b", "boolean"),
        Column("t", "category"),
        Column("code", "category"),
        Column("d", "date", "%d.%m.%Y"),
        Column("unused", "category"),
        Column("y", "category"),
    ),
    "y",
    missing_values=("", "NA", "-99"),
)
FEATURES = ["n", "€", "b", "t", "code", "d"]
TABLE = """,n,€,b,t,code,d,unused,y
0,1.5,"1,5",true, Ål ,101,31.01.2024,u,a
1,-99,-99,FALSE,-99,7,NA,,a
2,,"-,5",,NA,a7,1.2.1969,u,b
3,-7e2,12,TRUE,x,,,u,a
"""
TYPED: list[dict[str, Any]] = [
    {"n": 1.5, "€": 1.5, "b": True, "t": " Ål ", "code": 101, "d": "2024-01-31"},
    {"n": -99, "€": -99.0, "b": 0, "t": "-99", "code": 7.0, "d": "NA"},
    {"n": None, "€": -0.5, "b": None, "t": "NA", "code": "a7", "d": "1969-02-01T00:00:00Z"},
    {"n": -700, "€": 12, "b": 1.0, "t": "x", "code": None, "d": None},
]


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The table with an index, as pandas writes one."""
    path = tmp_path_factory.mktemp("table") / "t.csv"
    path.write_text(TABLE, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def table(path: Path) -> Any:
    """The table, its index left out."""
    bare = path.with_name("bare.csv")
    bare.write_text(
        "".join(line.partition(",")[2] for line in TABLE.splitlines(keepends=True)), "utf-8"
    )
    return read_table(bare, SCHEMA)


@pytest.fixture(scope="module")
def reader(table: Any) -> RowReader:
    """What reads rows for a model of that table."""
    return RowReader(input_schema(SCHEMA, FEATURES, "classification", ["a", "b"], {}, table))


def assert_same(read: Columns, expected: Columns) -> None:
    """Types and values, missing ones among them."""
    assert list(read) == list(expected)
    for name, values in expected.items():
        assert read[name].dtype == values.dtype, name
        np.testing.assert_array_equal(read[name], values, err_msg=name)


def test_typed_rows_and_the_lines_of_a_csv_are_those_of_the_table(
    path: Path, table: Any, reader: RowReader
) -> None:
    """Each type, missing values of each kind; also one by one, and both in one request."""
    expected = from_table(table, FEATURES)
    with path.open(encoding="utf-8", newline="") as file:
        written: list[dict[str, Any]] = list(csv.DictReader(file))
    assert set(written[0]) == {"", "unused", "y", *FEATURES}
    assert_same(reader.read(TYPED), expected)
    assert_same(reader.read(written), expected)
    for at, row in enumerate(written):
        assert_same(reader.read([row]), {n: values[at : at + 1] for n, values in expected.items()})
    assert_same(reader.read([written[0], *TYPED[1:3], written[3]]), expected)


@pytest.mark.parametrize("name", [*NAMES, "columns"])
@pytest.mark.parametrize("shape", ["records", "split"])
def test_frames_are_taken_as_pandas_mlflow_and_azure_send_them(
    path: Path, table: Any, reader: RowReader, name: str, shape: str
) -> None:
    """What pandas makes of the table: texts, an index, the target and what no feature is."""
    frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    sent = json.loads(frame.to_json(orient=shape))
    if name == "columns" and shape == "records":
        return  # a list is no body
    body = sent if name == "columns" else {name: sent}
    assert_same(reader.read(rows_of(json.dumps(body).encode())), from_table(table, FEATURES))


@pytest.mark.parametrize(
    ("column", "sent", "same"),
    [
        ("n", "1.5", 1.5),
        ("n", " -7e2 ", -700),
        ("n", "-99", None),
        ("n", -99.0, None),
        ("€", "1,5", 1.5),
        ("€", "12", 12.0),
        ("b", "Yes", True),
        ("b", "0", False),
        ("b", 1, True),
        ("b", " NA", None),
        ("t", "\tx\n", "x"),
        ("code", 101, "101"),
        ("code", 101.0, "101"),
        ("code", -1.25, "-1.25"),
        ("d", "1.2.2024", "2024-02-01"),
        ("d", "2024-02-01T23:59:59.5", "2024-02-01T23:59:59"),
        ("d", "2024-02-01 01:00:00+02:00", "2024-01-31T23:00:00"),
    ],
)
def test_a_value_is_the_same_however_it_is_written(
    reader: RowReader, column: str, sent: Any, same: Any
) -> None:
    rows = [TYPED[0] | {column: value} for value in (sent, same)]
    values = reader.read(rows)[column]
    np.testing.assert_array_equal(values[:1], values[1:])


@pytest.mark.parametrize(
    ("column", "sent", "words"),
    [
        (
            "n",
            "1,5",
            "data[1]: column 'n' holds '1,5', which is not a number; send a number or null",
        ),
        ("n", "inf", "holds 'inf', which is not a number"),
        ("n", True, "holds true, which is not a number; send a number or null"),
        ("n", [1], "holds a list"),
        ("€", "1.5", "holds '1.5', which is not a number; send a number (or 1234,5) or null"),
        ("b", "maybe", "holds 'maybe', which is not a boolean; send true, false or null"),
        ("b", 2, "holds 2, which is not a boolean"),
        ("t", 5, "holds 5, which is not a text; send a text or null"),
        ("t", {"a": 1}, "holds an object"),
        ("code", True, "holds true, which is not a text"),
        ("d", 5, "holds 5, which is not a date; send a date such as 2024-01-31"),
        ("d", "2024-02-30", "column 'd' holds '2024-02-30', which is not a date"),
        ("d", "31/01/2024", "2024-01-31T12:00:00 (or %d.%m.%Y) or null"),
    ],
)
def test_a_value_of_another_type_is_refused_in_one_line(
    reader: RowReader, column: str, sent: Any, words: str
) -> None:
    """The row, the column, what is wrong with it and what to send instead; however it is sent."""
    rows = [TYPED[0], TYPED[0] | {column: sent}]
    split = {"columns": FEATURES, "data": [[row[name] for name in FEATURES] for row in rows]}
    for shape in (rows, split):
        with pytest.raises(Refused) as refused:
            reader.read(shape)
        said = str(refused.value)
        assert said.startswith("data[1]: ") and words in said and "\n" not in said


@pytest.mark.parametrize(
    "more",
    [
        {"y": "a"},
        {"y": ["whatever"], "unused": 5},
        {"": 0, "index": 0, "Unnamed: 0": 0, "level_0": 0, "level_12": 1, "__index_level_0__": 0},
    ],
)
def test_what_the_table_has_beside_the_features_may_be_there(
    reader: RowReader, more: dict[str, Any]
) -> None:
    """Its target, columns that are not learned from, an index: whatever they hold."""
    assert_same(reader.read([TYPED[0] | more]), reader.read([TYPED[0]]))


def test_names_are_those_of_the_table_but_for_what_surrounds_them(reader: RowReader) -> None:
    """A space after the comma of a header; the mark at the beginning of a file."""
    spaced = {f" {name} ": value for name, value in TYPED[0].items()}
    marked = {"\ufeffn": 1.5} | {n: value for n, value in TYPED[0].items() if n != "n"}
    for row in (spaced, marked):
        assert_same(reader.read([row, TYPED[1]]), reader.read(TYPED[:2]))


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (
            [TYPED[0] | {"N": 1}],
            "there is no column 'N'; did you mean 'n'? there are n, €, b, t",
        ),
        ([TYPED[0], TYPED[0] | {"n\nn": 1}], "data[1]: there is no column 'n\\nn'"),
        ([TYPED[0] | {" n": 1}], "data[0] holds a column twice"),
        ([TYPED[0], {"n": 1}], "data[1] has no column '€'; send null for a missing value"),
        ([TYPED[0], [1]], "data[1] is no object"),
        ([], "at least one row"),
        ({"n": 1}, '"data" must be a list'),
        ({"columns": "n", "data": [[1]]}, '"columns" must be a list of names'),
        ({"columns": ["n", 5], "data": [[1, 2]]}, '"columns" must be a list of names'),
        ({"columns": FEATURES, "data": []}, "at least one row, each a list"),
        ({"columns": FEATURES}, "at least one row, each a list"),
        ({"columns": FEATURES, "data": [TYPED[0]]}, "data[0] is no list of 6 values"),
        ({"columns": FEATURES, "data": [[1] * 6, [1]]}, "data[1] is no list of 6 values"),
        ({"columns": ["n"], "data": [[1]]}, "\"columns\" has no column '€'"),
        ({"columns": ["n", "m"], "data": [[1, 1]]}, "\"columns\": there is no column 'm'"),
        ({"columns": ["n", "n"], "data": [[1, 1]]}, "\"columns\" holds 'n' twice"),
        ({"columns": ["n"], "data": [[1]], "x": 1}, "'x' beside \"columns\""),
    ],
)
def test_rows_that_are_none_are_refused_in_one_line(
    reader: RowReader, rows: Any, words: str
) -> None:
    with pytest.raises(Refused) as refused:
        reader.read(rows)
    assert words in str(refused.value) and "\n" not in str(refused.value)


def test_a_model_described_before_takes_its_texts_alone(table: Any) -> None:
    """schema.json of an earlier version does not say which categories are written as numbers."""
    described = input_schema(SCHEMA, FEATURES, "classification", ["a", "b"], {})
    texts = [row | {"code": "7"} for row in TYPED]
    assert RowReader(described).read(texts)["code"].tolist() == ["7"] * 4
    with pytest.raises(Refused, match="holds 101, which is not a text"):
        RowReader(described).read(TYPED)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "the body is empty"),
        (b" \n", "the body is empty"),
        (b"{", "not JSON"),
        (b'{"data": [{"a": NaN}]}', "send null for a missing value"),
        (b'{"data": [{"a": -Infinity}]}', "JSON knows no NaN and no Infinity"),
        (b'{"data": [{"a": 1e400}]}', "not JSON"),
        (b'{"data": ["\\ud800"]}', "not JSON"),
        (b'{"data": "\xff"}', "not UTF-8 (byte 10)"),
        (b'{"data":' + b"[" * 100_000, "not JSON"),
        (b"[]", "the body is a list, not an object"),
        (b"null", "the body is null"),
        (b"{}", 'no "data"'),
        (b'{"Data": []}', "is it meant to be data?"),
        (b'{"inputdata": []}', "is it meant to be input_data?"),
        (b'{"data": [], "rows": 1}', "'rows', which is not known"),
        (b'{"data": [], "input_data": []}', "'data' and 'input_data'; send one of them"),
    ],
)
def test_a_body_that_is_no_request_is_refused_in_one_line(body: bytes, words: str) -> None:
    with pytest.raises(Refused) as refused:
        rows_of(body)
    assert words in str(refused.value) and "\n" not in str(refused.value)
