"""What a step did, in Markdown, for the page of its run: made of its driver's record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from amlkit.ci.markdown import block, bullets, link, table, text

LOG = 30  # lines of a log that are shown


def summary(driver: str, record: Mapping[str, Any]) -> str:
    """The page of a driver's record; empty where there is nothing to show.

    Args:
        driver: `data`, `environment`, `model` or `deploy`.
        record: what it prints with `--json`, without secrets.
    """
    if record.get("dry_run"):
        return ""
    makers = {"data": data, "environment": environment, "model": training, "deploy": deployment}
    lines = makers[driver](record) if driver in makers else []
    if record.get("error"):
        lines = lines or [f"# {driver}: failed"]
        if record["error"] != record.get("reason"):
            lines += ["", f"**{text(record['error'])}**"]
    return "\n".join(lines) + "\n" if lines else ""


def data(record: Mapping[str, Any]) -> list[str]:
    """A table: its version, its rows, what is predicted."""
    found = part(record, "data")
    if not found:
        return []
    state = "is registered" if found.get("created") else "was registered earlier"
    rows = found.get("rows")
    facts = [
        ("rows", f"{rows:,}" if isinstance(rows, int) else rows),
        ("target", found.get("target")),
        ("task", found.get("task")),
        ("version of the Dataset", found.get("number")),
    ]
    title = f"# Data {text(found.get('name'))}:{text(found.get('version'))} {state}"
    return [title, *table(("data", ""), [fact for fact in facts if fact[1]])]


def environment(record: Mapping[str, Any]) -> list[str]:
    """The environments: which are new, and what differs from the lock."""
    lines: list[str] = []
    for key in ("environment", "serving_environment"):
        if found := part(record, key):
            state = "is created" if found.get("created") else "was there already"
            name = f"{text(found.get('name'))}:{text(found.get('version'))}"
            lines += [f"# Environment {name} {state}", *bullets(found.get("differences") or ())]
    return lines


def training(record: Mapping[str, Any]) -> list[str]:
    """A training: the gate's words, the metrics with their intervals, and where to look."""
    run_id = record.get("run_id")
    if not run_id:
        return []
    decision = part(record, "decision")
    lines = [f"# {headline(record)}", "", text(record.get("reason") or "")]
    checks = decision.get("checks") or ()
    rows = [(check["words"], "yes" if check["passed"] else "no") for check in checks]
    lines += table(("the gate looked at", "passed"), rows)
    lines += bullets(decision.get("notes") or ())
    lines += metrics(record)
    if looks := record.get("data_checks"):
        lines += ["", "In the table, look at:", *bullets(look.get("words") for look in looks)]
    studio = link("studio", record.get("url"))
    where = f" ({studio})" if studio else ""
    return [*lines, "", f"Run {text(run_id)}{where}. The report is in the run's artifacts."]


def metrics(record: Mapping[str, Any]) -> list[str]:
    """The table of metrics; the primary one first."""
    values, intervals = part(record, "metrics"), part(record, "intervals")
    primary = part(record, "decision").get("primary_metric")
    names = sorted(values, key=lambda name: name != primary)
    rows = [(name, figure(values[name]), interval(intervals.get(name))) for name in names]
    return table(("metric", "value", "95% interval"), rows)


def deployment(record: Mapping[str, Any]) -> list[str]:
    """An endpoint: what serves, what was done, what is due and why, the end of its log."""
    endpoint, model = part(record, "endpoint"), part(record, "model")
    if not endpoint:
        return []
    name, state = text(endpoint.get("name")), text(endpoint.get("status"))
    lines = [f"# Endpoint {name}: {state}", "", served(record, model)]
    if record.get("rolled_back"):
        lines += ["", f"**Taken back**: {text(record.get('reason'))}"]
    elif record.get("reason"):
        lines += ["", text(record["reason"])]
    if endpoint.get("reason"):
        lines += ["", text(endpoint["reason"])]
    if due := part(record, "due"):
        lines += ["", due_words(due)]
    lines += bullets(endpoint.get("notes") or ())
    lines += block(log_lines(record))
    places = [link("studio", endpoint.get("url")), link("address", endpoint.get("uri"))]
    return [*lines, *(["", ", ".join(filter(None, places))] if any(places) else [])]


def served(record: Mapping[str, Any], model: Mapping[str, Any]) -> str:
    """What serves, in a line."""
    if record.get("deleted"):
        return "The endpoint is deleted."
    if not model.get("version"):
        return "Nothing serves."
    one = f"{text(model.get('name'))}:{text(model['version'])}"
    line = f"{one} serves now." if record.get("switched") else f"{one} serves."
    if before := part(record, "previous"):
        line += f" Before it: {text(before.get('name'))}:{text(before.get('version'))}."
    return line


def due_words(due: Mapping[str, Any]) -> str:
    """What is due, and why, in a line."""
    reason = text(due.get("reason") or "")
    because = f": {reason}" if reason else "."
    if due.get("is") is None:
        return f"**What is due is not known**{because}"
    if not due["is"]:
        return f"Nothing is due{because}"
    return f"Version {text(due.get('version'))} is due{because}"


def log_lines(record: Mapping[str, Any]) -> list[str]:
    """The end of a server's log, where the record holds it."""
    found = record.get("log") or ()
    lines = found.splitlines() if isinstance(found, str) else [str(line) for line in found]
    return lines[-LOG:]


def headline(record: Mapping[str, Any]) -> str:
    """The one line that says how a training ended."""
    model = part(record, "model")
    if record.get("registered"):
        state = "is registered" if record.get("created") else "was registered earlier"
        return f"{text(model.get('name'))}:{text(model.get('version'))} {state}"
    if record.get("status") == "Completed":
        return "The gate refused: nothing is registered, nothing is deployed"
    return f"The training: {text(record.get('status', 'unknown'))}"


def part(record: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """An object in a record; an empty one where there is none."""
    found = record.get(key)
    return found if isinstance(found, Mapping) else {}


def figure(value: Any) -> str:
    """A metric's value, to four digits."""
    return f"{value:.4g}" if isinstance(value, int | float) else str(value)


def interval(ends: Any) -> str:
    """`0.91 to 0.97`; empty where there are no two ends."""
    if not isinstance(ends, list | tuple) or len(ends) != 2:
        return ""
    return " to ".join(map(figure, ends))
