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

from amlkit.tabular.figures.svg import (
    FG,
    MUTED,
    Figure,
    bars,
    drawing,
    labels,
    listing,
    number,
    short,
)

BUDGET_SECONDS = 3.0
MOST_ROWS, FEWEST_ROWS = 2000, 200
REPEATS = 5
MOST_BARS = 15
RANGES, LOOKED_AT = 10, 500
Predict = Callable[[pd.DataFrame], np.ndarray]
Score = Callable[[np.ndarray, np.ndarray], float]


@dataclass(frozen=True)
class Importance:
    """What each column is worth: loss of the score when its values are shuffled."""

    names: list[str]
    """Those that were shuffled, in the order in which they were."""
    losses: np.ndarray
    """Shape (columns, repeats)."""
    score: str
    base: float
    rows: int
    stopped: str
    """Where the time was up, in a sentence; empty where it was not."""


def measure(
    model: Any,
    X: pd.DataFrame,
    truth: np.ndarray,
    classes: list[str] | None,
    seed: int,
    budget: float = BUDGET_SECONDS,
    clock: Callable[[], float] = time.perf_counter,
) -> Importance:
    """Shuffles one column at a time and scores again, five times over, until the time is up.

    The columns that go most along with the model's answers come first.

    scikit-learn's `permutation_importance` has no budget: a slow model takes minutes there. The
    score is the area under the ROC curve for two classes with probabilities, balanced accuracy for
    other classes, R² for a regression.

    Args:
        model: a fitted scikit-learn estimator that takes X as it is.
        X: held-out rows, shape (rows, columns).
        truth: shape (rows,); text labels for a classification, floats for a regression.
        classes: None for a regression.
        seed: of the choice of rows and of the shuffles.
        budget: seconds; exceeded by one prediction at most.
        clock: tells seconds.
    """
    name, predict, score = _scorer(model, classes)
    random = np.random.default_rng(seed)
    picked = random.permutation(len(X))[:MOST_ROWS]
    started = clock()
    # On a busy machine threads that wait for each other slow small predictions a hundredfold.
    with threadpool_limits(1, user_api="openmp"):
        few = X.iloc[picked[:FEWEST_ROWS]]
        predict(few)  # warms up
        begun = clock()
        predict(few)
        # As many rows as allow one round over all columns.
        affordable = budget * len(few) / max(clock() - begun, 1e-6) / (X.shape[1] + 1)
        picked = np.sort(picked[: int(max(FEWEST_ROWS, affordable))])
        rows, truth = X.iloc[picked], truth[picked]
        answer = predict(rows)
        base, order = score(truth, answer), _likeliest(rows, answer)
        losses: list[list[float]] = [[] for _ in order]
        for repeats in (1, REPEATS - 1):
            if repeats > 1:  # as many more as there is time for, in one prediction for each column
                repeats = min(repeats, int(budget / max(clock() - started, 1e-6)) - 1)
            if repeats < 1:
                break
            blocks = pd.concat([rows] * repeats, ignore_index=True)
            for index, column in enumerate(rows.columns[order]):
                if losses[0] and clock() - started > budget:
                    break
                mixed = np.concatenate([random.permutation(len(rows)) for _ in range(repeats)])
                shuffled = blocks.copy(deep=False)
                shuffled[column] = rows[column].take(mixed).set_axis(blocks.index)
                answers = np.split(predict(shuffled), repeats)
                losses[index] += [base - score(truth, answer) for answer in answers]
    # Whole rounds count; of a first one that was cut off, the columns that it reached.
    rounds = len(losses[-1]) or 1
    reached = sum(len(values) >= rounds for values in losses)
    stopped = ""
    if reached < X.shape[1]:
        stopped = f"Time was up after the {reached:,} likeliest of {X.shape[1]:,} columns."
    elif rounds < REPEATS:
        stopped = f"Time was up after {rounds} of {REPEATS} rounds."
    measured = np.array([values[:rounds] for values in losses[:reached]])
    names = [str(column) for column in X.columns[order[:reached]]]
    return Importance(names, measured, name, base, len(rows), stopped)


def _likeliest(rows: pd.DataFrame, answer: np.ndarray) -> np.ndarray:
    """The places of the columns, first those on which the model's answers depend most, each alone.

    That is the share of the answers' variance that is between a column's categories, or ten ranges
    of its numbers, less what chance would give; on the first of the rows.
    """
    rows, answer = rows[:LOOKED_AT], answer[:LOOKED_AT]
    values = answer if answer.dtype.kind == "f" else pd.factorize(answer)[0].astype(float)
    values = values - values.mean()
    ranges = np.linspace(0, RANGES - 1, len(rows)).astype(int)
    shares = []
    for place in range(rows.shape[1]):
        column = rows.iloc[:, place].to_numpy()
        if column.dtype.kind in "fM":
            codes, told = ranges, values[np.argsort(column)]
        else:
            codes, told = pd.factorize(column, use_na_sentinel=False)[0], values
        counts = np.bincount(codes)
        between = np.sum(np.bincount(codes, told) ** 2 / np.maximum(counts, 1))
        shares.append(between - (np.count_nonzero(counts) - 1) * values.var())
    return np.argsort(-np.asarray(shares), kind="stable")


def as_text(values: Any) -> np.ndarray:
    """Labels as text, shape (rows,): 1, 1.0 and "1" are the same class."""
    codes, uniques = pd.factorize(np.asarray(values, dtype=object), use_na_sentinel=False)
    texts = [
        str(int(u)) if isinstance(u, float | np.floating) and float(u).is_integer() else str(u)
        for u in uniques
    ]
    named: np.ndarray = np.asarray(texts, dtype=object)
    return named[codes]


def _scorer(model: Any, classes: list[str] | None) -> tuple[str, Predict, Score]:
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
    """Mean over the classes of the share that is found; scikit-learn's warns of unseen ones."""
    return float(np.mean([(answer[truth == name] == name).mean() for name in np.unique(truth)]))


def importance_figure(found: Importance) -> Figure:
    """Bars, greatest first, with their standard deviation where there were several rounds."""
    mean, spread = found.losses.mean(axis=1), found.losses.std(axis=1)
    order = np.argsort(-mean, kind="stable")[:MOST_BARS]
    names = [found.names[i] for i in order]
    with drawing("importance", height=1.1 + 0.22 * len(order)) as draw:
        axes = draw.canvas.subplots()
        labels(axes, "", "")
        bars(axes, names, mean[order], ends=())
        rounds = found.losses.shape[1]
        if rounds > 1:
            style: dict[str, Any] = {"fmt": "none", "ecolor": FG, "elinewidth": 0.9, "capsize": 2}
            axes.errorbar(mean[order], range(len(order)), xerr=spread[order], **style)
        # Named on the whole figure, which has room beside long names.
        draw.canvas.supxlabel(f"loss of {found.score} when shuffled", color=MUTED)
        words = [f"{short(n, 22)} {number(mean[i])}" for n, i in zip(names, order, strict=True)]
        times = f"{rounds} times" if rounds > 1 else "once"
        line = "; the line is one standard deviation" if rounds > 1 else ""
        notes = [
            f"Each column shuffled {times} on {found.rows:,} held-out rows{line}.",
            found.stopped,
            f"The {len(order)} greatest of {len(found.names):,}."
            if len(order) < len(found.names)
            else "",
            "Columns that say the same can stand in for each other, and then both look small.",
        ]
        return draw.finish(
            "What the model relies on",
            f"Permutation importance, loss of {found.score} from {found.base:.3f} when a column "
            f"is shuffled: {listing(words[:8])}.",
            " ".join(filter(None, notes)),
        )
