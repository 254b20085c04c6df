"""Figures of a regression: predicted against actual, residuals."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.ticker import MaxNLocator
from sklearn.metrics import mean_absolute_error, r2_score

from amlkit.tabular.figures.canvas import Figure, drawing, labels, name_below
from amlkit.tabular.figures.svg import FG, SERIES
from amlkit.tabular.figures.wording import MINUS, number, short

MOST_POINTS = 800  # more rows than this are counted in hexagons: a figure stays under 150 KB
LINE: dict[str, Any] = {"color": FG, "linewidth": 0.9, "linestyle": (0, (4, 2))}


def predicted_actual(
    truth: np.ndarray, prediction: np.ndarray, champion: np.ndarray | None, target: str
) -> Figure:
    """Predictions over true values, each of shape (rows,); the champion's beside."""
    panels = [("this model", prediction)]
    if champion is not None:
        panels.append(("champion", champion))
    both = np.concatenate([truth, *[values for _, values in panels]])
    low, high = _limits(both)
    with drawing("predicted_actual", height=3.6 if len(panels) == 1 else 2.5) as draw:
        grid = draw.canvas.subplots(1, len(panels), sharey=True, squeeze=False)[0]
        for axes, (name, values) in zip(grid, panels, strict=True):
            _cloud(axes, truth, values, SERIES[0 if name == "this model" else 1], (low, high) * 2)
            axes.plot([low, high], [low, high], **LINE)
            axes.set(xlim=(low, high), ylim=(low, high), aspect="equal")
            labels(axes, "", "predicted" if axes is grid[0] else "")
            axes.locator_params(nbins=5)
            if len(panels) > 1:
                axes.set_title(f"{name}, R² {_r2(truth, values):.3f}", fontsize=9.5, loc="left")
        name_below(draw, f"actual {short(target)}")
        words = [
            f"{name}: R² {_r2(truth, values):.3f}, mean absolute error "
            f"{number(mean_absolute_error(truth, values))}, half of the rows within "
            f"{number(float(np.median(np.abs(truth - values))))}"
            for name, values in panels
        ]
        return draw.finish(
            "Predicted against actual",
            f"Predicted against actual {short(target)} for {len(truth):,} held-out rows, from "
            f"{number(truth.min())} to {number(truth.max())}. {'. '.join(words)}.",
            f"On the dashed line a prediction is right.{_hexagons(len(truth))}",
        )


def residuals(truth: np.ndarray, prediction: np.ndarray, target: str) -> Figure:
    """Predicted less actual over predicted, both of shape (rows,), and how the residuals spread."""
    residual = prediction - truth
    low, high = _limits(residual)
    left, right = _limits(prediction)
    with drawing("residuals") as draw:
        axes, side = draw.canvas.subplots(1, 2, sharey=True, width_ratios=[3, 1])
        _cloud(axes, prediction, residual, SERIES[0], (left, right, low, high))
        axes.axhline(0, **LINE)
        axes.set(xlim=(left, right), ylim=(low, high))
        labels(axes, f"predicted {short(target)}", f"predicted {MINUS} actual")
        bins = np.linspace(low, high, 26)
        counts, _ = np.histogram(residual, bins)
        side.barh(
            bins[:-1], counts, np.diff(bins) * 0.88, align="edge", color=SERIES[0], alpha=0.55
        )
        side.axhline(0, **LINE)
        labels(side, "rows", "")
        side.xaxis.set_major_locator(MaxNLocator(3, integer=True))
        inner = np.quantile(residual, [0.05, 0.95])
        return draw.finish(
            "Residuals",
            f"Residuals, predicted less actual, of {len(truth):,} held-out rows: mean "
            f"{number(residual.mean())}, standard deviation {number(residual.std())}, nine in ten "
            f"between {number(inner[0])} and {number(inner[1])}; correlation of their size with "
            f"the prediction {_correlation(prediction, np.abs(residual)):.2f}.",
            f"Without a pattern around zero nothing is left to explain.{_hexagons(len(truth))}",
        )


def _cloud(axes: Any, x: np.ndarray, y: np.ndarray, color: str, extent: tuple[float, ...]) -> None:
    """Points, or hexagons shaded by the count of rows where there are many."""
    if len(x) <= MOST_POINTS:
        axes.plot(x, y, "o", color=color, alpha=0.5, markersize=3.6, markeredgewidth=0)
        return
    hexagons = axes.hexbin(x, y, gridsize=26, extent=extent, mincnt=1, linewidths=0)
    shade = np.log1p(hexagons.get_array())
    hexagons.set_array(None)
    hexagons.set_facecolor(color)
    hexagons.set_edgecolor("none")
    # Few steps of shade: equal hexagons then share their style.
    hexagons.set_alpha(np.round(0.12 + 0.88 * shade / shade.max(), 2))


def _hexagons(rows: int) -> str:
    return " Hexagons are darker the more rows they hold." if rows > MOST_POINTS else ""


def _limits(values: np.ndarray) -> tuple[float, float]:
    """The range to show: all values and a little room."""
    low, high = float(np.min(values)), float(np.max(values))
    room = 0.04 * (high - low) or 0.5 * abs(high) or 1.0
    return low - room, high + room


def _r2(truth: np.ndarray, prediction: np.ndarray) -> float:
    return float(r2_score(truth, prediction)) if len(truth) > 1 else float("nan")


def _correlation(x: np.ndarray, y: np.ndarray) -> float:
    """Pearson's; 0 where one of them does not vary."""
    return float(np.corrcoef(x, y)[0, 1]) if np.ptp(x) and np.ptp(y) else 0.0
