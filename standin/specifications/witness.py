"""Watches the answers that a running stand-in gives and holds each to what was published."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from ..connection import Handler
from ..journal import Entry
from ..routing import Answer
from ..specification import check

#: Names a file to which the distinct answers are added as JSON lines, for `mutations`.
ANSWERS = "STANDIN_ANSWERS"


@dataclass(frozen=True)
class Seen:
    """An answer as it was given; `route` is its handler."""

    method: str
    host: str
    path: str
    status: int
    route: str
    body: object


# azureml-core asks for sizes of machines by a version that the specifications here no longer have.
OLDER = ("/vmSizes", "api-version=2020-02-02")


class Witness:
    """What was seen: `violations` by call, how many answers of a handler conformed or are open.

    `answers` holds one answer of each handler, status and shape.
    """

    def __init__(self) -> None:
        self.violations: dict[str, list[str]] = {}
        self.conforming: Counter[str] = Counter()
        self.uncovered: Counter[str] = Counter()
        self.answers: dict[tuple[str, int, object], Seen] = {}

    def see(self, entry: Entry, answer: Answer) -> None:
        """Check one answer; injected faults and what no part plays are not the services' words."""
        if entry.fault or entry.refused or not entry.route:
            return
        body = _body(answer.body)
        if entry.path.endswith(OLDER[0]) and OLDER[1] in entry.query:
            self.uncovered[entry.route] += 1
            return
        found = check(entry.method, entry.host, entry.path, {}, answer.status, None, body)
        if found is None:
            self.uncovered[entry.route] += 1
        elif found:
            self.violations[f"{entry.method} {entry.path} {answer.status}"] = found
        else:
            self.conforming[entry.route] += 1
        if isinstance(body, (dict, list)):
            seen = Seen(entry.method, entry.host, entry.path, answer.status, entry.route, body)
            self.answers.setdefault((entry.route, answer.status, shape(body)), seen)

    def write(self, path: Path) -> None:
        """Add the distinct answers to a file, as JSON lines."""
        lines = [json.dumps(asdict(seen)) + "\n" for seen in self.answers.values()]
        with path.open("a", encoding="utf-8") as file:
            file.writelines(lines)


def shape(value: object) -> object:
    """The keys of a JSON value and the kinds below them, as something to compare by."""
    if isinstance(value, dict):
        return tuple((key, shape(inner)) for key, inner in sorted(value.items()))
    if isinstance(value, list):
        return ("list", shape(value[0]) if value else None)
    return type(value).__name__


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
        if os.environ.get(ANSWERS):
            witness.write(Path(os.environ[ANSWERS]))
