"""What became of a driver, said to Azure Pipelines: outputs, errors, a training's summary."""

from __future__ import annotations

import html
import json
import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

from amlkit.ci import agent
from amlkit.records import FINISHED

# The outputs of each driver's step, and the field of its record that each is taken from.
# `registered`, `version` and `new_version` of a training are there once it is judged.
OUTPUTS: Mapping[str, Mapping[str, str]] = {
    "data": {"name": "data.name", "version": "data.version"},
    "environment": {"version": "environment.version", "created": "environment.created"},
    "model": {
        "run_id": "run_id",
        "status": "status",
        "registered": "registered",
        "version": "model.version",
        "new_version": "model.version",
    },
    "deploy": {
        "version": "model.version",
        "switched": "switched",
        "rolled_back": "rolled_back",
    },
}
_JUDGED = ("registered", "version", "new_version")
_MARKUP = re.compile(r"(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])|[\\`*\[\]#|~!]")


def conclude(
    driver: str, code: int, record: Mapping[str, Any], unset: tuple[str, ...], to: TextIO
) -> int:
    """Says what became of a driver; returns the step's exit code.

    Args:
        driver: its name, `model`.
        code: its exit code.
        record: its `--json` record, without secrets.
        unset: the variables that the variable group lacks.
        to: the stream that the agent reads.
    """
    words = str(record.get("error") or record.get("reason") or f"exit code {code}")
    if code == 130:
        agent.warning(words, to)
    elif code:
        lacks = f" The variable group has no variable {', '.join(unset)}." if unset else ""
        agent.error(words + lacks, to)
    training = driver == "model" and bool(record.get("run_id")) and not record.get("dry_run")
    for name, key in OUTPUTS.get(driver, {}).items():
        if driver == "model" and name in _JUDGED and record.get("status") != "Completed":
            continue
        known = name != "new_version" or record.get("created")
        agent.set_output(name, field(record, key) if known else "", to)
    return conclude_training(code, record, to) if training else code


def conclude_training(code: int, record: Mapping[str, Any], to: TextIO) -> int:
    """Keeps a training's report and summary; fails where a wait ended before the run did."""
    keep(record, Path(os.environ.get("BUILD_ARTIFACTSTAGINGDIRECTORY") or "results"), to)
    if code:
        return code
    if record.get("status") == "Completed":
        if record.get("registered") is False:
            agent.warning(f"nothing is deployed: {record.get('reason')}", to)
    elif record.get("status") not in FINISHED and record.get("waited"):
        agent.error(
            f"run {record['run_id']} is still going and the wait is over: run "
            f"pipelines/training.yml with runId {record['run_id']} to resume it",
            to,
        )
        return 1
    return 0


def keep(record: Mapping[str, Any], folder: Path, to: TextIO) -> None:
    """Writes the record, the summary and the report where an artifact is made of them."""
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(record, indent=2, ensure_ascii=False, default=str)
    (folder / "model.json").write_text(text + "\n", encoding="utf-8")
    page = folder / "summary.md"
    page.write_text(training_summary(record), encoding="utf-8")
    agent.summary(page, to)
    report = record.get("report")
    if report and Path(report).is_file():
        shutil.copy2(report, folder / "report.html")


def field(record: Mapping[str, Any], key: str) -> str:
    """A field by its dotted key as a variable holds it; empty where there is none."""
    value: Any = record
    for part in key.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value)


def training_summary(record: Mapping[str, Any]) -> str:
    """A training in Markdown: the gate's words, the metrics, and where to look."""
    reason = record.get("reason") or record.get("error") or ""
    lines = [f"# {_text(headline(record))}", "", _text(reason)]
    decision = record.get("decision") or {}
    if checks := decision.get("checks"):
        lines += ["", "| the gate looked at | passed |", "|---|---|"]
        lines += [f"| {_text(c['words'])} | {'yes' if c['passed'] else 'no'} |" for c in checks]
    if notes := decision.get("notes"):
        lines += ["", *(f"- {_text(note)}" for note in notes)]
    if metrics := record.get("metrics"):
        lines += ["", "| metric | value |", "|---|---|"]
        lines += [f"| {_text(name)} | {value:.4g} |" for name, value in metrics.items()]
    if record.get("run_id"):
        url = str(record.get("url") or "")
        where = f" ([studio]({url}))" if re.fullmatch(r"https://[\w.:/?&=%~+-]+", url) else ""
        lines += [
            "",
            f"Run {_text(record['run_id'])}{where}. The report is in the run's artifacts.",
        ]
    return "\n".join(lines) + "\n"


def headline(record: Mapping[str, Any]) -> str:
    """The one line that says how it ended."""
    model = record.get("model") or {}
    if record.get("registered"):
        state = "is registered" if record.get("created") else "was registered earlier"
        return f"{model['name']}:{model['version']} {state}"
    if record.get("status") == "Completed":
        return "The gate refused: nothing is registered, nothing is deployed"
    return f"The training: {record.get('status', 'unknown')}"


def _text(words: Any) -> str:
    """Words of anybody's as Markdown shows them: no markup, on one line."""
    plain = html.escape(" ".join(str(words).split()), quote=False)
    return _MARKUP.sub(lambda found: "\\" + found[0], plain)
