"""Prepares what `report.html` shows of a run, and writes the page.

The page holds no script and asks for nothing from outside, which its content security policy
enforces. Every value is escaped by the template; what is `Markup` was made by us.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import ChainableUndefined, Environment
from markupsafe import Markup

from amlkit.content import write_text
from amlkit.report import words
from amlkit.report.embed import embed
from amlkit.report.tables import (
    looks,
    metrics_table,
    part,
    rows_table,
    search_table,
    segments_table,
    sides_table,
)
from amlkit.tabular.numbers import agreement, are_years

THRESHOLD = "Threshold"  # the title of the figure that stands beside the table of thresholds


def write_report(path: Path, facts: Mapping[str, Any]) -> None:
    """Composes the page and puts it in place in one step.

    Args:
        path: where; its folder is made.
        facts: what is known of the run. Only `metrics["metrics"]` is expected, everything else is
            shown where it is given.
    """
    facts = {key: value for key, value in facts.items() if value is not None}
    used = {"content"}
    kind, headline = _outcome(facts)
    drawn = [
        {"title": title, "alt": alt, "caption": caption}
        | {"body": embed(str(svg), str(alt or title), used)}
        for svg, title, alt, caption in facts.get("figures") or ()
    ]
    metrics, decision, analysis = (part(facts, key) for key in ("metrics", "decision", "analysis"))
    chooses = bool(analysis.get("thresholds"))
    page = _template("report.html").render(
        **facts,
        css=Markup(_source("report.css")),  # noqa: S704 - our own
        kind=kind,
        headline=headline,
        table=metrics_table(metrics, decision),
        sides=sides_table(metrics, decision),
        looks=looks(analysis, facts.get("data_changes") or ()),
        segments=segments_table(analysis),
        worst=rows_table(analysis),
        search=search_table(metrics),
        serving=_serving(part(metrics, "serving")),
        split=_split(facts),
        commands=_commands(facts),
        drawn=[each for each in drawn if not chooses or each["title"] != THRESHOLD],
        chooser=[each for each in drawn if chooses and each["title"] == THRESHOLD],
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, page.strip().encode("utf-8", "replace").decode() + "\n")


def _source(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def _template(name: str) -> Any:
    """The template; what is not known of a run is empty in it."""
    environment = Environment(
        autoescape=True,
        undefined=ChainableUndefined,
        finalize=words.clean,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for each in (
        are_years,
        words.code,
        words.name,
        words.number,
        words.whole,
        words.end,
        words.duration,
        words.moment,
        words.sentence,
        words.plain,
        words.signs,
        words.typed,
    ):
        environment.filters[each.__name__] = each
    return environment.from_string(_source(name))


def _outcome(facts: Mapping[str, Any]) -> tuple[str, str]:
    """Kind ("good", "bad" or "") and headline."""
    model, status = part(facts, "model"), str(facts.get("status") or "")
    if model.get("version") is not None:
        return "good", f"Registered as {model.get('name')} version {model['version']}"
    if part(facts, "decision"):
        return "bad", "Not registered"
    if status in ("Failed", "Canceled"):
        return "bad", f"Run {status.lower()}"
    return "", "Not judged"


def _split(facts: Mapping[str, Any]) -> str:
    """The rows of both sides, and those that neither got; empty where they are not known."""
    metrics, data = part(facts, "metrics"), part(facts, "data")
    rows, how = part(metrics, "rows"), part(metrics, "split")
    train, test = rows.get("train"), rows.get("test")
    if not isinstance(train, int) or not isinstance(test, int):
        return ""
    by = f", by {how['by']} {how['column']}" if how.get("column") else ""
    if how.get("folds"):
        return f"{words.whole(test)} in {how['folds']} folds{by}"
    text = f"{words.whole(train)} train / {words.whole(test)} test{by}"
    left = data["rows"] - train - test if isinstance(data.get("rows"), int) else 0
    if left <= 0:
        return text
    target, profile = data.get("target"), part(facts, "profile")
    missing = [c.get("missing") for c in profile.get("columns") or () if c.get("name") == target]
    why = f": no {target}" if missing == [left] else ""
    return f"{text}; {words.whole(left)} left out{why}"


def _serving(serving: Mapping[str, Any]) -> str:
    """Whether an ONNX copy answers requests, and how near it comes; or why none does."""
    if not serving:
        return ""
    if not serving.get("onnx_copy"):
        reason = serving.get("reason")
        return "the scikit-learn model" + (f"; no ONNX copy because {reason}" if reason else "")
    text, difference = "ONNX copy", serving.get("largest_difference")
    if isinstance(difference, int | float):
        text += f", {agreement(difference)}"
    return text + (f" on {words.whole(serving['rows'])} rows" if serving.get("rows") else "")


def _commands(facts: Mapping[str, Any]) -> str:
    """The command lines that lead here again; `flags` of the facts say where.

    Where no copy of the table is at hand, its file's name is known alone: a comment says which one
    is meant.
    """
    data, git = part(facts, "data"), part(facts, "git")
    where = [str(flag) for flag in facts.get("flags") or ()]
    lines = []
    if git.get("commit"):
        lines.append(_typed(["git", "checkout", str(git["commit"])]))
    if data.get("name"):
        file = str(part(facts, "profile").get("file") or "")
        asset = f"data asset {data['name']}, version {data.get('version')}"
        path = str(data.get("path") or file)
        told = f"{file}: the table of {asset}; give its path" if file else f"{asset}, is the table"
        lines += [] if data.get("path") else [_one_line(f"# {told}")]
        call = ["python", "src/data.py", *where, "--path", path, "--name", str(data["name"])]
        call += ["--target", str(data["target"])] if data.get("target") else []
        lines += [_typed(call)] if path else []
    last = ["python", "src/model.py", *where]
    last += ["--experiment", str(facts["experiment"])] if facts.get("experiment") else []
    last += ["--set", f"data.name={json.dumps(data['name'])}"] if data.get("name") else []
    for key, value in part(facts, "settings").items():
        last += ["--set", f"{key}={json.dumps(value, ensure_ascii=False)}"]
    return "\n".join([*lines, _typed([*last, "--force"])])


def _typed(words: list[str]) -> str:
    """A command line as the shell takes it."""
    return shlex.join(_one_line(word) for word in words)


def _one_line(text: str) -> str:
    return re.sub(r"\s+", " ", text)
