"""How one column of text writes its numbers, found out as its blocks pass by."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from amlkit.tabular.table.number_formats import (
    BODIES,
    NUMBER_LIKE,
    NumberFormat,
    Strings,
    around,
    holds,
    is_currency,
    plain_signs,
    read_bodies,
    undressed,
)
from amlkit.tabular.table.tally import Moments, Sample

POINT, COMMA = list(BODIES)[:2]
SAMPLE_FIRST = 64  # values looked at before a whole block is
# a whole number that begins as a code does (01234) or as a telephone number (+49 151 …)
_CODE = r"^(?:-?0\d+|\+\d[\d ]{6,})$"
_OCTET = r"(?:25[0-5]|2[0-4]\d|1\d\d|\d\d?)"
_ADDRESS = rf"^{_OCTET}(?:\.{_OCTET}){{3}}$"
_TELEPHONE = r"^\d{1,3}(?:[ .]\d{3}){2,}$"
_LONG = 11  # characters of nine digits in threes
_FEW_WORDS = 5

Kept = TypeVar("Kept", Moments, Sample)


class NumberScan:
    """The readings under which all values so far are numbers, and their statistics under each.

    A reading is one of BODIES. They differ only where a value holds a mark that can be two things:
    1,234 may have thousands or decimals. Then all that is possible is kept until the whole table
    has passed by, and `decide.choose_format` chooses.
    """

    def __init__(self, spelling: str | None, forced: bool, is_target: bool) -> None:
        self.form = NumberFormat.of(spelling)  # its ends; its body once it is decided
        self.readings = [self.form.body] if spelling else list(BODIES)
        self.forced = forced
        self.seen = False
        self.all_trailing = True  # whether all end in a minus: 1935- is the open end of a range
        # the first value that is no plain number, and the first of a mark that may be two things
        self.example: str | None = None
        self.doubtful: str | None = None
        self._moments = dict.fromkeys(self.readings, Moments())
        self._samples = dict.fromkeys(self.readings, Sample()) if is_target else {}

    def strike(self, values: Strings, plain: bool = False) -> dict[str, pa.Array]:
        """Return the numbers under each reading that is left; empty, and unchanged, if none is.

        Readings under the same numbers share one array. With `plain`, only numbers that a program
        would write are tried.
        """
        if not len(values):
            return dict.fromkeys(self.readings, pa.array([], pa.float64()))
        if not self.forced and has_codes(values):
            return {}
        whole = self._plain(values)
        found = {} if plain and whole is None else self.numbers(values, whole)
        if found and whole is None and not (self.seen or self.forced):
            bodies = undressed(values, self.form)
            if bodies is not None and _are_codes(bodies):
                return {}
        if found:
            self.readings, self.seen = list(found), True
            if self.all_trailing:
                self.all_trailing = pc.all(pc.ends_with(values, "-")).as_py()
            if whole is None and self.example is None:
                self.example = first_misfit(values, _is_plain)
            if self.ambiguous and self.doubtful is None:
                self.doubtful = first_misfit(values, _is_unmarked)
        return found

    def numbers(self, values: Strings, whole: pa.Array | None = None) -> dict[str, pa.Array]:
        """Return the numbers under each reading that all the values fit."""
        whole = self._plain(values) if whole is None else whole
        if whole is not None:
            return self._arrays(values, whole, self.readings)
        readings = self.readings
        if len(values) > 2 * SAMPLE_FIRST:  # most that are no numbers show it at once
            readings = list(self.numbers(values.slice(0, SAMPLE_FIRST)))
        found = self._arrays(values, None, readings) if readings and self.form.bare else {}
        if found or not readings:
            return found
        bodies = undressed(values, self.form)
        if bodies is None and self._learn(values):
            bodies = undressed(values, self.form)
        if bodies is None or (not self.forced and has_codes(bodies)):
            return {}
        return self._arrays(bodies, read_bodies(bodies, POINT, self.form.scale), readings)

    def _plain(self, values: Strings) -> pa.Array | None:
        return read_bodies(values, POINT) if self.form.bare else None

    def _arrays(
        self, bodies: Strings, whole: pa.Array | None, readings: list[str]
    ) -> dict[str, pa.Array]:
        """Return the bodies as numbers under each reading; `whole` is that of POINT, if any is."""
        commas = any(BODIES[body][1] == "," for body in readings)
        pointed = commas and whole is not None and holds(bodies, ".")
        found = {}
        for body in readings:
            mark, decimal = BODIES[body]
            numbers = None
            if whole is not None and (decimal == "." or not pointed):
                numbers = whole  # what has neither mark is the same under all readings
            elif whole is None or mark == ".":
                numbers = read_bodies(bodies, body, self.form.scale)
            if numbers is not None:
                found[body] = numbers
        return found

    def _learn(self, values: Strings) -> bool:
        """Find out what stands at a number's ends from the first value that has something there.

        A unit must be on all values, so it is not learnt late; a currency may.
        """
        if not self.form.bare:
            return False
        odd = first_misfit(values, lambda part: undressed(part, self.form) is not None)
        before, after = around(odd) or ("", "")
        if not (before or after) or (self.seen and after and not is_currency(after)):
            return False
        self.form = NumberFormat(self.form.body, before, after)
        return True

    def add_moments(self, found: dict[str, pa.Array], weights: np.ndarray | None = None) -> None:
        """Take in a block's numbers under each reading, each counted `weights` times (once)."""
        _add(self._moments, found, lambda kept, numbers: kept.add(numbers, weights))

    def add_sample(self, found: dict[str, pa.Array]) -> None:
        """Offer a block's numbers under each reading to the samples of a target."""
        _add(self._samples, found, lambda kept, numbers: kept.add(numbers))

    @property
    def moments(self) -> Moments:
        """The moments under the reading decided on."""
        return self._moments[self.form.body]

    @property
    def sample(self) -> Sample | None:
        """The sample under the reading decided on; None if the column is no target."""
        return self._samples.get(self.form.body)

    @property
    def decimals(self) -> set[str]:
        """The decimal marks that are possible."""
        return {BODIES[body][1] for body in self.readings}

    @property
    def ambiguous(self) -> bool:
        """Whether a mark was seen that may part thousands or decimals."""
        return len(self.decimals) == 2 and (POINT in self.readings) != (COMMA in self.readings)


