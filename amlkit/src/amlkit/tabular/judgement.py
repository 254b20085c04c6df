"""What sets a run's model apart from chance: intervals, a trivial baseline, the champion.

All of it is measured by the owner's `evaluate`, on the rows that the run's metrics are of.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import sklearn

from amlkit.tabular.bootstrap import Interval, Measured, NoIntervalsError, draw
from amlkit.tabular.evaluation import Array, Evaluate, Evaluation, encode
from amlkit.tabular.rows import Rows
from amlkit.tabular.table import names_text, shorten

TRAINING_ROWS, TRAINING_CELLS = 10_000, 10_000_000  # at most so many are measured again
MODEL, BASELINE, CHAMPION = "model", "baseline", "champion"


@dataclass
class Judgement:
    """What metrics.json says of a run beside its metrics; what is empty could not be measured."""

    intervals: dict[str, Interval] = field(default_factory=dict)
    train_metrics: dict[str, float] = field(default_factory=dict)
    """The same metrics on rows that the model has learned from."""
    baseline: dict[str, Any] | None = None
    """Its "name", its "metrics", and how far the model is above it: "difference", intervals."""
    champion: dict[str, Interval] = field(default_factory=dict)
    """How far the model is above the champion."""
    notes: list[str] = field(default_factory=list)
    """What is missing and why, a line each."""


def judge(
    rows: Rows,
    model: Any,
    evaluation: Evaluation,
    champion: Evaluation | None,
    evaluate: Evaluate,
    seed: int,
) -> Judgement:
    """Judge a fitted model; nothing that goes wrong here fails the job.

    Args:
        rows: what was learned from, and what was measured.
        model: the fitted model.
        evaluation: what `evaluate` said of it on the measured rows.
        champion: what it said of the champion on the same rows.
        evaluate: the owner's.
        seed: of everything that is drawn.
    """
    found = Judgement()
    X = rows.X_test.reset_index(drop=True)
    measured = Measured(evaluate, X, rows.y_test, rows.task, rows.classes)
    models = {MODEL: evaluation} | ({CHAMPION: champion} if champion else {})
    # A draw may lack a class, of which scikit-learn warns; that the arguments fit is known by now.
    with warnings.catch_warnings(), sklearn.config_context(skip_parameter_validation=True):
        warnings.simplefilter("ignore")
        try:
            found.train_metrics = _on_training_rows(rows, model, evaluate, seed)
        except Exception as error:  # an owner's code is called: anything may be raised
            found.notes.append(f"no metrics of the training rows: {_line(error)}")
        try:
            name, models[BASELINE] = _baseline(rows, measured)
            found.baseline = {"name": name, "metrics": models[BASELINE].metrics, "difference": {}}
        except Exception as error:
            found.notes.append(f"no baseline: {_line(error)}")
        try:
            draws = draw(measured, models, _units(rows), seed)
        except NoIntervalsError as error:
            found.notes.append(f"no intervals: {error}")
            return found
    found.intervals = draws.intervals(MODEL)
    if found.baseline:
        found.baseline["difference"] = draws.differences(MODEL, BASELINE)
    if champion:
        found.champion = draws.differences(MODEL, CHAMPION)
    if lacking := [name for name in evaluation.metrics if name not in found.intervals]:
        found.notes.append(
            f"no interval of {names_text(lacking)}: not each draw of the rows gives it, or it "
            "depends on their order"
        )
    return found


def _on_training_rows(rows: Rows, model: Any, evaluate: Evaluate, seed: int) -> dict[str, float]:
    """The metrics on the training rows, or on a sample of them."""
    most = min(TRAINING_ROWS, TRAINING_CELLS // max(1, rows.X.shape[1]))
    picked = np.sort(np.random.default_rng(seed).permutation(len(rows.X))[:most])
    return evaluate(model, rows.X.iloc[picked], rows.y[picked], rows.task, rows.classes).metrics


def _baseline(rows: Rows, measured: Measured) -> tuple[str, Evaluation]:
    """What needs no features, and its name: the same answer for each of the measured rows.

    For a classification the class priors, for a regression the mean; by time that or the last value
    known before the row, whichever is nearer. One answer for all folds: priors that differ between
    them would rank the rows, and the wrong way round.
    """
    known = rows.y if rows.times is None else rows.y[rows.split.learned(0)[rows.split.kept]]
    count = len(rows.y_test)
    if rows.classes:
        shares = np.bincount(encode(known, rows.classes), minlength=len(rows.classes)) / len(known)
        labels = np.repeat(np.array(rows.classes)[shares.argmax()], count)
        name, answers = "class priors", Evaluation({}, labels, np.tile(shares, (count, 1)))
    else:
        name, numbers = "mean", np.full(count, known.mean())
        if rows.times is not None:
            last = _last_values(rows, rows.times)
            if np.sum((last - rows.y_test) ** 2) < np.sum((numbers - rows.y_test) ** 2):
                name, numbers = "last value", last
        answers = Evaluation({}, numbers)
    return name, replace(answers, metrics=measured.metrics(answers, np.arange(count)))


def _last_values(rows: Rows, times: Array) -> Array:
    """For each measured row the target at the last time before its part, the mean of several."""
    values = []
    for part in rows.split.parts():
        learned = rows.split.learned(part)[rows.split.kept]
        latest = times == np.nanmax(times[learned])
        values.append(rows.y[learned & latest].mean())
    return np.array(values)[rows.split.part[rows.split.measured]]


def _units(rows: Rows) -> Array:
    """What is drawn together, (measured rows,): a row, a group, or a run of rows in time.

    Rows of a group are alike, and so are rows near in time: one by one they would count too much.
    """
    groups, times = rows.split.ordering(rows.split.measured)
    if groups is not None:
        return groups
    if times is None:
        return np.arange(len(rows.y_test))
    run = max(1, round(len(times) ** (1 / 3)))
    return np.argsort(np.argsort(times, kind="stable"), kind="stable") // run


def _line(error: Exception) -> str:
    return f"{type(error).__name__}: {shorten(error, 160)}"
