"""What the scans of a table's columns come to: types, statistics, the target's distribution."""

from __future__ import annotations

import math
from collections import Counter as Tally
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from heapq import nsmallest
from typing import Any

import numpy as np
import pyarrow as pa

from amlkit.tabular.table.scan import Sample, TextScan, TypedScan
from amlkit.tabular.table.schema import shorten
from amlkit.tabular.table.values import (
    DATE_FORMATS,
    NUMBERS,
    decimal_of,
    parse_booleans,
    parse_dates,
    parse_numbers,
)

TOP = 10  # most frequent values kept of a category
_LONGEST_VALUE = 80  # characters kept of a frequent value
CLASSES = 200  # classes a target may have to be listed
_BINS = 24

Scan = TextScan | TypedScan


@dataclass(frozen=True)
class ColumnProfile:
    """One column. `distinct` is None when there are too many to count; dates are ISO 8601."""

    name: str
    type: str
    format: str | None
    missing: int
    distinct: int | None
    min: float | str | None = None
    max: float | str | None = None
    mean: float | None = None
    std: float | None = None
    top: tuple[tuple[Any, int], ...] = ()  # (value, rows), the most frequent first; () if unknown

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ColumnProfile:
        """Return what `asdict` made, also after a way through JSON."""
        return cls(**{**values, "top": pairs(values["top"])})


def pairs(values: Sequence[Sequence[Any]]) -> tuple[tuple[Any, int], ...]:
    """Return JSON's lists of (value, rows) as tuples."""
    return tuple((value, count) for value, count in values)


def column_profiles(scans: Sequence[Scan]) -> tuple[list[ColumnProfile], list[str]]:
    """Return each column's profile and what a reader should know about the types found out."""
    notes: list[str] = []
    day_first = _day_order_elsewhere(scans)
    # in a file with decimal commas, whole numbers are written by the same rule
    comma = any(isinstance(s, TextScan) and s.alive[:1] == ["number,"] for s in scans)
    profiles = []
    for scan in scans:
        if isinstance(scan, TextScan):
            type_, form = _type_of(scan, day_first, comma, notes)
        else:
            type_, form = scan.type, None
        if scan.missing == scan.rows:
            notes.append(f"{scan.name!r} is missing in every row")
        elif scan.infinite:
            words = f"{scan.name!r} holds numbers that are not finite (inf, nan): "
            if type_ == "number":
                notes.append(f"{words}they are read as missing")
            else:
                notes.append(
                    f"{words}read as a {type_}; to read the others as numbers, list those words "
                    "among the missing values"
                )
        profiles.append(_profile(scan, type_, form))
    return profiles, notes


def _day_order_elsewhere(scans: Sequence[Scan]) -> str | None:
    """Return "%d/%m" or "%m/%d" if the columns that tell agree on it."""
    told = set()
    for scan in scans:
        if isinstance(scan, TextScan) and scan.missing < scan.rows:
            slashed = {form[:5] for form in scan.alive if form[:5] in ("%d/%m", "%m/%d")}
            told |= slashed if len(slashed) == 1 else set()
    return told.pop() if len(told) == 1 else None


def _type_of(
    scan: TextScan, day_order: str | None, comma: bool, notes: list[str]
) -> tuple[str, str | None]:
    """Return the type and format of a column of text: the first of those it can still be."""
    if scan.missing == scan.rows:
        return scan.forced or ("number" if "number" in scan.alive else "category"), None
    if not scan.alive:
        return "category", None
    first = scan.alive[0]
    if first in NUMBERS:
        return "number", decimal_of("number," if comma and "number," in scan.alive else first)
    if first not in DATE_FORMATS:
        return first, None
    if len(scan.alive) > 1:
        why = "the dates are then in order of time"
        sure = scan.order.certain()
        if sure is None and day_order is not None:
            sure = next(form for form in scan.alive if form.startswith(day_order))
            why = "as in the other columns of the file"
        if sure is None:
            why = "nothing in the file tells; to change it, write the column as YYYY-MM-DD"
        first = sure or first
        order = "day/month" if first.startswith("%d") else "month/day"
        notes.append(f"{scan.name!r} could be day/month or month/day: read as {order} ({why})")
    return "date", first


