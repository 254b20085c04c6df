"""A row has the same answer wherever it comes from: requests, typed or texts; files of any kind."""

from __future__ import annotations

import csv
import datetime as dt
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zlib import crc32

import joblib
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from amlkit.serving import batch
from amlkit.serving.answer import Answerer
from amlkit.serving.predictor import Predictor
from amlkit.tabular.model_files import input_schema, request_rows, write_json
from amlkit.tabular.table import Column, Schema, read_table
from serving.asking import post

HOW_MANY = [
    pytest.param(40, marks=pytest.mark.slow),
    pytest.param(5_000, marks=pytest.mark.sweep),
]
MISSING = ("", "NA", "-99")
NUMBERS = st.floats(-1e9, 1e9).map(lambda number: round(number, 3) + 0.0)  # -0.0 is 0.0
DAYS = st.dates(dt.date(1, 1, 1), dt.date(9999, 12, 31))
TIMES = st.datetimes().map(lambda time: time.replace(microsecond=0))
TEXTS = st.text(st.characters(exclude_categories=["C"]), max_size=8) | st.sampled_from(
    ["7", "007", "1.0", "true", " Ål ", "a;b,c", 'a "b"', "2024-01-31", "nan", "é" * 40]
)


def _marked(body: str, unit: str = "") -> Callable[[float], str]:
    """What writes a number with the marks of such a body; a negative one in brackets."""
    signs = str.maketrans({",": body[1], ".": body[-2]})
    return lambda number: ("({}{})" if number < 0 else "{}{}").format(
        f"{abs(number):,.3f}".translate(signs), unit
    )


def _day(form: str) -> Callable[[dt.date], str]:
    """What writes a day; strftime leaves out a year's zeros on some systems."""
    return lambda day: (
        form.replace("%Y", f"{day.year:04}")
        .replace("%m", f"{day.month:02}")
        .replace("%d", f"{day.day:02}")
        .replace("%H", f"{getattr(day, 'hour', 0):02}")
        .replace("%M", f"{getattr(day, 'minute', 0):02}")
        .replace("%S", f"{getattr(day, 'second', 0):02}")
    )


# Each type and format: the values that a table of it holds, and how the table writes them.
WAYS: dict[tuple[str, str | None], tuple[Any, Callable[[Any], str]]] = {
    ("number", None): (NUMBERS, repr),
    ("number", ","): (NUMBERS, lambda number: repr(number).replace(".", ",")),
    ("number", "1,234.5"): (NUMBERS, _marked("1,234.5")),
    ("number", "1 234,5"): (NUMBERS, _marked("1 234,5")),
    ("number", "$1,234.5"): (NUMBERS, lambda number: f"${number:,.3f}"),
    ("number", "1234.5%"): (NUMBERS, lambda number: f"{number}%"),
    ("number", "1.234,5 kg"): (NUMBERS, _marked("1.234,5", " kg")),
    ("boolean", None): (st.booleans(), lambda value: str(value).lower()),
    ("category", None): (TEXTS, str),
    ("date", "ISO8601"): (TIMES, lambda time: time.isoformat(" ")),
    ("date", "%d.%m.%Y"): (DAYS, _day("%d.%m.%Y")),
    ("date", "%m/%d/%Y"): (DAYS, _day("%m/%d/%Y")),
    ("date", "%Y/%m/%d %H:%M:%S"): (TIMES, _day("%Y/%m/%d %H:%M:%S")),
}


@dataclass(frozen=True)
class Written:
    """A table: its columns, and its cells as its file has them."""

    columns: tuple[Column, ...]
    rows: list[list[str]]

    @property
    def schema(self) -> Schema:
        """How it is read; a target is written, but not sent."""
        target = Column("y", "category")
        return Schema((*self.columns, target), "y", missing_values=MISSING)


@st.composite
def tables(draw: st.DrawFn) -> Written:
    """Tables of one to five features and some rows, with missing values in each spelling."""
    kinds = draw(st.lists(st.sampled_from(list(WAYS)), min_size=1, max_size=5))
    columns = tuple(Column(f"c {at}", *kind) for at, kind in enumerate(kinds))
    gap = st.sampled_from(["", "NA", "-99", " NA "])
    cells = []
    for kind in kinds:
        values, write = WAYS[kind]
        also = values.map(str) if kind[0] == "date" else gap  # ISO 8601 is no other's
        cells.append(gap | values.map(write) | also)
    rows = draw(st.lists(st.tuples(*cells).map(list), min_size=1, max_size=6))
    return Written(columns, rows)


class Fingerprint:
    """A model whose answer is another one as soon as any value is."""

    def predict(self, X: Any) -> Any:
        """A checksum of each row."""
        return [float(crc32(repr(row).encode())) for row in X.itertuples(index=False, name=None)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model's folder; which columns it has is written for each table."""
    folder = tmp_path_factory.mktemp("model")
    joblib.dump(Fingerprint(), folder / "model.joblib")
    return folder


@pytest.mark.parametrize("how_many", HOW_MANY)
def test_a_row_has_the_same_answer_wherever_it_comes_from(
    folder: Path, how_many: int, record_property: Callable[[str, object], None]
) -> None:
    tried = 0

    @settings(
        max_examples=how_many,
        database=None,
        deadline=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(tables())
    def try_one(written: Written) -> None:
        nonlocal tried
        names, path = [column.name for column in written.columns], folder / "in.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, quoting=csv.QUOTE_ALL).writerows(
                [[*names, "y"], *([*row, "a"] for row in written.rows)]
            )
        with path.open(encoding="utf-8", newline="") as file:
            texts: list[dict[str, Any]] = list(csv.DictReader(file))
        table = read_table(path, written.schema)
        typed = request_rows(table, written.schema)
        described = input_schema(written.schema, names, "regression", None, typed[0], table)
        write_json(folder / "schema.json", described)
        pq.write_table(_plain(table, written.columns), folder / "in.parquet")
        lines = "".join(json.dumps(row | {"y": "a"}) + "\n" for row in typed)
        (folder / "in.jsonl").write_text(lines, encoding="utf-8")
        answerer = Answerer(Predictor(folder), None, None)
        answers = [batch_of(folder, f"in.{kind}") for kind in ("csv", "parquet", "jsonl")]
        for rows in (texts, typed):
            status, said = post(answerer, {"data": rows})
            assert status == 200, said
            answers.append(said["predictions"])
        assert all(other == answers[0] for other in answers), written
        tried += len(typed)

    try_one()
    record_property("tried", tried)
    assert tried >= how_many


def batch_of(folder: Path, name: str) -> list[float]:
    """The answers of a batch."""
    said = batch.Said(False)
    batch.score(folder, folder / name, folder / "out.parquet", [], said)
    answers: list[float] = pq.read_table(folder / "out.parquet")["prediction"].to_pylist()
    return answers


def _plain(table: pa.Table, columns: tuple[Column, ...]) -> pa.Table:
    """The table with types of Parquet's own."""
    kinds = {"boolean": pa.bool_(), "category": pa.string()}
    for at, column in enumerate(columns):
        if column.type in kinds:
            values = pc.cast(table.column(at), kinds[column.type])
            table = table.set_column(at, column.name, values)
    return table
