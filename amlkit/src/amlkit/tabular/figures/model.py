"""Figures of a model on its held-out rows, the champion's beside: scikit-learn's display objects.

The displays compute and draw; here they get the house's colours and words. Labels come as text.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.ticker import MaxNLocator
from scipy.stats import binomtest
from sklearn.calibration import calibration_curve
from sklearn.metrics import (
    ConfusionMatrixDisplay,
    PrecisionRecallDisplay,
    PredictionErrorDisplay,
    RocCurveDisplay,
    confusion_matrix,
    mean_absolute_error,
    r2_score,
)

from amlkit.tabular.figures.svg import (
    DASHES,
    FG,
    MINUS,
    MUTED,
    SERIES,
    Figure,
    drawing,
    labels,
    listing,
    number,
    short,
)

MOST_CLASSES = 12  # rows of a confusion matrix that can still be read
MOST_CURVES = 6  # in one plot; of more classes the most frequent are taken
MOST_PAIRS = 2  # up to so many curves the champion's are drawn beside, else only named
LEAST_IN_BIN = 15  # rows; with fewer, a calibration is noise
MOST_POINTS = 800  # of a regression; a figure stays under 150 KB
OTHERS = "all others"
GUESS: dict[str, Any] = {"color": MUTED, "linewidth": 0.9, "linestyle": (0, (1, 3))}
LINE: dict[str, Any] = {"color": FG, "linewidth": 0.9, "linestyle": (0, (4, 2))}


def confusion(truth: np.ndarray, prediction: np.ndarray, classes: Sequence[str]) -> Figure:
    """Counts and the share of each row; the rarest classes are summed up where there are many.

    Args:
        truth: labels, shape (rows,).
        prediction: predicted labels, shape (rows,).
        classes: every class, in the order to show.
    """
    classes, note = list(classes), ""
    if len(classes) > MOST_CLASSES:
        frequent = set(pd.Series(truth).value_counts().index[: MOST_CLASSES - 1])
        note = f" The {len(classes) - len(frequent):,} rarest classes are summed up as “{OTHERS}”."
        classes = [name for name in classes if name in frequent] + [OTHERS]
        truth = np.where(np.isin(truth, classes[:-1]), truth, OTHERS)
        prediction = np.where(np.isin(prediction, classes[:-1]), prediction, OTHERS)
    counts = confusion_matrix(truth, prediction, labels=classes)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    size = len(classes)
    names = [short(name, 16) for name in classes]
    with drawing("confusion", height=min(1.8 + 0.55 * size, 4.6)) as draw:
        axes = draw.canvas.subplots()
        axes.grid(False)
        axes.spines[:].set_visible(False)
        shown = ConfusionMatrixDisplay(counts, display_labels=names)
        shown.plot(ax=axes, colorbar=False, values_format=",d", text_kw={"color": FG})
        _shade(axes, shown, shares)
        if size <= 6:
            for place, text in np.ndenumerate(shown.text_):
                text.set(text=f"{counts[place]:,}\n{shares[place]:.0%}", linespacing=1.4)
        if size * max(map(len, names)) > 36:  # they would run into each other
            axes.tick_params(axis="x", rotation=35)
            for text in axes.get_xticklabels():
                text.set(ha="right", rotation_mode="anchor")
        axes.set(xlabel="predicted", ylabel="true class")
        found = [
            f"of {row.sum():,} {short(name)}, {row[i]:,} found ({shares[i, i]:.0%})"
            for i, (name, row) in enumerate(zip(classes, counts, strict=True))
        ]
        return draw.finish(
            "Confusion matrix",
            f"Confusion matrix of {counts.sum():,} held-out rows, {int(np.trace(counts)):,} of "
            f"them predicted right: {'; '.join(found)}.{note}",
            f"Rows are true classes, columns predictions; shares and shading are of the row.{note}",
        )


def _shade(axes: Any, shown: ConfusionMatrixDisplay, shares: np.ndarray) -> None:
    """Cells as shapes in place of the display's pixels, whose colours would follow no page.

    Never darker than 0.45: the text on it keeps its contrast in light and in dark.
    """
    shown.im_.remove()
    edges = np.arange(len(shares) + 1) - 0.5
    cells = axes.pcolormesh(edges, edges, shares, edgecolors="none", zorder=0)
    cells.set_array(None)
    cells.set_facecolor(SERIES[0])
    cells.set_alpha((0.04 + 0.41 * shares).ravel())
    axes.set(aspect="auto", xlim=edges[[0, -1]], ylim=edges[[-1, 0]])


def curves(
    kind: str,
    truth: np.ndarray,
    probability: np.ndarray,
    classes: Sequence[str],
    champion: np.ndarray | None,
) -> Figure | None:
    """ROC or precision-recall curves; None where the held-out rows are all of one class.

    Args:
        kind: "roc" or "precision_recall".
        truth: labels, shape (rows,).
        probability: shape (rows, classes).
        classes: of the columns of `probability`.
        champion: the champion's probability, same shape.
    """
    with drawing(kind) as draw:
        axes = draw.canvas.subplots()
        display = RocCurveDisplay if kind == "roc" else PrecisionRecallDisplay
        drawn, older = _draw_curves(axes, display, truth, classes, probability, champion)
        if not drawn:
            return None
        few = f", the {len(drawn)} most frequent classes" if len(drawn) < len(classes) else ""
        two = len(classes) == 2
        of = (
            f"Positive class: {short(classes[1])}." if two else f"Each class against the rest{few}."
        )
        if kind == "roc":
            axes.plot([0, 1], [0, 1], **GUESS)
            labels(axes, "false-positive rate", "true-positive rate")
            words = [
                f"{short(name)}: area {c.roc_auc:.3f}; at a false-positive rate of 0.1 it finds "
                f"{c.tpr[c.fpr <= 0.1].max():.2f} of {int((truth == name).sum()):,}"
                for name, c in drawn.items()
            ]
            title, seen, area = "ROC curve", "ROC curve.", "area"
            note = " The dotted diagonal is guessing."
        else:
            labels(axes, "recall", "precision")
            words = [
                f"{short(name)}: average precision {c.average_precision:.3f} where "
                f"{c.prevalence_pos_label:.2f} of the rows are of it; finding 0.8 of them it is "
                f"right in {c.precision[c.recall >= 0.8].max():.2f}"
                for name, c in drawn.items()
            ]
            title, seen, area = (
                "Precision and recall",
                "Precision-recall curve.",
                "average precision",
            )
            note = " AP is the average precision."
            if len(drawn) == 1:
                axes.axhline(next(iter(drawn.values())).prevalence_pos_label, **GUESS)
                note += " The dotted line is guessing."
        beside = [f"{short(name)}, {area} {_area(c):.3f}" for name, c in older.items()]
        champions = f" The champion: {listing(beside)}." if beside else ""
        return draw.finish(title, f"{seen} {'. '.join(words)}.{champions}", of + note)


def _draw_curves(
    axes: Any,
    display: type[Any],
    truth: np.ndarray,
    classes: Sequence[str],
    probability: np.ndarray,
    champion: np.ndarray | None,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Draws a display for each class that some rows are of and some not; of two the second alone.

    Returns this model's displays by class, and the champion's.
    """
    classes = list(classes)
    counts = {name: int((truth == name).sum()) for name in classes}
    most = sorted(classes, key=lambda name: -counts[name])[:MOST_CURVES]
    names = classes[1:] if len(classes) == 2 else [name for name in classes if name in most]
    names = [name for name in names if 0 < counts[name] < len(truth)]
    pairs = len(names) <= MOST_PAIRS
    found: list[dict[str, Any]] = []
    for older, scores in enumerate((probability, champion)):
        found.append({})
        for index, name in enumerate(names):
            if scores is None or scores.shape[1] != len(classes):
                break
            one = truth == name, scores[:, classes.index(name)]
            shown = display.from_predictions(*one, ax=axes, drop_intermediate=True)
            found[older][name] = shown
            whose = ("this model", "champion")[older]
            if len(classes) > 2:
                whose = f"{short(name, 12)}, champion" if older else short(name, 16)
            # The number first: matplotlib leaves out of a legend what begins with "_".
            area = "area" if display is RocCurveDisplay else "AP"
            shown.line_.set(
                label=f"{area} {_area(shown):.3f}, {whose}",
                color=SERIES[index + older * len(names)] if pairs else SERIES[index],
                linestyle=DASHES[older if pairs else index],
                linewidth=1.3 if older else 1.8,
            )
            if older and not pairs:
                shown.line_.remove()
    axes.set(aspect="auto", xlim=(-0.01, 1.01), ylim=(-0.01, 1.02))
    if names:
        axes.get_legend().remove()
        # Below the plot, where no curve can run through it.
        axes.figure.legend(loc="outside lower center", ncols=2 if len(classes) == 2 else 1)
        axes.figure.set_figheight(3.4 + (0.19 * len(names) if len(classes) > 2 else 0.1))
    return found[0], found[1]


