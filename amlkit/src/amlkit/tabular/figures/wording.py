"""Words and numbers in figures: names on one line, numbers as people write them."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

MINUS = "\N{MINUS SIGN}"


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
    if value == int(value) and abs(value) < 1e15:
        return f"{value:,.0f}"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"


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
