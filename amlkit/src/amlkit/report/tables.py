"""The tables of the report, of what a run measured and of where its model errs."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from amlkit.gate import less_is_better
from amlkit.report import words
from amlkit.tabular.numbers import are_years

_MORE_IS_BETTER = re.compile(
    r"(auc|accuracy|precision|recall|f1|r2|score|kappa|mcc|jaccard|explained)"
)
_SHARE = re.compile(r"(auc|accuracy|precision|recall|f1|r2|brier|jaccard|hamming|zero_one)")
SHOWN = 8  # segments, or things to look at, at once; the others unfold
NAMED = 3  # warnings in the verdict
MOST = 100  # things to look at: those of a wide table are in analysis.json


def part(facts: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """A part of the facts; empty where it is missing or of another form."""
    value = facts.get(key)
    return value if isinstance(value, Mapping) else {}


def metrics_table(metrics: Mapping[str, Any], decision: Mapping[str, Any]) -> dict[str, Any]:
    """The table of metrics: this model, the champion, the difference, the threshold."""
    values, intervals = part(metrics, "metrics"), part(metrics, "intervals")
    champion = part(decision, "champion") or part(metrics, "champion")
    others, differences = part(champion, "metrics"), part(part(metrics, "champion"), "difference")
    if part(metrics, "champion").get("version") != champion.get("version"):
        differences = {}  # another model became champion since
    checks = {
        str(check["metric"]): check
        for check in decision.get("checks") or ()
        if check.get("kind") == "threshold"
    }
    primary = str(decision.get("primary_metric") or "")
    rows = []
    for name in sorted({**values, **checks}, key=lambda name: name != primary):  # else as measured
        value, other, check = values.get(name), others.get(name), checks.get(name, {})
        least, most = check.get("least"), check.get("most")
        way = _way(name, least, most)
        meter = _meter(name, value, other, most if least is None else least)
        rows.append(
            {
                "name": name,
                "primary": name == primary,
                "way": way,
                "value": value,
                "interval": words.interval(intervals.get(name)),
                "meter": meter,
                "no_bar": not meter and bool(_SHARE.search(name)),
                "other": other,
                "change": _change(value, other, differences.get(name), way),
                "bound": words.signs(check.get("bound", "")).replace("-", words.MINUS),
                "passed": bool(check.get("passed")),
            }
        )
    return {
        "rows": rows,
        "bars": any(row["meter"] for row in rows),
        "thresholds": bool(checks),
        "champion": champion,
        "compared": bool(others),
        "intervals": any(row["interval"] for row in rows),
    }


def sides_table(metrics: Mapping[str, Any], decision: Mapping[str, Any]) -> dict[str, Any]:
    """The table of the other measures: on the training rows, and of the baseline."""
    primary = str(decision.get("primary_metric") or "")
    values, train = part(metrics, "metrics"), part(metrics, "train_metrics")
    baseline = part(metrics, "baseline")
    trivial, gained = part(baseline, "metrics"), part(baseline, "difference")
    rows = [
        {
            "name": name,
            "value": value,
            "train": train.get(name),
            "baseline": trivial.get(name),
            "change": _change(value, trivial.get(name), gained.get(name), _way(name, None, None)),
        }
        for name, value in sorted(values.items(), key=lambda pair: pair[0] != primary)
        if name in train or name in trivial
    ]
    return {"rows": rows, "train": bool(train), "baseline": baseline.get("name") if rows else None}


def looks(analysis: Mapping[str, Any], changes: Sequence[str]) -> dict[str, Any]:
    """What to look at, warnings first: what the job found in the data, and how the data changed.

    "warned" counts and names the warnings, for the verdict.
    """
    found = [dict(check) for check in analysis.get("data_checks") or ()]
    found.sort(key=lambda check: check.get("severity") != "warning")
    warned = [check for check in found if check.get("severity") == "warning"]
    found += [{"kind": "data", "words": change} for change in changes]
    shown = {"first": found[:SHOWN], "more": found[SHOWN:MOST], "left": len(found[MOST:])}
    return shown | {"warned": _warned(warned)}


def _warned(checks: Sequence[Mapping[str, Any]]) -> str:
    """`2 things to look at first: leak, logwage; overfitting`; empty without a warning."""
    if not checks:
        return ""
    named = [
        ", ".join(str(check[key]) for key in ("kind", "column") if check.get(key))
        for check in checks[:NAMED]
    ]
    more = [f"{len(checks) - NAMED} more"] if len(checks) > NAMED else []
    things = "1 thing" if len(checks) == 1 else f"{len(checks)} things"
    return f"{things} to look at first: {'; '.join([*named, *more])}"


def segments_table(analysis: Mapping[str, Any]) -> dict[str, Any]:
    """The table of the segments, the worst first; whether each is worse than all rows are."""
    loss = part(analysis, "loss")
    of_all = loss.get("value")
    whole = of_all if isinstance(of_all, int | float) else float("inf")
    rows = [
        {
            **segment,
            "interval": re.sub("^0 to", "up to", words.interval(segment.get("interval"))),
            "worse": _ends(segment.get("interval"))[0] > whole,
        }
        for segment in analysis.get("segments") or ()
        if isinstance(segment, Mapping)
    ]
    return {"first": rows[:SHOWN], "more": rows[SHOWN:], "loss": loss}


def rows_table(analysis: Mapping[str, Any]) -> dict[str, Any]:
    """The table of the worst rows: its columns, those of years, and the cells of each."""
    rows = [row for row in analysis.get("worst_rows") or () if isinstance(row, Mapping)]
    names = list(part(rows[0], "row")) if rows else []
    years = [name for name in names if are_years(part(row, "row").get(name) for row in rows)]
    last = [word for word in ("error", "probability") if rows and word in rows[0]]
    found = {"rows": rows, "names": names, "years": years, "last": "".join(last[:1])}
    return found | {"truth_years": are_years(row.get("truth") for row in rows)}


def search_table(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """The table of the trials of a search, the best first; without a score the last."""
    search = part(metrics, "search")
    found = search.get("trials")
    listed = found if isinstance(found, list | tuple) else ()
    trials = [trial for trial in listed if isinstance(trial, Mapping)]
    sign = 1 if search.get("goal") == "minimize" else -1

    def place(trial: Mapping[str, Any]) -> float:
        score = trial.get("score")
        return sign * score if isinstance(score, int | float) else float("inf")

    rows = [
        {
            "words": ", ".join(f"{name} {value}" for name, value in part(t, "parameters").items()),
            "score": t.get("score"),
            "error": t.get("error"),
        }
        for t in sorted(trials, key=place)
    ]
    return {"first": rows[:SHOWN], "more": rows[SHOWN:MOST], "metric": search.get("metric")}


def _way(name: str, least: float | None, most: float | None) -> str:
    """Which way is better; nothing where neither the bound nor the name tells."""
    if (least is None) != (most is None):
        return "higher is better" if most is None else "lower is better"
    if less_is_better(name):
        return "lower is better"
    return "higher is better" if _MORE_IS_BETTER.search(name) else ""


def _change(value: Any, other: Any, interval: Any, way: str) -> dict[str, Any]:
    """The signed difference to another's value, and in words which is better, if that is sure."""
    if not _is_number(value) or not _is_number(other):
        return {"text": words.DASH}
    change = float(value) - float(other)
    found = {"text": words.difference(change), "interval": words.interval(interval, signed=True)}
    low, high = _ends(interval)
    if change == 0:
        found["text"] = "0"
        if not found["interval"] or low == high == 0:  # as the decision says it
            return {"text": "0", "word": "equal"}
    if not way or not found["interval"]:
        return found
    if low <= 0 <= high:
        return found | {"word": "no clear difference"}
    better = (low > 0) == (way == "higher is better")
    return found | {"word": "better" if better else "worse", "side": "yes" if better else "no"}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _ends(interval: Any) -> tuple[float, float]:
    """The ends of an interval; those of everything where there is none."""
    if isinstance(interval, list | tuple) and len(interval) == 2:
        low, high = interval
        if _is_number(low) and _is_number(high):
            return low, high
    return float("-inf"), float("inf")


def _meter(name: str, value: Any, other: Any, bound: Any) -> dict[str, float]:
    """A bar for metrics from 0 to 1, in per cent; empty for any other."""
    marks = {"value": value, "other": other, "bound": bound}
    shares = {
        mark: round(100 * share, 1)
        for mark, share in marks.items()
        if isinstance(share, int | float) and 0 <= share <= 1
    }
    return shares if _SHARE.search(name) and "value" in shares else {}
