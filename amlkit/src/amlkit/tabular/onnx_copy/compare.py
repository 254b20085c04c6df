"""Whether two models give the same answers, within what 32 bits allow: held-out and made-up rows.

The made-up rows hold what parts two models: unknown, missing and extreme values.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from sklearn.pipeline import Pipeline

from amlkit.tabular.evaluation import Array, Evaluation
from amlkit.tabular.saved_model import (
    LIMIT,
    Answers,
    Columns,
    OnnxModel,
    SklearnModel,
    finite,
    from_table,
    row_count,
    take,
)

PROBABILITY = 1e-5
SPREAD = 1e-4  # of the target's standard deviation
SHARE = 1e-5  # of the number itself
BLOCK = 50_000  # rows compared at a time

BASE = 20  # held-out rows that the values are put into
CELLS = 1_000_000  # of all probe rows together
CATEGORIES = 100  # known texts tried in each column
UNKNOWN = ("no such text", "", "nan", "é\N{SNOWMAN}")
NUMBERS = (0.0, 1.0, -1.0, 0.1, 16_777_217.0, -1e9, 1e18, LIMIT, -LIMIT, 1e-30)
DATES = np.array(
    ["1970-01-01", "0001-01-01", "9999-12-31T23:59:59", "2000-02-29", "1969-12-31T23:00:00"],
    dtype="datetime64[s]",
)


class Differs(ValueError):
    """How the ONNX copy's answers differ, in words that go on from "the ONNX copy"."""


def compare_held_out(
    onnx_copy: OnnxModel, held_out: pa.Table, y: Array, evaluation: Evaluation
) -> float:
    """The largest difference from the answers in `evaluation`, all held-out rows taken."""
    largest, bad = 0.0, 0
    names = [*onnx_copy.texts, *onnx_copy.numbers, *onnx_copy.dates]
    for start in range(0, held_out.num_rows, BLOCK):
        rows = slice(start, start + BLOCK)
        answer = onnx_copy.predict(from_table(held_out.slice(start, BLOCK), names))
        probability = evaluation.probability
        own = (
            evaluation.prediction[rows],
            probability[rows] if probability is not None and onnx_copy.probabilities else None,
        )
        if not finite(*answer):
            raise Differs("has no finite answer for some held-out rows")
        difference, wrong = differences(_kept(onnx_copy, answer), own, _spread(y))
        largest, bad = max(largest, difference), bad + int(wrong.sum())
    if bad:
        raise Differs(
            f"gives another answer for {bad} of {held_out.num_rows} held-out rows "
            f"(difference up to {largest:.2g})"
        )
    return largest


def compare_probes(onnx_copy: OnnxModel, model: SklearnModel, rows: Columns, y: Array) -> int:
    """How many probe rows were compared; Differs if an answer of the ONNX copy is another one.

    Left out are rows that the model itself cannot answer, and rows for which the ONNX copy has no
    finite answer: those are the model's when it serves.
    """
    known, own = _answered(model, rows)
    rows = take(rows, known)
    answer = onnx_copy.predict(rows)
    sound = np.isfinite(answer[0]) if answer[0].dtype.kind == "f" else np.ones(len(known), bool)
    if answer[1] is not None:
        sound &= np.isfinite(answer[1]).all(axis=1)
    largest, wrong = differences(
        _pick(_kept(onnx_copy, answer), sound),
        _pick(own if onnx_copy.probabilities else (own[0], None), sound),
        _spread(y),
    )
    if wrong.any():
        raise Differs(
            f"gives another answer for {int(wrong.sum())} of {int(sound.sum())} made-up rows: "
            f"unknown or missing values, or extreme numbers (difference up to {largest:.2g})"
        )
    return int(sound.sum())


def differences(answer: Answers, own: Answers, spread: float) -> tuple[float, Array]:
    """The largest difference, and which rows, as a mask, differ by more than they may.

    Labels may differ where the two likeliest are tied.
    """
    (labels, probability), (own_labels, own_probability) = answer, own
    if labels.dtype.kind == "f":
        gap = np.abs(labels.astype(np.float64) - own_labels)
        wrong = ~(gap <= SPREAD * spread + SHARE * np.abs(own_labels))
        return float(gap.max(initial=0.0)), wrong
    other = np.asarray(labels != own_labels, dtype=bool)
    if probability is None or own_probability is None:
        return float(other.any()), other
    gap = np.abs(probability - own_probability).max(axis=1)
    best = np.sort(own_probability, axis=1)[:, -2:]
    tied = best[:, 1] - best[:, 0] <= 2 * PROBABILITY
    return float(gap.max(initial=0.0)), ~(gap <= PROBABILITY) | (other & ~tied)


