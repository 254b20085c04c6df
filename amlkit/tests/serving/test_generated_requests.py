"""Requests that nobody would write by hand, to each kind of model: no 5xx; a batch says the same.

`make sweep` makes 100,000 of them in this process, `make test` some hundred;
tests/generated/test_serving_fuzz.py sends others over HTTP.
"""

from __future__ import annotations

import csv
import io
import json
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from amlkit.serving import batch
from amlkit.serving.answer import Answerer
from serving.small_models import KINDS, NAMES, SmallModel

pytestmark = pytest.mark.slow  # they train

HOW_MANY = [50, pytest.param(12_500, marks=pytest.mark.sweep)]
QUICK: dict[str, Any] = {
    "database": None,
    "deadline": None,
    "phases": [Phase.generate],
    "suppress_health_check": list(HealthCheck),
}


class Cell(NamedTuple):
    """A value as a request holds it, and as a line of the table's file does."""

    sent: Any
    written: str


def spelled(values: st.SearchStrategy[Any], write: Callable[[Any], str]) -> Any:
    """Values sent as they are, and as the table writes them."""
    cells = st.tuples(values, st.booleans())
    return cells.map(lambda cell: Cell(write(cell[0]) if cell[1] else cell[0], write(cell[0])))


NUMBERS = st.one_of(
    st.integers(-(2**53), 2**53),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([1e300, -1e300, 1e30, 1.0000001e30, 5e-324, -0.0, 3.0, 1.7e308]),
)
TEXTS = st.text(st.characters(exclude_categories=["C"]), max_size=8)
DAYS = st.dates().map(lambda day: (str(day), f"{day.day}.{day.month}.{day.year:04}"))
GAPS = st.sampled_from([None, "", "NA", " NA ", "-99"]).map(lambda gap: Cell(gap, gap or ""))
CELLS: dict[str, Any] = {
    "size": spelled(NUMBERS, repr),
    "share": spelled(NUMBERS, lambda number: repr(number).replace(".", ",")),
    "rooms": spelled(st.integers(-9, 99), str),
    "garden": spelled(st.booleans(), lambda value: str(value).lower()),
    "town": spelled(TEXTS | st.sampled_from(["Ål", "B b", "C"]), str),
    "code": spelled(st.sampled_from([101, 7, 12.5, "7", "no such code", "007"]), str),
    "seen": st.tuples(DAYS, st.sampled_from([0, 1])).map(lambda d: Cell(d[0][d[1]], d[0][1])),
    "built": st.datetimes().map(lambda time: Cell(time.isoformat(), str(time))),
}
ROWS = st.lists(st.fixed_dictionaries({n: GAPS | CELLS[n] for n in NAMES}), min_size=1, max_size=3)
# How the rows are sent.
SHAPES = ["data", "input_data", "dataframe_records", "split", "dataframe_split", "split in data"]
ANYTHING = st.one_of(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    st.sampled_from(["1e5", "nan", "inf", "0001-01-01", "\x00", "٣", "😀", 10**400, 2**64]),
    st.lists(st.integers(), max_size=3) | st.dictionaries(st.text(max_size=3), st.integers()),
)


def body_of(rows: list[dict[str, Any]], shape: str) -> dict[str, Any]:
    """A request that holds these rows, which have the same columns."""
    if "split" not in shape:
        return {shape: rows}
    split = {"columns": list(rows[0]), "data": [list(row.values()) for row in rows]}
    if shape == "split":
        return {**split, "index": list(range(len(rows)))}
    return {shape.removeprefix("split in "): split}


