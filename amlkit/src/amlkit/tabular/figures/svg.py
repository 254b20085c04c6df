"""Turns matplotlib's SVG into one that a page can take in: small, follows light and dark.

Figures are drawn in stand-in colours, which `tidy_svg` replaces by CSS variables (`--fg`,
`--muted`, `--grid`, `--surface`, `--series-1` … `--series-6`); each carries its light value as a
fallback, so that the file also stands alone.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

from amlkit.tabular.figures.wording import clean

FG, MUTED, GRID, SURFACE = "#00fe01", "#00fe02", "#00fe03", "#00fe04"
SERIES = ("#00fe11", "#00fe12", "#00fe13", "#00fe14", "#00fe15", "#00fe16")
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
FONT = "system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif"
SVG, XLINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
ET.register_namespace("", SVG)
ET.register_namespace("xlink", XLINK)


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
