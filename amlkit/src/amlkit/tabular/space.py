"""`training.search` of config.yml: which values of an estimator's parameters are tried.

Needs the standard library alone: settings are read where nothing else is installed.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Union

# Of a job's inputs, which a sweep's parameters stand beside (docs/contract.md).
TAKEN = ("data", "champion")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_KEYS = ("min", "max", "log")
# What YAML 1.1 reads as text, though a person means a number.
_MEANT = re.compile(r"[+-]?\d+(\.\d*)?[eE][+-]?\d+")
# Texts that a shell and a service leave as they are.
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*")


def logged_as(metric: str) -> str:
    """What MLflow knows a trial's score by: the metric itself is that of the held-out rows."""
    return f"cv_{metric}"


class UnscoredTrial(Exception):
    """The one trial of a sweep that this job is could not be scored: one line that says why."""


@dataclass(frozen=True)
class Range:
    """Numbers between two ends, which are among them."""

    low: float
    high: float
    log: bool = False
    """Whether their logarithms are spread evenly, not they."""
    whole: bool = False

    def near(self, value: float) -> float | int:
        """The number of the range that is nearest: a whole one where it holds these alone."""
        inside = min(max(value, self.low), self.high)
        return round(inside) if self.whole else float(inside)


Values = Union[Range, "tuple[Any, ...]"]
"""A range, or the values to choose from."""
Space = Mapping[str, Values]


def read_space(given: Mapping[str, Any]) -> dict[str, Values]:
    """A space as config.yml has it.

    Raises:
        ValueError: one line that says what is wrong with which parameter.
    """
    found = {}
    for name, values in given.items():
        try:
            found[name] = read_values(name, values)
        except ValueError as error:
            raise ValueError(f"{name} {error}") from None
    return found


def read_values(name: str, given: Any) -> Values:
    """What is tried of a parameter; ValueError, without its name, where that is malformed."""
    if not _NAME.fullmatch(name) or name in TAKEN:
        raise ValueError(
            "is no name of a parameter: letters, digits and _, not "
            f"{' or '.join(map(repr, TAKEN))}, which are a job's inputs"
        )
    if isinstance(given, list):
        return _choices(given)
    if isinstance(given, dict):
        return _range(given)
    raise ValueError(f"must be a list of values or {{min: …, max: …}}, not {given!r}")


def _choices(given: Sequence[Any]) -> tuple[Any, ...]:
    """The values of a list."""
    if not given:
        raise ValueError("is an empty list: name the values to try")
    for value in given:
        _refuse_meant(value)
        try:
            json.dumps(value, allow_nan=False)
        except (TypeError, ValueError):
            raise ValueError(f"holds {value!r}: JSON has no such value") from None
    if len({json.dumps(value) for value in given}) < len(given):
        raise ValueError("names a value twice")
    return tuple(given)


def _range(given: Mapping[str, Any]) -> Range:
    """The range of a mapping."""
    if unknown := [key for key in given if key not in _KEYS]:
        raise ValueError(f"knows no {unknown[0]!r}: a range is {{min: …, max: …, log: true}}")
    ends = []
    for key in ("min", "max"):
        if key not in given:
            raise ValueError(f"has no {key}: a range is {{min: …, max: …}}")
        value = given[key]
        _refuse_meant(value)
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not math.isfinite(value):
            raise ValueError(f"has {key}: {value!r}, which must be a finite number")
        ends.append(value)
    low, high = ends
    log = given.get("log", False)
    if not isinstance(log, bool):
        raise ValueError(f"has log: {log!r}, which must be true or false")
    if low >= high:
        raise ValueError(f"has min: {low}, which must be less than max: {high}")
    if log and low <= 0:
        raise ValueError(f"has min: {low}, which has no logarithm: with log: true it is above 0")
    return Range(low, high, log, all(isinstance(end, int) for end in ends))


def _refuse_meant(value: Any) -> None:
    """Raise ValueError for a number that YAML reads as text."""
    if isinstance(value, str) and _MEANT.fullmatch(value):
        better = value if "." in value else re.sub("[eE]", ".0e", value)
        better = re.sub(r"e(\d)", r"e+\1", better)
        raise ValueError(f"has {value}, which YAML reads as text: write {better}")


def words_of(values: Sequence[Any]) -> list[str | int | float]:
    """What stands for each of the values to choose from in a command line: itself where it can."""
    words = [_word(value) for value in values]
    several = [word for word in words if words.count(word) > 1]
    return [
        f"choice-{place}" if word is None or word in several else word
        for place, word in enumerate(words)
    ]


def _word(value: Any) -> str | int | float | None:
    """A number, or a text of harmless letters; None of another value."""
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, int | float):
        return value
    plain = isinstance(value, str) and _PLAIN.fullmatch(value) and not value.startswith("choice-")
    return value if plain else None


def read_word(values: Values, word: str) -> Any:
    """A parameter's value, of the word of a command line; ValueError if it is none of them."""
    try:
        number = float(word)
    except ValueError:
        number = math.nan
    if isinstance(values, Range):
        if not math.isfinite(number):
            raise ValueError(f"{word!r} is no finite number")
        return values.near(number)
    for known, value in zip(words_of(values), values, strict=True):
        text = isinstance(known, str)  # which a service leaves as it is; a number it may not
        if word == known if text else math.isclose(number, float(known), rel_tol=1e-9):
            return value
    raise ValueError(f"{word!r} is none of the values of training.search")


def size(space: Space) -> int | None:
    """How many combinations there are; None where a range gives any number of them."""
    if any(isinstance(values, Range) for values in space.values()):
        return None
    return math.prod(len(values) for values in space.values() if not isinstance(values, Range))
