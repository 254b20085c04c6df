"""What numbers are made of a date: the same for training, for requests and for whole tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

_DAY = 86_400  # seconds


def date_parts(timed: bool) -> list[str]:
    """What is made of a date: weekday counts from Monday 0, days from 1970 with the time of day."""
    return ["year", "month", "day", "weekday", *(["hour"] if timed else []), "days"]


def has_time(format: str | None) -> bool:
    """Whether a date column can hold a time of day: only a text format can rule it out."""
    return format is None or any(part in format for part in ("%H", "%I", "%T", "%X", "%c"))


def expanded_names(columns: Sequence[str], timed: Sequence[str]) -> list[str]:
    """The names of all parts of the date columns, in order."""
    return [f"{name}_{part}" for name in columns for part in date_parts(name in timed)]


def part_values(dates: Array, timed: bool) -> list[Array]:
    """The parts of `dates`, (rows,) of datetime64, as float64; NaN where the date is missing."""
    seconds = dates.astype("datetime64[s]")
    missing = np.isnat(seconds)
    if missing.any():
        seconds = np.where(missing, np.datetime64(0, "s"), seconds)
    since = seconds.astype(np.int64)
    months = seconds.astype("datetime64[M]")
    whole = seconds.astype("datetime64[D]")
    parts = {
        "year": months.astype("datetime64[Y]").astype(np.int64) + 1970,
        "month": months.astype(np.int64) % 12 + 1,
        "day": (whole - months.astype("datetime64[D]")).astype(np.int64) + 1,
        "weekday": (whole.astype(np.int64) + 3) % 7,  # the first of January 1970 was a Thursday
        "hour": since % _DAY // 3_600,
        "days": since / _DAY,
    }
    values = [parts[name].astype(np.float64) for name in date_parts(timed)]
    for value in values:
        value[missing] = np.nan
    return values
