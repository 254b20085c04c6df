"""Figures of the data profile: the target's distribution, what is missing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .canvas import FG, SERIES, Figure, drawing, labels
from .wording import listing, number, short, tick

MOST_BARS = 15


def target_distribution(profile: Mapping[str, Any], task: str) -> Figure | None:
    """Bars of the classes, or a regression's histogram; None where it is not known."""
    target = profile.get("target")
    if not isinstance(target, Mapping):
        return None
    name = str(target.get("name") or "target")
    classes, histogram = target.get("classes"), target.get("histogram")
    if task == "classification" and classes:
        return _classes(name, [(str(value), int(count)) for value, count in classes])
    if task == "regression" and histogram and sum(histogram["counts"]):
        edges = np.asarray(histogram["edges"], dtype=float)
        return _histogram(name, edges, list(histogram["counts"]), target.get("sampled"))
    return None


def _classes(name: str, counts: list[tuple[str, int]]) -> Figure:
    counts = sorted(counts, key=lambda pair: -pair[1])
    total = sum(count for _, count in counts)
    shown = counts[:MOST_BARS]
    words = [f"{short(value)} {count:,} ({count / total:.0%})" for value, count in shown[:8]]
    more = (
        f" The {len(shown)} most frequent of {len(counts):,}." if len(counts) > len(shown) else ""
    )
    with drawing("target", height=1.1 + 0.26 * len(shown)) as draw:
        _bars(
            draw.canvas.subplots(),
            [short(value, 20) for value, _ in shown],
            [count for _, count in shown],
            [f"{count:,} ({count / total:.0%})" for _, count in shown],
            "rows",
        )
        return draw.finish(
            "The target",
            f"Classes of {short(name)} over {total:,} rows: {listing(words)}.{more}",
            f"How many rows of each class of {short(name)} the data asset holds.{more}",
        )


def _histogram(name: str, edges: np.ndarray, counts: list[int], sampled: int | None) -> Figure:
    most = int(np.argmax(counts))
    note = f" Estimated from {sampled:,} rows." if sampled else ""
    with drawing("target", height=2.6) as draw:
        axes = draw.canvas.subplots()
        axes.bar(
            edges[:-1], counts, np.diff(edges) * 0.92, align="edge", color=SERIES[0], alpha=0.75
        )
        labels(axes, short(name, 40), "rows")
        axes.grid(False, axis="x")
        return draw.finish(
            "The target",
            f"Histogram of {short(name)} over {sum(counts):,} rows, from {number(edges[0])} to "
            f"{number(edges[-1])}; the fullest of {len(counts)} bins lies from "
            f"{number(edges[most])} to {number(edges[most + 1])} and holds {counts[most]:,}.{note}",
            f"How {short(name)} spreads over the data asset.{note}",
        )


def missing_values(profile: Mapping[str, Any]) -> Figure | None:
    """The share of missing values of each column that misses any; None where none does."""
    rows = int(profile.get("rows") or 0)
    columns = [c for c in profile.get("columns") or [] if isinstance(c, Mapping)]
    missing = [(str(c.get("name")), int(c.get("missing") or 0)) for c in columns]
    missing = sorted([pair for pair in missing if pair[1]], key=lambda pair: -pair[1])
    if not rows or not missing:
        return None
    shown = missing[:MOST_BARS]
    words = [f"{short(name)} {count / rows:.1%}" for name, count in shown[:8]]
    more = f" The {len(shown)} with most are shown." if len(missing) > len(shown) else ""
    with drawing("missing", height=1.1 + 0.24 * len(shown)) as draw:
        axes = draw.canvas.subplots()
        shares = [count / rows for _, count in shown]
        _bars(
            axes, [short(name, 22) for name, _ in shown], shares, [f"{s:.1%}" for s in shares], ""
        )
        labels(axes, "share of rows", "")
        axes.xaxis.set_major_formatter(lambda value, _: f"{tick(100 * value)}%")
        axes.set_yticks(range(len(shown)), [short(name, 22) for name, _ in shown], color=FG)
        return draw.finish(
            "Missing values",
            f"Missing values in {len(missing):,} of {len(columns):,} columns over {rows:,} rows: "
            f"{listing(words)}.",
            f"{len(missing):,} of {len(columns):,} columns miss values.{more}",
        )


def _bars(axes: Any, names: list[str], values: list[float], words: list[str], label: str) -> None:
    """Horizontal bars with their value at the end, the first on top."""
    place = list(range(len(names)))
    axes.barh(place, values, height=0.62, color=SERIES[0], alpha=0.75)
    for y, value, text in zip(place, values, words, strict=True):
        axes.annotate(text, (value, y), (4, 0), textcoords="offset points", va="center", fontsize=9)
    labels(axes, label, "")
    axes.set_yticks(place, names, color=FG)
    axes.invert_yaxis()
    axes.margins(x=0.22)
    axes.grid(False, axis="y")
