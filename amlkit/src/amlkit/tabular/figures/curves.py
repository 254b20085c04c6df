"""ROC and precision-recall curves, the champion's beside them. Labels come as text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.metrics import auc, average_precision_score, precision_recall_curve, roc_curve

from amlkit.tabular.figures.canvas import DASHES, GUESS, Drawing, Figure, drawing, labels, thin
from amlkit.tabular.figures.svg import SERIES
from amlkit.tabular.figures.wording import listing, short

MOST_CURVES = 6  # in one plot; of more classes the most frequent are taken
MOST_PAIRS = 2  # up to so many curves the champion's are drawn beside, else only named


@dataclass(frozen=True)
class Curve:
    """One class against the rest."""

    name: str
    x: np.ndarray
    y: np.ndarray
    area: float
    positives: int
    share: float


def roc(
    truth: np.ndarray,
    probability: np.ndarray,
    classes: Sequence[str],
    champion: np.ndarray | None,
) -> Figure | None:
    """ROC curves; None where the held-out rows are all of one class.

    Args:
        truth: labels, shape (rows,).
        probability: shape (rows, classes).
        classes: of the columns of `probability`.
        champion: the champion's probability, same shape.
    """
    curves, older = (_curves(truth, p, classes, _roc) for p in (probability, champion))
    if not curves:
        return None
    with drawing("roc") as draw:
        axes = _plot(draw, curves, older, len(classes) == 2, "area", "lower right")
        axes.plot([0, 1], [0, 1], **GUESS)
        labels(axes, "false-positive rate", "true-positive rate")
        words = [
            f"{short(c.name)}: area {c.area:.3f}; at a false-positive rate of 0.1 it finds "
            f"{c.y[c.x <= 0.1].max():.2f} of {c.positives:,}"
            for c in curves
        ]
        return draw.finish(
            "ROC curve",
            f"ROC curve. {'. '.join(words)}.{_beside(older, 'area')}",
            f"{_of(classes, curves)} The dotted diagonal is guessing.",
        )


def precision_recall(
    truth: np.ndarray,
    probability: np.ndarray,
    classes: Sequence[str],
    champion: np.ndarray | None,
) -> Figure | None:
    """Precision-recall curves; arguments and None as for `roc`."""
    curves, older = (_curves(truth, p, classes, _recall) for p in (probability, champion))
    if not curves:
        return None
    with drawing("precision_recall") as draw:
        axes = _plot(draw, curves, older, len(classes) == 2, "AP", "lower left")
        if len(curves) == 1:
            axes.axhline(curves[0].share, **GUESS)
        labels(axes, "recall", "precision")
        words = [
            f"{short(c.name)}: average precision {c.area:.3f} where {c.share:.2f} of the rows are "
            f"of it; finding 0.8 of them it is right in {c.y[c.x >= 0.8].max():.2f}"
            for c in curves
        ]
        guess = " The dotted line is guessing." if len(curves) == 1 else ""
        return draw.finish(
            "Precision and recall",
            f"Precision-recall curve. {'. '.join(words)}.{_beside(older, 'average precision')}",
            f"{_of(classes, curves)} AP is the average precision.{guess}",
        )


def _roc(positive: np.ndarray, score: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    x, y, _ = roc_curve(positive, score)
    return x, y, float(auc(x, y))


def _recall(positive: np.ndarray, score: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    precision, recall, _ = precision_recall_curve(positive, score)
    return recall, precision, float(average_precision_score(positive, score))


def _curves(
    truth: np.ndarray, probability: np.ndarray | None, classes: Sequence[str], measure: Any
) -> list[Curve]:
    """A curve per class that some rows are of and some not; of two the second's alone."""
    if probability is None or probability.shape[1] != len(classes):
        return []
    frequency = np.array([-(truth == name).sum() for name in classes])
    most = sorted(np.argsort(frequency, kind="stable")[:MOST_CURVES].tolist())
    curves = []
    for index in [1] if len(classes) == 2 else most:
        positive = truth == classes[index]
        if positive.any() and not positive.all():
            x, y, area = measure(positive, probability[:, index])
            total = int(positive.sum())
            curves.append(Curve(classes[index], x, y, area, total, total / len(truth)))
    return curves


def _plot(
    draw: Drawing, curves: list[Curve], older: list[Curve], binary: bool, area: str, place: str
) -> Any:
    axes = draw.canvas.subplots()
    pairs = len(curves) <= MOST_PAIRS
    for index, curve in enumerate(curves):
        name = "this model" if binary else short(curve.name, 16)
        axes.plot(
            *thin(curve.x, curve.y),
            color=SERIES[index],
            linestyle="-" if pairs else DASHES[index],
            label=f"{name}, {area} {curve.area:.3f}",
        )
    for index, curve in enumerate(older if pairs else []):
        name = "champion" if binary else f"{short(curve.name, 12)}, champion"
        axes.plot(
            *thin(curve.x, curve.y),
            color=SERIES[index + len(curves)],
            linestyle=DASHES[1],
            linewidth=1.3,
            label=f"{name}, {area} {curve.area:.3f}",
        )
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.02))
    axes.legend(loc=place)
    return axes


def _beside(older: list[Curve], area: str) -> str:
    """The champion's areas in words."""
    if not older:
        return ""
    words = [f"{short(curve.name)}, {area} {curve.area:.3f}" for curve in older]
    return f" The champion: {listing(words)}."


def _of(classes: Sequence[str], curves: list[Curve]) -> str:
    """What the curves are of, for a caption."""
    if len(classes) == 2:
        return f"Positive class: {short(classes[1])}."
    few = f", the {len(curves)} most frequent classes" if len(curves) < len(classes) else ""
    return f"Each class against the rest{few}."
