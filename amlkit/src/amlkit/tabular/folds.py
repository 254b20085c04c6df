"""A model that has not seen the rows it is measured on: fitted once, or once for each fold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils.metaestimators import available_if

from amlkit.tabular.evaluation import Array
from amlkit.tabular.model_files import in_class_order
from amlkit.tabular.split import Split

Fit = Callable[[pd.DataFrame, Array, "Array | None", "Array | None"], Any]
"""An owner's `fit(X, y, groups, times)`: a fitted model; groups and times are (rows,) or None."""


def fit_unseen(
    fit: Fit,
    X: pd.DataFrame,
    y: Array,
    split: Split,
    say: Callable[[str], None] = lambda line: None,
) -> Any:
    """The model by which the measured rows of a split are to be answered, all at once and in order.

    `X` and `y` hold all rows of the split. With folds it is one model for each of them, and `say`
    is told which comes next.
    Raises TypeError if `fit` returns the same object again, which has learned from other rows then.
    """
    models: list[Any] = []
    for part in split.parts():
        rows = split.learned(part)
        if split.folds:
            say(f"fold {part + 1} of {split.folds}, fitted on {int(rows.sum())} rows")
        model = fit(X[rows], y[rows], *split.ordering(rows))
        if any(model is other for other in models):
            raise TypeError("fit must return another model each time: clone(pipeline).fit(X, y)")
        models.append(model)
    if not split.folds:
        return models[0]
    return OutOfFold(models, split.part[split.measured])


def _all_have(method: str) -> Callable[[OutOfFold], bool]:
    return lambda self: all(hasattr(model, method) for model in self.models)


class OutOfFold:
    """The models of the folds as one: each row is answered by the one that has not seen it.

    It knows the measured rows alone, all of them, in their order: `part` (rows,) says which model
    each one is for.
    """

    def __init__(self, models: Sequence[Any], part: NDArray[np.int8]) -> None:
        self.models = models
        self.places = [np.flatnonzero(part == number) for number in range(len(models))]

    @property
    def classes_(self) -> Array:
        """The classes of the first fold's model; those of the others are brought into its order."""
        classes: Array = self.models[0].classes_
        return classes

    def predict(self, X: pd.DataFrame) -> Array:
        """Labels or numbers, (rows,)."""
        return self._answer(X, lambda model, rows: np.asarray(model.predict(rows)))

    @available_if(_all_have("predict_proba"))
    def predict_proba(self, X: pd.DataFrame) -> Array:
        """(rows, classes); ValueError if the folds' models do not know the same classes."""
        classes = getattr(self, "classes_", None)

        def ask(model: Any, rows: pd.DataFrame) -> Array:
            answer: Array | None = np.asarray(model.predict_proba(rows))
            if answer is not None and classes is not None:
                answer = in_class_order(answer, model.classes_.tolist(), classes.tolist())
            if answer is None:
                raise ValueError("the models of the folds do not know the same classes")
            return answer

        return self._answer(X, ask)

    @available_if(_all_have("decision_function"))
    def decision_function(self, X: pd.DataFrame) -> Array:
        """(rows,) for two classes, else (rows, classes)."""
        return self._answer(X, lambda model, rows: np.asarray(model.decision_function(rows)))

    def _answer(self, X: pd.DataFrame, ask: Callable[[Any, pd.DataFrame], Array]) -> Array:
        answers = [
            ask(model, X.iloc[places])
            for model, places in zip(self.models, self.places, strict=True)
        ]
        together: Array = np.concatenate(answers)
        return together[np.argsort(np.concatenate(self.places))]
