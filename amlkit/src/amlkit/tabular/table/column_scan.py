"""One column as its table passes by: the types it can still be, and its statistics."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from amlkit.tabular.table.column_stats import DISTINCT_CAP, Counter, DayOrder, Moments, Sample
from amlkit.tabular.table.column_types import (  # fmt: skip
    DATE_FORMATS,
    NUMBERS,
    Strings,
    decimal_of,
    first_misfit,
    has_leading_zeros,
    parse_dates,
    parse_numbers,
    stripped,
    surviving,
)

_FORCED = {"number": NUMBERS, "date": DATE_FORMATS, "boolean": ("boolean",), "category": ()}


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
            self.misfit = first_misfit(before[0], values, self.forced is not None)
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
