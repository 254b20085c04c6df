"""What a report says about where a model came from: its inputs, and the way to get there again."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from amlkit.report.parts import code, duration, esc, fold, pairs, part, section, whole

MOST_PARAMETERS = 6  # of an estimator that are shown unfolded


def inputs(facts: Mapping[str, Any]) -> str:
    """What was trained on what."""
    data, environment = part(facts, "data"), part(facts, "environment")
    metrics, git = part(facts, "metrics"), part(facts, "git")
    training, rows = part(metrics, "training"), part(metrics, "rows")
    commit = str(git.get("commit") or "")
    if git.get("dirty"):
        commit_words = f"{code(commit[:12])} with uncommitted changes"
    else:
        commit_words = code(commit[:12]) if commit else ""
    seconds = part(training, "seconds").get("fit", training.get("seconds"))
    split = [f"{whole(rows[key])} {key}" for key in ("train", "test") if rows.get(key) is not None]
    cards = {
        "Data": [
            ("Asset", _named(data)),
            ("Rows", whole(data["rows"]) if data.get("rows") is not None else ""),
            ("Split", " / ".join(split)),
            ("Target", esc(data.get("target") or "")),
            ("Held-out rows", code(metrics["holdout"]) if metrics.get("holdout") else ""),
        ],
        "Model": [
            ("Task", esc(metrics.get("task") or "")),
            ("Told from", esc(training.get("why") or "")),
            ("Estimator", code(training["estimator"]) if training.get("estimator") else ""),
            ("Fitted in", duration(seconds)),
            ("Serving", _serving(part(metrics, "serving"))),
        ],
        "Run": [
            ("Run", code(facts["run_id"]) if facts.get("run_id") else ""),
            ("Status", esc(facts.get("status", ""))),
            ("Environment", _named(environment)),
            ("Code version", code(facts["code_version"]) if facts.get("code_version") else ""),
            ("Git commit", commit_words),
        ],
    }
    boxes = []
    for title, items in cards.items():
        body = pairs(items)
        if title == "Model":
            body += _parameters(training.get("parameters")) + _notes(training.get("notes") or ())
        boxes.append(f'<div class="card"><h3>{title}</h3>{body}</div>' if body else "")
    body = "".join(boxes)
    return (
        section("inputs", "What was trained on what", f'<div class="cards">{body}</div>')
        if body
        else ""
    )


def reproduce(facts: Mapping[str, Any]) -> str:
    """The command lines that lead here again."""
    data, git = part(facts, "data"), part(facts, "git")
    lines = []
    if git.get("commit"):
        lines.append(["git", "checkout", str(git["commit"])])
    if data.get("name"):
        lines.append(["python", "src/data.py", "--local", "--name", str(data["name"])])
        lines[-1] += ["--target", str(data["target"])] if data.get("target") else []
    last = ["python", "src/model.py", "--local"]
    last += ["--experiment", str(facts["experiment"])] if facts.get("experiment") else []
    last += ["--set", f"data.name={json.dumps(data['name'])}"] if data.get("name") else []
    for key, value in part(facts, "settings").items():
        last += ["--set", f"{key}={json.dumps(value, ensure_ascii=False)}"]
    lines.append([*last, "--force"])
    text = "\n".join(shlex.join(re.sub(r"\s+", " ", word) for word in line) for line in lines)
    notes = ["Same data, code, environment and settings give the same metrics to the last digit."]
    if data.get("version"):
        notes.append(
            f"Registering the same table answers with the same version, {code(data['version'])}."
        )
    if git.get("dirty"):
        notes.append("The code had uncommitted changes: the run keeps a snapshot of it.")
    body = f'<pre tabindex="0" aria-label="Commands">{esc(text)}</pre>'
    body += f'<p class="note">{" ".join(notes)}</p>'
    return section("reproduce", "How to get here again", body)


def _named(asset: Mapping[str, Any]) -> str:
    """Name and version of an asset."""
    version = f"version {code(asset['version'])}" if asset.get("version") else ""
    return "<br>".join(line for line in (esc(asset.get("name") or ""), version) if line)


def _serving(serving: Mapping[str, Any]) -> str:
    """Whether an ONNX copy answers requests, and how near it comes; or why none does."""
    if not serving:
        return ""
    if not serving.get("onnx_copy"):
        reason = serving.get("reason")
        return "the scikit-learn model" + (
            f"; no ONNX copy because {esc(reason)}" if reason else ""
        )
    words, difference = "ONNX copy", serving.get("largest_difference")
    if isinstance(difference, int | float):
        words += f", agrees within {difference:.0e}".replace("e-0", "e-") if difference else ""
        words += "" if difference else ", agrees exactly"
    return words + (f" on {whole(serving['rows'])} rows" if serving.get("rows") else "")


def _notes(notes: Sequence[Any]) -> str:
    """What the training had to say about the columns."""
    lines = "".join(f"<li>{esc(note)}</li>" for note in notes)
    title = f"{len(notes)} notes on the columns" if len(notes) > 1 else "A note on the columns"
    return fold(title, f"<ul>{lines}</ul>") if notes else ""


def _parameters(parameters: Any) -> str:
    """The estimator's parameters; folded where there are many."""
    if not isinstance(parameters, Mapping) or not parameters:
        return ""
    body = pairs((str(key), code(_plain(value))) for key, value in parameters.items())
    if len(parameters) <= MOST_PARAMETERS:
        return body
    return fold(f"{len(parameters)} parameters", body)


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
