"""What became of a driver, said to the system that runs it: outputs, errors, a summary."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from amlkit.ci.provider import Provider
from amlkit.ci.summary import summary
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
        "due": "due.is",
        "due_version": "due.version",
    },
}
_JUDGED = ("registered", "version", "new_version")


def conclude(
    provider: Provider, driver: str, code: int, record: Mapping[str, Any], unset: list[str]
) -> int:
    """Says what became of a driver; returns the step's exit code.

    Args:
        provider: the system that runs it.
        driver: its name, `model`.
        code: its exit code.
        record: its `--json` record, without secrets.
        unset: the settings that the pipeline was to map and could not.
    """
    words = str(record.get("error") or record.get("reason") or f"exit code {code}")
    if code == 130:
        provider.warning(words)
    elif code:
        provider.error(f"{words} {provider.lacks(unset)}" if unset else words)
    for name, key in OUTPUTS.get(driver, {}).items():
        if driver == "model" and name in _JUDGED and record.get("status") != "Completed":
            continue
        known = name != "new_version" or record.get("created")
        provider.output(name, field(record, key) if known else "")
    if page := summary(driver, record):
        keep(provider, driver, record, page)
    return code or verdict(provider, driver, record)


def verdict(provider: Provider, driver: str, record: Mapping[str, Any]) -> int:
    """The exit code of a driver that did its work: 1 where a pipeline cannot go on with it."""
    due = record.get("due")
    if driver == "deploy" and isinstance(due, Mapping) and due.get("is") is None:
        provider.error(f"what is due is not known: {due.get('reason') or 'no reason said'}")
        return 1
    if driver != "model" or record.get("dry_run") or not record.get("run_id"):
        return 0
    if record.get("status") == "Completed":
        if record.get("registered") is False:
            provider.warning(f"nothing is deployed: {record.get('reason')}")
    elif record.get("status") not in FINISHED and record.get("waited"):
        run_id = str(record["run_id"])
        how = provider.resume(run_id)
        provider.error(f"run {run_id} is still going and the wait is over: {how}")
        return 1
    return 0


def keep(provider: Provider, driver: str, record: Mapping[str, Any], page: str) -> None:
    """Writes the record, the summary and a report where an artifact is made of them."""
    folder, name = provider.folder(), file_name(driver, record)
    text = json.dumps(record, indent=2, ensure_ascii=False, default=str)
    report = record.get("report")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.json").write_text(text + "\n", encoding="utf-8", errors="replace")
        path = folder / f"{name}.md"
        path.write_text(page, encoding="utf-8", errors="replace")
        if report and Path(report).is_file():
            shutil.copy2(report, folder / "report.html")
        provider.summary(page, path)
    except OSError as error:  # what the driver did is done: its page is missing, no more
        provider.warning(f"the summary cannot be kept: {error}")


def file_name(driver: str, record: Mapping[str, Any]) -> str:
    """What the files of a step are called: two endpoints in one job must not share a page."""
    name = field(record, "endpoint.name")
    return f"{driver}-{name}" if re.fullmatch(r"[A-Za-z0-9-]+", name) else driver


def field(record: Mapping[str, Any], key: str) -> str:
    """A field by its dotted key as a variable holds it; empty where there is none."""
    value: Any = record
    for part in key.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value)
