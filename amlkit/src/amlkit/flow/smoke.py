"""The smoke test of a deployment: real rows are sent to it, and its answers are compared."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from amlkit.records import Deployment
from amlkit.workspace import Workspace

# How far an answer may be from the one that the model gave at training: relative, and absolute.
TOLERANCE = 1e-4


def smoke_test(workspace: Workspace, deployment: Deployment, examples: Mapping[str, Any]) -> str:
    """What is wrong with a deployment, in a line; empty if nothing is.

    Args:
        workspace: where it runs.
        deployment: the one to ask.
        examples: `{"data": [row, …]}`, and if known `predictions` and `probabilities`, the answers
            that the model gave to these rows at training.
    """
    rows = examples["data"]
    status, raw = workspace.endpoints.invoke(deployment, json.dumps({"data": rows}).encode())
    if status != 200:
        return f"asked for {len(rows)} rows, it returned HTTP {status}: {_message(raw)}"
    try:
        answer = json.loads(raw)
    except ValueError:
        return f"its answer is not JSON: {raw[:100]!r}"
    predictions = answer.get("predictions") if isinstance(answer, dict) else None
    if not isinstance(predictions, list) or len(predictions) != len(rows):
        count = len(predictions) if isinstance(predictions, list) else "no"
        return f"it was asked for {len(rows)} rows and returned {count} predictions"
    for place, prediction in enumerate(predictions):
        if prediction is None or not _is_plain(prediction):
            return f"its prediction for row {place} is {prediction!r}"
    version = (answer.get("model") or {}).get("version")
    if version not in (None, deployment.model_version):
        return f"it answers as version {version}, not {deployment.model_version}"
    return _compare(answer, examples)


def _compare(answer: Mapping[str, Any], examples: Mapping[str, Any]) -> str:
    """How the answers differ from those at training, if these are known."""
    probabilities = examples.get("probabilities") or [None] * len(examples["data"])
    for what in ("probabilities", "predictions"):
        expected, found = examples.get(what), answer.get(what)
        if expected is None:
            continue
        if not isinstance(found, list) or len(found) != len(expected):
            return f"its answer has no {what} for each row, as the model had at training"
        for place, (now, then) in enumerate(zip(found, expected, strict=True)):
            tied = what == "predictions" and _is_tied(probabilities[place])
            if not tied and not _agrees(now, then):
                return (
                    f"row {place}: its {what} are {now}, at training they were {then}; "
                    "model, code or packages are not those of the training"
                )
    return ""


def _is_tied(probabilities: Sequence[float] | None) -> bool:
    """Whether two classes are as likely as each other, so that either may be predicted."""
    likeliest = sorted(probabilities or ())[-2:]
    return len(likeliest) == 2 and likeliest[1] - likeliest[0] <= 2 * TOLERANCE


def _agrees(now: Any, then: Any) -> bool:
    """Whether two answers are the same: numbers within the tolerance, all else equal."""
    if isinstance(then, Sequence) and not isinstance(then, str):
        same_length = isinstance(now, Sequence) and len(now) == len(then)
        return same_length and all(map(_agrees, now, then))
    if isinstance(then, float) or isinstance(now, float):
        numbers = all(isinstance(value, int | float) for value in (now, then))
        return numbers and math.isclose(now, then, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
    return bool(now == then)


def _is_plain(value: Any) -> bool:
    """Whether a prediction is something that a client can use."""
    return not isinstance(value, float) or math.isfinite(value)


def _message(raw: bytes) -> str:
    """What an error's answer says."""
    text = raw.decode("utf-8", "replace")
    try:
        return str(json.loads(text)["message"])
    except (ValueError, KeyError, TypeError):
        return text[:200]
