"""Takes a figure into the page so that it can do no harm there."""

from __future__ import annotations

import base64
import re
import xml.etree.ElementTree as ET

from markupsafe import Markup

_SVG = "http://www.w3.org/2000/svg"
_TAGS = re.compile(
    rf"\{{{re.escape(_SVG)}\}}(svg|g|path|defs|use|text|tspan|title|desc|rect|circle|line|polyline"
    r"|polygon|ellipse|clipPath)"
)
_OUTSIDE = re.compile(r"url\((?!#)|@import|expression\(|\\", re.IGNORECASE)
ET.register_namespace("", _SVG)
ET.register_namespace("xlink", "http://www.w3.org/1999/xlink")


def embed(svg: str, alt: str, used: set[str]) -> Markup:
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
            return Markup(ET.tostring(root, encoding="unicode"))  # noqa: S704 - shapes and text only
    data = base64.b64encode(svg.encode("utf-8", "replace")).decode("ascii")
    return Markup('<img alt="{}" src="data:image/svg+xml;base64,{}">').format(alt, data)


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
            if key.endswith("href") and not value.startswith("#"):
                return None
            # A class of the page's would dress it as a part of the page.
            if key == "class" or key.lower().startswith("on") or _OUTSIDE.search(value):
                return None
    return root
