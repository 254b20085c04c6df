"""Figures of a classification: confusion matrix and calibration. Labels come as text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.patches import Rectangle
from sklearn.metrics import confusion_matrix

from amlkit.tabular.figures.canvas import GUESS, Figure, drawing, labels
from amlkit.tabular.figures.svg import FG, SERIES
from amlkit.tabular.figures.wording import number, short

MOST_CLASSES = 12  # rows of a confusion matrix that can still be read
OTHERS = "all others"


def as_text(values: Any) -> np.ndarray:
    """Labels as text, shape (rows,): 1, 1.0 and "1" are the same class."""
    codes, uniques = pd.factorize(np.asarray(values, dtype=object), use_na_sentinel=False)
    texts = [
        str(int(u)) if isinstance(u, float | np.floating) and float(u).is_integer() else str(u)
        for u in uniques
    ]
    named: np.ndarray = np.asarray(texts, dtype=object)
    return named[codes]


def confusion(truth: np.ndarray, prediction: np.ndarray, classes: Sequence[str]) -> Figure:
    """Counts and the share of each row; the rarest classes are summed up where there are many.

    Args:
        truth: labels, shape (rows,).
        prediction: predicted labels, shape (rows,).
        classes: every class, in the order to show.
    """
    classes, note = list(classes), ""
    if len(classes) > MOST_CLASSES:
        frequent = set(pd.Series(truth).value_counts().index[: MOST_CLASSES - 1])
        note = f" The {len(classes) - len(frequent):,} rarest classes are summed up as “{OTHERS}”."
        classes = [name for name in classes if name in frequent] + [OTHERS]
        truth = np.where(np.isin(truth, classes[:-1]), truth, OTHERS)
        prediction = np.where(np.isin(prediction, classes[:-1]), prediction, OTHERS)
    counts = confusion_matrix(truth, prediction, labels=classes)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    size = len(classes)
    with drawing("confusion", height=min(1.8 + 0.55 * size, 4.6)) as draw:
        axes = draw.canvas.subplots()
        axes.grid(False)
        axes.spines[:].set_visible(False)
        for (row, column), count in np.ndenumerate(counts):
            share = shares[row, column]
            # Never darker than 0.45: the text on it keeps its contrast in light and in dark.
            style = {"facecolor": SERIES[0], "alpha": 0.04 + 0.41 * share, "linewidth": 0}
            axes.add_patch(Rectangle((column - 0.48, row - 0.48), 0.96, 0.96, **style))
            words = f"{count:,}" if size > 6 else f"{count:,}\n{share:.0%}"
            axes.text(column, row, words, ha="center", va="center", linespacing=1.4, color=FG)
        axes.set(xlim=(-0.5, size - 0.5), ylim=(size - 0.5, -0.5))
        names = [short(name, 16 if size < 5 else 10) for name in classes]
        tilted: dict[str, Any] = {}
        if size > 3:
            tilted = {"rotation": 35, "ha": "right", "rotation_mode": "anchor"}
        axes.set_xticks(range(size), names, **tilted)
        axes.set_yticks(range(size), names)
        axes.set(xlabel="predicted", ylabel="true class")
        found = [
            f"of {counts[i].sum():,} {short(name)}, {counts[i, i]:,} found ({shares[i, i]:.0%})"
            for i, name in enumerate(classes)
        ]
        return draw.finish(
            "Confusion matrix",
            f"Confusion matrix of {counts.sum():,} held-out rows, {int(np.trace(counts)):,} of "
            f"them predicted right: {'; '.join(found)}.{note}",
            f"Rows are true classes, columns predictions; shares and shading are of the row.{note}",
        )


def calibration(truth: np.ndarray, probability: np.ndarray, classes: Sequence[str]) -> Figure:
    """How often a probability comes true, in ten bins, with the number of rows in each.

    Args:
        truth: labels, shape (rows,).
        probability: shape (rows, classes).
        classes: of the columns of `probability`.
    """
    if len(classes) == 2:
        score, true = probability[:, 1], truth == classes[1]
        of = f"probability of {short(classes[1])}"
    else:
        score = probability.max(axis=1)
        true = np.asarray(classes, dtype=object)[probability.argmax(axis=1)] == truth
        of = "probability of the predicted class"
    index = np.clip((score * 10).astype(int), 0, 9)
    rows = np.bincount(index, minlength=10)
    full = np.flatnonzero(rows)
    mean = np.bincount(index, score, 10)[full] / rows[full]
    share = np.bincount(index, true.astype(float), 10)[full] / rows[full]
    error = float(np.abs(mean - share) @ rows[full] / rows.sum())
    low, high = _wilson(share, rows[full])
    with drawing("calibration") as draw:
        top, below = draw.canvas.subplots(2, 1, sharex=True, height_ratios=[3, 1])
        top.plot([0, 1], [0, 1], **GUESS)
        bars = [share - low, high - share]
        top.errorbar(
            mean,
            share,
            bars,
            color=SERIES[0],
            marker="o",
            markersize=4.5,
            linewidth=1,
            elinewidth=0.9,
        )
        top.set(xlim=(-0.01, 1.01), ylim=(-0.03, 1.03))
        labels(top, "", "share that came true")
        below.bar(np.arange(10) / 10 + 0.05, rows, width=0.09, color=SERIES[0], alpha=0.55)
        labels(below, of, "rows")
        points = [
            f"{m:.2f} came true in {s:.2f} of {n:,}"
            for m, s, n in zip(mean, share, rows[full], strict=True)
        ]
        return draw.finish(
            "Calibration",
            f"Calibration, {of}. Mean distance from the diagonal {number(error)}. "
            f"By bin: {'; '.join(points)}.",
            f"Whether a {of} means what it says: on the diagonal it does. Bars are 95% intervals; "
            "below, how many held-out rows each point stands for.",
        )


def _wilson(share: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The 95% Wilson interval of a share of so many rows."""
    z2 = 1.96**2
    centre = (share + z2 / (2 * rows)) / (1 + z2 / rows)
    half = 1.96 * np.sqrt(share * (1 - share) / rows + z2 / (4 * rows**2)) / (1 + z2 / rows)
    return np.minimum(centre - half, share), np.maximum(centre + half, share)
