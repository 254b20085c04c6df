"""Permutation importance within a time budget, whatever the model's speed."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import r2_score, roc_auc_score
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from amlkit.tabular.figures.canvas import Figure, drawing, labels, name_below
from amlkit.tabular.figures.svg import FG, SERIES
from amlkit.tabular.figures.wording import listing, number, short

BUDGET_SECONDS = 4.0
MOST_ROWS, FEWEST_ROWS = 2000, 200
REPEATS, FEWEST_REPEATS = 5, 2
MOST_BARS = 15
Predict = Callable[[pd.DataFrame], np.ndarray]
Clock = Callable[[], float]
Score = Callable[[np.ndarray, np.ndarray], float]


@dataclass(frozen=True)
class Plan:
    """How much of the importance is measured."""

    rows: int
    repeats: int
    columns: int


@dataclass(frozen=True)
class Importance:
    """What each column is worth: loss of the score when its values are shuffled."""

    names: list[str]
    losses: np.ndarray
    """Shape (columns, repeats)."""
    score: str
    base: float
    rows: int
    columns: int
    """Columns of the table; `names` are fewer where time was short."""


def plan(seconds: float, rows: int, columns: int, budget: float = BUDGET_SECONDS) -> Plan:
    """Fits the work into the budget: fewer repeats first, then fewer rows, then fewer columns.

    Args:
        seconds: what one prediction of `rows` rows takes.
        rows: held-out rows at hand.
        columns: columns to shuffle.
        budget: seconds in all.
    """
    affordable = budget / max(seconds, 1e-6)  # predictions of all rows
    repeats = int(np.clip(affordable // max(columns, 1), FEWEST_REPEATS, REPEATS))
    needed = columns * repeats
    if needed > affordable and rows > FEWEST_ROWS:
        # A prediction of fewer rows is taken to cost its share; the rest is guarded by the clock.
        fewer = max(FEWEST_ROWS, int(rows * affordable / needed))
        affordable *= rows / fewer
        rows = fewer
    return Plan(rows, repeats, int(np.clip(affordable // repeats, 1, columns)))


def measure(
    model: Any,
    X: pd.DataFrame,
    truth: np.ndarray,
    classes: list[str] | None,
    as_text: Callable[[Any], np.ndarray],
    seed: int,
    budget: float = BUDGET_SECONDS,
    clock: Clock = time.perf_counter,
) -> Importance:
    """Shuffles one column at a time and scores again.

    The score is the area under the ROC curve for two classes with probabilities, balanced accuracy
    for other classes, R² for a regression.

    Args:
        model: a fitted scikit-learn estimator that takes X as it is.
        X: held-out rows, shape (rows, columns).
        truth: shape (rows,); text labels for a classification, floats for a regression.
        classes: None for a regression.
        as_text: brings predicted labels into the form of `truth`.
        seed: of the choice of rows and of the shuffles.
    """
    name, predict, score = _scorer(model, classes, as_text)
    # On a busy machine threads that wait for each other slow small predictions a hundredfold.
    with threadpool_limits(1, user_api="openmp"):
        return _measure(predict, score, name, X, truth, seed, budget, clock)


def _measure(
    predict: Predict,
    score: Score,
    name: str,
    X: pd.DataFrame,
    truth: np.ndarray,
    seed: int,
    budget: float,
    clock: Clock,
) -> Importance:
    random = np.random.default_rng(seed)
    picked = random.permutation(len(X))[:MOST_ROWS]
    started = clock()
    seconds = _time(predict, X.iloc[picked], budget, clock)
    work = plan(seconds, len(picked), X.shape[1], budget)
    picked = np.sort(picked[: work.rows])
    rows, truth = X.iloc[picked], truth[picked]
    base = score(truth, predict(rows))
    # All repeats of a column go into one prediction: many small ones cost more than one large.
    blocks = pd.concat([rows] * work.repeats, ignore_index=True)
    names: list[str] = []
    losses = []
    for column in rows.columns[: work.columns]:
        if names and clock() - started > 1.5 * budget:  # slower than the first prediction promised
            break
        orders = [random.permutation(len(rows)) for _ in range(work.repeats)]
        shuffled = blocks.copy(deep=False)
        shuffled[column] = rows[column].take(np.concatenate(orders)).set_axis(blocks.index)
        answers = np.split(predict(shuffled), work.repeats)
        names.append(str(column))
        losses.append([base - score(truth, answer) for answer in answers])
    return Importance(names, np.asarray(losses), name, base, len(rows), X.shape[1])


def _time(predict: Predict, rows: pd.DataFrame, budget: float, clock: Clock) -> float:
    """Seconds that one prediction of all rows takes; of a slow model only a few rows are asked."""
    for part in (rows.iloc[:FEWEST_ROWS], rows):  # the first also warms up
        begun = clock()
        predict(part)
        seconds = (clock() - begun) * len(rows) / len(part)
        if seconds > budget / 4:
            break
    return seconds


def _scorer(
    model: Any, classes: list[str] | None, as_text: Callable[[Any], np.ndarray]
) -> tuple[str, Predict, Score]:
    """The score's name, what predicts for it, and what computes it: higher is better."""
    if classes is None:
        return "R²", lambda rows: np.asarray(model.predict(rows), dtype=float), _r2
    if len(classes) == 2 and hasattr(model, "predict_proba"):

        def area(truth: np.ndarray, score: np.ndarray) -> float:
            positive = truth == classes[1]
            if positive.all() or not positive.any():
                return 0.5
            return float(roc_auc_score(positive, score))

        return "ROC AUC", lambda rows: model.predict_proba(rows)[:, 1], area
    return "balanced accuracy", lambda rows: as_text(model.predict(rows)), _balanced_accuracy


