"""The grammar of expressions: text to a tree.

expression := literal | name '(' arguments ')' | name | expression '.' name
            | expression '.*' | expression '[' expression ']'
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from .errors import ExpressionError
from .values import NotConvertible, Value, Version


@dataclass(frozen=True)
class Literal:
    """A boolean, number, version or string."""

    value: Value


@dataclass(frozen=True)
class Name:
    """A context, such as `variables`."""

    name: str


@dataclass(frozen=True)
class Index:
    """`target.name` or `target[key]`."""

    target: Tree
    key: Tree


@dataclass(frozen=True)
class Every:
    """`target.*`, a filtered array."""

    target: Tree


@dataclass(frozen=True)
class Call:
    """A function with its arguments."""

    name: str
    arguments: tuple[Tree, ...]


Tree = Literal | Name | Index | Every | Call

TOKEN = re.compile(
    r"""\s*(?:
    (?P<string>'(?:[^']|'')*')
  | (?P<number>[-+]?\.?\d[.\w]*)
  | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
  | (?P<mark>[()\[\],.*])
    )""",
    re.VERBOSE,
)


def parse(text: str) -> Tree:
    """The tree of an expression. ExpressionError says where it cannot be read."""
    parser = _Parser(text)
    tree = parser.expression()
    if parser.kind:
        raise parser.wrong("the end")
    return tree


class _Parser:
    """Reads one token ahead."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = _tokens(text)
        self.kind, self.token = next(self.tokens)

    def wrong(self, expected: str) -> ExpressionError:
        found = repr(self.token) if self.kind else "the end"
        return ExpressionError(f"expected {expected}, found {found} in: {self.text.strip()}")

    def take(self, mark: str = "") -> str:
        if mark and (self.kind, self.token) != ("mark", mark):
            raise self.wrong(repr(mark))
        taken = self.token
        self.kind, self.token = next(self.tokens)
        return taken

    def expression(self) -> Tree:
        tree = self.first()
        while self.kind == "mark" and self.token in ".[":
            if self.take() == "[":
                tree = Index(tree, self.expression())
                self.take("]")
            elif self.kind == "mark" and self.token == "*":
                self.take()
                tree = Every(tree)
            elif self.kind == "name":
                tree = Index(tree, Literal(self.take()))
            else:
                raise self.wrong("a property")
        return tree

    def first(self) -> Tree:
        if self.kind == "string":
            return Literal(self.take()[1:-1].replace("''", "'"))
        if self.kind == "number":
            return Literal(_number(self.take()))
        if self.kind != "name":
            raise self.wrong("a value")
        name = self.take()
        if self.kind == "mark" and self.token == "(":
            return Call(name, self.arguments())
        if name.lower() in ("true", "false"):
            return Literal(name.lower() == "true")
        return Name(name)

    def arguments(self) -> tuple[Tree, ...]:
        self.take("(")
        found: list[Tree] = []
        while (self.kind, self.token) != ("mark", ")"):
            if found:
                self.take(",")
            found.append(self.expression())
        self.take(")")
        return tuple(found)


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    at, end = 0, len(text.rstrip())
    while at < end:
        match = TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            raise ExpressionError(f"cannot read {text[at:].strip()!r} in: {text.strip()}")
        yield match.lastgroup, match[match.lastgroup]
        at = match.end()
    while True:
        yield "", ""


def _number(text: str) -> Decimal | Version:
    if re.fullmatch(r"[-+]?(\d+\.?\d*|\.\d+)", text):
        return Decimal(text)
    try:
        return Version.parse(text)
    except NotConvertible:
        raise ExpressionError(f"{text!r} is neither a number nor a version") from None
