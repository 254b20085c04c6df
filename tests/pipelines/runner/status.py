"""Status functions, which only conditions have: succeeded(), failed(), always() and others."""

from __future__ import annotations

from collections.abc import Mapping

from .errors import ExpressionError, PipelineError
from .functions import MANY, Function
from .results import CANCELED, FAILED, GOOD, SKIPPED
from .values import Value, to_string


def of_step(job: str) -> Mapping[str, Function]:
    """Those of a step, by what has become of its job so far."""
    return {
        "always": Function(0, 0, lambda: True),
        "canceled": Function(0, 0, lambda: job == CANCELED),
        "failed": Function(0, 0, lambda: job == FAILED),
        "succeeded": Function(0, 0, lambda: job in GOOD),
        "succeededorfailed": Function(0, 0, lambda: job in (*GOOD, FAILED)),
    }


def of_dependent(ancestors: Mapping[str, str], *, canceled: bool) -> Mapping[str, Function]:
    """Those of a job or stage, by what has become of all before it, direct and indirect.

    succeededOrFailed() with something skipped before it is refused: Microsoft's page says True,
    its users see False.
    """

    def named(names: tuple[Value, ...]) -> list[str]:
        wanted = [to_string(name) for name in names] or list(ancestors)
        known = {name.upper(): result for name, result in ancestors.items()}
        if missing := [name for name in wanted if name.upper() not in known]:
            raise ExpressionError(f"{missing[0]!r} is not among what comes before")
        return [known[name.upper()] for name in wanted]

    def succeeded(*names: Value) -> bool:
        return not canceled and all(result in GOOD for result in named(names))

    def succeeded_or_failed(*names: Value) -> bool:
        if SKIPPED in named(names):
            raise ExpressionError("succeededOrFailed() is unclear where something was skipped")
        return not canceled

    return {
        "always": Function(0, 0, lambda: True),
        "canceled": Function(0, 0, lambda: canceled),
        "failed": Function(0, MANY, lambda *names: FAILED in named(names)),
        "succeeded": Function(0, MANY, succeeded),
        "succeededorfailed": Function(0, MANY, succeeded_or_failed),
    }


def in_order(dependencies: Mapping[str, tuple[str, ...]], what: str) -> list[str]:
    """The names so that each comes after those it depends on. PipelineError on a cycle."""
    known = {name.upper(): name for name in dependencies}
    done: list[str] = []
    waiting = list(dependencies)
    for name, before in dependencies.items():
        if missing := [one for one in before if one.upper() not in known]:
            raise PipelineError(f"{what} {name!r} depends on {missing[0]!r}, which is not there")
    while waiting:
        ready = [
            name
            for name in waiting
            if all(known[one.upper()] in done for one in dependencies[name])
        ]
        if not ready:
            raise PipelineError(f"{what}s depend on one another: {', '.join(waiting)}")
        done.append(ready[0])
        waiting.remove(ready[0])
    return done


def ancestors(name: str, dependencies: Mapping[str, tuple[str, ...]]) -> list[str]:
    """All that a name depends on, directly and indirectly."""
    known = {one.upper(): one for one in dependencies}
    found: list[str] = []
    open_names = [known[one.upper()] for one in dependencies[name]]
    while open_names:
        one = open_names.pop()
        if one not in found:
            found.append(one)
            open_names += [known[other.upper()] for other in dependencies[one]]
    return found
