"""One column as its table passes by, in bounded memory: the types it can be, its statistics."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from amlkit.tabular.table.values import (
    DATE_FORMATS,
    NUMBERS,
    Strings,
    decimal_of,
    first_misfit,
    fits,
    has_leading_zeros,
    parse_dates,
    parse_numbers,
    stripped,
    surviving,
)

DISTINCT_CAP = 10_000  # distinct values counted, per column
_BYTES_CAP = 4 << 20  # of their text
SAMPLE = 20_000  # values kept of a numeric target
_FORCED = {"number": NUMBERS, "date": DATE_FORMATS, "boolean": ("boolean",), "category": ()}


@dataclass
class Moments:
    """Count, mean, spread and bounds of numbers, merged block by block (Chan, Golub, LeVeque)."""

    n: float = 0
    mean: float = 0.0
    m2: float = 0.0
    low: float = float("inf")
    high: float = float("-inf")

    def add(self, values: np.ndarray, weights: np.ndarray | None = None) -> None:
        """Take in finite values, each counted `weights` times (once)."""
        if not len(values):
            return
        n = float(len(values) if weights is None else weights.sum())
        mean = float(np.average(values, weights=weights))
        m2 = float(((values - mean) ** 2 * (1 if weights is None else weights)).sum())
        step, total = mean - self.mean, self.n + n
        self.mean += step * n / total
        self.m2 += m2 + step * step * self.n * n / total
        self.n = total
        self.low = min(self.low, float(values.min()))
        self.high = max(self.high, float(values.max()))

    @property
    def std(self) -> float | None:
        """The sample's standard deviation, None for fewer than two values."""
        return float(np.sqrt(self.m2 / (self.n - 1))) if self.n > 1 else None


class Counter:
    """Values with their counts, exact until there are too many: then it is `full` and gives up."""

    def __init__(self) -> None:
        self.counts: dict[object, int] = {}
        self.full = False
        self._bytes = 0

    def add(self, values: list[object], counts: Iterable[int]) -> list[object]:
        """Count distinct values and return those not seen before."""
        new = []
        for value, count in zip(values, counts, strict=True):
            before = self.counts.get(value, 0)
            self.counts[value] = before + count
            if not before:
                new.append(value)
                self._bytes += len(value) if isinstance(value, str) else 8
        self.full = len(self.counts) > DISTINCT_CAP or self._bytes > _BYTES_CAP
        return new


class Sample:
    """A uniform sample of SAMPLE values, the same for the same rows whatever the block size."""

    def __init__(self) -> None:
        self._random = np.random.default_rng(0)
        self._keys: np.ndarray = np.empty(0)
        self.values: np.ndarray = np.empty(0)
        self.seen = 0

    def add(self, values: np.ndarray) -> None:
        """Offer values; those with the smallest random keys stay."""
        self.seen += len(values)
        keys = np.concatenate([self._keys, self._random.random(len(values))])
        values = np.concatenate([self.values, values])
        if len(keys) > SAMPLE:
            chosen = np.argpartition(keys, SAMPLE)[:SAMPLE]
            keys, values = keys[chosen], values[chosen]
        self._keys, self.values = keys, values


class DayOrder:
    """Whether dates like 01/02/2020 come in order of time when read day or month first.

    A file is often sorted by date. If the dates are in order under one reading and not under the
    other, that reading is certain.
    """

    def __init__(self) -> None:
        self._last: dict[str, np.datetime64] = {}
        self._sorted: dict[str, tuple[bool, bool]] = {}  # rising, falling

    @staticmethod
    def open_for(formats: Iterable[str]) -> bool:
        """Return whether both readings are still possible."""
        return {form[:5] for form in formats} == {"%d/%m", "%m/%d"}

    def add(self, dates: Mapping[str, Any]) -> None:
        """Take in a block's dates under each reading (arrow arrays of timestamp[s])."""
        for form, values in dates.items():
            days = values.to_numpy()
            if not len(days):
                continue
            before = self._last.get(form, days[0])
            steps = np.diff(np.concatenate([[before], days])).astype(np.int64)
            rising, falling = self._sorted.get(form, (True, True))
            self._sorted[form] = (
                rising and bool((steps >= 0).all()),
                falling and bool((steps <= 0).all()),
            )
            self._last[form] = days[-1]

    def certain(self) -> str | None:
        """Return the one format under which the dates are in order, if it is one only."""
        ordered = [form for form, (rising, falling) in self._sorted.items() if rising != falling]
        return ordered[0] if len(ordered) == 1 else None


