"""Numbers as logs and pages say them alike. Imports nothing beside the standard library."""

from __future__ import annotations

import math
from collections.abc import Iterable

YEARS = (1500, 2200)  # whole numbers between these may be years


def are_years(values: Iterable[object]) -> bool:
    """Whether all of them may be years, which are written without a separator; not if none is."""
    found = list(values)
    return bool(found) and all(
        isinstance(value, int | float) and YEARS[0] <= value <= YEARS[1] and value == int(value)
        for value in found
    )


def agreement(distance: float) -> str:
    """`agrees within 0.000001`, or exactly."""
    return f"agrees within {within(distance)}" if distance else "agrees exactly"


def within(distance: float) -> str:
    """The power of ten that a distance stays within, written out; a millionth is enough."""
    power = math.ceil(math.log10(max(distance, 1e-6)))
    return f"{10.0**power:,.{max(0, -power)}f}"
