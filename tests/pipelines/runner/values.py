"""Values of expressions, and the conversions between their types ("Type casting").

Null, Boolean, Number, String and Version are `None`, `bool`, `Decimal`, `str` and `Version`;
arrays and objects are lists and mappings.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from .errors import ExpressionError

Value = Any  # None | bool | Decimal | str | Version | list[Value] | Mapping[str, Value]

NUMBER = re.compile(r"\s*[+-]?(\d[\d,]*\.?\d*|\.\d+)\s*")
INT32_MAX = 2**31 - 1


class NotConvertible(ExpressionError):
    """A value has no counterpart in the type asked for."""


@dataclass(frozen=True, order=True)
class Version:
    """A version of two to four numbers."""

    parts: tuple[int, ...]

    @classmethod
    def parse(cls, text: str) -> Version:
        """Read `1.2`, `1.2.3` or `1.2.3.4`."""
        if not re.fullmatch(r"\d+(\.\d+){1,3}", text):
            raise NotConvertible(f"{text!r} is no version")
        parts = tuple(map(int, text.split(".")))
        if max(parts) > INT32_MAX:
            raise NotConvertible(f"{text!r} is no version: a part is too large")
        return cls(parts)

    def __str__(self) -> str:
        return ".".join(map(str, self.parts))


def type_name(value: Value) -> str:
    """The name of a value's type, as the documentation has it."""
    names = {bool: "Boolean", Decimal: "Number", Version: "Version", list: "Array"}
    if value is None:
        return "Null"
    if isinstance(value, str):
        return "String"
    if isinstance(value, Mapping):
        return "Object"
    return names[type(value)]


def to_boolean(value: Value) -> bool:
    """Null, 0 and the empty string are False, everything else is True."""
    return bool(value) if isinstance(value, str | Decimal | bool) else value is not None


def to_null(value: Value) -> None:
    """The empty string is Null; nothing else is."""
    if value is not None and value != "":
        raise NotConvertible(f"{type_name(value)} is not Null")


def to_number(value: Value) -> Decimal:
    """A number; the empty string and Null are 0."""
    if isinstance(value, bool):
        return Decimal(int(value))
    if isinstance(value, Decimal):
        return value
    if value is None or value == "":
        return Decimal(0)
    if isinstance(value, str) and NUMBER.fullmatch(value):
        return Decimal(value.strip().replace(",", ""))
    raise NotConvertible(f"{type_name(value)} {value!s} is no number")


def to_string(value: Value) -> str:
    """Text; booleans are `True` and `False`, arrays and objects have none."""
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return f"{value:f}".rstrip("0").rstrip(".") if "." in f"{value:f}" else f"{value:f}"
    if isinstance(value, str):
        return value
    if isinstance(value, bool | Version):
        return str(value)
    raise NotConvertible(f"{type_name(value)} has no text")


def to_version(value: Value) -> Version:
    """A version, from text or from a number with decimals."""
    if isinstance(value, Version):
        return value
    if isinstance(value, str | Decimal):
        return Version.parse(to_string(value))
    raise NotConvertible(f"{type_name(value)} is no version")


CASTS: Mapping[str, Callable[[Value], Value]] = {
    "Boolean": to_boolean,
    "Null": to_null,
    "Number": to_number,
    "String": to_string,
    "Version": to_version,
}


def equal(left: Value, right: Value) -> bool:
    """Whether `right`, converted to the type of `left`, equals it; letters in any case."""
    cast = CASTS.get(type_name(left))
    if cast is None:
        return left is right
    try:
        converted = cast(right)
    except NotConvertible:
        return False
    return bool(_comparable(left) == _comparable(converted))


def compare(left: Value, right: Value) -> int:
    """-1, 0 or 1; `right` is converted to the type of `left`, which must succeed."""
    name = type_name(left)
    cast = CASTS[name] if name in ("Boolean", "Number", "String", "Version") else to_number
    first, second = _comparable(cast(left)), _comparable(cast(right))
    return int(first > second) - int(first < second)


def _comparable(value: Value) -> Any:
    return value.upper() if isinstance(value, str) else value


def lookup(target: Value, key: Value) -> Value:
    """An element by index or a property by name, in any case; Null where there is none."""
    if isinstance(target, Mapping):
        name = to_string(key)
        if name in target:
            return target[name]
        found = [value for other, value in target.items() if other.upper() == name.upper()]
        return found[0] if found else target.get(name)
    if isinstance(target, list):
        index = int(to_number(key))
        return target[index] if 0 <= index < len(target) else None
    return None
