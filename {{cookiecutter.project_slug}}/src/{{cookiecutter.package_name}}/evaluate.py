"""How good a model is on the held-out rows: the challenger and the champion alike."""

from __future__ import annotations

from typing import Any

import numpy as np
from amlkit.tabular.evaluation import Evaluation, answers_of, encode, roc_auc
from sklearn import metrics as sk


def evaluate(model: Any, X: Any, y: Any, task: str, classes: list[Any] | None) -> Evaluation:
    """Measure `model` on the rows `X`, whose target is `y`; `classes` are None for a regression.

    A metric of your own goes into `regression_metrics` or `classification_metrics`; a threshold for
    it into `gate.rules` of config.yml. One that is no finite number counts as not measured.
    """
    prediction, probability, scores = answers_of(model, X, classes)
    if classes is None:
        return Evaluation(regression_metrics(y, prediction), prediction)
    codes, predicted = encode(y, classes), encode(prediction, classes)
    metrics = classification_metrics(codes, predicted, probability, scores)
    return Evaluation(metrics, prediction, probability, scores)


def regression_metrics(y: Any, prediction: Any) -> dict[str, float]:
    """`y` and `prediction` are numbers, (rows,)."""
    metrics = {
        "rmse": sk.root_mean_squared_error(y, prediction),
        "mae": sk.mean_absolute_error(y, prediction),
        "median_absolute_error": sk.median_absolute_error(y, prediction),
    }
    if np.ptp(y) > 0:  # without spread there is nothing to explain
        metrics["r2"] = sk.r2_score(y, prediction)
    return metrics


def classification_metrics(
    codes: Any, predicted: Any, probability: Any | None, scores: Any | None
) -> dict[str, float]:
    """`codes` and `predicted`, (rows,), are class indices; -1 is an unknown class.

    `probability` (rows, classes) and `scores`, which rank the rows, are None where the model gives
    none. Of two classes the second is the positive one.
    """
    present = np.unique(codes)
    _, recall, f1, rows = sk.precision_recall_fscore_support(codes, predicted, zero_division=0)
    metrics = {
        "accuracy": sk.accuracy_score(codes, predicted),
        "balanced_accuracy": recall[rows > 0].mean(),  # a class that the rows lack cannot be missed
        "f1_macro": f1.mean(),
    }
    if probability is not None:
        number = probability.shape[1]
        metrics["log_loss"] = sk.log_loss(codes, probability, labels=range(number))
        if number == 2:
            metrics["brier"] = np.mean((probability[:, 1] - codes) ** 2)
    if scores is not None and len(present) > 1:
        metrics["roc_auc"] = roc_auc(codes, scores)
        if scores.ndim == 1 or scores.shape[1] == 2:
            positive = scores if scores.ndim == 1 else scores[:, 1]
            metrics["average_precision"] = sk.average_precision_score(codes, positive)
    return metrics
