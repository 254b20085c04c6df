"""Which probability to call a row the second class from: what each threshold finds and costs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.ticker import MaxNLocator

from amlkit.tabular.figures.model import GUESS
from amlkit.tabular.figures.svg import DASHES, SERIES, Figure, drawing, labels, short

STEPS = 100  # of the probability


def threshold(truth: np.ndarray, probability: np.ndarray, classes: Sequence[str]) -> Figure | None:
    """Precision, recall and the share called over the threshold; below, the errors in rows.

    None where the held-out rows are all of one class.

    Args:
        truth: labels, shape (rows,).
        probability: shape (rows, 2).
        classes: the two, in the order of the columns of `probability`.
    """
    positive, score = truth == classes[1], probability[:, 1]
    if positive.all() or not positive.any():
        return None
    steps = np.arange(1, STEPS) / STEPS
    called = _from(score, steps)
    hits = _from(score[positive], steps)
    with np.errstate(invalid="ignore"):  # where no row is called, no precision is drawn
        precision = hits / called
    errors = called - hits + positive.sum() - hits
    fewest = np.flatnonzero(errors == errors.min())
    best = fewest[np.abs(steps[fewest] - 0.5).argmin()]
    usual = int(errors[steps == 0.5][0])
    lines = (
        ("precision", precision),
        ("recall", hits / positive.sum()),
        ("share of rows", called / len(score)),
    )
    with drawing("threshold", height=3.9) as draw:
        top, below = draw.canvas.subplots(2, 1, sharex=True, height_ratios=[5, 3])
        for index, (name, values) in enumerate(lines):
            top.plot(steps, values, color=SERIES[index], linestyle=DASHES[index], label=name)
        top.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.02))
        labels(top, "", "")
        below.plot(steps, errors, color=SERIES[3])
        below.plot(steps[best], errors[best], "o", color=SERIES[3], ms=5)
        below.set_ylim(0, 1.05 * max(1, errors.max()))
        below.yaxis.set_major_locator(MaxNLocator(3, integer=True))
        labels(below, f"{short(classes[1])} from this probability on", "errors")
        for axes in (top, below):
            axes.axvline(0.5, **GUESS)
        draw.canvas.legend(loc="outside upper center", ncols=3)
        at = f"{errors[best]:,} of {len(score):,} rows at {steps[best]:.2f}"
        return draw.finish(
            "Threshold",
            f"A row is called {short(classes[1])} from a probability on. At 0.5 that is right in "
            f"{precision[steps == 0.5][0]:.2f} of the rows called, finds "
            f"{hits[steps == 0.5][0]:,} of {positive.sum():,} and errs in {usual:,}. The fewest "
            f"errors, {at}.",
            "Errors are false alarms and misses, each of the same weight; the point is the fewest, "
            f"{at}. The dotted line is 0.5, the threshold of the predictions.",
        )


def _from(scores: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """How many scores are at least each of the steps, shape (steps,)."""
    below: np.ndarray = np.searchsorted(np.sort(scores), steps, side="left")
    return len(scores) - below
