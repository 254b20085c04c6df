"""The functions of expressions. Lazy ones stop asking for arguments once the answer stands."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from .errors import ExpressionError
from .values import Value, compare, equal, to_boolean, to_string

MANY = 1_000


@dataclass(frozen=True)
class Function:
    """How many arguments a function takes, and what it does with them."""

    least: int
    most: int
    call: Callable[..., Value]
    lazy: bool = False  # called with an iterator in place of the arguments


def _contains_value(items: Value, wanted: Value) -> bool:
    found = items.values() if isinstance(items, Mapping) else items
    return isinstance(items, list | Mapping) and any(equal(wanted, item) for item in found)


def _coalesce(values: Iterator[Value]) -> Value:
    return next((value for value in values if value is not None and value != ""), None)


def _in(values: Iterator[Value]) -> bool:
    left = next(values)
    return any(equal(left, value) for value in values)


def _iif(values: Iterator[Value]) -> Value:
    if to_boolean(next(values)):
        return next(values)
    *_, otherwise = values
    return otherwise


def _format(template: Value, *values: Value) -> str:
    def fill(match: re.Match[str]) -> str:
        found = match[0]
        if found in ("{{", "}}"):
            return found[0]
        if not match[1] or int(match[1]) >= len(values):
            raise ExpressionError(f"format: nothing for {found} in {template!r}")
        return to_string(values[int(match[1])])

    return re.sub(r"\{\{|\}\}|\{(\d*)\}|[{}]", fill, to_string(template))


def _join(separator: Value, items: Value) -> str:
    if not isinstance(items, list):
        return to_string(items)
    return to_string(separator).join(
        "" if isinstance(item, list | Mapping) else to_string(item) for item in items
    )


def _length(value: Value) -> int:
    return len(value) if isinstance(value, list) else len(to_string(value))


def _split(text: Value, delimiters: Value) -> list[str]:
    marks = to_string(delimiters)
    return re.split(f"[{re.escape(marks)}]", to_string(text)) if marks else [to_string(text)]


def _upper(value: Value) -> str:
    return to_string(value).upper()


FUNCTIONS: Mapping[str, Function] = {
    "and": Function(2, MANY, lambda values: all(map(to_boolean, values)), lazy=True),
    "coalesce": Function(2, MANY, _coalesce, lazy=True),
    "contains": Function(2, 2, lambda text, part: _upper(part) in _upper(text)),
    "containsvalue": Function(2, 2, _contains_value),
    "endswith": Function(2, 2, lambda text, end: _upper(text).endswith(_upper(end))),
    "eq": Function(2, 2, equal),
    "format": Function(1, MANY, _format),
    "ge": Function(2, 2, lambda left, right: compare(left, right) >= 0),
    "gt": Function(2, 2, lambda left, right: compare(left, right) > 0),
    "iif": Function(3, 3, _iif, lazy=True),
    "in": Function(1, MANY, _in, lazy=True),
    "join": Function(2, 2, _join),
    "le": Function(2, 2, lambda left, right: compare(left, right) <= 0),
    "length": Function(1, 1, _length),
    "lower": Function(1, 1, lambda text: to_string(text).lower()),
    "lt": Function(2, 2, lambda left, right: compare(left, right) < 0),
    "ne": Function(2, 2, lambda left, right: not equal(left, right)),
    "not": Function(1, 1, lambda value: not to_boolean(value)),
    "notin": Function(1, MANY, lambda values: not _in(values), lazy=True),
    "or": Function(2, MANY, lambda values: any(map(to_boolean, values)), lazy=True),
    "replace": Function(
        3, 3, lambda text, old, new: to_string(text).replace(to_string(old), to_string(new))
    ),
    "split": Function(2, 2, _split),
    "startswith": Function(2, 2, lambda text, start: _upper(text).startswith(_upper(start))),
    "trim": Function(1, 1, lambda text: to_string(text).strip()),
    "upper": Function(1, 1, _upper),
    "xor": Function(2, 2, lambda left, right: to_boolean(left) != to_boolean(right)),
}
