"""The two tables of the report: metrics against their bounds, and the data profile."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from amlkit.gate import less_is_better
from amlkit.report.parts import DASH, esc, number, section, table, whole

_MORE_IS_BETTER = re.compile(
    r"(auc|accuracy|precision|recall|f1|r2|score|kappa|mcc|jaccard|explained)"
)
_THRESHOLD = re.compile(r"^([<>]=) (\S+)(?: and ([<>]=) (\S+))?$")
_SHARE = re.compile(r"(auc|accuracy|precision|recall|f1|r2|brier|jaccard)")


def metrics_table(metrics: Mapping[str, Any], decision: Mapping[str, Any]) -> str:
    """The section of the metrics: this model, the champion, one, the difference, the threshold."""
    values: Mapping[str, Any] = metrics.get("metrics") or {}
    rival: Mapping[str, Any] = decision.get("champion") or metrics.get("champion") or {}
    others: Mapping[str, Any] = rival.get("metrics") or {}
    version = esc(rival.get("version") or "")
    checks = {
        str(check["metric"]): check
        for check in decision.get("checks") or ()
        if isinstance(check, Mapping) and _THRESHOLD.match(str(check.get("bound")))
    }
    primary = str(decision.get("primary_metric") or "")
    names = sorted({**values, **checks}, key=lambda name: name != primary)  # else as measured
    head = ["Metric", "This model", '<span class="hidden">Bar from 0 to 1</span>']
    head += [f"Champion, version {version}", "Difference"] if others else []
    head += ["Threshold"] if checks else []
    rows = []
    for name in names:
        value, check, other = values.get(name), checks.get(name), others.get(name)
        bound = _THRESHOLD.match(str(check["bound"])) if check else None
        way = _direction(name, bound)
        tag = '<span class="tag">primary</span>' if name == primary else ""
        row = [
            f'<span class="name">{esc(name)}</span>{tag}<small>{way}</small>',
            f"<strong>{number(value)}</strong>",
        ]
        row.append(_meter(name, value, bound, other))
        if others:
            row += [number(other), _difference(value, other, way)]
        if checks:
            row.append(_bound(bound, bool(check and check.get("passed"))))
        rows.append(row)
    if not rows:
        return ""
    bars = any(row[2] for row in rows)
    if not bars:
        head, rows = [head[0], head[1], *head[3:]], [[*row[:2], *row[3:]] for row in rows]
    flush = ((1, 3, 4) if bars else (1, 2, 3)) if others else (1,)
    body = table("Measured on held-out rows", head, rows, numeric=flush)
    notes = []
    if bars:
        marks = (", the line the threshold" if checks else "") + (
            ", the ring the champion" if others else ""
        )
        notes.append(f'<span class="key">The bar is this model from 0 to 1{marks}.</span>')
    if rival.get("error"):
        notes.append(
            f"The champion version {version} could not be compared: {esc(rival['error'])}."
        )
    chance = [
        f"{esc(name)} {number(value)}" for name, value in (metrics.get("chance") or {}).items()
    ]
    if chance:
        notes.append(f"By chance (shuffled labels, 99th percentile): {', '.join(chance)}.")
    note = f'<p class="note">{" ".join(notes)}</p>' if notes else ""
    return section("metrics", "Metrics", body + note)


def _direction(name: str, bound: re.Match[str] | None) -> str:
    """Which way is better; nothing where neither the bound nor the name tells."""
    if bound and not bound[3]:
        return "higher is better" if bound[1] == ">=" else "lower is better"
    if less_is_better(name):
        return "lower is better"
    return "higher is better" if _MORE_IS_BETTER.search(name) else ""


def _difference(value: Any, other: Any, way: str) -> str:
    """Signed, and in words whether it is for the better."""
    if not isinstance(value, int | float) or not isinstance(other, int | float):
        return DASH
    change = float(value) - float(other)
    if change == 0:
        return "0<small>equal</small>"
    if not way:
        return number(change, signed=True)
    better = (change > 0) == (way == "higher is better")
    side = '<small class="yes">better</small>' if better else '<small class="no">worse</small>'
    return number(change, signed=True) + side


def _bound(bound: re.Match[str] | None, passed: bool) -> str:
    if bound is None:
        return DASH
    parts = [(bound[1], bound[2]), (bound[3], bound[4])]
    words = " and ".join(
        f"{'≥' if sign == '>=' else '≤'} {esc(value)}" for sign, value in parts if sign
    )
    return words + (
        '<small class="yes">✓ met</small>' if passed else '<small class="no">✕ missed</small>'
    )


def _meter(name: str, value: Any, bound: re.Match[str] | None, other: Any) -> str:
    """A bar for metrics from 0 to 1; hidden from screen readers, as the cells say it all."""
    if not _SHARE.search(name) or not isinstance(value, int | float) or not 0 <= value <= 1:
        return ""
    marks = f'<i style="width:{100 * value:.1f}%"></i>'
    for mark, place in (("u", other), ("b", bound and bound[2])):
        try:
            share = float(place)  # type: ignore[arg-type]
        except (TypeError, ValueError):
            continue
        if 0 <= share <= 1:
            marks += f'<{mark} style="left:{100 * share:.1f}%"></{mark}>'
    return f'<span class="meter" aria-hidden="true">{marks}</span>'


def profile_table(profile: Mapping[str, Any]) -> tuple[str, int]:
    """The data profile as a table, and of how many columns; empty where there is none."""
    columns = [column for column in profile.get("columns") or () if isinstance(column, Mapping)]
    if not columns:
        return "", 0
    rows = profile.get("rows")
    target = (profile.get("target") or {}).get("name")
    cells = []
    for column in columns:
        name, missing = column.get("name"), column.get("missing")
        tag = '<span class="tag">target</span>' if name == target else ""
        share = f"<small>{100 * missing / rows:.1f}%</small>" if missing and rows else ""
        cells.append(
            [
                f'<span class="name">{esc(name)}</span>{tag}',
                esc(column.get("type") or ""),
                whole(missing) + share,
                "many" if column.get("distinct") is None else whole(column["distinct"]),
                _end(column.get("min")),
                number(column.get("mean")),
                _end(column.get("max")),
                number(column.get("std")),
                _frequent(column.get("top")),
            ]
        )
    head = [
        "Column",
        "Type",
        "Missing",
        "Distinct",
        "Least",
        "Mean",
        "Greatest",
        "Std. dev.",
        "Most frequent",
    ]
    caption = f"{whole(len(columns))} columns" + (
        f", {whole(rows)} rows" if rows is not None else ""
    )
    return table(caption, head, cells, numeric=(2, 3, 4, 5, 6, 7)), len(columns)


def _end(value: Any) -> str:
    """The least or greatest value; of a date at midnight the day."""
    return whole(value.removesuffix("T00:00:00") if isinstance(value, str) else value)


def _frequent(top: Any) -> str:
    """The most frequent values with their counts."""
    words = []
    for value, count in list(top or ())[:3]:
        text = str(value)
        words.append(f"{esc(text if len(text) <= 30 else text[:29] + '…')} ({whole(count)})")
    return f'<span class="wrap">{", ".join(words)}</span>' if words else ""
