"""A figure of the data profile: the target's distribution and what is missing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from amlkit.tabular.figures.canvas import Figure, drawing, labels
from amlkit.tabular.figures.svg import FG, SERIES
from amlkit.tabular.figures.wording import listing, number, short, tick

MOST_BARS = 12
Panel = tuple[float, str, Callable[[Any], None]]
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
    more = (
        f", the {len(shown)} most frequent of {len(counts):,}" if len(counts) > len(shown) else ""
    )

    def paint(axes: Any) -> None:
        ends = [f"{count:,} ({count / total:.0%})" for _, count in shown]
        _bars(axes, [value for value, _ in shown], [count for _, count in shown], ends)
        labels(axes, f"rows by {name}{more}", "")
        _names(axes, [value for value, _ in shown])

    return len(shown), f"Classes of {name} over {total:,} rows: {listing(words)}{more}.", paint


def _histogram(name: str, edges: np.ndarray, counts: list[int], sampled: int | None) -> Panel:
    most = int(np.argmax(counts))

    def paint(axes: Any) -> None:
        style = {"align": "edge", "color": SERIES[0], "alpha": 0.75}
        axes.bar(edges[:-1], counts, np.diff(edges) * 0.92, **style)
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

    def paint(axes: Any) -> None:
        shares = [share for _, share in shown]
        _bars(axes, [name for name, _ in shown], shares, [f"{share:.1%}" for share in shares])
        more = f", the {len(shown)} greatest" if len(missing) > len(shown) else ""
        labels(axes, f"share missing, {len(missing):,} of {len(columns):,} columns{more}", "")
        axes.xaxis.set_major_formatter(lambda value, _: f"{tick(100 * value)}%")
        _names(axes, [name for name, _ in shown])

    seen = f"Missing values in {len(missing):,} of {len(columns):,} columns: {listing(words)}."
    return len(shown), seen, paint


def _bars(axes: Any, names: list[str], values: list[Any], ends: list[str]) -> None:
    """Horizontal bars with words at their end, the first on top."""
    place = list(range(len(names)))
    axes.barh(place, values, height=0.62, color=SERIES[0], alpha=0.75)
    for y, value, text in zip(place, values, ends, strict=True):
        axes.annotate(text, (value, y), (4, 0), textcoords="offset points", va="center", fontsize=9)
    axes.set(ylim=(len(names) - 0.5, -0.5), xlim=(0, 1.32 * max(values)))
    axes.grid(False, axis="y")
    axes.locator_params(axis="x", nbins=5)


def _names(axes: Any, names: list[str]) -> None:
    """Names beside the bars; set last, as the house format of numbers would replace them."""
    axes.set_yticks(range(len(names)), [short(name, 22) for name in names], color=FG)
