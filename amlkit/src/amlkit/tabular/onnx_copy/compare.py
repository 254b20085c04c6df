"""Whether two models answer alike: row by row, within what 32 bits allow."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from amlkit.serving.columns import Columns, from_table, row_count, take
from amlkit.serving.onnx_model import OnnxModel
from amlkit.serving.predictor import finite
from amlkit.serving.sklearn_model import SklearnModel
from amlkit.tabular.evaluation import Array, Evaluation

PROBABILITY = 1e-5
SPREAD = 1e-4  # of the target's standard deviation
SHARE = 1e-5  # of the number itself
BLOCK = 50_000  # rows compared at a time

Answers = tuple[Array, "Array | None"]


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
            f"answers {bad} of {held_out.num_rows} held-out rows otherwise "
            f"(difference up to {largest:.2g})"
        )
    return largest


def compare_probes(onnx_copy: OnnxModel, model: SklearnModel, rows: Columns, y: Array) -> int:
    """How many probe rows were compared; Differs if the ONNX copy answers one of them otherwise.

    Left out are rows that the model itself cannot answer, and rows for which the ONNX copy has no finite
    answer: those are the model's when it serves.
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
            f"answers {int(wrong.sum())} of {int(sound.sum())} made-up rows otherwise: unknown or "
            f"missing values, or extreme numbers (difference up to {largest:.2g})"
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
