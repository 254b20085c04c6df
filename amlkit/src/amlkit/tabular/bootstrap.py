"""How far a metric would move on other rows like the measured ones: 95 % intervals by a bootstrap.

The rows are drawn again and again, with replacement. On each draw the owner's `evaluate` measures
the answers that the models gave once, so that any metric has its interval; it is the same draw for
all models, so that their differences are paired.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from amlkit.tabular.evaluation import Array, Evaluate, Evaluation, Replay
from amlkit.tabular.table import shorten

DRAWS = 200
FEWEST_DRAWS = 100  # with fewer, an interval's ends are chance themselves
KNOWN = 0.9  # share of the draws that must give a metric: those without a rare class do not
SECONDS = 30.0  # for all draws: of a slow metric there are fewer
DRAWN_ROWS = 5_000  # of more rows each draw holds a part, which `Draws.shrink` makes up for
FEWEST_UNITS = 10  # rows, or groups of them: fewer do not tell what others would be like
ENDS = (0.025, 0.975)

Interval = tuple[float, float]  # its low and its high end


class NoIntervalsError(Exception):
    """There can be none; one line says why."""


@dataclass(frozen=True)
class Measured:
    """The measured rows, and what measures them. The index of `X` counts the rows."""

    evaluate: Evaluate
    X: pd.DataFrame
    y: Array
    task: str
    classes: list[Any] | None

    def metrics(self, answers: Evaluation, places: Array) -> dict[str, float]:
        """The metrics of the rows at `places`, by answers that were given for all rows."""
        replay, X = Replay(answers, self.classes), self.X.iloc[places]
        return self.evaluate(replay, X, self.y[places], self.task, self.classes).metrics


@dataclass(frozen=True)
class Draws:
    """The metrics of some models on the same draws of the rows."""

    models: Mapping[str, Evaluation]
    """What was measured on all rows."""
    drawn: Mapping[str, list[dict[str, float]]]
    """By model; one for each draw, empty where it cannot be measured."""
    names: frozenset[str]
    """The metrics that have intervals."""
    shrink: float
    """Root of the share of the rows that a draw holds: by so much less all rows' metric moves."""

    def intervals(self, model: str) -> dict[str, Interval]:
        """Of each metric that nearly all draws give."""
        return self._around(self.models[model].metrics, partial(self._values, model))

    def differences(self, model: str, other: str) -> dict[str, Interval]:
        """The same of what is left of the model's metrics when another's are taken away."""
        ours, theirs = self.models[model].metrics, self.models[other].metrics

        def gap(name: str) -> Array:
            one, two = self._values(model, name), self._values(other, name)
            equal = np.isclose(one, two, rtol=1e-12, atol=0)  # but for rounding
            return np.where(equal, 0.0, one - two)

        return self._around({n: v - theirs[n] for n, v in ours.items() if n in theirs}, gap)

    def _values(self, model: str, name: str) -> Array:
        return np.array([metrics.get(name, math.nan) for metrics in self.drawn[model]])

    def _around(
        self, values: Mapping[str, float], drawn: Callable[[str], Array]
    ) -> dict[str, Interval]:
        """Around each of the `values` on all rows, by those on the draws."""
        found = {}
        for name, value in values.items():
            all_draws = drawn(name)
            known = all_draws[np.isfinite(all_draws)]
            if name in self.names and len(known) >= KNOWN * len(all_draws):
                low, high = value + (np.quantile(known, ENDS) - value) * self.shrink
                found[name] = (float(low), float(high))
        return found


def draw(measured: Measured, models: Mapping[str, Evaluation], units: Array, seed: int) -> Draws:
    """Measure models on draws of the rows.

    Args:
        measured: the rows.
        models: what `evaluate` said of each on all of them; the first has the metrics that count.
        units: (rows,): rows of one number are drawn together.
        seed: an equal one makes equal draws.

    Raises:
        NoIntervalsError: the rows are too few, or `evaluate` is too slow or cannot be asked again.
    """
    count = len(np.unique(units))
    if count < FEWEST_UNITS:
        what = "rows" if count == len(units) else "groups of rows"
        raise NoIntervalsError(f"{count} measured {what} are too few")
    measured, names = _repeatable(measured, next(iter(models.values())))
    size = min(count, max(FEWEST_UNITS, round(count * DRAWN_ROWS / len(units))))
    drawn: dict[str, list[dict[str, float]]] = {name: [] for name in models}
    began = time.monotonic()
    for number, places in enumerate(_draws(units, size, seed)):
        if time.monotonic() - began > SECONDS:
            if number < FEWEST_DRAWS:
                raise NoIntervalsError(f"evaluate was asked for {number} draws in {SECONDS:.0f} s")
            break
        for name, answers in models.items():
            try:
                found = measured.metrics(answers, places)
            except Exception:  # a draw may lack what an owner's metric asks for, such as a class
                found = {}
            drawn[name].append(found)
    return Draws(models, drawn, names, math.sqrt(size / count))


def _draws(units: Array, size: int, seed: int) -> Iterator[Array]:
    """The places of the rows of `size` units, drawn with replacement."""
    _, unit, counts = np.unique(units, return_inverse=True, return_counts=True)
    rows = np.argsort(unit, kind="stable")  # unit after unit
    starts, random = np.cumsum(counts) - counts, np.random.default_rng(seed)
    for _ in range(DRAWS):
        chosen = random.integers(len(counts), size=size)
        held = counts[chosen]
        first = np.repeat(starts[chosen] - (np.cumsum(held) - held), held)
        yield rows[first + np.arange(len(first))]


def _repeatable(measured: Measured, evaluation: Evaluation) -> tuple[Measured, frozenset[str]]:
    """What to ask on each draw, and which metrics are the same when asked again.

    `evaluate` is given all rows in another order, and answers in place of a model. Where it looks
    at no column it is given none, which spares each draw a copy of them all.
    """
    shuffled = np.random.default_rng(0).permutation(len(measured.y))
    best, failure = (measured, frozenset[str]()), ""
    for asked in (replace(measured, X=measured.X.iloc[:, :0]), measured):
        try:
            again = asked.metrics(evaluation, shuffled)
        except Exception as error:  # an owner's evaluate may ask a model for anything
            failure = f"{type(error).__name__}: {shorten(error, 160)}"
            continue
        same = frozenset(
            name
            for name, value in evaluation.metrics.items()
            if math.isclose(value, again.get(name, math.nan), rel_tol=1e-6, abs_tol=1e-9)
        )
        best = max(best, (asked, same), key=lambda known: len(known[1]))
        if len(same) == len(evaluation.metrics):
            break
    if not best[1]:
        why = failure or "its metrics depend on more than answers and rows"
        raise NoIntervalsError(f"evaluate cannot measure stored answers: {why}")
    return best
