"""What a table warns of: keys, columns that give the answer away, repeated rows, entities, time.

Keys are left out of what is learned from; all else is said, with the line to paste into config.yml,
and left to its owner.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from sklearn.metrics import balanced_accuracy_score, r2_score
from sklearn.tree import DecisionTreeClassifier

from amlkit.tabular.evaluation import Array
from amlkit.tabular.numbers import YEARS, are_years
from amlkit.tabular.split import Split
from amlkit.tabular.table import Schema, shorten

FEWEST_ROWS = 50  # in fewer, a column may fit the target by chance
SAMPLE = 5_000  # rows in which columns are tried alone
SECONDS = 5.0  # for all columns
PERFECT = 0.999  # balanced accuracy, or squared correlation, of one column alone
NEARLY = 0.97  # of which a good column reaches less, by itself
REPEATS = 5  # equal values that so many numbers would hold by chance, were they not names
ENTITIES, LONGEST_ENTITY = 50, 50  # more than so many values, each in 2 to so many rows
_ID = re.compile(r"(?i)(^|[\W_])(id|key)$|[a-z]I[dD]$")


@dataclass(frozen=True)
class DataCheck:
    """One thing that the table's owner should look at, as analysis.json holds it."""

    kind: str
    """"leak", "identifier", "duplicates", "time", "group" or "drift"."""
    column: str | None
    words: str
    """One line."""
    paste: str | None = None
    """A line of config.yml that acts on it."""
    severity: str = "note"
    """"note", or "warning" for what makes the metrics worth little."""


def key_columns(table: pa.Table, schema: Schema, split: Split) -> dict[str, str]:
    """The columns of whole numbers that count or name the rows, and why each is taken for that.

    All values are there and differ, and they rise from row to row or lie at equal distances. Years
    and the column that rows are split by are none. It takes all rows: the training's have gaps.
    """
    found: dict[str, str] = {}
    for column in schema.features:
        if column.type == "number" and column.name != split.column:
            why = _key(pc.cast(table.column(column.name), pa.float64()))
            found |= {column.name: why} if why else {}
    return found


def _key(values: pa.ChunkedArray) -> str:
    ends = pc.min_max(values).as_py()
    low, high = ends["min"], ends["max"]
    if values.null_count or len(values) < 2 or not float(low).is_integer():
        return ""
    if high - low < len(values) - 1 or (low >= YEARS[0] and high <= YEARS[1]):
        return ""
    numbers = values.to_numpy()
    if (numbers != np.floor(numbers)).any():
        return ""
    steps = np.diff(numbers)
    rising = bool((steps > 0).all())
    steps = steps if rising else np.diff(np.sort(numbers))
    if not rising and (steps[0] == 0 or (steps != steps[0]).any()):
        return ""
    how = "rising from row to row" if rising else "in equal steps"
    return f"whole numbers from {low:.0f} to {high:.0f}, {how}: they count or name the rows"


def data_checks(
    table: pa.Table,
    y: Array,
    names: Sequence[str],
    dropped: Sequence[str],
    schema: Schema,
    split: Split,
    task: str,
) -> list[DataCheck]:
    """Look at a table's rows; what weighs most comes first.

    Args:
        table: all rows with all columns; `y` is their target, (rows,).
        names: the columns that are learned from.
        dropped: `training.drop_columns`.
        schema: the table's.
        split: where each row belongs.
        task: "classification" or "regression".
    """
    checks = _leaks(table, y, names, dropped, schema.target, split, task)
    checks += _identifiers(table, names, dropped, split)
    if split.repeated:
        words = (
            f"{split.repeated} of {table.num_rows} rows repeat the features of another; equal rows "
            "are on one side of the split"
        )
        checks.append(DataCheck("duplicates", None, words))
    if split.by == "row hash":
        checks += _order(table, schema)
        checks += _entities(table, schema)
    return checks


