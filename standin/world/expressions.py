"""The expressions of Resource Manager templates, as far as published templates use them.

Source: "ARM template functions" in Microsoft's documentation.
"""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from collections.abc import Callable
from typing import Any

from ..routing import AzureError

_TOKEN = re.compile(r"\s*(?:(?P<text>'(?:[^']|'')*')|(?P<number>-?\d+)|(?P<name>\w+)|(?P<mark>.))")
_BASE32 = "abcdefghijklmnopqrstuvwxyz234567"

Scope = dict[str, Callable[..., Any]]


def evaluate(value: Any, scope: Scope) -> Any:
    """A value of a template with its expressions computed. AzureError 400 for a bad one."""
    if isinstance(value, dict):
        return {key: evaluate(inner, scope) for key, inner in value.items()}
    if isinstance(value, list):
        return [evaluate(inner, scope) for inner in value]
    if not (isinstance(value, str) and value.startswith("[") and value.endswith("]")):
        return value
    if value.startswith("[["):
        return value[1:]
    return _Parser(value[1:-1], scope).whole()


class _Parser:
    """Recursive descent over one expression, which it computes as it goes."""

    def __init__(self, text: str, scope: Scope) -> None:
        self.text, self.scope = text, scope
        self.tokens = [found for found in _TOKEN.finditer(text) if found[0].strip()]
        self.at = 0

    def whole(self) -> Any:
        value = self.value()
        if self.at != len(self.tokens):
            raise self.refusal("unexpected text at its end")
        return value() if callable(value) else value

    def refusal(self, why: str) -> AzureError:
        said = f"Deployment template language expression '[{self.text}]' is not valid: {why}."
        return AzureError(400, "InvalidTemplate", said)

    def mark(self, wanted: str) -> bool:
        if self.at < len(self.tokens) and self.tokens[self.at]["mark"] == wanted:
            self.at += 1
            return True
        return False

    def value(self) -> Callable[[], Any]:
        """What computes the value at this place: a branch of `if` may never be asked."""
        if self.at >= len(self.tokens):
            raise self.refusal("it ends too early")
        token = self.tokens[self.at]
        self.at += 1
        if token["text"] is not None:
            text = token["text"][1:-1].replace("''", "'")
            return self.trail(lambda: text)
        if token["number"] is not None:
            number = int(token["number"])
            return self.trail(lambda: number)
        if token["name"] is None or not self.mark("("):
            raise self.refusal(f"'{token[0].strip()}' is not expected")
        return self.trail(self.call(token["name"], self.arguments()))

    def arguments(self) -> list[Callable[[], Any]]:
        found: list[Callable[[], Any]] = []
        while not self.mark(")"):
            found.append(self.value())
            if not self.mark(",") and self.tokens[self.at : self.at + 1] == []:
                raise self.refusal("a parenthesis is missing")
        return found

    def call(self, name: str, arguments: list[Callable[[], Any]]) -> Callable[[], Any]:
        if name == "if":
            test, yes, no = arguments
            return lambda: yes() if test() else no()
        function = self.scope.get(name) or FUNCTIONS.get(name)
        if function is None:
            raise AzureError(501, "StandInUnhandled", f"The stand-in does not play {name}()")
        return lambda: function(*[one() for one in arguments])

    def trail(self, value: Callable[[], Any]) -> Callable[[], Any]:
        """Properties and places of a value: `.name`, `[0]`."""
        while True:
            if self.mark("."):
                name = self.tokens[self.at]["name"]
                self.at += 1
                value = _item(value, lambda name=name: name)  # type: ignore[misc]
            elif self.mark("["):
                value = _item(value, self.value())
                if not self.mark("]"):
                    raise self.refusal("a bracket is missing")
            else:
                return value


def _item(value: Callable[[], Any], key: Callable[[], Any]) -> Callable[[], Any]:
    return lambda: value()[key()]


def _concat(*parts: Any) -> Any:
    if parts and isinstance(parts[0], list):
        return [one for part in parts for one in part]
    return "".join(str(part) for part in parts)


def unique_string(*parts: str) -> str:
    """13 letters and digits that are the same for the same parts. Azure's own hash is secret."""
    number = int.from_bytes(hashlib.sha256("-".join(parts).encode()).digest()[:9], "big")
    return "".join(_BASE32[number >> 5 * place & 31] for place in range(13))


FUNCTIONS: Scope = {
    "and": lambda *values: all(values),
    "array": lambda value: value if isinstance(value, list) else [value],
    "bool": lambda value: str(value).lower() in ("true", "1"),
    "concat": _concat,
    "empty": lambda value: not value,
    "equals": lambda one, other: one == other,
    "false": lambda: False,
    "format": lambda text, *values: text.format(*values),
    "guid": lambda *parts: str(uuid.uuid5(uuid.NAMESPACE_OID, "-".join(parts))),
    "json": json.loads,
    "length": len,
    "newGuid": lambda: str(uuid.uuid4()),
    "not": lambda value: not value,
    "null": lambda: None,
    "or": lambda *values: any(values),
    "string": str,
    "toLower": lambda text: text.lower(),
    "toUpper": lambda text: text.upper(),
    "true": lambda: True,
    "uniqueString": unique_string,
}
