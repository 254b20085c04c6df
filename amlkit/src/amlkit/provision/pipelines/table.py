"""What a row of the plan is: how it is looked for, what tells it, and the request that makes it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from amlkit.provision.placeholders import Facts, filled, known


@dataclass(frozen=True)
class Call:
    """One request: to Azure DevOps or Microsoft Graph by its address, to GitHub by a path.

    It has places for what earlier rows find out. The method `secret` stores the body under a name,
    in a place that `query` gives to `gh secret set`: only `gh` can encrypt it.
    """

    method: str
    url: str
    query: tuple[str, ...] = ()
    body: Any = None

    def known(self, facts: Facts) -> bool:
        """Whether every fact that it needs is known."""
        return known([self.url, self.query, self.body], facts)

    def filled(self, facts: Facts) -> Call:
        """The request with the facts in it; unknown ones are shown, as `<pipeline ci>`."""
        url, query, body = (filled(each, facts) for each in (self.url, self.query, self.body))
        return Call(self.method, str(url), tuple(map(str, query)), body)


def _nothing(found: Any) -> Facts:
    """A row that later ones need nothing of."""
    return {}


def _nothing_to_say(answer: Any) -> str:
    """Beside the thing itself nothing is worth a word."""
    return ""


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
        remark: what a person should know of the rest of the answer; it is left as it is.
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
    remark: Callable[[Any], str] = _nothing_to_say


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
