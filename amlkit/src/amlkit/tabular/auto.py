"""`training.estimator: auto`: the better of several pipelines, told on the training rows alone."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone, is_regressor
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from amlkit.tabular.evaluation import Array
from amlkit.tabular.table import shorten

# A small table (rows x columns x classes) is tried in folds, a larger one on a fifth of its rows.
FOLDS, SMALL = 5, 300_000
# Of many rows only so many are tried, fewer of a wide table. Boosting gains more from the others
# than a linear model does: where both do about as well, it is chosen.
LEAST_ROWS, MOST_ROWS, MOST_CELLS = 1_000, 40_000, 2_000_000
GAIN = 0.02
TREES, PATIENCE = 500, 30  # at most, and how many that make nothing better before it stops
WIDE, BINS = 500, 32  # with more columns boosting sorts each one's values into so many bins
PENALTIES = {"C": (0.01, 0.1, 1.0, 10.0), "alpha": (0.001, 0.01, 0.1, 1.0, 10.0, 100.0, 1000.0)}
SURE = 1e-15  # a probability is no closer to none

BOOSTING = (HistGradientBoostingClassifier, HistGradientBoostingRegressor)
Fold = tuple[Array, Array]
"""The places of the rows to fit on, and of those to compare on."""


@dataclass(frozen=True)
class Trial:
    """How well a pipeline did on rows that it was not fitted on, and with which setting."""

    pipeline: Any
    loss: float
    setting: str
    """`max_iter` of boosting, which is its trees; `C` or `alpha` of a linear model's penalty."""
    value: float

    @property
    def grows(self) -> bool:
        """Whether it is boosting, of which that is the number of trees."""
        return self.setting == "max_iter"

    def __str__(self) -> str:
        name = type(estimator_of(self.pipeline)).__name__
        how = f" ({self.setting} {self.value:g})" if self.setting else ""
        return f"{name}{how} {self.loss:.4g}"


def fit_best(
    pipelines: Sequence[Any],
    X: pd.DataFrame,
    y: Array,
    seed: int = 0,
    say: Callable[[str], None] = lambda line: None,
    groups: Array | None = None,
    times: Array | None = None,
) -> Any:
    """The best of `pipelines` by inner validation, fitted on all rows; a single one is only fitted.

    They are compared by log loss or RMSE in folds of the rows, or on a fifth of them where they are
    many; that also tells how many trees boosting grows, and how strong a linear model's penalty is.
    The pipelines themselves stay unfitted, so that they can be given again, such as for each fold
    of a cross-validation. `say` is told how many fits there will be, then which is the best and by
    how much, and which failed.

    Args:
        pipelines: what `build_pipeline` makes of each of `make_estimators`, the preferred first.
        X: the training rows, shape (rows, columns).
        y: labels, or floats for a regression, shape (rows,).
        seed: of what is drawn by lot here.
        groups: shape (rows,), numbers; rows of one group are not parted.
        times: shape (rows,), numbers; compared is on the newest rows.
    """
    if len(pipelines) == 1:
        return clone(pipelines[0]).fit(X, y)
    folds = folds_of(X, y, seed, groups, times)
    untried = len(y) - sum(map(len, folds[0]))
    say(_ahead(pipelines, folds))
    trials = []
    # A model that has not quite converged is judged like any other.
    with threads_for(X, y), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        for pipeline in map(clone, pipelines):
            if X.shape[1] > WIDE and isinstance(estimator_of(pipeline), BOOSTING):
                estimator_of(pipeline).set_params(max_bins=BINS)
            try:
                trials.append(_try(pipeline, X, y, folds))
            except Exception as error:  # features made for one estimator may not suit another
                name = type(estimator_of(pipeline)).__name__
                say(f"{name} is not compared: {shorten(error, 160)}")
        if not trials:
            return clone(pipelines[0]).fit(X, y)
        # Stable: of equals the first.
        trials.sort(key=lambda trial: trial.loss * (1 - GAIN if untried and trial.grows else 1))
        say(_verdict(trials, folds, untried, y))
        return _chosen(trials[0], untried, y).fit(X, y)


def _ahead(pipelines: Sequence[Any], folds: Sequence[Fold]) -> str:
    """How much there is to do: each pipeline in each fold with each penalty, then the best."""
    each = [
        1 if isinstance(model, BOOSTING) else len(PENALTIES.get(_setting(model), (0.0,)))
        for model in map(estimator_of, pipelines)
    ]
    rows = f"{len(folds[0][0]):,} rows"
    where = f"{len(folds)} folds of {rows}" if len(folds) > 1 else rows
    return (
        f"{sum(each) * len(folds) + 1} fits: {len(pipelines)} pipelines on {where}, the best on all"
    )


def _setting(model: Any) -> str:
    """The name of a linear model's penalty; empty of another."""
    return next((name for name in PENALTIES if hasattr(model, name)), "")


def _verdict(trials: Sequence[Trial], folds: Sequence[Fold], untried: int, y: Array) -> str:
    """Which is the best, and by how much."""
    loss = "RMSE" if y.dtype.kind == "f" else "log loss"
    where = f"in {len(folds)} folds" if len(folds) > 1 else f"on {len(folds[0][1]):,}"
    others = ", ".join(map(str, trials[1:]))
    words = f"the best by {loss} {where} of the training rows: {trials[0]}"
    words += f", then {others}" if others else ""
    if trials[0].loss <= min(trial.loss for trial in trials):
        return words
    return words + f": within {GAIN:.0%}, where boosting gains more from the {untried:,} other rows"


