"""Opens figures in the house style. Nothing in a label is parsed as mathematics or markup."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import matplotlib
import numpy as np
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure as Canvas

from amlkit.tabular.figures.svg import FG, GRID, MUTED, tidy_svg
from amlkit.tabular.figures.wording import tick

# Line styles go with the colours, so that a curve is known without seeing colour.
DASHES: tuple[Any, ...] = (
    "-",
    (0, (5, 2)),
    (0, (1, 1.5)),
    (0, (7, 2, 1.5, 2)),
    (0, (9, 3)),
    (0, (3, 1, 1, 1)),
)
GUESS: dict[str, Any] = {"color": MUTED, "linewidth": 0.9, "linestyle": (0, (1, 3))}
STYLE = {
    "axes.axisbelow": True,
    "axes.edgecolor": MUTED,
    "axes.facecolor": "none",
    "axes.grid": True,
    "axes.labelcolor": MUTED,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "figure.facecolor": "none",
    "font.family": ["DejaVu Sans"],
    "font.size": 9.5,
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "hatch.color": MUTED,
    "legend.fontsize": 9,
    "legend.frameon": False,
    "legend.handlelength": 2.6,
    "lines.linewidth": 1.8,
    "savefig.facecolor": "none",
    "svg.fonttype": "none",
    "text.color": FG,
    "text.parse_math": False,
    "xtick.color": MUTED,
    "xtick.major.size": 0,
    "ytick.color": MUTED,
    "ytick.major.size": 0,
}


@dataclass(frozen=True)
class Figure:
    """A finished figure: the text of its SVG and the words that go with it."""

    name: str
    title: str
    alt: str
    caption: str
    svg: str

    def entry(self) -> dict[str, str]:
        """Its line in `figures.json`."""
        return {
            "file": f"figures/{self.name}.svg",
            "title": self.title,
            "alt": self.alt,
            "caption": self.caption,
        }


class Drawing:
    """A figure under way: `canvas` to draw on, then `finish`."""

    def __init__(self, name: str, height: float = 3.3) -> None:
        self.name = name
        # 4.4 inches are 317 units: as wide as a phone, so that its text stays readable there.
        self.canvas = Canvas(figsize=(4.4, height), layout="constrained")

    def finish(self, title: str, alt: str, caption: str) -> Figure:
        """The SVG, tidied for the page."""
        buffer = io.BytesIO()
        FigureCanvasSVG(self.canvas).print_svg(buffer, metadata={"Date": None})
        svg = tidy_svg(buffer.getvalue(), self.name, title, alt)
        return Figure(self.name, title, alt, caption, svg)


@contextmanager
def drawing(name: str, height: float = 3.3) -> Iterator[Drawing]:
    """Opens a drawing in the house style; the salt makes the same drawing give the same bytes."""
    with matplotlib.rc_context({**STYLE, "svg.hashsalt": name}), warnings.catch_warnings():
        # Widths are only estimated with matplotlib's font; the reader's own fonts draw the text.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield Drawing(name, height)


def thin(x: np.ndarray, y: np.ndarray, keep: int = 300) -> tuple[np.ndarray, np.ndarray]:
    """At most `keep` points of a curve, evenly spread along its length; the ends stay."""
    if len(x) <= keep:
        return x, y
    steps = np.abs(np.diff(x)) / (np.ptp(x) or 1) + np.abs(np.diff(y)) / (np.ptp(y) or 1)
    length = np.concatenate([[0.0], np.cumsum(steps)])
    index = np.unique(np.searchsorted(length, np.linspace(0, length[-1], keep)))
    index = np.unique(np.concatenate([[0], index.clip(0, len(x) - 1), [len(x) - 1]]))
    return x[index], y[index]


def name_below(draw: Drawing, text: str) -> None:
    """Names the axis below, centred on the whole figure, which has room for long names."""
    draw.canvas.supxlabel(text, fontsize=STYLE["font.size"], color=MUTED)


def labels(axes: Any, x: str, y: str) -> None:
    """Names both axes and gives their numbers the house format."""
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.xaxis.set_major_formatter(tick)
    axes.yaxis.set_major_formatter(tick)
