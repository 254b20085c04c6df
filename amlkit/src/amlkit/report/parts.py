"""Parts of the report's page: escaped text, numbers for readers, tables, embedded figures."""

from __future__ import annotations

import base64
import html
import math
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

_SVG = "http://www.w3.org/2000/svg"
_XLINK = "http://www.w3.org/1999/xlink"
_TAGS = re.compile(
    rf"\{{{re.escape(_SVG)}\}}(svg|g|path|defs|use|text|tspan|title|desc|rect|circle|line|polyline"
    r"|polygon|ellipse|clipPath)"
)
DASH, MINUS = "\N{EN DASH}", "\N{MINUS SIGN}"
ET.register_namespace("", _SVG)
ET.register_namespace("xlink", _XLINK)


def esc(value: object) -> str:
    """Any value as text inside HTML; control characters and terminal colours go."""
    text = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", str(value))
    return html.escape(re.sub(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]", "", text))


def part(facts: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """A part of the facts; empty where it is missing or of another form."""
    value = facts.get(key)
    return value if isinstance(value, Mapping) else {}


def section(name: str, title: str, body: str) -> str:
    """A part of the page under its heading; all three are HTML."""
    heading = f'<h2 id="section-{name}">{title}</h2>'
    return f'<section aria-labelledby="section-{name}">{heading}\n{body}</section>'


def code(value: object) -> str:
    """An identifier, in the fixed-width face; it may break between its words."""
    text = re.sub(r"([._/-](?=.)|[a-z](?=[A-Z]))", r"\1<wbr>", esc(value))
    return f"<code>{text}</code>"


def number(value: Any, signed: bool = False) -> str:
    """Four significant digits, thousands apart, a real minus sign; what is no number as it is."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return DASH if value is None else esc(value)
    if not math.isfinite(value):
        return "not a number" if math.isnan(value) else ("∞" if value > 0 else f"{MINUS}∞")
    sign = "+" if signed else ""
    size = abs(value)
    if isinstance(value, int) or size >= 1000 or value == 0:
        text = f"{value:{sign},.0f}" if size < 1e15 else f"{value:{sign}.3e}"
    elif size >= 0.001:
        digits = max(0, 3 - math.floor(math.log10(size)))
        text = f"{value:{sign}.{min(digits, 4)}f}"
    else:
        text = f"{value:{sign}.3e}"
    return text.replace("-", MINUS)


def whole(value: Any) -> str:
    """A count; a float of a count reads as one."""
    return number(int(value)) if isinstance(value, float) and value.is_integer() else number(value)


def duration(seconds: Any) -> str:
    """Seconds as people say them."""
    if (
        isinstance(seconds, bool)
        or not isinstance(seconds, int | float)
        or not math.isfinite(seconds)
    ):
        return ""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def moment(text: Any) -> str:
    """An ISO 8601 time as a `<time>` in UTC; what is none stays as it is."""
    if not text:
        return ""
    try:
        when = datetime.fromisoformat(str(text).replace("Z", "+00:00"))
    except ValueError:
        return esc(text)
    if when.tzinfo is not None:
        when = when.astimezone(UTC)
    months = "January February March April May June July August September October November December"
    words = f"{when.day} {months.split()[when.month - 1]} {when.year}, {when:%H:%M} UTC"
    return f'<time datetime="{esc(text)}">{words}</time>'


def table(
    caption: str, head: Sequence[str], rows: Iterable[Sequence[str]], numeric: Sequence[int] = ()
) -> str:
    """A table in a box that scrolls by itself.

    Args:
        caption: what it holds; HTML, as are all cells.
        head: the columns' names.
        rows: the cells; the first of each names its row.
        numeric: columns that are set flush right.
    """
    side = [' class="n"' if i in numeric else "" for i in range(len(head))]
    top = "".join(f'<th scope="col"{side[i]}>{cell}</th>' for i, cell in enumerate(head))
    body = []
    for row in rows:
        cells = [f'<th scope="row">{row[0]}</th>']
        cells += [f"<td{side[i]}>{cell}</td>" for i, cell in enumerate(row) if i]
        body.append(f"<tr>{''.join(cells)}</tr>")
    label = esc(html.unescape(re.sub(r"<[^>]*>", "", caption)))
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{label}">'
        f"<table><caption>{caption}</caption><thead><tr>{top}</tr></thead>"
        f"<tbody>{chr(10).join(body)}</tbody></table></div>"
    )


def pairs(items: Iterable[tuple[str, str]]) -> str:
    """A description list; pairs without a value are left out. Values are HTML."""
    rows = [f"<div><dt>{esc(name)}</dt><dd>{value}</dd></div>" for name, value in items if value]
    return f"<dl>{''.join(rows)}</dl>" if rows else ""


def fold(summary: str, body: str) -> str:
    """Something to open on demand."""
    return f"<details><summary>{summary}</summary>{body}</details>"


def embed(svg: str, alt: str, used: set[str]) -> str:
    """A figure within the page.

    One drawn for it (named, harmless, its ids free) stands inline, so that it follows light and
    dark and its text can be selected. Any other is shut into an image: it can neither reach the
    page nor the network.

    Args:
        svg: the figure's text.
        alt: what is seen in it.
        used: ids that the page has already; those of this figure are added.
    """
    root = _harmless(svg)
    if root is not None:
        ids = [node.get("id", "") for node in root.iter() if node.get("id")]
        if len(ids) == len(set(ids)) and used.isdisjoint(ids):
            used.update(ids)
            return ET.tostring(root, encoding="unicode")
    data = base64.b64encode(svg.encode("utf-8", "replace")).decode("ascii")
    return f'<img alt="{esc(alt)}" src="data:image/svg+xml;base64,{data}">'


def _harmless(svg: str) -> ET.Element | None:
    """The figure's tree if it names itself and holds nothing but shapes and text; else None."""
    if "<!DOCTYPE" in svg:
        return None
    try:
        root = ET.fromstring(svg.encode("utf-8", "replace"))  # noqa: S314 - no DTD, see above
    except ET.ParseError:
        return None
    named = root.get("aria-label") or root.get("aria-labelledby")
    if root.tag != f"{{{_SVG}}}svg" or root.get("role") != "img" or not named:
        return None
    for node in root.iter():
        if not isinstance(node.tag, str) or not _TAGS.fullmatch(node.tag):
            return None
        for key, value in node.items():
            outside = key.endswith("href") and not value.startswith("#")
            outside = outside or re.search(r"url\((?!#)|@import|expression\(", value) is not None
            if outside or key.lower().startswith("on"):
                return None
    return root
