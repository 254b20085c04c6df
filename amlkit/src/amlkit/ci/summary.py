"""A training in Markdown, for the page of a pipeline's run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def training_summary(answer: Mapping[str, Any]) -> str:
    """What model.py answered: the gate's words, the metrics, and where to look."""
    lines = [f"# {headline(answer)}", "", str(answer.get("reason") or answer.get("error") or "")]
    if checks := answer.get("decision", {}).get("checks"):
        lines += ["", "| the gate looked at | passed |", "|---|---|"]
        lines += [f"| {_cell(c['words'])} | {'yes' if c['passed'] else 'no'} |" for c in checks]
    if metrics := answer.get("metrics"):
        lines += ["", "| metric | value |", "|---|---|"]
        lines += [f"| {_cell(name)} | {value:.4g} |" for name, value in metrics.items()]
    if answer.get("run_id"):
        where = f" ([studio]({answer['url']}))" if answer.get("url") else ""
        lines += ["", f"Run `{answer['run_id']}`{where}. The report is in the run's artifacts."]
    return "\n".join(lines) + "\n"


def headline(answer: Mapping[str, Any]) -> str:
    """The one line that says how it ended."""
    model = answer.get("model") or {}
    if answer.get("registered"):
        state = "is registered" if answer.get("created") else "was registered earlier"
        return f"{model['name']}:{model['version']} {state}"
    if answer.get("status") == "Completed":
        return "The gate refused: nothing is registered, nothing is deployed"
    return f"The training: {answer.get('status', 'unknown')}"


def _cell(text: Any) -> str:
    """A text as it stands in a table's cell."""
    return " ".join(str(text).replace("|", "\\|").split())