def _r2(truth: np.ndarray, answer: np.ndarray) -> float:
    return float(r2_score(truth, answer))


def _balanced_accuracy(truth: np.ndarray, answer: np.ndarray) -> float:
    """Mean over the classes of the share that is found."""
    return float(np.mean([(answer[truth == name] == name).mean() for name in np.unique(truth)]))


def draw_importance(importance: Importance) -> Figure:
    """Bars with their standard deviation over the repeats, greatest first."""
    mean, spread = importance.losses.mean(axis=1), importance.losses.std(axis=1)
    order = np.argsort(-mean, kind="stable")[:MOST_BARS]
    names = [short(importance.names[i], 22) for i in order]
    with drawing("importance", height=1.1 + 0.22 * len(order)) as draw:
        axes = draw.canvas.subplots()
        place = np.arange(len(order))[::-1]
        axes.barh(place, mean[order], height=0.62, color=SERIES[0], alpha=0.75)
        style: dict[str, Any] = {"fmt": "none", "ecolor": FG, "elinewidth": 0.9, "capsize": 2}
        axes.errorbar(mean[order], place, xerr=spread[order], **style)
        labels(axes, "", "")
        name_below(draw, f"loss of {importance.score} when shuffled")
        axes.locator_params(axis="x", nbins=6)
        axes.grid(False, axis="y")
        axes.set_yticks(place, names, color=FG)
        words = [f"{n} {number(mean[i])}" for n, i in zip(names[:8], order[:8], strict=True)]
        shown = len(order) < len(importance.names)
        part = len(importance.names) < importance.columns
        return draw.finish(
            "What the model relies on",
            f"Permutation importance, loss of {importance.score} from {importance.base:.3f} when a "
            f"column is shuffled: {listing(words)}.",
            f"Each column shuffled {importance.losses.shape[1]} times on {importance.rows:,} "
            "held-out rows; the line is one standard deviation."
            + (f" The {len(order)} greatest of {len(importance.names):,}." if shown else "")
            + (
                f" Only the first {len(importance.names):,} of {importance.columns:,} columns: "
                "the model is too slow to measure all in a few seconds."
                if part
                else ""
            )
            + " Columns that say the same can stand in for each other, and then both look small.",
        )
