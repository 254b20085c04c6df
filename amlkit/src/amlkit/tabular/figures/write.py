"""The figures of a run: SVGs below `figures/`, and `figures.json` that says what is seen in them.

The page that shows them is composed elsewhere, from these files. To add a figure of your own, draw
it as the modules of `figures/` do and yield it from `_classification` or `_regression`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from amlkit.tabular.figures import classification, curves, data, regression
from amlkit.tabular.figures.canvas import Figure
from amlkit.tabular.figures.importance import draw_importance, measure

Draw = Callable[[], "Figure | None"]


def write_figures(
    outputs: Path,
    task: str,
    model: Any,
    X_test: pd.DataFrame,
    y_test: Any,
    prediction: Any,
    probability: np.ndarray | None,
    classes: Sequence[Any] | None,
    champion: tuple[Any, np.ndarray | None] | None = None,
    profile: Mapping[str, Any] | None = None,
    seed: int = 0,
) -> None:
    """Draws what suits the task and writes `outputs/figures/*.svg` and `outputs/figures.json`.

    A figure that cannot be drawn is left out and named in the log: no model is lost to it.

    Args:
        outputs: folder to write below.
        task: "classification" or "regression".
        model: the fitted pipeline, for the permutation importance.
        X_test: held-out rows, shape (rows, columns).
        y_test: their target, shape (rows,).
        prediction: the model's, shape (rows,).
        probability: shape (rows, classes); None where the model gives none.
        classes: of the columns of `probability`; None for a regression.
        champion: prediction and probability of the champion on the same rows.
        profile: of the data asset, as `profile.json` holds it.
        seed: of everything that is drawn by lot.
    """
    folder = outputs / "figures"
    folder.mkdir(parents=True, exist_ok=True)
    target = str(((profile or {}).get("target") or {}).get("name") or "target")
    if task == "classification":
        jobs = _classification(
            model, X_test, y_test, prediction, probability, classes, champion, seed
        )
    else:
        jobs = _regression(model, X_test, y_test, prediction, champion, target, seed)
    entries = []
    for name, draw in [*jobs, *_profile(profile, task)]:
        try:
            figure = draw()
        except Exception as error:
            print(f"figure {name} left out: {type(error).__name__}: {error}", flush=True)
            continue
        if figure is not None:
            (folder / f"{figure.name}.svg").write_text(figure.svg, encoding="utf-8", newline="\n")
            entries.append(figure.entry())
    text = json.dumps(entries, indent=2, ensure_ascii=False)
    (outputs / "figures.json").write_text(text + "\n", encoding="utf-8", newline="\n")


def _classification(
    model: Any,
    X: pd.DataFrame,
    y: Any,
    prediction: Any,
    probability: np.ndarray | None,
    classes: Sequence[Any] | None,
    champion: tuple[Any, np.ndarray | None] | None,
    seed: int,
) -> Iterator[tuple[str, Draw]]:
    """Names and drawings; labels become text, as sources may write them differently: 1, 1.0."""
    as_text = classification.as_text
    truth, predicted = as_text(y), as_text(prediction)
    names = list(as_text(classes)) if classes is not None else []
    names += sorted({*truth, *predicted} - set(names))
    yield "confusion", lambda: classification.confusion(truth, predicted, names)
    if probability is not None and probability.shape[1] == len(names):
        older = champion[1] if champion else None
        yield "roc", lambda: curves.roc(truth, probability, names, older)
        yield "precision_recall", lambda: curves.precision_recall(truth, probability, names, older)
        yield "calibration", lambda: classification.calibration(truth, probability, names)
    yield "importance", lambda: draw_importance(measure(model, X, truth, names, as_text, seed))


def _regression(
    model: Any,
    X: pd.DataFrame,
    y: Any,
    prediction: Any,
    champion: tuple[Any, Any] | None,
    target: str,
    seed: int,
) -> Iterator[tuple[str, Draw]]:
    truth, predicted = np.asarray(y, dtype=float), np.asarray(prediction, dtype=float)
    older = np.asarray(champion[0], dtype=float) if champion else None
    yield "predicted_actual", lambda: regression.predicted_actual(truth, predicted, older, target)
    yield "residuals", lambda: regression.residuals(truth, predicted, target)
    yield (
        "importance",
        lambda: draw_importance(measure(model, X, truth, None, classification.as_text, seed)),
    )


def _profile(profile: Mapping[str, Any] | None, task: str) -> Iterator[tuple[str, Draw]]:
    if profile:
        yield "profile", lambda: data.profile_figure(profile, task)
