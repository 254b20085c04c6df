"""What the scans of a table's columns come to: statistics and the target's distribution."""

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

from amlkit.tabular.table.decide import Scan
from amlkit.tabular.table.scan import TextScan
from amlkit.tabular.table.schema import Column, shorten
from amlkit.tabular.table.tally import Sample
from amlkit.tabular.table.values import parse

TOP = 10  # most frequent values kept of a category
_LONGEST_VALUE = 80  # characters kept of a frequent value
CLASSES = 200  # classes a target may have to be listed
_BINS = 24


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


def column_profile(scan: Scan, column: Column) -> ColumnProfile:
    """Return the statistics of a column as it was decided on."""
    type_, form = column.type, column.format
    counts: Mapping[Any, int] = {}
    if not scan.counter.full:
        counts = typed_counts(scan, type_, form)
    missing = scan.missing
    if isinstance(scan, TextScan) and type_ != "category":
        missing += scan.blanks
    facts = (scan.name, type_, form, missing, None if scan.counter.full else len(counts))
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
    rows = list(counts.values())
    if isinstance(scan, TextScan) and type_ != "category":
        read = parse(pa.array(values, pa.string()), Column(scan.name, type_, form))
        if read is not None:  # a blank is null
            there = read.is_valid().to_numpy(zero_copy_only=False)
            rows = [count for count, present in zip(rows, there, strict=True) if present]
            # dates in numpy: Python's own end with the year 9999
            values = read.drop_null().to_numpy().tolist()
    if type_ == "boolean":
        values = ["true" if value else "false" for value in values]
    tally: Tally[Any] = Tally()
    for value, count in zip(values, rows, strict=True):
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
