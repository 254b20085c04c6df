"""A profile as an aligned table for the terminal."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from amlkit.tabular.numbers import are_years
from amlkit.tabular.table.schema import shorten
from amlkit.tabular.table.summary import ColumnProfile, Target

_COLUMNS = 40  # shown at most
_CLASSES = 12
_NOTES = 20
_BAR = 24  # characters of the longest bar
_EIGHTHS = " ▏▎▍▌▋▊▉█"


def profile_text(
    file: str, rows: int, columns: Sequence[ColumnProfile], target: Target, notes: Sequence[str]
) -> str:
    """Return file, columns, target and notes, each line within about 110 characters."""
    lines = [f"{file}: {rows:,} rows, {len(columns)} columns", ""]
    shown = columns[:_COLUMNS]
    cells = [("column", "type", "missing", "distinct", "values")]
    cells += [_row(column, rows, column.name == target.name) for column in shown]
    widths = [max(map(width, texts)) for texts in zip(*cells, strict=True)]
    right = (False, False, True, True, False)
    for texts in cells:
        padded = [pad(t, size, flag) for t, size, flag in zip(texts, widths, right, strict=True)]
        lines.append("  ".join(padded).rstrip())
    if len(columns) > len(shown):
        lines.append(f"… and {len(columns) - len(shown)} more")
    lines += ["", *_target_lines(target, rows)]
    lines += [f"note: {note}" for note in notes[:_NOTES]]
    if len(notes) > _NOTES:
        lines.append(f"… and {len(notes) - _NOTES} more notes, in profile.json")
    return "\n".join(lines)


def width(text: str) -> int:
    """Return how many cells of a terminal the text takes."""
    return sum(
        0 if unicodedata.combining(sign) or unicodedata.category(sign) in ("Cf", "Me", "Mn")
        else 2 if unicodedata.east_asian_width(sign) in "WF" else 1
        for sign in text
    )  # fmt: skip


def pad(text: str, size: int, right: bool = False) -> str:
    """Return the text filled with spaces to `size` cells."""
    space = " " * max(size - width(text), 0)
    return space + text if right else text + space


def clip(text: object, size: int) -> str:
    """Return the text on one line and within `size` cells, without control characters."""
    line = "".join(sign if sign.isprintable() else "?" for sign in shorten(text, 4 * size))
    if width(line) <= size:
        return line
    while width(line) >= size:
        line = line[:-1]
    return line + "…"


def _row(column: ColumnProfile, rows: int, is_target: bool) -> tuple[str, str, str, str, str]:
    share = 100 * column.missing / max(rows, 1)
    missing = "" if not column.missing else "<0.1 %" if share < 0.1 else f"{share:.1f} %"
    distinct = "many" if column.distinct is None else f"{column.distinct:,}"
    mark = " *" if is_target else ""
    return clip(column.name, 28) + mark, column.type, missing, distinct, _values(column)


def _values(column: ColumnProfile) -> str:
    if column.type == "number" and column.min is not None:
        years = are_years([column.min, column.max])
        low, high, mean = (number(v, years) for v in (column.min, column.max, column.mean))
        spread = f" ± {number(column.std)}" if column.std is not None else ""
        return f"{low} … {high}, mean {mean}{spread}"
    if column.type == "date" and column.min is not None:
        low, high = (str(end).removesuffix("T00:00:00") for end in (column.min, column.max))
        return f"{low} … {high}"
    return clip(", ".join(f"{clip(value, 20)} ({count:,})" for value, count in column.top), 56)


def number(value: Any, years: bool = False) -> str:
    """Return a number short enough to read: whole ones whole, others with five digits.

    Thousands are apart but in `years`; powers of ten are for what is huge or next to nothing.
    """
    if value is None:
        return "?"
    size = abs(value)
    if size and not 1e-6 <= size < 1e15:
        return f"{value:.4g}"
    rounded = Decimal(f"{value:.0f}" if size >= 1e5 or value == int(value) else f"{value:.5g}")
    return f"{rounded:f}" if years else f"{rounded:,f}"


def _target_lines(target: Target, rows: int) -> list[str]:
    missing = f", missing in {target.missing:,} rows" if target.missing else ""
    lines = [f"* target {clip(target.name, 60)}: {target.type}{missing}"]
    if target.classes is not None and (target.histogram is None or len(target.classes) <= _CLASSES):
        total = max(rows - target.missing, 1)
        pairs = [(clip(value, 28), count) for value, count in target.classes[:_CLASSES]]
        lines += _bars([(name, n, f"{n:,} ({100 * n / total:.1f} %)") for name, n in pairs])
        if len(target.classes) > _CLASSES:
            lines.append(f"  … and {len(target.classes) - _CLASSES} more classes")
    elif target.histogram is not None:
        edges, counts = target.histogram["edges"], target.histogram["counts"]
        years = are_years([edges[0], edges[-1]])
        pairs = [  # two bins a line keep it short
            (
                f"{number(edges[i], years)} … {number(edges[i + 2], years)}",
                int(counts[i] + counts[i + 1]),
            )
            for i in range(0, len(counts) - 1, 2)
        ]
        lines += _bars([(name, n, f"{n:,}") for name, n in pairs])
        if target.sampled:
            lines.append(f"  from a random sample of {target.sampled:,} values")
    return lines


def _bars(rows: list[tuple[str, int, str]]) -> list[str]:
    """Return lines "name ███ words", the longest bar for the most rows."""
    most = max((count for _, count, _ in rows), default=0) or 1
    size = max((width(name) for name, _, _ in rows), default=0)
    lines = []
    for name, count, words in rows:
        eighths = max(round(8 * _BAR * count / most), 1 if count else 0)
        bar = "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()
        lines.append(f"  {pad(name, size)}  {pad(bar, _BAR)}  {words}")
    return lines
