"""Opens matplotlib figures in the house style and turns them into SVG that a page can hold.

Figures are drawn in stand-in colours, which `finish` replaces by CSS variables (`--fg`, `--muted`,
`--grid`, `--series-1` … `--series-6`): they follow the page into light and dark. Each variable
carries its light value as a fallback, so that the file also stands alone. Nothing in a label is
parsed as mathematics or markup.
"""

from __future__ import annotations

import io
import math
import re
import warnings
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import matplotlib
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure as Canvas

FG, MUTED, GRID = "#00fe01", "#00fe02", "#00fe03"
SERIES = ("#00fe11", "#00fe12", "#00fe13", "#00fe14", "#00fe15", "#00fe16")
VARIABLES = {
    FG: "var(--fg,#1c2024)",
    MUTED: "var(--muted,#5b6470)",
    GRID: "var(--grid,#dfe3e8)",
    SERIES[0]: "var(--series-1,#0b64b4)",
    SERIES[1]: "var(--series-2,#b8480a)",
    SERIES[2]: "var(--series-3,#0b7a5b)",
    SERIES[3]: "var(--series-4,#98438a)",
    SERIES[4]: "var(--series-5,#7d6200)",
    SERIES[5]: "var(--series-6,#56606b)",
}
# Line styles go with the colours, so that a curve is known without seeing colour.
DASHES: tuple[Any, ...] = (
    "-",
    (0, (5, 2)),
    (0, (1, 1.5)),
    (0, (7, 2, 1.5, 2)),
    (0, (9, 3)),
    (0, (3, 1, 1, 1)),
)
STYLE: dict[Any, Any] = {
    "axes.axisbelow": True,
    "axes.edgecolor": MUTED,
    "axes.facecolor": "none",
    "axes.grid": True,
    "axes.labelcolor": MUTED,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 9.5,
    "figure.facecolor": "none",
    "figure.labelsize": 9.5,
    "font.family": ["DejaVu Sans"],
    "font.size": 9.5,
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "legend.fontsize": 9,
    "legend.frameon": False,
    "legend.handlelength": 2.6,
    "lines.linewidth": 1.8,
    "path.simplify_threshold": 0.3,  # units of the page: curves of a million rows stay small
    "savefig.facecolor": "none",
    "svg.fonttype": "none",
    "text.color": FG,
    "text.parse_math": False,
    "xtick.color": MUTED,
    "xtick.major.size": 0,
    "ytick.color": MUTED,
    "ytick.major.size": 0,
}
FONT = "system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif"
MINUS = "\N{MINUS SIGN}"
SVG, XLINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
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
    """A figure under way: `canvas` (a matplotlib figure) to draw on, then `finish`."""

    def __init__(self, name: str, height: float) -> None:
        self.name = name
        # 4.4 inches are 317 units: as wide as a phone, so that its text stays readable there.
        self.canvas = Canvas(figsize=(4.4, height), layout="constrained")

    def finish(self, title: str, alt: str, caption: str) -> Figure:
        """The figure as SVG; `title` and `alt`, which says what is seen, are part of it."""
        buffer = io.BytesIO()
        FigureCanvasSVG(self.canvas).print_svg(buffer, metadata={"Date": None})
        return Figure(self.name, title, alt, caption, _tidy(buffer.getvalue(), self, title, alt))


@contextmanager
def drawing(name: str, height: float = 3.3) -> Iterator[Drawing]:
    """Opens a drawing in the house style, `height` in inches.

    Neither a matplotlibrc nor the hour has a say: the same drawing gives the same bytes. The salt
    is the name, so that the ids of two figures differ and both can stand in one page.
    """
    with matplotlib.rc_context(), warnings.catch_warnings():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update({**STYLE, "svg.hashsalt": name})
        # Widths are only estimated with matplotlib's font; the reader's own fonts draw the text.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield Drawing(name, height)


def labels(axes: Any, x: str, y: str) -> None:
    """Names both axes and gives their numbers the house format."""
    axes.set(xlabel=x, ylabel=y)
    axes.xaxis.set_major_formatter(tick)
    axes.yaxis.set_major_formatter(tick)


