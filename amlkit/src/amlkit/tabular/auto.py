"""`training.estimator: auto`: the better of several pipelines, told on the training rows alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone, is_regressor

from amlkit.tabular.evaluation import Array
from amlkit.tabular.table import shorten

FOLDS = 5
# Of rows x columns: up to here every fold is tried, beyond it one; and no trial is larger.
CELLS_OF_FOLDS, CELLS_OF_TRIAL = 200_000, 2_000_000
FEWEST_ROWS = 20  # with fewer, what is better by inner validation is chance
SURE = 1e-15  # a probability is no closer to none


@dataclass(frozen=True)
class Trial:
    """How well a pipeline did on rows that it was not fitted on: a loss, and after how many trees.

    `trees` is None where the model is not grown step by step.
    """

    pipeline: Any
    loss: float
    trees: int | None = None


def fit_best(
    pipelines: Sequence[Any],
    X: pd.DataFrame,
    y: Array,
    seed: int = 0,
    say: Callable[[str], None] = lambda line: None,
) -> Any:
    """The best of `pipelines` by inner validation, fitted on all rows; a single one is only fitted.

    Compared by log loss or RMSE in folds of the rows, or on one part of them where they are many;
    `seed` draws the folds. Boosting grows as many trees as were best there. The pipelines
    themselves stay unfitted, so that they can be given again, such as for each fold of a
    cross-validation. `say` is told which is the best and by how much, and which could not be fitted.

    Args:
        pipelines: what `build_pipeline` makes of each of `make_estimators`, the preferred first.
        X: the training rows, shape (rows, columns).
        y: labels, or floats for a regression, shape (rows,).
    """
    if len(pipelines) == 1:
        return clone(pipelines[0]).fit(X, y)
    folds = list(_folds(X, y, seed))
    trials = []
    for pipeline in pipelines:
        try:
            trials.append(_try(pipeline, X, y, folds))
        except Exception as error:  # made for one estimator, features may not suit another
            failure = error
            say(f"not tried: {_name(pipeline)}: {shorten(error, 160)}")
    if not trials:
        raise failure
    trials.sort(key=lambda trial: trial.loss)  # stable: of equals the first
    say(_verdict(trials, y, folds))
    best = clone(trials[0].pipeline)
    if trials[0].trees is not None:
        _model(best).set_params(**_growth(trials[0].trees, folds, y))
    return best.fit(X, y)


def _folds(X: pd.DataFrame, y: Array, seed: int) -> Iterator[tuple[Array, Array]]:
    """The places of the rows to fit on and to compare on; each class, or range, is in each fold.

    Rows beyond what the trial's cells allow are in none.
    """
    random = np.random.default_rng(seed)
    width = max(1, X.shape[1])
    picked = random.permutation(len(X))[: max(FEWEST_ROWS, CELLS_OF_TRIAL // width)]
    picked = picked[np.argsort(y[picked], kind="stable")]
    # Neighbours in the target's order go into different folds.
    fold = (np.arange(len(picked)) + random.integers(FOLDS)) % FOLDS
    for number in range(FOLDS if len(picked) * width <= CELLS_OF_FOLDS else 1):
        yield np.sort(picked[fold != number]), np.sort(picked[fold == number])


def _try(pipeline: Any, X: pd.DataFrame, y: Array, folds: Sequence[tuple[Array, Array]]) -> Trial:
    """Fit in each fold, and the mean loss; of boosting that with the best number of trees."""
    losses, grows = [], False
    for train, test in folds:
        fitted = clone(pipeline)
        grows = hasattr(_model(fitted), "early_stopping")
        if grows:
            _model(fitted).set_params(early_stopping=False)
        fitted.fit(X.iloc[train], y[train])
        losses.append([_loss(y[test], *answer) for answer in _answers(fitted, X.iloc[test], grows)])
    mean = np.mean(losses, axis=0)
    if not np.isfinite(mean).any():
        raise ValueError("its answers are no finite numbers")
    best = int(np.nanargmin(mean))
    return Trial(pipeline, float(mean[best]), best + 1 if grows else None)


def _answers(fitted: Any, X: pd.DataFrame, grows: bool) -> Iterator[tuple[Array, Array | None]]:
    """Numbers and None, or probabilities and the labels of their columns; after each tree."""
    model, rows = (_model(fitted), fitted[:-1].transform(X)) if grows else (fitted, X)
    if is_regressor(model):
        for numbers in model.staged_predict(rows) if grows else [model.predict(rows)]:
            yield numbers, None
    else:
        for shares in model.staged_predict_proba(rows) if grows else [model.predict_proba(rows)]:
            yield shares, model.classes_


def _loss(truth: Array, answer: Array, labels: Array | None) -> float:
    """Log loss where there are `labels`, else RMSE."""
    if labels is None:
        return float(np.sqrt(np.mean((truth - answer) ** 2)))
    places = np.searchsorted(labels, truth).clip(max=len(labels) - 1)
    share = np.where(labels[places] == truth, answer[np.arange(len(truth)), places], 0.0)
    return float(-np.mean(np.log(share.clip(SURE))))


def _growth(trees: int, folds: Sequence[tuple[Array, Array]], y: Array) -> dict[str, Any]:
    """How boosting grows on all rows: as in the trial; on more rows than were in it, by itself.

    Its own early stopping holds a tenth of the rows out, which needs two rows of each class.
    """
    tried = sum(map(len, folds[0]))
    if tried == len(y) or (y.dtype.kind != "f" and np.unique(y, return_counts=True)[1].min() < 2):
        return {"max_iter": trees, "early_stopping": False}
    return {"early_stopping": True}


def _model(pipeline: Any) -> Any:
    """The estimator behind the features."""
    return pipeline[-1] if hasattr(pipeline, "steps") else pipeline


def _name(pipeline: Any) -> str:
    """`Ridge(alpha=10)`: the estimator in the words of the settings."""
    return " ".join(str(_model(pipeline)).split())


def _verdict(trials: Sequence[Trial], y: Array, folds: Sequence[tuple[Array, Array]]) -> str:
    """Which is the best, and how far the best of each other kind is from it."""
    kinds: dict[str, Trial] = {}
    for trial in trials:
        kinds.setdefault(type(_model(trial.pipeline)).__name__, trial)
    loss = "RMSE" if is_regressor(_model(trials[0].pipeline)) else "log loss"
    first, *others = [f"{_name(trial.pipeline)} {trial.loss:.4g}" for trial in kinds.values()]
    where = f"{len(folds)} folds of" if len(folds) > 1 else "a part of"
    return f"best is {first} ({loss} in {where} the training rows); {', '.join(others)}"