class TextScan:
    """A column of text.

    Values are counted as written until there are too many distinct ones; while they are, only new
    values are tried against the types. After that each block is tried and summed up as a whole.
    """

    def __init__(
        self, name: str, missing_values: Sequence[str], candidates: Sequence[str],
        forced: str | None = None, is_target: bool = False,
    ) -> None:  # fmt: skip
        self.name, self.missing_values, self.forced = name, missing_values, forced
        self.alive = list(_FORCED[forced] if forced else candidates)
        self.rows = self.missing = 0
        self.counter = Counter()
        self.moments = Moments()
        self.dates: dict[str, tuple[Any, Any]] = {}  # format → first and last date
        self.order = DayOrder()
        self.sample = Sample() if is_target else None
        self.misfit: str | None = None  # the value that struck out the last type
        self.infinite = False  # whether it would be a number but for inf or NaN

    def add(self, column: pa.ChunkedArray) -> None:
        """Take in a block of strings, null where the value is missing as it stands."""
        self.rows += len(column)
        if self.counter.full:
            self._sum_up(column)
        else:
            self._count(column)
        if self.order.open_for(self.alive):
            values = stripped(column, self.missing_values).drop_null()
            self.order.add({form: parse_dates(values, form) for form in self.alive})
        if self.sample is not None and self._number() is not None:
            values = stripped(column, self.missing_values).drop_null()
            self.sample.add(self._parsed(values))

    def _number(self) -> str | None:
        """Return the kind of number that the column can still be."""
        return next((kind for kind in NUMBERS if kind in self.alive), None)

    def _parsed(self, values: Strings) -> np.ndarray:
        numbers = parse_numbers(values, decimal_of(self._number() or "number"))
        return np.empty(0) if numbers is None else np.asarray(numbers.to_numpy())

    def _strike(self, values: Strings) -> None:
        """Strike out the types that one of these values does not fit."""
        before = self.alive
        self.alive = surviving(before, values, self.forced is not None)
        if before and not self.alive:
            self.misfit = first_misfit(
                values, lambda part: fits(before[0], part, self.forced is not None)
            )
        if "number" in before and "number" not in self.alive:
            try:
                pc.cast(values, pa.float64())
                self.infinite = not has_leading_zeros(values)
            except pa.ArrowInvalid:
                pass  # text

    def _count(self, column: pa.ChunkedArray) -> None:
        counted = pc.value_counts(column)
        if len(counted) > DISTINCT_CAP + len(self.missing_values):
            self._stop_counting()
            self._sum_up(column)
            return
        values = stripped(counted.field("values"), self.missing_values)
        counts = counted.field("counts").to_numpy()
        there = ~values.is_null().to_numpy(zero_copy_only=False)
        self.missing += int(counts[~there].sum())
        new = self.counter.add(values.drop_null().to_pylist(), counts[there].tolist())
        self._strike(pa.array(new, pa.string()))
        if self.counter.full:
            self._stop_counting()

    def _stop_counting(self) -> None:
        """Sum up what was counted so far, and forget it."""
        self.settle()
        self.counter.full, self.counter.counts = True, {}

    def settle(self) -> None:
        """Turn the counts into the statistics of the types still possible."""
        counts = self.counter.counts
        if counts:
            values = pa.array(list(counts), pa.string())
            if self._number():
                weights = np.fromiter(counts.values(), float, len(counts))
                self.moments.add(self._parsed(values), weights)
            self._add_dates(values)

    def _sum_up(self, column: pa.ChunkedArray) -> None:
        values = column.drop_null()
        if self.alive == ["number"]:  # the common case: no spaces around, told by one parse
            numbers = parse_numbers(values)
            if numbers is not None and not has_leading_zeros(values):
                self.missing += column.null_count
                self.moments.add(numbers.to_numpy())
                return
        values = stripped(values, self.missing_values).drop_null()
        self.missing += len(column) - len(values)
        self._strike(values)
        if self._number():
            self.moments.add(self._parsed(values))
        self._add_dates(values)

    def _add_dates(self, values: Strings) -> None:
        for form in self.alive:
            if form in DATE_FORMATS and len(values):
                bounds = pc.min_max(parse_dates(values, form)).as_py()
                low, high = self.dates.get(form, (bounds["min"], bounds["max"]))
                self.dates[form] = (min(low, bounds["min"]), max(high, bounds["max"]))


class TypedScan:
    """A column of Parquet's numbers (booleans as 1.0 and 0.0) or dates (in UTC)."""

    def __init__(self, name: str, type_: str, is_target: bool = False) -> None:
        self.name, self.type = name, type_
        self.rows = self.missing = 0
        self.counter = Counter()
        self.moments = Moments()
        self.dates: tuple[np.datetime64, np.datetime64] | None = None  # first and last
        self.sample = Sample() if is_target else None
        self.infinite = False

    def add(self, column: pa.ChunkedArray) -> None:
        """Take in a block of float64 or timestamp[s]."""
        self.rows += len(column)
        self.missing += column.null_count
        values = column.drop_null()
        if pa.types.is_timestamp(values.type):
            days = values.to_numpy()  # in numpy: Python's own dates end with the year 9999
            if len(days):
                low, high = self.dates or (days[0], days[0])
                self.dates = (min(low, days.min()), max(high, days.max()))
            values = pc.cast(values, pa.int64())
        else:
            self.moments.add(values.to_numpy())
            if self.sample is not None:
                self.sample.add(values.to_numpy())
        if not self.counter.full:
            counted = pc.value_counts(values)
            if len(counted) <= DISTINCT_CAP:
                self.counter.add(
                    counted.field("values").to_pylist(), counted.field("counts").to_pylist()
                )
            else:
                self.counter.full = True
            if self.counter.full:
                self.counter.counts = {}

    def look_for_infinite(self, column: pa.ChunkedArray) -> None:
        """Notice infinite numbers in the file's own column; they are read as missing."""
        if pa.types.is_floating(column.type):
            self.infinite = self.infinite or bool(pc.any(pc.is_inf(column)).as_py())
