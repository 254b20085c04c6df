"""The champion, measured by the same job and on the same held-out rows as the challenger."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib
import pandas as pd
from sklearn.base import clone

from amlkit.tabular.evaluation import Array, Evaluate, Evaluation
from amlkit.tabular.folds import Fit


@dataclass(frozen=True)
class Rival:
    """The champion as it was measured, or why it was not."""

    evaluation: Evaluation | None = None
    refitted: str = ""
    """Why the champion's own model was not asked, but one fitted anew in its way."""
    error: str = ""

    def record(self, version: str, difference: Mapping[str, Any]) -> dict[str, Any]:
        """What metrics.json says of it; `difference`: how far the challenger is above it."""
        if self.evaluation is None:
            return {"version": version, "error": self.error}
        said = {"refitted": self.refitted} if self.refitted else {}
        metrics = self.evaluation.metrics
        return {"version": version, "metrics": metrics, "difference": difference, **said}


def evaluate_champion(
    folder: Path,
    schema: dict[str, Any],
    X: pd.DataFrame,
    y: Array,
    evaluate: Evaluate,
    seen_by: Callable[[Any], str] = lambda split: "",
    refit: Callable[[Fit, list[str]], Any] | None = None,
) -> Rival:
    """The champion's evaluation, or one line that says why it cannot be compared.

    One that may have learned from the held-out rows is not asked itself: a clone of it is fitted
    where the challenger was. Nothing wrong with the model fails the job.

    Args:
        folder: holds model.joblib and schema.json.
        schema: the challenger's schema.json.
        X: the held-out rows with all data columns.
        y: their target.
        evaluate: what the challenger is measured by.
        seen_by: why a model of this "split" in schema.json may have learned from these rows.
        refit: what a `fit` makes of the named columns: a model that has not seen these rows.
    """
    try:
        theirs = json.loads((folder / "schema.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Rival(error="it has no schema.json that says which columns it takes")
    except (OSError, ValueError) as error:
        return Rival(error=f"its schema.json cannot be read: {_last_line(error)}")
    try:
        differences = schema_differences(theirs, schema)
        seen = seen_by(theirs.get("split"))
    except (KeyError, TypeError, AttributeError) as error:
        return Rival(error=f"its schema.json is not what train.py writes: {_last_line(error)}")
    if differences:
        return Rival(error=f"it was trained on another table: {'; '.join(differences)}")
    try:
        model = joblib.load(folder / "model.joblib")
    except Exception as error:  # unpickling runs the code of any package: anything may be raised
        return Rival(error=f"it cannot be loaded: {_last_line(error)}")
    names = list(theirs.get("features") or X.columns)
    if seen and refit is not None:
        try:
            recipe = clone(model)
            model = refit(lambda X, y, groups, times: clone(recipe).fit(X, y), names)
        except Exception as error:  # so does fitting
            return Rival(error=f"{seen}, and it cannot be fitted anew: {_last_line(error)}")
    try:
        return Rival(evaluate(model, X[names], y, schema["task"], schema["classes"]), seen)
    except Exception as error:  # and predicting
        return Rival(error=f"it cannot predict the held-out rows: {_last_line(error)}")


def schema_differences(theirs: dict[str, Any], ours: dict[str, Any]) -> list[str]:
    """What sets two schema.json apart, in words; empty if the models answer the same question."""
    old = {column["name"]: column["type"] for column in theirs["columns"]}
    new = {column["name"]: column["type"] for column in ours["columns"]}
    found = []
    for words, names in (
        ("new column", [name for name in new if name not in old]),
        ("no column", [name for name in old if name not in new]),
    ):
        if names:
            found.append(f"{words}{'s' if len(names) > 1 else ''} {', '.join(map(repr, names))}")
    found += [
        f"{name!r} was {old[name]} and is now {new[name]}"
        for name in new
        if name in old and old[name] != new[name]
    ]
    for key in ("target", "task", "classes"):
        if theirs.get(key) != ours[key]:
            verb = "were" if key == "classes" else "was"
            now = "are" if key == "classes" else "is"
            was_, is_ = _words(theirs.get(key)), _words(ours[key])
            found.append(f"{key} {verb} {was_} and {now} now {is_}")
    return found


def _words(value: Any) -> str:
    if isinstance(value, list):
        shown = ", ".join(map(str, value[:10]))
        return shown + (f" and {len(value) - 10} more" if len(value) > 10 else "")
    return "not set" if value is None else repr(value)


def _last_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[-1].strip()}" if lines else type(error).__name__
