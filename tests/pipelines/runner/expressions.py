"""Evaluates expressions in the contexts that a place has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal

from .errors import ExpressionError, NotPlayed
from .functions import FUNCTIONS, Function
from .syntax import Call, Every, Index, Literal, Name, Tree, parse
from .values import Value, lookup

Contexts = Mapping[str, Value]
Functions = Mapping[str, Function]


class Known(dict[str, Value]):
    """A context in which a name that is missing is a mistake, where the service would say Null."""

    def __init__(self, context: str, values: Mapping[str, Value]) -> None:
        super().__init__(values)
        self.context = context

    def __missing__(self, name: str) -> Value:
        raise ExpressionError(f"{self.context} has no {name!r}; it has: {', '.join(self) or '-'}")

    def get(self, name: str, default: Value = None) -> Value:
        """As `[name]`: what is missing is no default."""
        return self[name]


def evaluate(text: str, contexts: Contexts, functions: Functions | None = None) -> Value:
    """The value of an expression; `functions` are those that only this place has."""
    try:
        return _value(parse(text), contexts, {**FUNCTIONS, **(functions or {})})
    except RecursionError:
        raise ExpressionError(f"too deep: {text[:60]}") from None


def _value(tree: Tree, contexts: Contexts, functions: Functions) -> Value:
    match tree:
        case Literal(value):
            return value
        case Name(name):
            if name not in contexts:
                here = ", ".join(sorted(contexts))
                raise ExpressionError(f"unrecognised {name!r}; what stands here: {here}")
            return contexts[name]
        case Index(Every(target), key):
            items = _items(_value(target, contexts, functions))
            wanted = _value(key, contexts, functions)
            found = [lookup(item, wanted) for item in items]
            return [value for value in found if value is not None]
        case Index(target, key):
            return lookup(_value(target, contexts, functions), _value(key, contexts, functions))
        case Every(target):
            return _items(_value(target, contexts, functions))
        case Call(name, arguments):
            return _call(name, arguments, contexts, functions)


def _call(
    name: str, arguments: tuple[Tree, ...], contexts: Contexts, functions: Functions
) -> Value:
    function = functions.get(name.lower())
    if function is None:
        raise NotPlayed(f"function {name}() is not known here")
    if not function.least <= len(arguments) <= function.most:
        raise ExpressionError(f"{name}() takes no {len(arguments)} arguments")
    values: Iterator[Value] = (_value(one, contexts, functions) for one in arguments)
    answer = function.call(values) if function.lazy else function.call(*values)
    return Decimal(answer) if type(answer) is int else answer


def _items(value: Value) -> list[Value]:
    if isinstance(value, Mapping):
        return list(value.values())
    return value if isinstance(value, list) else []