def bars(axes: Any, names: Sequence[str], values: Sequence[float], ends: Sequence[str]) -> None:
    """Horizontal bars with their names, the first on top, and words at their ends."""
    place = range(len(names))
    axes.barh(place, values, height=0.62, color=SERIES[0], alpha=0.75)
    for y, value, text in zip(place, values, ends, strict=False):
        axes.annotate(text, (value, y), (4, 0), textcoords="offset points", va="center", fontsize=9)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.grid(False, axis="y")
    axes.locator_params(axis="x", nbins=5)
    axes.set_yticks(place, [short(name, 22) for name in names], color=FG)


def clean(text: str) -> str:
    """Text on one line, without characters that XML forbids."""
    text = re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\s]+", " ", text)
    return re.sub(r"[\ud800-\udfff\ufffe\uffff]", "\ufffd", text).strip()


def short(value: object, length: int = 24) -> str:
    """A name as a label: one line, at most `length` characters."""
    text = clean(str(value)) or "(blank)"
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


def number(value: float) -> str:
    """A number for a reader: about three digits, thousands apart."""
    value = float(value)
    if not math.isfinite(value):
        return "not defined"
    whole = abs(value) >= 1000 or value == int(value)
    return f"{value:,.0f}" if whole and abs(value) < 1e15 else f"{value:.3g}"


def tick(value: float, _position: object = None) -> str:
    """A number on an axis: 1,500 as it is, 250k and 1.2M short, a real minus sign."""
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= size:
            size = 1e3 if unit == "k" else size
            return f"{value / size:.4g}{unit}".replace("-", MINUS)
    return f"{value:,.4g}".replace("-", MINUS)


def listing(items: Sequence[str]) -> str:
    """Words in a row: a, b and c."""
    return items[0] if len(items) == 1 else ", ".join(items[:-1]) + " and " + items[-1]


def _tidy(raw: bytes, drawn: Drawing, title: str, alt: str) -> str:
    """matplotlib's SVG without what would reach out to the page, named for who cannot see it."""
    root = ET.fromstring(raw)  # noqa: S314 - our own output
    width, height = (root.attrib.pop(side).removesuffix("pt") for side in ("width", "height"))
    for parent in (root, *root.findall(f"{{{SVG}}}defs")):
        for tag in ("metadata", "style"):  # its <style> would hold for the whole page
            for child in parent.findall(f"{{{SVG}}}{tag}"):
                parent.remove(child)
    used = set(re.findall(r"(?:url\(|href=\")#([\w-]+)", raw.decode("utf-8")))
    for node in root.iter():
        _tidy_node(node, used)
    style = f"font-family:{FONT};stroke-linejoin:round;stroke-linecap:butt;width:100%;height:auto"
    named = {"role": "img", "aria-labelledby": f"{drawn.name}-title {drawn.name}-desc"}
    root.attrib.update(named | {"viewBox": f"0 0 {width} {height}", "style": style})
    for index, (tag, text) in enumerate((("title", title), ("desc", alt))):
        node = ET.Element(f"{{{SVG}}}{tag}", {"id": f"{drawn.name}-{tag}"})
        node.text = clean(text)
        root.insert(index, node)
    return ET.tostring(root, encoding="unicode")


def _tidy_node(node: ET.Element, used: set[str]) -> None:
    """Drops unused ids and blanks, rounds coordinates, brings in the CSS variables."""
    if not node.tag.endswith("}text") and node.text and not node.text.strip():
        node.text = None
    node.tail = None
    for key, value in list(node.items()):
        if key == "id" and value not in used:
            del node.attrib[key]
        elif key in ("d", "x", "y", "transform", "points"):
            value = re.sub(r"-?\d+\.\d{3,}", lambda found: f"{float(found[0]):.2f}", value)
            node.set(key, " ".join(value.split()))
        elif key in ("style", "fill", "stroke"):
            value = re.sub(r"font: ?([\d.]+px)[^;]*", r"font-size:\1", value)
            value = re.sub(r"#00fe\d\d", lambda found: VARIABLES[found[0]], value)
            node.set(key, value.replace(": ", ":"))
    shapes = [child for child in node if child.tag == f"{{{SVG}}}use"]
    styles = {child.get("style", "") for child in shapes}
    if len(shapes) > 1 and len(styles) == 1:  # a cloud of points: its style is said once
        node.set("style", re.sub(r"#00fe\d\d", lambda found: VARIABLES[found[0]], styles.pop()))
        for child in shapes:
            child.attrib.pop("style", None)