def _leaks(
    table: pa.Table,
    y: Array,
    names: Sequence[str],
    dropped: Sequence[str],
    target: str,
    split: Split,
    task: str,
) -> list[DataCheck]:
    """Each column that alone gives the target, rows aside that it was told from."""
    places = np.flatnonzero(split.kept)
    if len(places) < FEWEST_ROWS:
        return []
    if len(places) > SAMPLE:
        places = np.sort(np.random.default_rng(0).choice(places, SAMPLE, replace=False))
    rows, truth, began = table.take(pa.array(places)), y[places], time.monotonic()
    found: dict[str, float] = {}
    tried = 0
    for name in names:
        if time.monotonic() - began > SECONDS:
            break
        tried += 1
        score = _alone(rows.column(name), truth, task)
        if score >= NEARLY:
            found[name] = score
    sure = [name for name, score in found.items() if score >= PERFECT]
    measure = "balanced accuracy" if task == "classification" else "r2"
    checks = [
        DataCheck(
            "leak",
            name,
            f"{name!r} alone {'gives' if name in sure else 'nearly gives'} {target!r} away "
            f"({measure} {score:.4g}): if it is known only with the answer or after it, leave it "
            "out",
            _drop(dropped, sure if name in sure else [*sure, name]),
            "warning" if name in sure else "note",
        )
        for name, score in sorted(found.items(), key=lambda pair: pair[0] not in sure)
    ]
    if tried < len(names):
        words = f"{tried} of {len(names)} columns were tried alone, for {SECONDS:.0f} s"
        checks.append(DataCheck("leak", None, words))
    return checks


def _drop(dropped: Sequence[str], more: Sequence[str]) -> str:
    """The line of config.yml that leaves more columns out."""
    return f"training.drop_columns: {json.dumps([*dropped, *more], ensure_ascii=False)}"


def _identifiers(
    table: pa.Table, names: Sequence[str], dropped: Sequence[str], split: Split
) -> Iterator[DataCheck]:
    """The columns of numbers that name the rows, as far as can be told of numbers in no order.

    Keys are none of them: they were left out, or are kept on purpose.
    """
    for name in names:
        column = table.column(name)
        if name == split.column or not pa.types.is_floating(column.type):
            continue
        if _all_differ(column) and not _key(column):
            words = f"{name!r} holds {len(column)} whole numbers that all differ: an identifier?"
            yield DataCheck("identifier", name, words, _drop(dropped, [name]))


def _all_differ(column: pa.ChunkedArray) -> bool:
    """Whether they are whole numbers that all differ, where amounts or counts would not.

    Of n numbers drawn from a range some repeat: n (n - 1) / 2 pairs, each equal once in the range.
    """
    count = len(column)
    if column.null_count or count < FEWEST_ROWS:
        return False
    low, high = pc.min_max(column).as_py().values()
    if count * (count - 1) / 2 < REPEATS * (high - low + 1) or are_years([low, high]):
        return False
    numbers = column.to_numpy()
    return bool((numbers == np.floor(numbers)).all()) and len(np.unique(numbers)) == count


def _alone(column: pa.ChunkedArray, y: Array, task: str) -> float:
    """How well one column tells `y`, at best 1: each half of the rows by what the other shows."""
    half = np.random.default_rng(0).permutation(len(y)) % 2 == 0
    if pa.types.is_dictionary(column.type):
        values = column.to_pandas().astype(object).fillna("").to_numpy()
        tell = _told_by_text
    else:
        values = _numbers(column)
        if task == "regression":
            return _correlation(values, y)
        tell = _told_by_number
    answers = np.empty_like(y)
    for here in (half, ~half):
        answers[here] = tell(values[~here], y[~here], values[here], task)
    if task == "regression":
        return float(r2_score(y, answers))
    return float(balanced_accuracy_score(y, answers))


def _numbers(column: pa.ChunkedArray) -> Array:
    """Numbers, booleans and dates as float64, NaN where missing."""
    if pa.types.is_temporal(column.type):
        column = pc.cast(column, pa.int64())
    numbers: Array = pc.cast(column, pa.float64()).to_numpy()
    return numbers


