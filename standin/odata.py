"""The filters of run history: the part of OData that azureml-core writes.

The forms are those of `azureml/_restclient/_odata/` in azureml-core: comparisons of a field with a
word, a "quoted text", a time or null, joined by `and`, `or` and parentheses.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from .routing import AzureError, Json

Test = Callable[[Json], bool]
T = TypeVar("T", bound=Json)

_COMPARISON = re.compile(
    r"""\s*(?P<field>[\w.]+(?:/[^()]+?)?)\s+(?P<operator>eq|ne|ge|gt|le|lt)\s+"""
    r"""(?P<value>"[^"]*"|'[^']*'|.+?)(?=\s*\)|\s+and\s|\s+or\s|\s*$)"""
)
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "eq": lambda a, b: a == b,
    "ne": lambda a, b: a != b,
    "ge": lambda a, b: a >= b,
    "gt": lambda a, b: a > b,
    "le": lambda a, b: a <= b,
    "lt": lambda a, b: a < b,
}


class _Parser:
    """Recursive descent over one expression."""

    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0

    def take(self, pattern: str) -> bool:
        found = re.compile(pattern).match(self.text, self.at)
        if found:
            self.at = found.end()
        return bool(found)

    def either(self) -> Test:
        tests = [self.both()]
        while self.take(r"\s+or\s+"):
            tests.append(self.both())
        return lambda item: any(test(item) for test in tests)

    def both(self) -> Test:
        tests = [self.one()]
        while self.take(r"\s+and\s+"):
            tests.append(self.one())
        return lambda item: all(test(item) for test in tests)

    def one(self) -> Test:
        if self.take(r"\s*\("):
            test = self.either()
            if not self.take(r"\s*\)"):
                raise self.refusal()
            return test
        found = _COMPARISON.match(self.text, self.at)
        if found is None:
            raise self.refusal()
        self.at = found.end()
        return _comparison(found["field"], found["operator"], found["value"].strip())

    def refusal(self) -> AzureError:
        return AzureError(400, "UserError", f"Invalid filter expression: {self.text}")


def _comparison(field: str, operator: str, value: str) -> Test:
    name, _, key = field.partition("/")
    name = name[:1].lower() + name[1:]
    wanted = None if value == "null" else value.strip("\"'")

    def test(item: Json) -> bool:
        actual = item.get(name)
        if key:
            # "(Tags/x ne null or Tags/x eq null)" asks for the key: a missing one fits neither.
            if not isinstance(actual, dict) or key not in actual:
                return False
            actual = actual[key]
        if wanted is None or actual is None:
            return operator in ("eq", "ne") and _COMPARE[operator](actual, wanted)
        if name.endswith(("Utc", "Time")):
            return _COMPARE[operator](_moment(str(actual)), _moment(wanted))
        return _COMPARE[operator](str(actual), wanted)

    return test


def _moment(text: str) -> str:
    return re.sub(r"(Z|[+-]\d\d:?\d\d)$", "", text.replace(" ", "T"))


def parse(expression: str | None) -> Test:
    """What an expression lets through; an empty one, all. AzureError 400 when it is none."""
    if not (expression or "").strip():
        return lambda item: True
    parser = _Parser(str(expression).strip())
    test = parser.either()
    if not parser.take(r"\s*$"):
        raise parser.refusal()
    return test


def page(
    items: Iterable[T], filter: str | None, orderby: str | None, top: Any, token: str | None
) -> Json:
    """One page of the items that fit: `{"value", "continuationToken"}`."""
    test = parse(filter)
    found = [item for item in items if test(item)]
    for key in reversed([part.strip() for part in (orderby or "").split(",") if part.strip()]):
        name, _, direction = key.partition(" ")
        name = name[:1].lower() + name[1:]
        found.sort(key=lambda item: str(item.get(name) or ""), reverse=direction.strip() == "desc")
    first = int(token or 0)
    size = int(top or 0) or 500
    more = first + size < len(found)
    return {
        "value": found[first : first + size],
        "continuationToken": str(first + size) if more else None,
    }
