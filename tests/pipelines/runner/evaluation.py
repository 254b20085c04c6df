"""Template expressions where they stand: in scalars, and as `if`, `each` and `insert` in keys."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from .coverage import TEMPLATE, Coverage
from .documents import Place, Text, where
from .errors import ExpressionError, PipelineError
from .expressions import Known, evaluate
from .values import to_boolean, to_string

DIRECTIVES = ("if", "elseif", "else", "each", "insert")


@dataclass(frozen=True)
class Scope:
    """What expressions see at a place."""

    parameters: Known
    variables: Known
    loops: Mapping[str, Any] = field(default_factory=dict)
    depth: int = 0

    def contexts(self) -> dict[str, Any]:
        """The contexts of a template expression."""
        return {"parameters": self.parameters, "variables": self.variables, **self.loops}

    def apart(self) -> Scope:
        """A scope whose variables are its own."""
        return replace(self, variables=Known("variables", self.variables))


class Evaluator:
    """Evaluates template expressions, and counts them."""

    def __init__(self, coverage: Coverage) -> None:
        self.coverage = coverage

    def evaluate(self, place: Place, text: str, scope: Scope) -> Any:
        """The value of an expression at a place."""
        self.coverage.meet("template expressions", place, text)
        try:
            return evaluate(text, scope.contexts())
        except ExpressionError as error:
            raise type(error)(f"{place}: {error}") from None

    def text(self, text: str, scope: Scope) -> Any:
        """A scalar; one that is an expression and nothing else keeps the value's type."""
        place = where(text)
        if whole := TEMPLATE.fullmatch(text.strip()):
            if directive_of(text):
                raise PipelineError(f"{place}: {text.strip()} stands only where a key stands")
            value = self.evaluate(place, whole[1], scope)
            return Text.at(place, value) if isinstance(value, str) else value
        if "${{" in TEMPLATE.sub("", text):
            raise PipelineError(f"{place}: an expression without its end: {text}")
        filled = TEMPLATE.sub(lambda m: to_string(self.evaluate(place, m[1], scope)), text)
        return Text.at(place, filled)

    def chosen(
        self, pairs: list[tuple[Any, Any]], scope: Scope, *, listed: bool = False
    ) -> Iterator[tuple[Any, Any, Scope]]:
        """Pairs of key and value that stay; the body of a directive comes with the key None."""
        taken: bool | None = None  # of the chain of if, elseif and else that is open
        for key, value in pairs:
            directive = directive_of(key) if key is not None else None
            if directive is None:
                taken = None
                yield ("" if listed else key), value, scope
                continue
            word, rest = directive
            place = where(key)
            if word in ("elseif", "else") and taken is None:
                raise PipelineError(f"{place}: {word} without if")
            reached = word not in ("elseif", "else") or not taken
            if reached:
                self.coverage.meet("template expressions", place, f"{word} {rest}")
            if word == "each":
                taken = None
                yield from ((None, value, inner) for inner in self._each(place, rest, scope))
            elif word == "insert":
                taken = None
                yield None, value, scope
            else:
                taken = False if word == "if" else taken
                if reached and (word == "else" or to_boolean(self.evaluate(place, rest, scope))):
                    taken = True
                    yield None, value, scope
                taken = None if word == "else" else taken

    def _each(self, place: Place, rest: str, scope: Scope) -> Iterator[Scope]:
        name, _, text = rest.partition(" in ")
        found = self.evaluate(place, text, scope)
        if isinstance(found, Mapping):
            found = [{"key": key, "value": value} for key, value in found.items()]
        if not isinstance(found, list):
            raise PipelineError(f"{place}: each needs a list or a mapping")
        for item in found:
            yield replace(scope, loops={**scope.loops, name.strip(): item})


def directive_of(key: str) -> tuple[str, str] | None:
    """The word and the rest of `${{ if … }}`, `elseif`, `else`, `each` and `insert`."""
    whole = TEMPLATE.fullmatch(key.strip())
    word, _, rest = whole[1].strip().partition(" ") if whole else ("", "", "")
    return (word, rest) if word in DIRECTIVES else None


def expressions(node: Any) -> Iterator[tuple[Place, str]]:
    """Every template expression of a piece of a document."""
    if isinstance(node, Mapping):
        for key, value in node.items():
            yield from expressions(key)
            yield from expressions(value)
    elif isinstance(node, list):
        for item in node:
            yield from expressions(item)
    elif isinstance(node, str):
        yield from ((where(node), match[1]) for match in TEMPLATE.finditer(node))
