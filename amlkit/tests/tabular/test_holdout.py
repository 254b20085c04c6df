"""The side of a row depends on its values alone, not on order, type or the rest of the table."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from amlkit.tabular.holdout import holdout_identity, holdout_mask, row_hashes

NUMBERS = st.none() | st.integers(-(2**53), 2**53) | st.sampled_from([0.0, -0.0, 0.1, 1e300])
TEXTS = st.none() | st.text(max_size=5) | st.sampled_from(["1", "1.0", " 2 ", "nan", "inf", "yes"])
ROWS = st.lists(st.tuples(NUMBERS, TEXTS, st.booleans(), NUMBERS), min_size=2, max_size=30)


def table_of(rows: list[tuple[Any, ...]]) -> pa.Table:
    """Columns as `read_table` types them; `y` is the target."""
    n, c, b, y = zip(*rows, strict=True)
    return pa.table(
        {
            "n": pa.array([None if v is None else float(v) for v in n], pa.float64()),
            "c": pa.array(c, pa.string()).dictionary_encode(),
            "b": pa.array([float(v) for v in b]),
            "y": pa.array([None if v is None else float(v) for v in y], pa.float64()),
        }
    )


@settings(max_examples=60, deadline=None)
@given(ROWS, st.randoms(use_true_random=False))
def test_order_and_the_target_do_not_matter(rows: list[Any], random: Any) -> None:
    """A permuted table has the same hashes, permuted."""
    table = table_of(rows)
    hashes = row_hashes(table, "y")
    places = list(range(len(rows)))
    random.shuffle(places)
    names = table.column_names
    random.shuffle(names)
    shuffled = table.take(pa.array(places)).select(names)
    other_target = shuffled.set_column(names.index("y"), "y", pa.array(np.arange(len(rows)) * 1.0))
    assert row_hashes(shuffled, "y").tolist() == hashes[places].tolist()
    assert row_hashes(other_target, "y").tolist() == hashes[places].tolist()


@settings(max_examples=60, deadline=None)
@given(ROWS, ROWS)
def test_a_table_that_grows_moves_no_row(rows: list[Any], more: list[Any]) -> None:
    """Rows put in front, between chunks or with new categories change no other row's hash."""
    small, grown = table_of(rows), pa.concat_tables([table_of(more), table_of(rows)])
    assert row_hashes(grown, "y")[len(more) :].tolist() == row_hashes(small, "y").tolist()
    assert row_hashes(grown.unify_dictionaries(), "y").tolist() == row_hashes(grown, "y").tolist()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.none() | st.integers(-(2**53), 2**53), min_size=1, max_size=20))
def test_the_type_of_a_column_does_not_matter(values: list[int | None]) -> None:
    """Integers hash as floats and as their texts, missing values as missing values."""
    forms = [
        pa.array(values, pa.int64()),
        pa.array([None if v is None else float(v) for v in values], pa.float64()),
        pa.array([None if v is None else str(v) for v in values], pa.string()),
        pa.array([None if v is None else f" {v}.0" for v in values]).cast(pa.string()),
        pa.array([float("nan") if v is None else float(v) for v in values]),
    ]
    hashes = [row_hashes(pa.table({"n": form}), "y").tolist() for form in forms]
    assert all(one == hashes[0] for one in hashes)


def test_each_value_has_one_form() -> None:
    """true, yes and 1; -0.0 and 0.0; each NaN; a day and its midnight: one value each."""
    seconds = pa.array([0, 86_400], pa.int64())

    def of(values: Any) -> list[int]:
        hashes: list[int] = row_hashes(pa.table({"x": values}), "y").tolist()
        return hashes

    assert of(pa.array([True, False])) == of(pa.array([1.0, -0.0])) == of(pa.array(["Yes", "no"]))
    bits = np.array([0xFFF8000000000001, 0x7FF8000000000000], dtype=np.uint64)
    assert of(pa.array(bits.view(np.float64))) == of(pa.array([None, None], pa.string()))
    assert of(seconds) == of(seconds.cast(pa.timestamp("s"))) == of(pa.array([0, 1], pa.date32()))


def test_different_rows_differ() -> None:
    """The same values under other names, or swapped between columns, are other rows."""
    a, b = pa.array([1.0]), pa.array([2.0])
    tables = [{"a": a, "b": b}, {"a": b, "b": a}, {"a": a, "c": b}, {"a": a}, {"a": a, "b": a}]
    assert len({int(row_hashes(pa.table(t), "y")[0]) for t in tables}) == len(tables)
    texts = pa.array(["inf", "nan", "1_0", "10", "0x10", "", "missing", None])
    assert len(set(row_hashes(pa.table({"t": texts}), "y").tolist())) == len(texts)


def test_golden_values() -> None:
    """These never change: else every champion would have been trained on the next test."""
    table = pa.table(
        {
            "n": pa.array([1.5, None, -3.0]),
            "c": pa.array(["Adélie", "12", None]).dictionary_encode(),
            "d": pa.array([0, 1_000_000_000, None], pa.timestamp("s")),
            "y": pa.array(["a", "b", "a"]),
        }
    )
    hashes = row_hashes(table, "y")
    assert [f"{value:016x}" for value in hashes] == [
        "6ce24b5aa9791e6e",
        "5ea57fbb9a1ef89e",
        "0614111538c4afb8",
    ]
    assert holdout_identity(hashes, table.column("y")) == "9c71f2aceede"


def test_about_the_asked_share_is_held_out_and_more_holds_the_same_rows() -> None:
    """20 % of many rows; a larger share only adds to them; equal rows stay together."""
    table = pa.table({"x": pa.array(np.arange(20_000) // 2), "y": pa.array(np.arange(20_000))})
    mask, hashes = holdout_mask(table, "y", 0.2)
    larger, _ = holdout_mask(table, "y", 0.3)
    assert abs(mask.mean() - 0.2) < 0.015
    assert abs(larger.mean() - 0.3) < 0.015
    assert (larger | ~mask).all()
    assert (mask[::2] == mask[1::2]).all()
    assert len(np.unique(hashes)) == 10_000


def test_the_identity_names_rows_and_target_in_any_order() -> None:
    """Another order is the same test; another row or another target value is not."""
    hashes, target = np.array([3, 1, 2], dtype=np.uint64), pa.array(["a", "b", "a"])
    same = holdout_identity(hashes[[2, 0, 1]], pa.array(["a", "a", "b"]))
    assert holdout_identity(hashes, target) == same
    assert holdout_identity(hashes, pa.array(["a", "b", "b"])) != same
    assert holdout_identity(hashes[:2], target[:2]) != same
    folds = [holdout_identity(hashes, target, np.array(part)) for part in ([0, 1, 0], [1, 0, 1])]
    assert len({same, *folds}) == 3
