"""The figures of a run: SVGs below `figures/`, and `figures.json` that says what is seen in them.

`write_figures` draws what suits the task. A figure of your own is a function that it is given too:

    def gain() -> Figure:
        with drawing("gain") as draw:
            axes = draw.canvas.subplots()
            axes.plot(share_asked, share_found, color=SERIES[0])
            return draw.finish("Gain", "what is seen, in words", "a line below it")

    write_figures(..., more=[gain])

Importing this package imports matplotlib and scikit-learn: do it where figures are drawn.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

# A job that is started from a notebook inherits the notebook's, which matplotlib does not find
# here, and fails on import. No backend is used: a figure is written as SVG by itself.
os.environ["MPLBACKEND"] = "agg"

import numpy as np
import pandas as pd

from amlkit.say import say
from amlkit.tabular.figures import model as drawn
from amlkit.tabular.figures.importance import (
    BUDGET_SECONDS,
    as_text,
    importance_figure,
    measure,
)
from amlkit.tabular.figures.svg import SERIES, Figure, drawing
from amlkit.tabular.figures.table import profile_figure
from amlkit.tabular.figures.threshold import threshold

__all__ = ["SERIES", "Draw", "Figure", "drawing", "write_figures"]

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
    more: Sequence[Draw] = (),
    importance_seconds: float = BUDGET_SECONDS,
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
        more: functions that draw figures of your own; None leaves one out.
        importance_seconds: how long the permutation importance may take; 0 leaves it out.
    """
    draws: dict[str, Draw] = {}
    names: list[str] | None = None
    if task == "classification":
        # Labels become text, as sources may write them differently: 1, 1.0.
        truth, predicted = as_text(y_test), as_text(prediction)
        names = list(as_text(classes)) if classes is not None else []
        names += sorted({*truth, *predicted} - set(names))
        draws["confusion"] = partial(drawn.confusion, truth, predicted, names)
        if probability is not None and probability.shape[1] == len(names):
            given = truth, probability, names
            older = champion[1] if champion else None
            for kind in ("roc", "precision_recall"):
                draws[kind] = partial(drawn.curves, kind, *given, older)
            draws["calibration"] = partial(drawn.calibration, *given)
            if len(names) == 2:
                draws["threshold"] = partial(threshold, *given)
    else:
        truth, predicted = np.asarray(y_test, dtype=float), np.asarray(prediction, dtype=float)
        older = np.asarray(champion[0], dtype=float) if champion else None
        target = str(((profile or {}).get("target") or {}).get("name") or "target")
        draws["predicted_actual"] = partial(drawn.predicted_actual, truth, predicted, older, target)
        draws["residuals"] = partial(drawn.residuals, truth, predicted, target)
    if importance_seconds:
        asked = model, X_test, truth, names, seed, importance_seconds
        draws["importance"] = partial(_importance, *asked)
    draws["profile"] = partial(profile_figure, profile or {}, task)
    draws |= {getattr(draw, "__name__", repr(draw)): draw for draw in more}
    _write(outputs, draws)


def _write(outputs: Path, draws: Mapping[str, Draw]) -> None:
    """Draws and writes; what fails is left out."""
    folder = outputs / "figures"
    folder.mkdir(parents=True, exist_ok=True)
    entries = []
    for name, draw in draws.items():
        try:
            figure = draw()
        except Exception as error:
            say(f"figure {name} left out: {type(error).__name__}: {error}")
            continue
        if figure is not None:
            (folder / f"{figure.name}.svg").write_text(figure.svg, encoding="utf-8", newline="\n")
            entries.append(figure.entry())
    text = json.dumps(entries, indent=2, ensure_ascii=False)
    (outputs / "figures.json").write_text(text + "\n", encoding="utf-8", newline="\n")


def _importance(
    model: Any,
    X: pd.DataFrame,
    truth: np.ndarray,
    classes: list[str] | None,
    seed: int,
    seconds: float,
) -> Figure:
    """The importance, drawn; where the time was up, the log says it as the caption does."""
    found = measure(model, X, truth, classes, seed, seconds)
    if found.stopped:
        setting = f"training.importance_seconds ({seconds:g}) gives it more, or 0 leaves it out"
        say(f"figure importance: {found.stopped} {setting}")
    return importance_figure(found)