def odd_words(values: Strings, weights: np.ndarray) -> list[str]:
    """Return the few words but for which the values would be numbers; none if it is not so.

    A value counts `weights` times; of the rows, nine in ten must be numbers.
    """
    matched = pc.match_substring_regex(plain_signs(values), NUMBER_LIKE)
    like = matched.to_numpy(zero_copy_only=False).astype(bool)
    odd = pc.unique(values.filter(pc.invert(matched))).to_pylist()
    if not 0 < len(odd) <= _FEW_WORDS or weights[like].sum() < 0.9 * weights.sum():
        return []
    numbers = NumberScan(None, False, False)
    return odd if numbers.strike(values.filter(matched)) else []


def _add(
    kept: dict[str, Kept], found: dict[str, pa.Array], add: Callable[[Kept, np.ndarray], None]
) -> None:
    """Add each reading's numbers to what is kept of it.

    Readings share what is kept as long as they share the numbers; from then on each has its own.
    """
    shared: dict[int, dict[int, list[str]]] = {}
    for body, numbers in found.items():
        if body in kept:
            shared.setdefault(id(kept[body]), {}).setdefault(id(numbers), []).append(body)
    for parted in shared.values():
        for bodies in parted.values():
            mine = kept[bodies[0]] if len(parted) == 1 else deepcopy(kept[bodies[0]])
            add(mine, np.asarray(found[bodies[0]].to_numpy()))
            kept.update(dict.fromkeys(bodies, mine))


def _are_codes(bodies: Strings) -> bool:
    """Return whether the whole column looks like telephone numbers or addresses of computers."""
    if _all_match(bodies, _ADDRESS):
        return True
    lengths = pc.min_max(pc.utf8_length(bodies)).as_py()
    return lengths["min"] == lengths["max"] >= _LONG and _all_match(bodies, _TELEPHONE)


def _all_match(values: Strings, pattern: str) -> bool:
    return pc.all(pc.match_substring_regex(values, pattern)).as_py() is True


def has_codes(values: Strings) -> bool:
    """Return whether a value is written as a code is (01234) or as a telephone number."""
    starts = ["0", *(sign for sign in ("-0", "+") if holds(values, sign))]
    return any(
        pc.any(pc.match_substring_regex(pc.filter(values, pc.starts_with(values, start)), _CODE))
        .as_py() is True
        for start in starts
    )  # fmt: skip


def _is_plain(values: Strings) -> bool:
    """Return whether the values are numbers as a program writes them."""
    return read_bodies(values, POINT) is not None


def _is_unmarked(values: Strings) -> bool:
    """Return whether no value has a mark of thousands or decimals."""
    return pc.any(pc.match_substring_regex(values, "[.,]")).as_py() is not True


def first_misfit(values: Strings, fit: Callable[[Strings], bool]) -> str:
    """Return the first value that does not fit, found by halving; there must be one."""
    while len(values) > 1:
        half = values.slice(0, len(values) // 2)
        values = values.slice(len(values) // 2) if fit(half) else half
    return str(values[0].as_py())
