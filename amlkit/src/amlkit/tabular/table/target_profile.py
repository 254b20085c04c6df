"""The distribution of the target: its classes with their rows, or the spread of its numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from amlkit.tabular.table.column_result import (
    ColumnProfile,
    Scan,
    by_count,
    pairs,
    plain,
    typed_counts,
)
from amlkit.tabular.table.column_stats import Sample

CLASSES = 200  # classes a target may have to be listed
_BINS = 24


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
