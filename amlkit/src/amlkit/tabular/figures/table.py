"""A figure of the data profile: the target's distribution and what is missing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from amlkit.tabular.figures.svg import (
    SERIES,
    Figure,
    bars,
    drawing,
    labels,
    listing,
    number,
    short,
    tick,
)

MOST_BARS = 12
Panel = tuple[int, str, Callable[[Any], None]]
"""Height in bars, what is seen in words, and what draws it on axes."""


def profile_figure(profile: Mapping[str, Any], task: str) -> Figure | None:
    """The target above, missing values below; None where the profile tells of neither.

    Args:
        profile: as `profile.json` holds it; every key may be absent.
        task: "classification" or "regression".
    """
    panels = [panel for panel in (_target(profile, task), _missing(profile)) if panel]
    if not panels:
        return None
    heights = [height + 2.2 for height, _, _ in panels]
    with drawing("profile", height=0.24 * sum(heights)) as draw:
        grid = draw.canvas.subplots(len(panels), 1, height_ratios=heights, squeeze=False)[:, 0]
        for axes, (_, _, paint) in zip(grid, panels, strict=True):
            paint(axes)
        rows = f"{int(profile['rows']):,} rows" if profile.get("rows") else "rows"
        return draw.finish(
            "Target and missing values",
            " ".join(words for _, words, _ in panels),
            f"Of all {rows} of the data asset.",
        )


def _target(profile: Mapping[str, Any], task: str) -> Panel | None:
    """Bars of the classes, or a regression's histogram."""
    target = profile.get("target") or {}
    name, histogram = short(target.get("name") or "target"), target.get("histogram")
    if task == "classification" and target.get("classes"):
        return _classes(name, [(str(value), int(count)) for value, count in target["classes"]])
    if task == "regression" and histogram and sum(histogram["counts"]):
        edges = np.asarray(histogram["edges"], dtype=float)
        return _histogram(name, edges, list(histogram["counts"]), target.get("sampled"))
    return None


def _classes(name: str, counts: list[tuple[str, int]]) -> Panel:
    counts = sorted(counts, key=lambda pair: -pair[1])
    total = sum(count for _, count in counts)
    shown = counts[:MOST_BARS]
    words = [f"{short(value)} {count:,} ({count / total:.0%})" for value, count in shown[:8]]
    few = f", the {len(shown)} most frequent of {len(counts):,}" if len(counts) > len(shown) else ""

    def paint(axes: Any) -> None:
        labels(axes, f"rows by {name}{few}", "")
        ends = [f"{count:,} ({count / total:.0%})" for _, count in shown]
        bars(axes, [value for value, _ in shown], [count for _, count in shown], ends)
        axes.set_xlim(0, 1.32 * shown[0][1])

    return len(shown), f"Classes of {name} over {total:,} rows: {listing(words)}{few}.", paint


def _histogram(name: str, edges: np.ndarray, counts: list[int], sampled: int | None) -> Panel:
    most = int(np.argmax(counts))

    def paint(axes: Any) -> None:
        axes.stairs(counts, edges, fill=True, color=SERIES[0], alpha=0.75)
        labels(axes, name, "rows")
        axes.grid(False, axis="x")

    words = (
        f"Histogram of {name} over {sum(counts):,} {'sampled ' if sampled else ''}rows, from "
        f"{number(edges[0])} to {number(edges[-1])}; the fullest of {len(counts)} bins lies from "
        f"{number(edges[most])} to {number(edges[most + 1])} and holds {counts[most]:,}."
    )
    return 6, words, paint


def _missing(profile: Mapping[str, Any]) -> Panel | None:
    """The share of missing values of each column that misses any."""
    rows, columns = profile.get("rows"), profile.get("columns") or ()
    if not rows or not columns:
        return None
    missing = [(str(column.get("name")), (column.get("missing") or 0) / rows) for column in columns]
    missing = sorted([pair for pair in missing if pair[1]], key=lambda pair: -pair[1])
    if not missing:
        return None
    shown = missing[:MOST_BARS]
    words = [f"{short(name)} {share:.1%}" for name, share in shown[:8]]
    few = f", the {len(shown)} greatest" if len(missing) > len(shown) else ""

    def paint(axes: Any) -> None:
        labels(axes, f"share missing, {len(missing):,} of {len(columns):,} columns{few}", "")
        shares = [share for _, share in shown]
        bars(axes, [name for name, _ in shown], shares, [f"{share:.1%}" for share in shares])
        axes.xaxis.set_major_formatter(lambda value, _: f"{tick(100 * value)}%")
        axes.set_xlim(0, 1.32 * shares[0])

    seen = f"Missing values in {len(missing):,} of {len(columns):,} columns: {listing(words)}."
    return len(shown), seen, paint
