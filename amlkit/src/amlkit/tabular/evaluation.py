"""What an owner's `evaluate` is written with: a model's answers, and what measures them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import rankdata
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import Pipeline
from sklearn.utils.metaestimators import available_if

from amlkit.tabular.model_files import in_class_order

Array = NDArray[Any]


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


class Replay:
    """A model that repeats answers that were given once: `evaluate` measures any of the rows by it.

    The index of `X` says which rows are asked for, as places in the answers.
    """

    def __init__(self, answers: Evaluation, classes: Sequence[Any] | None) -> None:
        self.answers = answers
        self.classes_ = np.asarray(classes)

    def predict(self, X: pd.DataFrame) -> Array:
        """Labels or numbers, (rows,)."""
        return np.asarray(self.answers.prediction)[X.index]

    @available_if(lambda self: self.answers.probability is not None)
    def predict_proba(self, X: pd.DataFrame) -> Array:
        """(rows, classes), where the model gave probabilities."""
        return np.asarray(self.answers.probability)[X.index]

    @available_if(lambda self: self.answers.scores is not None)
    def decision_function(self, X: pd.DataFrame) -> Array:
        """What ranks the rows, where the model gave it: (rows, classes), or (rows,) for two."""
        return np.asarray(self.answers.scores)[X.index]


def answers_of(
    model: Any, X: pd.DataFrame, classes: Sequence[Any] | None
) -> tuple[Array, Array | None, Array | None]:
    """What `predict` and, where there are classes, `class_scores` say of a model.

    A scikit-learn Pipeline makes its features once for both, and boosting is asked for its
    probabilities alone. Raises ValueError as `predict` does.
    """
    if classes is None:
        return predict(model, X, "regression"), None, None
    features: Any = X
    if type(model) is Pipeline:  # a class of its own may do more than its steps
        for _, step in model.steps[:-1]:
            if step not in (None, "passthrough"):
                features = step.transform(features)
        model = model[-1]
    probability, scores = class_scores(model, features, classes)
    if probability is not None and _says_the_likeliest(model, probability, classes):
        return model.classes_[probability.argmax(axis=1)], probability, scores
    return predict(model, features, "classification"), probability, scores


def _says_the_likeliest(model: Any, probability: Array, classes: Sequence[Any]) -> bool:
    """Whether `predict`, which takes as long as `predict_proba`, says the class that is greatest.

    Boosting compares what the probabilities are made of: rounding may make two of them equal.
    """
    if type(model) is not HistGradientBoostingClassifier:
        return False
    second, first = np.partition(probability, -2, axis=1)[:, -2:].T
    return model.classes_.tolist() == list(classes) and bool((second < first).all())


def _count(X: Any) -> int:
    """How many rows there are, in whatever a Pipeline's steps make of them."""
    return int(X.shape[0]) if hasattr(X, "shape") else len(X)


def predict(model: Any, X: Any, task: str) -> Array:
    """The model's labels, or numbers as float64: (rows,).

    Raises ValueError if there is not one for each row, or a number is not finite.
    """
    prediction: Array = np.asarray(model.predict(X)).reshape(-1)
    rows = _count(X)
    if len(prediction) != rows:
        raise ValueError(f"{len(prediction)} predictions for {rows} rows")
    if task == "regression":
        prediction = prediction.astype(np.float64)
        if not np.isfinite(prediction).all():
            raise ValueError("the model predicts something that is no finite number")
    return prediction


def class_scores(model: Any, X: Any, classes: Sequence[Any]) -> tuple[Array | None, Array | None]:
    """Probabilities (rows, classes) in the order of `classes`, and what ranks the rows.

    The two are the same array where the model gives probabilities. Else the first is None, and the
    second comes from `decision_function`: (rows,) for two classes, or None.
    """
    rows = _count(X)
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


def encode(labels: Array, classes: Sequence[Any]) -> Array:
    """The place of each label among the classes; -1 for any other. Numbers make metrics fast."""
    places: Array = pd.Index(classes).get_indexer(pd.Index(np.asarray(labels)))
    return places


def roc_auc(codes: Array, scores: Array) -> float:
    """The area under the ROC curve, `codes` (rows,) being places among the classes.

    With more than two classes: each against the rest, weighted by how often it occurs. This is
    scikit-learn's, except that a class that the rows lack is left out. NaN if they hold one alone.
    """
    if scores.ndim == 2 and scores.shape[1] == 2:
        scores = scores[:, 1]
    ranks = rankdata(
        scores.reshape(len(scores), -1), axis=0
    )  # (rows, classes), or (rows, 1) of two
    total, weight = 0.0, 0
    for place, column in enumerate(ranks.T):
        positive = codes == (1 if ranks.shape[1] == 1 else place)
        count = int(positive.sum())
        if 0 < count < len(codes):
            area = positive @ column - count * (count + 1) / 2
            total += area / (len(codes) - count)  # the area times the class's weight
            weight += count
    return float(total / weight) if weight else math.nan
