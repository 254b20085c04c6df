"""Who learns from a row does not measure it: by row hash, time and group, once and in folds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amlkit.tabular.folds import OutOfFold, fit_unseen
from amlkit.tabular.holdout import holdout_mask
from amlkit.tabular.rare_classes import settle_rare_classes
from amlkit.tabular.split import LEARNED, Split, split_rows
from amlkit.tabular.table import TableError

TIME, GROUP = {"by": "time", "column": "day"}, {"by": "group", "column": "who"}


def visits(rows: int, people: int = 40) -> pa.Table:
    """Visits of people, one a day, in no order; `y` is a number."""
    random = np.random.default_rng(rows)
    day = random.permutation(rows)
    return pa.table(
        {
            "day": pa.array(day * 86_400).cast(pa.timestamp("s")),
            "who": pa.array([f"p{n}" for n in random.integers(0, people, rows)]),
            "x": random.normal(size=rows),
            "y": random.normal(size=rows),
        }
    )


def with_classes(table: pa.Table, labels: list[str]) -> pa.Table:
    """The table with `labels`, repeated, as its target."""
    y = pa.array([labels[place % len(labels)] for place in range(table.num_rows)])
    return table.set_column(table.column_names.index("y"), "y", y.dictionary_encode())


def values(table: pa.Table, column: str) -> Any:
    """A column as numpy has it."""
    return table.column(column).to_numpy()


def test_many_rows_are_held_out_by_their_hash() -> None:
    """As `holdout_mask` says it, whatever `folds` is."""
    table = visits(400)
    split = split_rows(table, "y", 0.2, folds=5)
    assert split.folds is None and split.public() == {
        "by": "row hash",
        "column": None,
        "folds": None,
    }
    assert (split.measured == holdout_mask(table, "y", 0.2)[0]).all()
    assert (split.kept == ~split.measured).all()
    assert split.ordering(split.kept) == (None, None)


@pytest.mark.parametrize("asked", [{"by": "row hash"}, GROUP])
def test_few_rows_are_all_measured_each_in_one_fold(asked: Any) -> None:
    """The kept model learns from all of them; a fold from all others."""
    split = split_rows(visits(100), "y", 0.2, asked, folds=5)
    assert split.folds == 5 and split.kept.all() and split.measured.all()
    for part in split.parts():
        assert (split.learned(part) == (split.part != part)).all()
    assert np.bincount(split.part).min() >= 8
    assert split_rows(visits(100), "y", 0.2, asked, folds=0).folds is None


@pytest.mark.parametrize("asked", [{"by": "row hash"}, GROUP, TIME])
@pytest.mark.parametrize("rows", [60, 600])
def test_the_order_of_the_rows_does_not_matter(asked: Any, rows: int) -> None:
    """The same rows are measured in the same parts."""
    table = visits(rows)
    places = np.random.default_rng(1).permutation(rows)
    split = split_rows(table, "y", 0.2, asked, folds=4)
    shuffled = split_rows(table.take(pa.array(places)), "y", 0.2, asked, folds=4)
    assert (shuffled.part == split.part[places]).all()
    assert shuffled.identity == split.identity


def test_equal_rows_are_never_on_both_sides() -> None:
    """Counts of 24 kinds of people: 2,000 rows, but few different ones, so in folds."""
    random = np.random.default_rng(0)
    table = pa.table(
        {
            "class": pa.array(random.choice(["1st", "2nd", "3rd", "crew"], 2000)),
            "age": pa.array(random.choice([10.0, 30.0, 70.0], 2000)),
            "sex": pa.array(random.choice(["f", "m"], 2000)),
            "y": pa.array(random.choice(["no", "yes"], 2000)),
        }
    )
    split = split_rows(table, "y", 0.2, folds=5, task="classification")
    assert split.folds == 5
    frame = table.drop_columns(["y"]).to_pandas().assign(part=split.part)
    assert (frame.groupby(["class", "age", "sex"]).part.nunique() == 1).all()


@pytest.mark.parametrize("people", [7, 40, 400])
def test_a_group_is_never_on_both_sides(people: int) -> None:
    """Many groups are held out by a hash of their value; few are parted into folds."""
    table = visits(2000, people)
    split = split_rows(table, "y", 0.2, GROUP, folds=5)
    assert bool(split.folds) == (people < 50)
    frame = pd.DataFrame({"who": values(table, "who"), "part": split.part})
    assert (frame.groupby("who").part.nunique() == 1).all()
    if not split.folds:
        assert abs(split.measured.mean() - 0.2) < 0.06
    groups, times = split.ordering(split.kept)
    assert times is None and groups is not None
    assert len(np.unique(groups)) == frame.who[split.kept].nunique()


def test_groups_of_which_one_holds_most_rows_count_as_few() -> None:
    """Held out or not, it would be nearly all of a side."""
    table = visits(2000, 400)
    who = pa.compute.if_else(pa.array(np.arange(2000) % 10 > 0), "p0", table.column("who"))
    split = split_rows(table.set_column(1, "who", who), "y", 0.2, GROUP, folds=5)
    assert split.folds == 5 and split.measured.all()


def test_a_group_stays_where_it_is_while_the_table_grows() -> None:
    """Its value alone decides: other rows, another name or type of the column do not."""
    table = visits(2000, 300)
    codes = [float(text[1:]) for text in table.column("who").to_pylist()]
    number = table.set_column(1, "number", pa.array(codes))
    text = table.set_column(1, "text", pa.array([f"{code:g}" for code in codes]))
    split = split_rows(number, "y", 0.2, {"by": "group", "column": "number"})
    half = split_rows(text.slice(0, 1000), "y", 0.2, {"by": "group", "column": "text"})
    assert (half.part == split.part[:1000]).all()


def test_the_newest_rows_are_held_out() -> None:
    """Everything that is learned from is older; rows of one time are on one side."""
    table = visits(1000)
    split = split_rows(table, "y", 0.25, TIME, folds=5)
    day = values(table, "day")
    assert split.measured.sum() == 250
    assert day[split.measured].min() > day[split.kept].max()
    groups, times = split.ordering(split.kept)
    assert groups is None and times is not None and len(times) == 750
    years = table.append_column("year", pa.array(1990.0 + np.arange(1000) // 130))
    split = split_rows(years, "y", 0.25, {"by": "time", "column": "year"})
    assert set(values(years, "year")[split.measured]) == {1996.0, 1997.0}  # 220 rows are nearest


def test_few_rows_are_measured_in_windows_of_time() -> None:
    """Of the newer half, each by what is older than it."""
    table = visits(80)
    split = split_rows(table, "y", 0.2, TIME, folds=5)
    day = values(table, "day")
    assert split.folds == 5 and split.kept.all() and split.measured.sum() == 40
    for part in split.parts():
        window = day[split.part == part]
        assert len(window) == 8 and window.min() > day[split.learned(part)].max()
    assert "in 5 windows, each after what is learned from, by time 'day'" in split.in_words()


@pytest.mark.parametrize("rows", [80, 800])
@pytest.mark.parametrize("asked", [TIME, GROUP])
def test_rows_without_a_time_or_group_are_only_learned_from(asked: Any, rows: int) -> None:
    """Nobody knows whether they are new."""
    table, column = visits(rows), asked["column"]
    some = pa.array(np.arange(rows) % 10 != 0)
    place = table.column_names.index(column)
    lacking = pa.compute.if_else(some, table.column(column), None)
    split = split_rows(table.set_column(place, column, lacking), "y", 0.2, asked, folds=5)
    assert (split.part[::10] == LEARNED).all() and split.measured.any()
    assert split.notes == (f"{rows // 10} rows without {column!r} are only learned from",)


LABELS = st.lists(st.sampled_from("aaaabbbcde"), min_size=12, max_size=90)


@settings(max_examples=80, deadline=None)
@given(LABELS, st.sampled_from([{"by": "row hash"}, GROUP, TIME]), st.sampled_from([0, 3, 5]))
def test_whatever_measures_a_class_has_learned_from_it(
    labels: list[str], asked: Any, folds: int
) -> None:
    """No class is wholly held out, by chance or otherwise, and none stands alone."""
    table = with_classes(visits(len(labels), 9), labels)
    try:
        split = split_rows(table, "y", 0.2, asked, folds, "classification")
    except TableError as error:
        assert "no row is left for" in str(error) or "alone" in str(error)
        return
    y = np.array(labels)
    for part in split.parts():
        learned = y[split.learned(part)]
        measured = np.unique(y[split.part == part])
        assert len(measured) and all((learned == name).sum() >= 2 for name in measured)
    for who in set(table.column("who").to_pylist()) if asked == GROUP else ():
        assert len(np.unique(split.part[values(table, "who") == who])) == 1


def test_rows_of_a_rare_class_are_learned_from_and_said() -> None:
    """A class of two rows has none to spare."""
    table = with_classes(visits(500), ["a"] * 249 + ["rare"])
    split = split_rows(table, "y", 0.9, task="classification")
    assert (split.part[[249, 499]] == LEARNED).all()
    assert split.moved == 2 and "2 rows of class rare are only learned from" in split.notes[0]


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"by": "time"}, "by time needs a column: {by: time, column: NAME}"),
        ({"by": "time", "column": "who"}, "'who' is text, which has no order in time"),
        ({"by": "group", "column": "Who"}, "there is no column 'Who'; did you mean 'who'"),
        ({"by": "group", "column": "y"}, "'y' is the target"),
        ({"by": "time", "column": "one"}, "no row is left for test"),
        ({"by": "time", "column": "none"}, "'none' is empty in all rows"),
        ({"by": "group", "column": "one"}, "no row is left for"),
    ],
)
def test_a_column_that_cannot_split_is_refused(asked: Any, words: str) -> None:
    """In one line that names what to set."""
    table = visits(100).append_column("one", pa.array(np.ones(100)))
    table = table.append_column("none", pa.nulls(100, pa.float64()))
    table = table.set_column(1, "who", table.column("who").dictionary_encode())
    with pytest.raises(TableError, match=words.replace("{", r"\{")) as error:
        split_rows(table, "y", 0.2, asked, folds=5)
    assert "\n" not in str(error.value)


def older(table: pa.Table, asked: Any, share: float = 0.2, folds: int = 0) -> dict[str, Any]:
    """What the model of a split keeps in its schema.json."""
    return split_rows(table, "y", share, asked, folds).record()


def test_a_champion_that_may_have_seen_the_rows_is_told() -> None:
    """The sides are fixed by row hash and group while the share is; by time if it ended before."""
    table, more = visits(600, 200), visits(900, 200)
    rows, groups, times = (
        split_rows(more, "y", 0.2, asked) for asked in ({"by": "row hash"}, GROUP, TIME)
    )
    assert rows.seen_by(None) == rows.seen_by(older(table, {"by": "row hash"})) == ""
    assert rows.seen_by(older(table, {"by": "row hash"}, 0.3)) == ""
    assert "only 10%" in rows.seen_by(older(table, {"by": "row hash"}, 0.1))
    assert "all rows" in rows.seen_by(older(visits(90), {"by": "row hash"}, folds=5))
    assert "held out by row hash" in groups.seen_by(None)
    assert groups.seen_by(older(table, GROUP)) == ""
    assert "held out by time" in groups.seen_by(older(table, TIME))
    assert times.seen_by(older(table, TIME)) == ""  # it knows days up to 480, these begin at 720
    assert "as new" in split_rows(table, "y", 0.5, TIME).seen_by(older(more, TIME))
    few = split_rows(visits(90), "y", 0.2, {"by": "row hash"}, folds=5)
    assert "in the folds now" in few.seen_by(older(visits(90), {"by": "row hash"}))


class Memory:
    """A double of a model: it answers whether it has seen a row."""

    def __init__(self, X: pd.DataFrame) -> None:
        self.seen = set(X["x"])
        self.classes_ = np.array(["new", "seen"])

    def predict(self, X: pd.DataFrame) -> Any:
        """The label of each row."""
        return np.where(X["x"].isin(self.seen), "seen", "new")

    def predict_proba(self, X: pd.DataFrame) -> Any:
        """One or zero."""
        return (self.predict(X)[:, np.newaxis] == self.classes_).astype(float)


@pytest.mark.parametrize("rows", [90, 900])
@pytest.mark.parametrize("asked", [{"by": "row hash"}, GROUP, TIME])
def test_no_row_is_answered_by_a_model_that_has_seen_it(asked: Any, rows: int) -> None:
    """All measured rows are answered, in their order; groups and times are those of the rows."""
    table = visits(rows, rows // 3)
    split, X = split_rows(table, "y", 0.2, asked, folds=5), table.to_pandas()
    given_: list[Any] = []

    def fit(X: pd.DataFrame, y: Any, groups: Any, times: Any) -> Memory:
        given_.append((len(X), groups, times))
        return Memory(X)

    model = fit_unseen(fit, X, X["y"].to_numpy(), split)
    measured = X[split.measured]
    assert set(model.predict(measured)) == {"new"}
    assert (model.predict_proba(measured) == [1.0, 0.0]).all()
    assert isinstance(model, OutOfFold) == (rows == 90) and not hasattr(model, "decision_function")
    for count, groups, times in given_:
        assert (groups is not None) == (asked == GROUP) and (times is not None) == (asked == TIME)
        assert all(len(some) == count for some in (groups, times) if some is not None)


def test_answers_come_back_in_the_order_of_the_rows() -> None:
    """Whatever fold each row is in."""

    class Echo:
        def predict(self, X: pd.DataFrame) -> Any:
            return X["x"].to_numpy()

    X = pd.DataFrame({"x": np.arange(7.0)})
    model = OutOfFold([Echo(), Echo(), Echo()], np.array([2, 0, 1, 1, 2, 0, 2], dtype=np.int8))
    assert model.predict(X).tolist() == X["x"].tolist()
    assert not hasattr(model, "predict_proba")


def test_a_fit_that_returns_one_model_again_is_refused() -> None:
    """It would have learned from every row."""
    table = visits(90)
    split, X = split_rows(table, "y", folds=5), table.to_pandas()
    one = Memory(X)
    with pytest.raises(TypeError, match=r"clone\(pipeline\)\.fit"):
        fit_unseen(lambda *_: one, X, X["y"].to_numpy(), split)


def counted(table: pa.Table) -> dict[Any, int]:
    """How often each label is there."""
    return {pair["values"]: pair["counts"] for pair in table.column("y").value_counts().to_pylist()}


def of_classes(*classes: tuple[Any, int]) -> pa.Table:
    """A table whose target holds each value so many times."""
    y = pa.array([value for value, count in classes for _ in range(count)])
    y = y.dictionary_encode() if pa.types.is_string(y.type) else y
    return pa.table({"x": np.arange(len(y)) * 1.0, "y": y})


def test_rare_classes_are_dropped_or_merged_and_said() -> None:
    """Texts, and numbers, which become texts."""
    table = of_classes(("a", 30), ("b", 20), ("c", 3), ("d", 2))
    kept, notes = settle_rare_classes(table, "y", 5, "drop")
    assert counted(kept) == {"a": 30, "b": 20}
    assert notes == ["left out the classes c, d of 'y' (5 rows): each has fewer than 5 rows"]
    merged, notes = settle_rare_classes(table, "y", 5, "merge")
    assert counted(merged) == {"a": 30, "b": 20, "other": 5}
    assert notes == ["merged into the class 'other': c, d of 'y' (5 rows), each of fewer than 5"
                     " rows"]  # fmt: skip
    numbers = of_classes((1.0, 30), (2.0, 20), (9.0, 4), (9.5, 1))
    assert counted(settle_rare_classes(numbers, "y", 5, "drop")[0]) == {1.0: 30, 2.0: 20}
    assert counted(settle_rare_classes(numbers, "y", 5, "merge")[0]) == {
        "1": 30,
        "2": 20,
        "other": 5,
    }
    other = of_classes(("a", 30), ("other", 20), ("c", 1))
    assert counted(settle_rare_classes(other, "y", 5, "merge")[0]) == {"a": 30, "other": 21}
    for how in ("refuse", "drop", "merge"):
        assert settle_rare_classes(table, "y", 2, how) == (table, [])


@pytest.mark.parametrize(
    ("classes", "how", "words"),
    [
        ([("a", 30), ("c", 3)], "drop", "no two classes are left"),
        ([("a", 30), ("b", 9), ("c", 3)], "merge", "at least 5 are needed; set .* to drop"),
        ([("a", 4), ("c", 4), ("d", 3)], "merge", "one class of all, a, c, d"),
    ],
)
def test_what_cannot_be_dropped_or_merged_is_refused(classes: Any, how: str, words: str) -> None:
    """The line says what else to set."""
    with pytest.raises(TableError, match=words) as error:
        settle_rare_classes(of_classes(*classes), "y", 5, how)
    assert "training.rare_classes" in str(error.value) and "min_class_rows" in str(error.value)


def test_a_split_says_what_it_is() -> None:
    """In the log and in metrics.json."""
    table = visits(90)
    said: list[Split] = [split_rows(table, "y", 0.2, asked, folds=5) for asked in (
        {"by": "row hash"}, GROUP, TIME)]  # fmt: skip
    assert [split.public() for split in said] == [
        {"by": "folds", "column": None, "folds": 5},
        {"by": "group", "column": "who", "folds": 5},
        {"by": "time", "column": "day", "folds": 5},
    ]
    assert said[0].in_words() == "90 of 90 rows, in 5 folds, by row hash"