def _profile(scan: Scan, type_: str, form: str | None) -> ColumnProfile:
    counts: Mapping[Any, int] = {}
    if not scan.counter.full:
        counts = typed_counts(scan, type_, form)
    facts = (scan.name, type_, form, scan.missing, None if scan.counter.full else len(counts))
    if type_ == "number" and scan.moments.n:
        m = scan.moments
        return ColumnProfile(*facts, *map(plain, (m.low, m.high, m.mean, m.std)))
    if type_ == "date":
        bounds = scan.dates.get(form or "") if isinstance(scan, TextScan) else scan.dates
        low, high = bounds or (None, None)
        return ColumnProfile(*facts, plain(low), plain(high))
    top = nsmallest(TOP, counts.items(), key=by_count)
    return ColumnProfile(*facts, top=tuple((shorten(v, _LONGEST_VALUE), n) for v, n in top))


def by_count(item: tuple[Any, int]) -> tuple[int, str]:
    """Sort values by their rows, the most frequent first, equal ones by name."""
    return -item[1], str(item[0])


def typed_counts(scan: Scan, type_: str, form: str | None) -> Mapping[Any, int]:
    """Return the counted values as the type has them: "1.0" and "1" are one number."""
    counts = scan.counter.counts
    values: Sequence[Any] = list(counts)
    if isinstance(scan, TextScan):
        texts = pa.array(values, pa.string())
        if type_ == "number":
            values = (parse_numbers(texts, form) or pa.array([])).to_pylist()
        elif type_ == "boolean":
            values = (parse_booleans(texts) or pa.array([])).to_pylist()
        elif type_ == "date":
            values = (parse_dates(texts, form) or pa.array([])).to_numpy().tolist()
    if type_ == "boolean":
        values = ["true" if value else "false" for value in values]
    tally: Tally[Any] = Tally()
    for value, count in zip(values, counts.values(), strict=True):
        tally[value] += count
    return tally


def plain(value: Any) -> Any:
    """Return a number or a date as JSON has it: whole numbers as int, no NaN, ISO dates."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, np.datetime64):
        return str(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            return None
        return int(value) if value.is_integer() and abs(value) < 2**53 else value
    return value


@dataclass(frozen=True)
class Target:
    """The target's distribution.

    `classes` are all values with their rows, the most frequent first; None if more than CLASSES.
    `rarest` is the value with the fewest rows. `quantiles` and `histogram` are of numbers only:
    5 %, 25 %, 50 %, 75 %, 95 %, and {"edges", "counts"}; `sampled` says from how many values they
    were estimated, None if from all.
    """

    name: str
    type: str
    missing: int
    distinct: int | None
    whole: bool = False  # whether it is counted and all its values are whole numbers
    classes: tuple[tuple[Any, int], ...] | None = None
    rarest: tuple[Any, int] | None = None
    quantiles: dict[str, float] | None = None
    histogram: dict[str, list[float]] | None = None
    sampled: int | None = None

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Target:
        """Return what `asdict` made, also after a way through JSON."""
        classes, rarest = values["classes"], values["rarest"]
        return cls(
            **{
                **values,
                "classes": None if classes is None else pairs(classes),
                "rarest": None if rarest is None else (rarest[0], rarest[1]),
            }
        )


def target_profile(scan: Scan, profile: ColumnProfile) -> Target:
    """Return the distribution of the target."""
    facts: dict[str, Any] = {"name": profile.name, "type": profile.type, "missing": profile.missing}
    counts: Mapping[Any, int] = {}
    if not scan.counter.full:
        counts = typed_counts(scan, profile.type, profile.format)
    ranked = [(plain(value), n) for value, n in sorted(counts.items(), key=by_count)]
    whole = bool(counts) and all(isinstance(value, int) for value, _ in ranked)
    return Target(
        **facts,
        distinct=profile.distinct,
        whole=whole and profile.type == "number",
        classes=tuple(ranked) if counts and len(ranked) <= CLASSES else None,
        rarest=ranked[-1] if ranked else None,
        **(_spread(scan.sample, profile.min, profile.max) if profile.type == "number" else {}),
    )


def _spread(sample: Sample | None, low: Any, high: Any) -> dict[str, Any]:
    """Return the quantiles and the histogram of a numeric target, none if there is no width."""
    if sample is None or not sample.seen:
        return {}
    values, bin_width = sample.values, high / _BINS - low / _BINS
    if not math.isfinite(high - low) or low + bin_width == low or high - bin_width == high:
        return {}
    amounts, edges = np.histogram(values, bins=_BINS, range=(low, high))
    shares = (5, 25, 50, 75, 95)
    return {
        "quantiles": {
            str(share): float(value)
            for share, value in zip(shares, np.percentile(values, shares), strict=True)
        },
        "histogram": {"edges": edges.tolist(), "counts": amounts.tolist()},
        "sampled": len(values) if sample.seen > len(values) else None,
    }
