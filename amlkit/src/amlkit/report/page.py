"""The report of a run: one HTML page that needs nothing but itself.

The page comes from `report.html` and `report.css` beside this file. It holds no script and asks for
nothing from outside, which its content security policy enforces.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from string import Template
from typing import Any

from amlkit.report.inputs import inputs, reproduce
from amlkit.report.parts import DASH, code, duration, embed, esc, fold, moment, part, section, whole
from amlkit.report.tables import metrics_table, profile_table

MOST_COLUMNS = 15  # of a data profile that is shown unfolded


def write_report(path: Path, facts: Mapping[str, Any]) -> None:
    """Composes the page and puts it in place in one step.

    Args:
        path: where; its folder is made.
        facts: what is known of the run. Only `metrics["metrics"]` is expected, everything else is
            shown where it is given.
    """
    folder = Path(__file__).parent
    template = Template((folder / "report.html").read_text(encoding="utf-8"))
    facts = {key: value for key, value in facts.items() if value is not None}
    sections = [
        _verdict(facts),
        metrics_table(part(facts, "metrics"), part(facts, "decision")),
        inputs(facts),
        _figures(facts),
        _profile(part(facts, "profile")),
        reproduce(facts),
        _log(facts),
    ]
    name = str(part(facts, "model").get("name") or "model")
    sub = [
        facts.get("experiment") and f"Experiment {esc(facts['experiment'])}",
        moment(facts.get("created")),
    ]
    sub += [duration(facts.get("seconds"))]
    page = template.substitute(
        title=esc(f"{_outcome(facts)[1]} · {name}"),
        css=(folder / "report.css").read_text(encoding="utf-8"),
        heading=esc(name),
        sub=" · ".join(filter(None, sub)),
        sections="\n".join(filter(None, sections)),
        foot=f"Run {code(facts['run_id'])}" if facts.get("run_id") else "",
    )
    _replace(path, page)


def _replace(path: Path, text: str) -> None:
    """."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".report-", suffix=".html")
    try:
        with open(handle, "w", encoding="utf-8", errors="replace", newline="\n") as file:
            file.write(text)
        os.chmod(name, 0o644)  # as any other file; mkstemp made it private
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


def _outcome(facts: Mapping[str, Any]) -> tuple[str, str]:
    """Kind ("good", "bad" or "") and headline."""
    model, decision = part(facts, "model"), part(facts, "decision")
    if model.get("version") is not None:
        return "good", f"Registered as {model.get('name')} version {model['version']}"
    if decision:
        return "bad", "Not registered"
    status = str(facts.get("status") or "")
    if status in ("Failed", "Canceled"):
        return "bad", f"Run {status.lower()}"
    return "", "Not judged"


def _verdict(facts: Mapping[str, Any]) -> str:
    """What became of the run, in the gate's words."""
    kind, headline = _outcome(facts)
    decision = part(facts, "decision")
    checks = [check for check in decision.get("checks") or () if isinstance(check, Mapping)]
    reason = re.sub(r"^(not )?registered: ", "", str(decision.get("reason") or ""))
    items = []
    for check in checks:
        words = str(check.get("words") or f"{check.get('metric')} {check.get('bound')}")
        reason = reason.replace(words, "")
        mark, side, said = ("✓", "yes", "Met") if check.get("passed") else ("✕", "no", "Missed")
        items.append(
            f'<li><span class="mark {side}" aria-hidden="true">{mark}</span>'
            f'<span><span class="hidden">{said}: </span>{esc(words)}</span></li>'
        )
    reason = "; ".join(filter(None, re.split(r"\s*;\s*", reason))).strip()
    icon = {"good": "✓", "bad": "✕"}.get(kind, DASH)
    return (
        f'<section class="verdict {kind}" aria-labelledby="section-verdict">'
        f'<h2 id="section-verdict"><span class="icon" aria-hidden="true">{icon}</span>'
        f"<span>{esc(headline)}</span></h2>"
        + (f'<ul class="checks">{"".join(items)}</ul>' if items else "")
        + (f"<p>{esc(reason[:1].upper() + reason[1:])}.</p>" if reason else "")
        + "</section>"
    )


def _figures(facts: Mapping[str, Any]) -> str:
    used: set[str] = {"content"}
    boxes = []
    for svg, title, alt, caption in facts.get("figures") or ():
        body = embed(str(svg), str(alt or title), used)
        words = fold("In words", f"<p>{esc(alt)}</p>") if alt else ""
        caption = f"<figcaption>{esc(caption)}{words}</figcaption>"
        boxes.append(f"<figure><h3>{esc(title)}</h3>{body}{caption}</figure>")
    if not boxes:
        return ""
    return section("figures", "Figures", f'<div class="figures">{chr(10).join(boxes)}</div>')


def _profile(profile: Mapping[str, Any]) -> str:
    body, columns = profile_table(profile)
    if not body:
        return ""
    if columns > MOST_COLUMNS:
        body = fold(f"{whole(columns)} columns", body)
    notes = [f"<li>{esc(note)}</li>" for note in profile.get("notes") or ()]
    return section(
        "profile", "The data", body + (f'<ul class="note">{"".join(notes)}</ul>' if notes else "")
    )


def _log(facts: Mapping[str, Any]) -> str:
    log = str(facts.get("log_tail") or "").rstrip()
    if not log:
        return ""
    count = len(log.splitlines())
    body = fold(
        f"The last {count} lines" if count > 1 else "The last line",
        f'<pre tabindex="0" aria-label="Log">{esc(log)}</pre>',
    )
    return section("log", "Log", body)
