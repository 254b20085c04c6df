"""One column as its table passes by, in bounded memory: the types it can be, its statistics."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from amlkit.tabular.table import tally
from amlkit.tabular.table.date_formats import DATE_FORMATS
from amlkit.tabular.table.number_scan import NumberScan, first_misfit, has_codes, odd_words
from amlkit.tabular.table.schema import Column
from amlkit.tabular.table.tally import Counter, Moments, Sample
from amlkit.tabular.table.values import (
    CANDIDATES,
    Strings,
    is_blank,
    parse,
    stripped,
    surviving,
    without_blanks,
)

_FORCED = {"number": ("number",), "date": DATE_FORMATS, "boolean": ("boolean",), "category": ()}


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
        self, name: str, missing_values: Sequence[str], wanted: Column | None = None,
        is_target: bool = False, candidates: Sequence[str] = CANDIDATES, stored: bool = False,
    ) -> None:  # fmt: skip
        self.name, self.missing_values = name, missing_values
        self._wanted = wanted
        self.stored = stored  # as text, where a number has a type of its own
        self.forced = wanted.type if wanted else None
        form = wanted.format if wanted else None
        self.alive = list(candidates)
        if self.forced:
            self.alive = [form] if self.forced == "date" and form else list(_FORCED[self.forced])
        number = form if self.forced == "number" else None
        self.numbers = NumberScan(number, self.forced is not None, is_target)
        self.is_target = is_target
        self.rows = self.missing = 0
        self.blanks = 0  # rows of a dash or the like, missing in all columns but categories
        self.counter = Counter()
        self.dates: dict[str, tuple[Any, Any]] = {}  # format → first and last date
        self.order = DayOrder()
        self.misfit: str | None = None  # the value that struck out the last type
        self.odd: list[str] = []  # the words that were among numbers then
        self.infinite = False  # whether it would be a number but for inf or NaN

    def add(self, column: pa.ChunkedArray) -> None:
        """Take in a block of strings, null where the value is missing as it stands."""
        self.rows += len(column)
        if self.counter.full:
            self._sum_up(column)
        else:
            self._count(column)
        if self.order.open_for(self.alive):
            values = stripped(column, self.missing_values)
            read = {form: parse(values, Column(self.name, "date", form)) for form in self.alive}
            self.order.add(
                {form: days.drop_null() for form, days in read.items() if days is not None}
            )
        if self.is_target and "number" in self.alive:
            values = stripped(column, self.missing_values).drop_null()
            found = self.numbers.numbers(values)
            self.numbers.add_sample(found or self.numbers.numbers(without_blanks(values)))

    @property
    def moments(self) -> Moments:
        """The moments of the column as a number."""
        return self.numbers.moments

    @property
    def sample(self) -> Sample | None:
        """The sample of a target as a number."""
        return self.numbers.sample

    @property
    def column(self) -> Column:
        """The column as it is to be, as far as that is known."""
        if self.forced == "number":
            return Column(self.name, "number", self.numbers.form.spelling)
        return self._wanted or Column(self.name, "category")

    def words_among_numbers(self) -> list[str]:
        """Return the few words but for which the column would hold numbers."""
        if self.forced or self.misfit is None:
            return []
        if self.counter.full:
            return self.odd
        counts = self.counter.counts
        texts = pa.array(list(counts), pa.string())
        weights = np.fromiter(counts.values(), float, len(counts))
        there = pc.invert(is_blank(texts))
        return odd_words(texts.filter(there), weights[there.to_numpy(zero_copy_only=False)])

    def _strike(self, values: Strings) -> tuple[Strings, dict[str, pa.Array]]:
        """Strike out the types that one of these values does not fit.

        Return the values that are not blank, and the numbers under each reading.
        """
        before = self.alive
        self.alive, found = self._surviving(before, values)
        if before and not self.alive:
            there = without_blanks(values)
            if len(there) < len(values):
                values = there
                self.alive, found = self._surviving(before, values)
        if before and not self.alive:
            self.misfit = first_misfit(values, lambda part: bool(self._surviving(before, part)[0]))
            self.odd = odd_words(values, np.ones(len(values))) if "number" in before else []
        if "number" in before and "number" not in self.alive:
            try:
                pc.cast(values, pa.float64())
                self.infinite = not has_codes(values)
            except pa.ArrowInvalid:
                pass  # text
        return values, found

    def _surviving(
        self, candidates: Sequence[str], values: Strings
    ) -> tuple[list[str], dict[str, pa.Array]]:
        """Return the candidates that every value fits, and the numbers under each reading."""
        found = self.numbers.strike(values) if "number" in candidates else {}
        others = [candidate for candidate in candidates if candidate != "number"]
        left = {*surviving(others, values, self.forced is not None), *(["number"] if found else [])}
        return [candidate for candidate in candidates if candidate in left], found

    def _count(self, column: pa.ChunkedArray) -> None:
        counted = pc.value_counts(column)
        if len(counted) > tally.DISTINCT_CAP + len(self.missing_values):
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
        self.counter.give_up()

    def settle(self) -> None:
        """Turn the counts into the statistics of the types still possible."""
        counts = self.counter.counts
        if not counts or not self.alive:
            return
        values = pa.array(list(counts), pa.string())
        weights = np.fromiter(counts.values(), float, len(counts))
        found = self.numbers.numbers(values) if self.alive == ["number"] else {}
        if found:
            self.numbers.add_moments(found, weights)
            return
        blank = is_blank(values)
        there = pc.invert(blank)
        self.blanks += int(weights[blank.to_numpy(zero_copy_only=False)].sum())
        values, weights = values.filter(there), weights[there.to_numpy(zero_copy_only=False)]
        if "number" in self.alive:
            self.numbers.add_moments(self.numbers.numbers(values), weights)
        self._add_dates(values)

    def _sum_up(self, column: pa.ChunkedArray) -> None:
        values = column.drop_null()
        if self.alive == ["number"]:  # the common case: no spaces around, told by one parse
            found = self.numbers.strike(values, plain=True)
            if found:
                self.missing += column.null_count
                self.numbers.add_moments(found)
                return
        values = stripped(values, self.missing_values).drop_null()
        self.missing += len(column) - len(values)
        there, found = self._strike(values)
        self.blanks += len(values) - len(there)
        self.numbers.add_moments(found)
        self._add_dates(there)

    def _add_dates(self, values: Strings) -> None:
        for form in self.alive:
            if form in DATE_FORMATS and len(values):
                bounds = pc.min_max(parse(values, Column(self.name, "date", form))).as_py()
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
            if len(counted) <= tally.DISTINCT_CAP:
                self.counter.add(
                    counted.field("values").to_pylist(), counted.field("counts").to_pylist()
                )
            else:
                self.counter.full = True
            if self.counter.full:
                self.counter.give_up()

    def look_for_infinite(self, column: pa.ChunkedArray) -> None:
        """Notice infinite numbers in the file's own column; they are read as missing."""
        if pa.types.is_floating(column.type):
            self.infinite = self.infinite or bool(pc.any(pc.is_inf(column)).as_py())
