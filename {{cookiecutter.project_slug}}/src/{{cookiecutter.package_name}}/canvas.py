"""Draws figures as SVG that a page can take in: small, text as text, one figure for light and dark.

Figures are drawn in stand-in colours, which `tidy_svg` replaces by CSS variables (`--fg`,
`--muted`, `--grid`, `--surface`, `--series-1` … `--series-6`); each carries its light value as a
fallback, so that the file also stands alone. Nothing in a label is parsed as mathematics or markup.
"""

from __future__ import annotations

import io
import re
import warnings
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import matplotlib
import numpy as np
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure as Canvas

from .wording import clean, tick

FG, MUTED, GRID, SURFACE = "#00fe01", "#00fe02", "#00fe03", "#00fe04"
SERIES = ("#00fe11", "#00fe12", "#00fe13", "#00fe14", "#00fe15", "#00fe16")
# Line styles go with the colours, so that a curve is known without seeing colour.
DASHES: tuple[Any, ...] = (
    "-",
    (0, (5, 2)),
    (0, (1, 1.5)),
    (0, (7, 2, 1.5, 2)),
    (0, (9, 3)),
    (0, (3, 1, 1, 1)),
)
VARIABLES = {
    FG: "var(--fg,#1c2024)",
    MUTED: "var(--muted,#5b6470)",
    GRID: "var(--grid,#dfe3e8)",
    SURFACE: "var(--surface,#fff)",
    SERIES[0]: "var(--series-1,#0b64b4)",
    SERIES[1]: "var(--series-2,#b8480a)",
    SERIES[2]: "var(--series-3,#0b7a5b)",
    SERIES[3]: "var(--series-4,#98438a)",
    SERIES[4]: "var(--series-5,#7d6200)",
    SERIES[5]: "var(--series-6,#56606b)",
}
GUESS: dict[str, Any] = {"color": MUTED, "linewidth": 0.9, "linestyle": (0, (1, 3))}
FONT = "system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif"
SVG, XLINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
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
ET.register_namespace("", SVG)
ET.register_namespace("xlink", XLINK)


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


def tidy_svg(raw: bytes, name: str, title: str, alt: str) -> str:
    """Makes matplotlib's SVG fit to stand inside a page, beside others.

    Ids carry the figure's name and only those that are used remain; size comes from the page;
    a title and a description say what is seen.
    """
    root = ET.fromstring(raw)  # noqa: S314 - our own output
    width, height = root.attrib.pop("width"), root.attrib.pop("height")
    root.attrib.pop("version", None)
    for parent in (root, *root.findall(f"{{{SVG}}}defs")):
        for tag in ("metadata", "style"):  # its <style> would reach out to the whole page
            for child in parent.findall(f"{{{SVG}}}{tag}"):
                parent.remove(child)
    used = set(re.findall(rb"(?:url\(|href=\")#([\w-]+)", raw))
    for node in root.iter():
        _tidy_node(node, name, used)
    root.set("role", "img")
    root.set("aria-labelledby", f"{name}-title {name}-desc")
    root.set("viewBox", f"0 0 {width.removesuffix('pt')} {height.removesuffix('pt')}")
    style = f"font-family:{FONT};stroke-linejoin:round;stroke-linecap:butt;width:100%;height:auto"
    root.set("style", style)
    for index, (tag, text) in enumerate((("title", title), ("desc", alt))):
        node = ET.Element(f"{{{SVG}}}{tag}", {"id": f"{name}-{tag}"})
        node.text = clean(text)
        root.insert(index, node)
    return ET.tostring(root, encoding="unicode")


def _tidy_node(node: ET.Element, name: str, used: set[bytes]) -> None:
    """Prefixes or drops ids, rounds coordinates, brings in the CSS variables, drops blanks."""
    if node.tag.endswith("}text"):
        node.set("style", re.sub(r"font: ?([\d.]+px)[^;]*", r"font-size:\1", node.get("style", "")))
    elif node.text and not node.text.strip():
        node.text = None
    node.tail = None
    for key, value in list(node.items()):
        if key == "id":
            if value.encode() in used:
                node.set(key, f"{name}-{value}")
            else:
                del node.attrib[key]
        elif key in ("clip-path", f"{{{XLINK}}}href"):
            node.set(key, value.replace("#", f"#{name}-"))
        elif key in ("d", "x", "y", "transform", "points"):
            value = re.sub(
                r"-?\d+\.\d{3,}", lambda m: f"{float(m[0]):.2f}".rstrip("0").rstrip("."), value
            )
            node.set(key, re.sub(r"\s+", " ", value).strip())
        elif key in ("style", "fill", "stroke"):
            value = re.sub(r"font-family:[^;]*;?", "", value)
            node.set(key, re.sub(r"#00fe\d\d", lambda m: VARIABLES[m[0]], value).replace(": ", ":"))
    uses = [child for child in node if child.tag == f"{{{SVG}}}use"]
    styles = {child.get("style", "") for child in uses}
    if len(uses) > 1 and len(styles) == 1:  # a cloud of points: say its style once
        style = re.sub(r"#00fe\d\d", lambda m: VARIABLES[m[0]], styles.pop()).replace(": ", ":")
        node.set("style", style)
        for child in uses:
            child.attrib.pop("style", None)


def thin(x: np.ndarray, y: np.ndarray, keep: int = 300) -> tuple[np.ndarray, np.ndarray]:
    """At most `keep` points of a curve, evenly spread along its length; the ends stay."""
    if len(x) <= keep:
        return x, y
    steps = np.abs(np.diff(x)) / (np.ptp(x) or 1) + np.abs(np.diff(y)) / (np.ptp(y) or 1)
    length = np.concatenate([[0.0], np.cumsum(steps)])
    index = np.unique(np.searchsorted(length, np.linspace(0, length[-1], keep)))
    index = np.unique(np.concatenate([[0], index.clip(0, len(x) - 1), [len(x) - 1]]))
    return x[index], y[index]


def labels(axes: Any, x: str, y: str) -> None:
    """Names both axes and gives their numbers the house format."""
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.xaxis.set_major_formatter(tick)
    axes.yaxis.set_major_formatter(tick)