def _area(shown: Any) -> float:
    return float(shown.roc_auc if hasattr(shown, "roc_auc") else shown.average_precision)


def calibration(truth: np.ndarray, probability: np.ndarray, classes: Sequence[str]) -> Figure:
    """How often a probability comes true, in bins of about as many rows each; below, their spread.

    Arguments as for `curves`.
    """
    if len(classes) == 2:
        score, true = probability[:, 1], truth == classes[1]
        of = f"probability of {short(classes[1])}"
    else:
        score = probability.max(axis=1)
        true = np.asarray(classes, dtype=object)[probability.argmax(axis=1)] == truth
        of = "probability of the predicted class"
    score = np.clip(score, 0, 1)
    bins = min(10, max(1, len(score) // LEAST_IN_BIN))
    with drawing("calibration") as draw:
        top, below = draw.canvas.subplots(2, 1, sharex=True, height_ratios=[3, 1])
        top.plot([0, 1], [0, 1], **GUESS)
        share, mean = calibration_curve(true.astype(int), score, n_bins=bins, strategy="quantile")
        # Its own bins: a probability on an edge falls into the lower one.
        edges = np.percentile(score, 100 * np.linspace(0, 1, bins + 1))
        rows = np.bincount(np.searchsorted(edges[1:-1], score))
        full = rows[rows > 0]
        intervals = [
            binomtest(round(s * n), n).proportion_ci(method="wilson")
            for s, n in zip(share, full.tolist(), strict=True)
        ]
        ends = np.array([(s - i.low, i.high - s) for s, i in zip(share, intervals, strict=True)])
        top.errorbar(
            mean, share, ends.clip(0).T, fmt="-o", color=SERIES[0], ms=4.5, lw=1, elinewidth=0.9
        )
        top.set(xlim=(-0.01, 1.01), ylim=(-0.03, 1.03))
        labels(top, "", "share that came true")
        below.hist(score, 10, range=(0, 1), rwidth=0.9, color=SERIES[0], alpha=0.55)
        labels(below, of, "rows")
        values = zip(mean, share, full, strict=True)
        points = [f"{m:.2f} came true in {s:.2f} of {n:,}" for m, s, n in values]
        error = float(np.abs(mean - share) @ full / full.sum())
        return draw.finish(
            "Calibration",
            f"Calibration, {of}. Mean distance from the diagonal {number(error)}. "
            f"By bin: {'; '.join(points)}.",
            f"Whether a {of} means what it says: on the diagonal it does. Each point is of about "
            f"{full.mean():,.0f} held-out rows, its bar a 95% interval; below, how rows spread.",
        )


def predicted_actual(
    truth: np.ndarray, prediction: np.ndarray, champion: np.ndarray | None, target: str
) -> Figure:
    """True values over predictions, each of shape (rows,); the champion's beside."""
    panels = [("this model", prediction)]
    panels += [("champion", champion)] if champion is not None else []
    limits = _limits(np.concatenate([truth, *[values for _, values in panels]]))
    with drawing("predicted_actual", height=3.6 if len(panels) == 1 else 2.5) as draw:
        grid = draw.canvas.subplots(1, len(panels), sharey=True, squeeze=False)[0]
        for index, (axes, (name, values)) in enumerate(zip(grid, panels, strict=True)):
            _points(axes, truth, values, "actual_vs_predicted", SERIES[index])
            axes.set_aspect("equal", adjustable="box")
            axes.set(xlim=limits, ylim=limits)
            labels(axes, "", "" if index else f"actual {short(target, 18)}")
            for axis in (axes.xaxis, axes.yaxis):
                axis.set_major_locator(MaxNLocator(5))
            if len(panels) > 1:
                axes.set_title(f"{name}, R² {r2_score(truth, values):.3f}")
        draw.canvas.supxlabel(f"predicted {short(target)}", color=MUTED)  # has room for long names
        words = [
            f"{name}: R² {r2_score(truth, values):.3f}, mean absolute error "
            f"{number(mean_absolute_error(truth, values))}, half of the rows within "
            f"{number(float(np.median(np.abs(truth - values))))}"
            for name, values in panels
        ]
        return draw.finish(
            "Actual against predicted",
            f"Actual against predicted {short(target)} for {len(truth):,} held-out rows, from "
            f"{number(truth.min())} to {number(truth.max())}. {'. '.join(words)}.",
            f"On the dashed line a prediction is right.{_sample(len(truth))}",
        )


def residuals(truth: np.ndarray, prediction: np.ndarray, target: str) -> Figure:
    """Actual less predicted over predicted, both of shape (rows,), and how the residuals spread."""
    residual = truth - prediction
    with drawing("residuals") as draw, np.errstate(invalid="ignore"):
        axes, side = draw.canvas.subplots(1, 2, sharey=True, width_ratios=[3, 1])
        _points(axes, truth, prediction, "residual_vs_predicted", SERIES[0])
        axes.set(xlim=_limits(prediction), ylim=_limits(residual))
        labels(axes, f"predicted {short(target)}", f"actual {MINUS} predicted")
        axes.xaxis.set_major_locator(MaxNLocator(5))
        counts, edges = np.histogram(residual, 25, range=_limits(residual))
        side.stairs(counts, edges, orientation="horizontal", fill=True, color=SERIES[0], alpha=0.55)
        side.axhline(0, **LINE)
        labels(side, "rows", "")
        side.xaxis.set_major_locator(MaxNLocator(3, integer=True))
        inner = np.quantile(residual, [0.05, 0.95])
        growth = pd.Series(np.abs(residual)).corr(pd.Series(prediction))
        return draw.finish(
            "Residuals",
            f"Residuals, actual less predicted, of {len(truth):,} held-out rows: mean "
            f"{number(residual.mean())}, standard deviation {number(residual.std())}, nine in ten "
            f"between {number(inner[0])} and {number(inner[1])}; correlation of their size with "
            f"the prediction {number(growth)}.",
            f"Without a pattern around zero nothing is left to explain.{_sample(len(truth))}",
        )


def _points(axes: Any, truth: np.ndarray, values: np.ndarray, kind: str, color: str) -> None:
    """A point for each row; of many rows for some."""
    PredictionErrorDisplay.from_predictions(
        truth,
        values,
        kind=kind,
        subsample=min(MOST_POINTS, len(truth)),
        random_state=0,
        ax=axes,
        scatter_kwargs={"color": color, "alpha": 0.5, "s": 13, "linewidths": 0},
        line_kwargs={**LINE, "alpha": 1},
    )


def _sample(rows: int) -> str:
    few = f" The points are {MOST_POINTS:,} of the {rows:,} rows, drawn by lot."
    return few if rows > MOST_POINTS else ""


def _limits(values: np.ndarray) -> tuple[float, float]:
    """The range to show: all values and a little room."""
    low, high = float(np.min(values)), float(np.max(values))
    room = 0.04 * (high - low) or 0.5 * abs(high) or 1.0
    return low - room, high + room