def _told_by_number(values: Array, y: Array, asked: Array, task: str) -> Array:
    tree = DecisionTreeClassifier(max_leaf_nodes=2 * len(np.unique(y)), class_weight="balanced")
    answers: Array = tree.fit(values[:, np.newaxis], y).predict(asked[:, np.newaxis])
    return answers


def _told_by_text(values: Array, y: Array, asked: Array, task: str) -> Array:
    """The class, or the mean, that each text most likely has; of an unknown one what all have."""
    by_text = pd.Series(y).groupby(values)
    if task == "regression":
        return pd.Series(asked).map(by_text.mean()).fillna(y.mean()).to_numpy()
    labels, codes = np.unique(y, return_inverse=True)
    likely = pd.crosstab(values, codes) / np.bincount(codes)  # each class weighs the same
    places = pd.Series(asked).map(likely.idxmax(axis=1)).fillna(0).astype(int)
    answers: Array = labels[places.to_numpy()]
    return answers


def _correlation(values: Array, y: Array) -> float:
    """Squared correlation of the values, or of their ranks, where both are known."""
    known = np.isfinite(values)
    if known.sum() < FEWEST_ROWS or known.mean() < PERFECT or np.ptp(values[known]) == 0:
        return 0.0
    one, two = pd.Series(values[known]), pd.Series(y[known])
    if two.nunique() < FEWEST_ROWS:  # ranks of few values correlate with little
        return float(one.corr(two) ** 2)
    return float(max(one.corr(two) ** 2, one.corr(two, method="spearman") ** 2))


def _order(table: pa.Table, schema: Schema) -> Iterator[DataCheck]:
    """The first column of dates that the rows are in order of."""
    for column in schema.features:
        if column.type != "date":
            continue
        seconds = _numbers(table.column(column.name))
        steps = np.diff(seconds[np.isfinite(seconds)])
        if np.count_nonzero(steps) >= FEWEST_ROWS and ((steps >= 0).all() or (steps <= 0).all()):
            words = (
                f"the rows are in order of {column.name!r}: where the model is asked of days to "
                "come, hold out the newest rows"
            )
            paste = f"training.split: {{by: time, column: {_quoted(column.name)}}}"
            yield DataCheck("time", column.name, words, paste)
            return


def _entities(table: pa.Table, schema: Schema) -> Iterator[DataCheck]:
    """The columns whose values each name something that several rows are about."""
    for column in schema.features:
        if column.type not in ("category", "number"):
            continue
        if column.type == "number" and not _ID.search(column.name):
            continue
        values = table.column(column.name).drop_null()
        counts = np.sort(pc.value_counts(values.combine_chunks()).field("counts").to_numpy())
        repeated = counts[counts > 1]
        if len(counts) <= ENTITIES or len(repeated) < len(counts) / 2:
            continue
        if counts.mean() > LONGEST_ENTITY or (column.type == "category" and counts.mean() > 10):
            continue
        words = (
            f"{column.name!r} repeats: {len(counts)} values in {len(values)} rows; if each names "
            "one that several rows are about, keep its rows on one side"
        )
        paste = f"training.split: {{by: group, column: {_quoted(column.name)}}}"
        yield DataCheck("group", column.name, words, paste)


def _quoted(name: str) -> str:
    """A column's name in a line of YAML."""
    plain = re.fullmatch(r"[A-Za-z_]\w*", name) and name.lower() not in ("yes", "no", "on", "off")
    return name if plain else json.dumps(name, ensure_ascii=False)


def lines_of(checks: Sequence[DataCheck]) -> list[str]:
    """Lines for the log."""
    return [
        f"{'warning: ' if check.severity == 'warning' else ''}{check.words}"
        + (f"; {shorten(check.paste, 200)}" if check.paste else "")
        for check in checks
    ]
