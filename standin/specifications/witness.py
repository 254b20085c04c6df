"""Watches the answers that a running stand-in gives and holds each to what was published."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from ..connection import Handler
from ..journal import Entry
from ..routing import Answer
from ..specification import check


class Witness:
    """What was seen: `violations` by call, how many answers of a handler conformed or are open."""

    def __init__(self) -> None:
        self.violations: dict[str, list[str]] = {}
        self.conforming: Counter[str] = Counter()
        self.uncovered: Counter[str] = Counter()

    def see(self, entry: Entry, answer: Answer) -> None:
        """Check one answer; injected faults and what no part plays are not the services' words."""
        if entry.fault or entry.refused or not entry.route:
            return
        found = check(
            entry.method, entry.host, entry.path, {}, answer.status, None, _body(answer.body)
        )
        if found is None:
            self.uncovered[entry.route] += 1
        elif found:
            self.violations[f"{entry.method} {entry.path} {answer.status}"] = found
        else:
            self.conforming[entry.route] += 1


def _body(body: object) -> object:
    """A body as JSON, where it is that."""
    if not isinstance(body, bytes):
        return body
    try:
        return json.loads(body) if body else None
    except ValueError:
        return body


@contextmanager
def watched() -> Iterator[Witness]:
    """A witness of all answers of the stand-ins of this process."""
    witness, finish = Witness(), Handler._finish

    def seen(handler: Handler, entry: Entry, answer: Answer, method: str) -> None:
        witness.see(entry, answer)
        finish(handler, entry, answer, method)

    Handler._finish = seen  # type: ignore[method-assign,assignment]
    try:
        yield witness
    finally:
        Handler._finish = finish  # type: ignore[method-assign]
