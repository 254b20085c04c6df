"""How good a model is on the held-out rows, and how good chance would be."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import rankdata
from sklearn import metrics as sk

from amlkit.tabular.class_order import in_class_order

Array = NDArray[Any]

# The metric that decides between two models of equal standing; higher is better in each.
PRIMARY = {"classification": "roc_auc", "regression": "r2"}
FALLBACK = "accuracy"  # where the model gives no order of the rows, or the rows hold one class only

SHUFFLES = 200
CHANCE_ROWS = 2_000


@dataclass(frozen=True)
class Evaluation:
    """What a model said of the held-out rows, and the metrics that could be measured."""

    metrics: dict[str, float]
    prediction: Array  # (rows,) labels or numbers
    probability: Array | None  # (rows, classes), in the order of `classes`
    scores: Array | None  # (rows, classes) or (rows,) for two classes: what ranks the rows


def evaluate(
    model: Any, X: pd.DataFrame, y: Array, task: str, classes: list[Any] | None
) -> Evaluation:
    """Measure `model` on the rows `X` whose target is `y`.

    What cannot be measured on these rows or with this model is left out, never NaN. Raises
    ValueError if it does not answer each row, or a number is not finite.
    """
    prediction = np.asarray(model.predict(X)).reshape(-1)
    if len(prediction) != len(y):
        raise ValueError(f"{len(prediction)} predictions for {len(y)} rows")
    if task == "regression":
        prediction = prediction.astype(np.float64)
        if not np.isfinite(prediction).all():
            raise ValueError("the model predicts something that is no finite number")
        measured = regression_metrics(y, prediction)
        return Evaluation(_finite(measured), prediction, None, None)
    assert classes is not None  # noqa: S101
    probability, scores = _probability(model, X, len(y), classes)
    codes, predicted = encode(y, classes), encode(prediction, classes)
    measured = classification_metrics(codes, predicted, probability, scores, len(classes))
    return Evaluation(_finite(measured), prediction, probability, scores)


def regression_metrics(y: Array, prediction: Array) -> dict[str, float]:
    """r2 only where the target varies: without spread there is nothing to explain."""
    measured = {
        "rmse": float(sk.root_mean_squared_error(y, prediction)),
        "mae": float(sk.mean_absolute_error(y, prediction)),
        "median_absolute_error": float(sk.median_absolute_error(y, prediction)),
    }
    if len(y) > 1 and np.ptp(y) > 0:
        measured["r2"] = float(sk.r2_score(y, prediction))
    return measured


def classification_metrics(
    codes: Array, predicted: Array, probability: Array | None, scores: Array | None, classes: int
) -> dict[str, float]:
    """Metrics from class numbers (0 to classes - 1); -1 is a prediction that is no known class."""
    present = np.unique(codes)
    measured = {
        "accuracy": float(sk.accuracy_score(codes, predicted)),
        # the mean over the classes that the rows hold: a class that is not there cannot be missed
        "balanced_accuracy": float(
            sk.recall_score(codes, predicted, labels=present, average="macro", zero_division=0)
        ),
        "f1_macro": float(sk.f1_score(codes, predicted, average="macro", zero_division=0)),
    }
    if probability is not None:
        measured["log_loss"] = float(sk.log_loss(codes, probability, labels=range(classes)))
        if classes == 2:
            measured["brier"] = float(np.mean((probability[:, 1] - codes) ** 2))
    if scores is not None and len(present) > 1:
        ranks = _ranks(scores)
        measured["roc_auc"] = float(_roc_auc(ranks, codes[np.newaxis])[0])
        if classes == 2:
            positive = scores if scores.ndim == 1 else scores[:, 1]
            measured["average_precision"] = float(sk.average_precision_score(codes, positive))
    return measured


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
    if name == "roc_auc" and evaluation.scores is not None:
        if len(np.unique(truth)) < 2:
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


def encode(labels: Array, classes: list[Any]) -> Array:
    """The place of each label among the classes; -1 for any other. Numbers make metrics fast."""
    places: Array = pd.Index(classes).get_indexer(pd.Index(np.asarray(labels)))
    return places


def _probability(model: Any, X: pd.DataFrame, rows: int, classes: list[Any]) -> tuple[Any, Any]:
    """Probabilities in the order of `classes`; and what ranks the rows, if need be without them."""
    if hasattr(model, "predict_proba"):
        probability = np.asarray(model.predict_proba(X), dtype=np.float64)
        own = np.asarray(getattr(model, "classes_", classes)).tolist()
        ordered = in_class_order(probability, own, classes)
        if ordered is not None and len(ordered) == rows:
            return ordered, ordered
    if hasattr(model, "decision_function"):
        scores = np.asarray(model.decision_function(X), dtype=np.float64)
        if scores.shape == ((rows,) if len(classes) == 2 else (rows, len(classes))):
            return None, scores
    return None, None


def _ranks(scores: Array) -> Array:
    """(rows, columns): the rank of each row by each class's score; one column for two classes."""
    if scores.ndim == 2 and scores.shape[1] == 2:
        scores = scores[:, 1]
    ranks: Array = rankdata(scores.reshape(len(scores), -1), axis=0)
    return ranks


def _roc_auc(ranks: Array, codes: Array) -> Array:
    """The area under the ROC curve for each line of `codes` (lines, rows), from the ranks.

    With more than two classes: each class against the rest, weighted by how often it occurs.
    """
    rows = codes.shape[1]
    total, weight = np.zeros(len(codes)), 0.0
    for place in range(ranks.shape[1]):
        positive = codes == (1 if ranks.shape[1] == 1 else place)
        count = int(positive[0].sum())  # shuffling changes no count
        if 0 < count < rows:
            area = positive @ ranks[:, place] - count * (count + 1) / 2
            total += area / (rows - count)  # the area times the class's weight
            weight += count
    return total / weight


def _finite(measured: dict[str, float]) -> dict[str, float]:
    return {name: value for name, value in measured.items() if math.isfinite(value)}
