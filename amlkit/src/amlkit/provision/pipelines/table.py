"""What a row of the plan is: how it is looked for, what tells it, and the request that makes it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Facts = Mapping[str, Any]
_FACT = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class Call:
    """One request: to Azure DevOps or Microsoft Graph by its address, to GitHub by a path.

    `{project}` and the like stand for what earlier rows found out. A text that is one such word and
    nothing else becomes the fact itself, a number where that is one. The method `secret` stores the
    body under a name, in a place that `query` gives to `gh secret set`: only `gh` can encrypt it.
    """

    method: str
    url: str
    query: tuple[str, ...] = ()
    body: Any = None

    def known(self, facts: Facts) -> bool:
        """Whether every fact that it needs is known."""
        return all(name in facts for name in _names((self.url, self.query, self.body)))

    def filled(self, facts: Facts) -> Call:
        """The request with the facts in it; unknown ones stay as `<pipeline ci>`."""
        return Call(
            self.method,
            str(_filled(self.url, facts)),
            tuple(str(_filled(each, facts)) for each in self.query),
            _filled(self.body, facts),
        )


def _names(value: Any) -> set[str]:
    """The facts that a value names."""
    if isinstance(value, str):
        return set(_FACT.findall(value))
    if isinstance(value, Mapping):
        return set().union(*map(_names, value.values()))
    if isinstance(value, list | tuple):
        return set().union(*map(_names, value))
    return set()


def _filled(value: Any, facts: Facts) -> Any:
    """The value with the facts in it."""
    if isinstance(value, Mapping):
        return {key: _filled(each, facts) for key, each in value.items()}
    if isinstance(value, list):
        return [_filled(each, facts) for each in value]
    if not isinstance(value, str):
        return value
    if (whole := _FACT.fullmatch(value)) and whole.group(1) in facts:
        return facts[whole.group(1)]

    def fact(found: re.Match[str]) -> str:
        name = found.group(1)
        return str(facts[name]) if name in facts else f"<{name.replace('_', ' ')}>"

    return _FACT.sub(fact, value)


def _nothing(found: Any) -> Facts:
    """A row that later ones need nothing of."""
    return {}


def _fits(found: Any, facts: Facts) -> None:
    """A row that is right as it is."""


@dataclass(frozen=True)
class Row:
    """One thing that is set up.

    Attributes:
        key: what `--json` calls it.
        title: what a person calls it.
        look: the request that tells whether it is there.
        pick: of its answer (None: 404) the thing itself; None where it is missing.
        make: the request that makes it; None: somebody else does, as `advice` says.
        change: the request that mends what is there; None where it is right.
        learns: the facts that later rows need.
        advice: what to do where it is missing and not made here, or is refused.
        read_back: look again once it is made: the answer to the making does not tell all.
        optional: where it is missing and not made here, the rest goes on.
    """

    key: str
    title: str
    look: Call
    pick: Callable[[Any, Facts], Any]
    make: Call | None = None
    change: Callable[[Any, Facts], Call | None] = _fits
    learns: Callable[[Any], Facts] = _nothing
    advice: str = ""
    read_back: bool = False
    optional: bool = False


def whole(answer: Any, facts: Facts) -> Any:
    """The answer is the thing itself."""
    return answer


def named(name: str, *, inside: str = "value", key: str = "name") -> Callable[[Any, Facts], Any]:
    """Picks the one of a name from a list; upper and lower case are the same to all of them."""

    def pick(answer: Any, facts: Facts) -> Any:
        for each in (answer or {}).get(inside) or []:
            if str(each[key]).lower() == name.lower():
                return each
        return None

    return pick
