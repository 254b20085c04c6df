"""What an owner's `evaluate` is written with: a model's answers, and how good chance would be."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import rankdata

from amlkit.tabular.model_files import in_class_order

Array = NDArray[Any]

# The metric that decides between two models of equal standing; higher is better in each.
PRIMARY = {"classification": "roc_auc", "regression": "r2"}
FALLBACK = "accuracy"  # where the model gives no order of the rows, or the rows hold one class only

SHUFFLES = 200
CHANCE_ROWS = 2_000


@dataclass(frozen=True)
class Evaluation:
    """A model's answers for the held-out rows, and the metrics that could be measured.

    The answers are the model's own, unchanged: a deployment is tested by them. A metric that is no
    finite number is left out: it could not be measured on these rows.
    """

    metrics: dict[str, float]
    prediction: Array  # (rows,) labels or numbers
    probability: Array | None = None  # (rows, classes), in the order of `classes`
    scores: Array | None = None  # (rows, classes) or (rows,) for two classes: what ranks the rows

    def __post_init__(self) -> None:
        values = {name: float(value) for name, value in self.metrics.items()}
        finite = {name: value for name, value in values.items() if math.isfinite(value)}
        object.__setattr__(self, "metrics", finite)


Evaluate = Callable[[Any, pd.DataFrame, Array, str, "list[Any] | None"], Evaluation]
"""An owner's `evaluate(model, X, y, task, classes)`."""


def predict(model: Any, X: pd.DataFrame, task: str) -> Array:
    """The model's labels, or numbers as float64: (rows,).

    Raises ValueError if there is not one for each row, or a number is not finite.
    """
    prediction: Array = np.asarray(model.predict(X)).reshape(-1)
    if len(prediction) != len(X):
        raise ValueError(f"{len(prediction)} predictions for {len(X)} rows")
    if task == "regression":
        prediction = prediction.astype(np.float64)
        if not np.isfinite(prediction).all():
            raise ValueError("the model predicts something that is no finite number")
    return prediction


def class_scores(
    model: Any, X: pd.DataFrame, classes: Sequence[Any]
) -> tuple[Array | None, Array | None]:
    """Probabilities (rows, classes) in the order of `classes`, and what ranks the rows.

    The two are the same array where the model gives probabilities. Else the first is None, and the
    second comes from `decision_function`: (rows,) for two classes, or None.
    """
    if hasattr(model, "predict_proba"):
        probability = np.asarray(model.predict_proba(X), dtype=np.float64)
        own = np.asarray(getattr(model, "classes_", classes)).tolist()
        ordered = in_class_order(probability, own, classes)
        if ordered is not None and len(ordered) == len(X):
            return ordered, ordered
    if hasattr(model, "decision_function"):
        scores = np.asarray(model.decision_function(X), dtype=np.float64)
        if scores.shape == ((len(X),) if len(classes) == 2 else (len(X), len(classes))):
            return None, scores
    return None, None


def encode(labels: Array, classes: Sequence[Any]) -> Array:
    """The place of each label among the classes; -1 for any other. Numbers make metrics fast."""
    places: Array = pd.Index(classes).get_indexer(pd.Index(np.asarray(labels)))
    return places


def roc_auc(codes: Array, scores: Array) -> float:
    """The area under the ROC curve, `codes` (rows,) being places among the classes.

    With more than two classes: each against the rest, weighted by how often it occurs. This is
    scikit-learn's, except that a class that the rows lack is left out. NaN if they hold one alone.
    """
    return float(_roc_auc(_ranks(scores), codes[np.newaxis])[0])


def primary_metric(task: str, metrics: dict[str, float]) -> str | None:
    """The metric that the gate compares by; None if neither it nor its stand-in was measured."""
    for name in (PRIMARY[task], FALLBACK):
        if name in metrics:
            return name
    return None


def chance_level(
    evaluation: Evaluation, y: Array, task: str, classes: list[Any] | None, seed: int
) -> dict[str, float]:
    """{primary metric: what one shuffle in a hundred reaches}, the labels being shuffled 200 times.

    A model that is no better than this has learned nothing. At most 2,000 of the rows are used,
    which only makes the bar higher. Empty if there is no primary metric.
    """
    name = primary_metric(task, evaluation.metrics)
    if name is None:
        return {}
    random = np.random.default_rng(seed)
    some = random.permutation(len(y))[:CHANCE_ROWS]
    truth = encode(y, classes)[some] if classes else np.asarray(y, dtype=np.float64)[some]
    shuffled = random.permuted(np.tile(truth, (SHUFFLES, 1)), axis=1)
    prediction = evaluation.prediction[some]
    if name == "roc_auc":
        if evaluation.scores is None or len(np.unique(truth)) < 2:
            return {}
        levels = _roc_auc(_ranks(evaluation.scores[some]), shuffled)
    elif name == "r2":
        if np.ptp(truth) == 0:
            return {}
        spread = np.sum((truth - truth.mean()) ** 2)
        levels = 1 - np.sum((shuffled - prediction) ** 2, axis=1) / spread
    else:
        levels = np.mean(shuffled == encode(prediction, classes or []), axis=1)
    return {name: float(np.quantile(levels, 0.99))}


def _ranks(scores: Array) -> Array:
    """(rows, columns): the rank of each row by each class's score; one column for two classes."""
    if scores.ndim == 2 and scores.shape[1] == 2:
        scores = scores[:, 1]
    ranks: Array = rankdata(scores.reshape(len(scores), -1), axis=0)
    return ranks


def _roc_auc(ranks: Array, codes: Array) -> Array:
    """The area under the ROC curve for each line of `codes` (lines, rows), from the ranks."""
    rows = codes.shape[1]
    total, weight = np.zeros(len(codes)), 0.0
    for place in range(ranks.shape[1]):
        positive = codes == (1 if ranks.shape[1] == 1 else place)
        count = int(positive[0].sum())  # shuffling changes no count
        if 0 < count < rows:
            area = positive @ ranks[:, place] - count * (count + 1) / 2
            total += area / (rows - count)  # the area times the class's weight
            weight += count
    return total / weight if weight else np.full(len(codes), np.nan)