def folds_of(
    X: pd.DataFrame,
    y: Array,
    seed: int,
    groups: Array | None,
    times: Array | None,
    least_groups: int = FOLDS,
) -> list[Fold]:
    """The folds in which pipelines are compared; of a large table, or by time, one of them.

    Each class, or range of the target, is in each fold where rows need not stay together. Rows of a
    group do where there are `least_groups`.
    """
    return list(_folds(X, y, seed, groups, times, FOLDS if _small(X, y) else 1, least_groups))


def threads_for(X: pd.DataFrame, y: Array) -> AbstractContextManager[Any]:
    """Of small fits: threads that wait for each other slow them."""
    limits: AbstractContextManager[Any] = threadpool_limits(1 if _small(X, y) else None)
    return limits


def _small(X: pd.DataFrame, y: Array) -> bool:
    return bool(X.size * (1 if y.dtype.kind == "f" else len(np.unique(y))) <= SMALL)


def _folds(
    X: pd.DataFrame,
    y: Array,
    seed: int,
    groups: Array | None,
    times: Array | None,
    count: int,
    least_groups: int,
) -> Iterator[Fold]:
    random = np.random.default_rng(seed)
    width = max(1, X.shape[1])
    rows = random.permutation(len(X))[: int(np.clip(MOST_CELLS // width, LEAST_ROWS, MOST_ROWS))]
    if times is not None:
        rows = rows[np.argsort(np.nan_to_num(times[rows], nan=-np.inf), kind="stable")]
        fold = np.arange(len(rows)) * FOLDS // len(rows) - FOLDS + 1
        count = 1
    elif groups is not None and len(np.unique(groups[rows])) >= least_groups:
        fold = np.unique(groups[rows], return_inverse=True)[1] % FOLDS
    else:  # neighbours in the target's order are dealt to different folds
        rows = rows[np.argsort(y[rows], kind="stable")]
        fold = np.arange(len(rows)) % FOLDS
    for number in range(count):
        yield np.sort(rows[fold != number]), np.sort(rows[fold == number])


def of_known_classes(train: Array, test: Array, y: Array) -> Array:
    """The rows of `test` whose class is among those of `train`; pandas looks labels up by hash."""
    known: Array = test[pd.Series(y[test]).isin(pd.unique(y[train])).to_numpy()]
    return known


def _try(pipeline: Any, X: pd.DataFrame, y: Array, folds: Sequence[Fold]) -> Trial:
    """Fit in each fold with each value of its setting, and take the value of the least mean loss.

    ValueError if no loss is a number.
    """
    curves = []
    for train, test in folds:
        if y.dtype.kind != "f":
            test = of_known_classes(train, test, y)
        features, model = _features(pipeline), clone(estimator_of(pipeline))
        Z, Z_test = X.iloc[train], X.iloc[test]
        if features is not None:
            Z, Z_test = features.fit_transform(Z, y[train]), features.transform(Z_test)
        setting, values, curve = _curve(model, Z, y[train], Z_test, y[test])
        curves.append(curve)
    longest = max(map(len, curves))  # boosting that stopped earlier would have been no better
    mean = np.mean([np.pad(curve, (0, longest - len(curve)), "edge") for curve in curves], axis=0)
    if not np.isfinite(mean).any():
        raise ValueError("its answers are no finite numbers")
    best = int(np.nanargmin(mean))
    return Trial(pipeline, float(mean[best]), setting, values[best])


def _curve(
    model: Any, Z: Any, y: Array, Z_test: Any, y_test: Array
) -> tuple[str, Sequence[float], Array]:
    """The name of the model's setting, its values, and the loss with each, shape (values,)."""
    if isinstance(model, BOOSTING):
        model.set_params(max_iter=TREES, early_stopping=True, scoring="loss")
        model.set_params(n_iter_no_change=PATIENCE, tol=0.0)
        model.fit(Z, y, X_val=Z_test, y_val=y_test)
        halves = -np.asarray(model.validation_score_)[1:]  # the first is without a tree
        # Of a regression it is half the squared error.
        losses = np.sqrt(2 * halves) if is_regressor(model) else halves
        return "max_iter", range(1, TREES + 1), losses
    setting = _setting(model)
    values = PENALTIES.get(setting, (0.0,))
    models = [clone(model).set_params(**({setting: v} if setting else {})) for v in values]
    return setting, values, np.array([_loss(m.fit(Z, y), Z_test, y_test) for m in models])


def _loss(model: Any, Z: Any, truth: Array) -> float:
    """RMSE of a regression, else log loss; each of `truth` is among the model's classes."""
    if is_regressor(model):
        return float(np.sqrt(np.mean((truth - model.predict(Z)) ** 2)))
    share = model.predict_proba(Z)[np.arange(len(truth)), np.searchsorted(model.classes_, truth)]
    return float(-np.mean(np.log(np.clip(share, SURE, 1.0))))


def _chosen(trial: Trial, untried: int, y: Array) -> Any:
    """The pipeline as it was best, unfitted; on more rows than were tried boosting grows by itself.

    Its own early stopping holds a tenth of the rows out, which needs two rows of each class.
    """
    pipeline = clone(trial.pipeline)
    setting: dict[str, Any] = {trial.setting: trial.value} if trial.setting else {}
    if trial.grows:
        lone = y.dtype.kind != "f" and np.unique(y, return_counts=True)[1].min() < 2
        by_itself = untried > 0 and not lone
        setting = {"max_iter": TREES if by_itself else trial.value, "early_stopping": by_itself}
    estimator_of(pipeline).set_params(**setting)
    return pipeline


def _features(pipeline: Any) -> Any:
    """The steps before the estimator, unfitted; None where there are none."""
    several = isinstance(pipeline, Pipeline) and len(pipeline.steps) > 1
    return clone(pipeline[:-1]) if several else None


def estimator_of(pipeline: Any) -> Any:
    """The estimator behind the features."""
    return pipeline[-1] if isinstance(pipeline, Pipeline) else pipeline