class Asked:
    """What was asked of a model, and how it answered."""

    def __init__(self, answerer: Answerer) -> None:
        self.answerer = answerer
        self.statuses: Counter[int] = Counter()
        self.rows: list[dict[str, Cell]] = []
        self.answers: list[tuple[Any, Any]] = []

    def ask(self, body: bytes) -> tuple[int, Any]:
        """Status and content of an answer; one that is none says in a line why, and is no 5xx."""
        given = self.answerer.answer("POST", {}, io.BytesIO(body))
        said = json.loads(given.body)
        self.statuses[given.status] += 1
        if given.status == 200:
            assert said["predictions"]
        else:
            assert 400 <= given.status < 500 and said["message"], said
            assert "\n" not in said["message"]
        return given.status, said

    def keep(self, rows: list[dict[str, Cell]], said: Any) -> None:
        """An answer that a batch is to repeat."""
        self.rows += rows
        self.answers += zip(
            said["predictions"], said.get("probabilities", said["predictions"]), strict=True
        )

    def assert_a_batch_says_the_same(self, folder: Path, work: Path) -> None:
        """All rows that had an answer, in one table as the training's file writes them."""
        with (work / "in.csv").open("w", encoding="utf-8", newline="") as file:
            lines = csv.writer(file, delimiter=";", quoting=csv.QUOTE_ALL)
            lines.writerow(NAMES)
            lines.writerows([row[name].written for name in NAMES] for row in self.rows)
        batch.score(folder, work / "in.csv", work / "out.parquet", [], batch.Said(False))
        scored = pq.read_table(work / "out.parquet")
        predictions, shares = zip(*self.answers, strict=True)
        if scored.num_columns == 1:
            np.testing.assert_allclose(scored["prediction"], predictions, rtol=1e-6)
        else:
            assert scored["prediction"].to_pylist() == list(predictions)
            columns = np.stack([column.to_numpy() for column in scored.columns[1:]], axis=1)
            np.testing.assert_allclose(columns, shares, atol=1e-6)


@pytest.mark.parametrize("how_many", HOW_MANY)
@pytest.mark.parametrize("onnx", [True, False], ids=["onnx", "sklearn"])
@pytest.mark.parametrize("kind", KINDS)
def test_generated_requests_have_an_answer(
    small_models: Callable[[str, bool], SmallModel],
    kind: str,
    onnx: bool,
    how_many: int,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    """Right ones in every shape and spelling, then wrong ones made of them."""
    model = small_models(kind, onnx)
    asked = Asked(model.answerer)
    beside = st.dictionaries(st.sampled_from(["", "index", "Unnamed: 0", kind]), st.integers())

    own = seed(2 * list(KINDS).index(kind) + onnx)  # the same each time, others for each model

    @own
    @settings(max_examples=how_many // 2, **QUICK)
    @given(ROWS, beside, st.sampled_from(SHAPES))
    def right(rows: list[dict[str, Cell]], others: dict[str, Any], shape: str) -> None:
        sent = [{name: row[name].sent for name in NAMES} | others for row in rows]
        status, said = asked.ask(json.dumps(body_of(sent, shape)).encode())
        if status == 200:
            asked.keep(rows, said)
        else:  # a number so large that the model has no answer
            assert status == 422 and "holds" in said["message"], said

    @own
    @settings(max_examples=how_many // 2, **QUICK)
    @given(
        rows=ROWS,
        changes=st.dictionaries(st.sampled_from([*NAMES, "more"]), ANYTHING, max_size=3),
        dropped=st.sets(st.sampled_from(NAMES), max_size=1),
        shape=st.sampled_from([*SHAPES, "rows", "Data"]),
        noise=st.none() | st.integers(0, 2**32),
    )
    def wrong(
        rows: list[dict[str, Cell]],
        changes: dict[str, Any],
        dropped: set[str],
        shape: str,
        noise: int | None,
    ) -> None:
        sent: list[dict[str, Any]] = [{n: row[n].sent for n in NAMES} for row in rows]
        sent[-1] = {n: v for n, v in (sent[-1] | changes).items() if n not in dropped}
        body = bytearray(json.dumps(body_of(sent, shape)).encode())
        if noise is not None:
            chance = random.Random(noise)
            for _ in range(chance.randint(1, 4)):
                body[chance.randrange(len(body))] = chance.randrange(256)
        asked.ask(bytes(body))

    right()
    asked.assert_a_batch_says_the_same(model.folder, tmp_path)
    assert asked.statuses[200] > how_many // 4
    wrong()
    record_property("tried", asked.statuses.total())
    assert asked.statuses.total() >= how_many - 1
    assert asked.statuses[400] > how_many // 8
