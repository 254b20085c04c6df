"""The champion, measured by the same job and on the same held-out rows as the challenger."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import joblib
import pandas as pd

from amlkit.tabular.evaluation import Array, Evaluate, Evaluation


def evaluate_champion(
    folder: Path, schema: dict[str, Any], X: pd.DataFrame, y: Array, evaluate: Evaluate
) -> tuple[Evaluation | None, str]:
    """The champion's evaluation, or None and one line that says why it cannot be compared.

    `folder` holds model.joblib and schema.json; `schema` is the challenger's schema.json; `X` has
    all data columns of the held-out rows; `evaluate` is what the challenger is measured by. Nothing
    wrong with the model fails the job.
    """
    try:
        theirs = json.loads((folder / "schema.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None, "it has no schema.json that says which columns it takes"
    except (OSError, ValueError) as error:
        return None, f"its schema.json cannot be read: {_last_line(error)}"
    try:
        differences = schema_differences(theirs, schema)
    except (KeyError, TypeError, AttributeError) as error:
        return None, f"its schema.json is not what train.py writes: {_last_line(error)}"
    if differences:
        return None, f"it was trained on another table: {'; '.join(differences)}"
    try:
        model = joblib.load(folder / "model.joblib")
    except Exception as error:  # unpickling runs the code of any package: anything may be raised
        return None, f"it cannot be loaded: {_last_line(error)}"
    try:
        rows = X[theirs["features"]] if theirs.get("features") else X
        return evaluate(model, rows, y, schema["task"], schema["classes"]), ""
    except Exception as error:  # so does predicting
        return None, f"it cannot predict the held-out rows: {_last_line(error)}"


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
