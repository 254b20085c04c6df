"""What a reader meets in the report: numbers, times and identifiers as people write them."""

from __future__ import annotations

import json
import math
import re
from datetime import UTC, datetime
from typing import Any

from markupsafe import Markup, escape

DASH, MINUS = "\N{EN DASH}", "\N{MINUS SIGN}"
MONTHS = "January February March April May June July August September October November December"


def clean(value: object) -> object:
    """Any value as text without control characters and terminal colours; markup stays itself."""
    if isinstance(value, Markup):
        return value
    text = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", "" if value is None else str(value))
    return re.sub(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]", "", text)


def code(value: object) -> Markup:
    """An identifier, in the fixed-width face; it may break between its words."""
    parts = re.split(r"(?<=[._/-])(?=.)|(?<=[a-z])(?=[A-Z])", str(clean(value)))
    return Markup("<code>{}</code>").format(Markup("<wbr>").join(parts)) if value else Markup("")


def number(value: Any, signed: bool = False) -> str:
    """Four significant digits, thousands apart, a real minus sign; what is no number as it is.

    Below 0.1 four decimals are enough, if they hold three digits.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value) if value else DASH
    if not math.isfinite(value):
        return "not a number" if math.isnan(value) else ("∞" if value > 0 else f"{MINUS}∞")
    sign = "+" if signed else ""
    size = abs(value)
    if isinstance(value, int) or size >= 1000 or value == 0:
        text = f"{value:{sign},.0f}" if size < 1e15 else f"{value:{sign}.3e}"
    elif size >= 1e-6:
        first = -math.floor(math.log10(float(f"{size:.4g}")))  # the decimal that it begins at
        text = f"{value:{sign}.{max(min(first + 3, 4), first + 2)}f}"
    else:
        text = f"{value:{sign}.3e}"
    return text.replace("-", MINUS)


def difference(value: float) -> str:
    """A signed difference, never in powers of ten: of a tiny one its size is enough."""
    if abs(value) < 0.00005:
        return f"under {MINUS if value < 0 else '+'}0.0001"
    if abs(value) < 0.01 or abs(value) >= 1e15:
        return f"{value:+,.{4 if abs(value) < 1 else 0}f}".replace("-", MINUS)
    return number(value, signed=True)


def interval(ends: Any, signed: bool = False) -> str:
    """`0.91 to 0.97`, which breaks before "to" alone; empty where the ends are no two numbers."""
    if not isinstance(ends, list | tuple) or len(ends) != 2:
        return ""
    if not all(isinstance(end, int | float) and math.isfinite(end) for end in ends):
        return ""
    one = difference if signed else number
    return " to\N{NO-BREAK SPACE}".join("0" if end == 0 else one(end) for end in ends)


def whole(value: Any) -> str:
    """A count; a float of a count reads as one."""
    return number(int(value)) if isinstance(value, float) and value.is_integer() else number(value)


def end(value: Any, years: bool = False) -> str:
    """The least or greatest value; of a date at midnight the day, of `years` without separator."""
    text = whole(value.removesuffix("T00:00:00") if isinstance(value, str) else value)
    return text.replace(",", "") if years and not isinstance(value, str) else text


def plain(value: Any) -> str:
    """A parameter's value: text as it is, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def duration(seconds: Any) -> str:
    """Seconds as people say them; empty where they are no number."""
    if not isinstance(seconds, int | float) or not math.isfinite(seconds):
        return ""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def moment(text: Any) -> Markup:
    """An ISO 8601 time as a `<time>` in UTC; what is none stays as it is."""
    try:
        when = datetime.fromisoformat(str(text).replace("Z", "+00:00"))
    except ValueError:
        return escape(clean(text))
    if when.tzinfo is not None:
        when = when.astimezone(UTC)
    words = f"{when.day} {MONTHS.split()[when.month - 1]} {when.year}, {when:%H:%M} UTC"
    return Markup('<time datetime="{}">{}</time>').format(text, words)


def signs(text: object) -> str:
    """A text with its signs as they are set: ≥, ≤ and a minus before a number."""
    text = str(text).replace(">=", "≥").replace("<=", "≤")
    return re.sub(r"(?<![\w.)-])-(?=\d)", MINUS, text)


def typed(lines: str) -> Markup:
    """Command lines, each of which goes on indented and breaks between its words."""
    found = [
        Markup("<span>{}\n</span>").format(
            Markup(" ").join(Markup("<span>{}</span>").format(word) for word in line.split(" "))
        )
        for line in str(clean(lines)).splitlines()
    ]
    return Markup("").join(found)


def name(text: object) -> Markup:
    """A metric's or a column's name, which may break after each of its words."""
    return Markup("<wbr>").join(re.split(r"(?<=[_./-])(?=[^_./-])", str(clean(text))))


def sentence(text: object) -> str:
    """A note as a sentence of its own."""
    words = str(text).strip()
    return words[:1].upper() + words[1:] + ("" if words.endswith((".", "!", "?")) else ".")