def _kept(onnx_copy: OnnxModel, answer: Answers) -> Answers:
    """The answer without scores that are no probabilities."""
    return answer if onnx_copy.probabilities else (answer[0], None)


def _pick(answer: Answers, rows: Array) -> Answers:
    return answer[0][rows], None if answer[1] is None else answer[1][rows]


def _spread(y: Array) -> float:
    return float(np.std(y)) if y.dtype.kind == "f" else 0.0


def _answered(model: SklearnModel, rows: Columns) -> tuple[Array, Answers]:
    """The places of the rows that the model can answer, found by halving, and its answers."""
    places, answers = [], []
    waiting: list[Array] = [np.arange(row_count(rows))]
    while waiting:
        some = waiting.pop()
        try:
            answer = model.predict(take(rows, some))
            good = finite(*answer)
        except Exception:  # a model may raise anything for odd rows
            good = False
        if good:
            places.append(some)
            answers.append(answer)
        elif len(some) > 1:
            middle = len(some) // 2
            waiting += [some[middle:], some[:middle]]
    if not places:
        raise ValueError("the model itself answers none of the rows it is tried with")
    second = [answer[1] for answer in answers if answer[1] is not None]
    labels = np.concatenate([answer[0] for answer in answers])
    return np.concatenate(places), (labels, np.concatenate(second) if second else None)


def probes(
    schema: Mapping[str, Any], pipeline: Pipeline, held_out: pa.Table
) -> tuple[Columns, int]:
    """Held-out rows with, in each column in turn, a value put in; and all missing, and all zero.

    Of a wide table only some columns are tried so; the second is how many.
    """
    types = {column["name"]: column["type"] for column in schema["columns"]}
    names: list[str] = list(schema["features"])
    values = {name: _values(types[name], _known(pipeline, name)) for name in names}
    tried = _tried(values, types, CELLS // len(names) - 2)
    changes = sum(len(values[name]) for name in tried) + 2
    rows = max(1, min(BASE, held_out.num_rows, CELLS // (changes * len(names))))
    places = np.linspace(0, held_out.num_rows - 1, rows).astype(np.int64)
    base = from_table(held_out.take(pa.array(places)), names)
    parts = list(_parts(base, values, types, tried))
    return {name: np.concatenate([part[name] for part in parts]) for name in names}, len(tried)


def _tried(values: Mapping[str, Array], types: Mapping[str, str], most: int) -> list[str]:
    """The columns whose values together are no more than `most`, one of each type by turns."""
    turn: Counter[str] = Counter()
    turns = {}
    for name in values:
        turns[name] = turn[types[name]]
        turn[types[name]] += 1
    names = sorted(values, key=lambda name: turns[name])
    together = np.cumsum([len(values[name]) for name in names])
    return names[: max(1, int(np.searchsorted(together, most, side="right")))]


def _parts(
    base: Columns, values: Mapping[str, Array], types: Mapping[str, str], tried: Sequence[str]
) -> Iterator[Columns]:
    rows = row_count(base)
    for name in tried:
        part = {other: np.tile(column, len(values[name])) for other, column in base.items()}
        part[name] = np.repeat(values[name], rows)
        yield part
    yield {name: np.repeat(put_in[:1], rows) for name, put_in in values.items()}
    zero = {name: np.zeros(rows) for name in values if types[name] in ("number", "boolean")}
    yield {**base, **zero}


def _values(type_: str, known: list[str]) -> Array:
    """What is put into a column of a type; the first is the missing value."""
    if type_ == "category":
        return np.array([None, *UNKNOWN, *known], dtype=object)
    if type_ == "date":
        return np.concatenate([np.array(["NaT"], dtype="datetime64[s]"), DATES])
    return np.array([np.nan, *(NUMBERS if type_ == "number" else (0.0, 1.0))])


def _known(pipeline: Pipeline, name: str) -> list[str]:
    """Some of the texts that the model has learned for a column."""
    for part, encoder, columns in pipeline["columns"].transformers_:
        if part == "texts" and name in columns:
            categories = encoder.categories_[list(columns).index(name)]
            return [text for text in categories if isinstance(text, str)][:CATEGORIES]
    return []
