"""What the check notices: every key of every distinct answer is broken, one at a time.

`python -m standin.specifications.mutations ANSWERS.jsonl` prints how many of the broken answers
are refused, by plane. A suite that runs with `STANDIN_ANSWERS=ANSWERS.jsonl` in its environment
writes that file. Keys of a typed map (tags, environment variables) are the user's data: to take
one away or to name it otherwise breaks nothing, and is counted apart. So are those inside what the
specification leaves open, of which nothing can be told.
"""

from __future__ import annotations

import argparse
import copy
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..specification import check, find
from .witness import Seen

# `any` by specification: a pipeline's steps, a component, a schedule's job, as a client wrote them.
FREE = {"jobs", "componentSpec", "jobDefinition"}
KINDS = ("removed", "renamed", "retyped", "emptied")
Place = tuple[str | int, ...]


@dataclass
class Figures:
    """How many broken answers there were of each kind, and how many the check refused."""

    broken: Counter[str] = field(default_factory=Counter)
    noticed: Counter[str] = field(default_factory=Counter)
    missed: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    data: int = 0
    free: int = 0
    """Keys inside what the specification leaves open."""

    def share(self, kind: str) -> float:
        """The share that was noticed of a kind; 1 where nothing was broken."""
        return self.noticed[kind] / self.broken[kind] if self.broken[kind] else 1.0

    def add(self, other: Figures) -> None:
        """Take in the figures of another plane."""
        self.broken += other.broken
        self.noticed += other.noticed
        self.data += other.data
        self.free += other.free
        for kind, places in other.missed.items():
            self.missed[kind] += places


def keys(value: object, place: Place = ()) -> Iterator[Place]:
    """The places of all keys of a JSON value; of a list its first element stands for all."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield (*place, key)
            yield from keys(inner, (*place, key))
    elif isinstance(value, list) and value:
        yield from keys(value[0], (*place, 0))


def _retyped(value: object) -> object:
    """A value of another type."""
    if isinstance(value, str):
        return 7
    if isinstance(value, bool) or value is None:
        return [[1]]
    if isinstance(value, (int, float)):
        return "seven"
    return 7 if isinstance(value, dict) else {"seven": 7}


def mutant(body: object, place: Place, kind: str) -> object:
    """A copy of an answer with one key broken."""
    broken: Any = copy.deepcopy(body)
    holder = broken
    for step in place[:-1]:
        holder = holder[step]
    key = place[-1]
    if kind == "removed":
        del holder[key]
    elif kind == "renamed":
        holder[f"{key}Renamed"] = holder.pop(key)
    else:
        holder[key] = None if kind == "emptied" else _retyped(holder[key])
    return broken


def _at(body: Any, place: Place) -> Any:
    for step in place:
        body = body[step]
    return body


def _is_data(seen: Seen, place: Place) -> bool:
    """Whether a key is one of a typed map: any other would do, a value of another type not."""
    value, any_name, any_type = _at(seen.body, place), copy.deepcopy(seen.body), None
    _at(any_name, place[:-1])["made-up name"] = value
    if _refused(seen, any_name):
        return False
    any_type = copy.deepcopy(seen.body)
    _at(any_type, place[:-1])["made-up name"] = [[1]]
    return _refused(seen, any_type)


def _refused(seen: Seen, body: object) -> bool:
    """Whether the check says that an answer is not as published."""
    return bool(check(seen.method, seen.host, seen.path, {}, seen.status, None, body))


def plane(seen: Seen) -> str:
    """The service of an answer, as its specification names it."""
    row = find(seen.method, seen.host, seen.path)
    return row.service if row else "nothing published"


def measure(answers: Iterable[Seen], every: int = 1) -> dict[str, Figures]:
    """The figures by plane; of the keys each `every`-th is broken."""
    planes: dict[str, Figures] = defaultdict(Figures)
    number = 0
    for seen in answers:
        if seen.host == "standin.invalid":  # the control door is no part of Azure
            continue
        figures = planes[plane(seen)]
        for place in keys(seen.body):
            number += 1
            if number % every:
                continue
            if FREE.intersection(place[:-1]):
                figures.free += 1
                continue
            data = _is_data(seen, place)
            figures.data += data
            for kind in KINDS:
                empty = kind == "emptied" and _at(seen.body, place) is None
                if empty or (data and kind in ("removed", "renamed")):
                    continue
                figures.broken[kind] += 1
                if _refused(seen, mutant(seen.body, place, kind)):
                    figures.noticed[kind] += 1
                else:
                    where = ".".join("[]" if isinstance(one, int) else one for one in place)
                    figures.missed[kind][f"{seen.route} {seen.status} {where}"] += 1
    return dict(planes)


def total(planes: dict[str, Figures]) -> Figures:
    """The figures of all planes together."""
    whole = Figures()
    for figures in planes.values():
        whole.add(figures)
    return whole


def table(planes: dict[str, Figures]) -> str:
    """The figures as Markdown."""
    lines = [
        "| Plane | Keys | "
        + " | ".join(one.capitalize() for one in KINDS)
        + " | Keys that are data | Keys that are free |",
        "|---|---|" + "---|" * (len(KINDS) + 2),
    ]
    for name, figures in [*sorted(planes.items()), ("**all**", total(planes))]:
        shares = " | ".join(f"{figures.share(kind):.0%}" for kind in KINDS)
        apart = f"{figures.data} | {figures.free}"
        lines.append(f"| {name} | {figures.broken['retyped']} | {shares} | {apart} |")
    return "\n".join(lines) + "\n"


def read(path: Path) -> list[Seen]:
    """The distinct answers of a file that a suite wrote."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [Seen(**json.loads(line)) for line in dict.fromkeys(lines)]


def main() -> None:
    """Print the table, and with `--missed` the places that the check does not watch."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("answers", type=Path, help="what a suite wrote to STANDIN_ANSWERS")
    parser.add_argument("--every", type=int, default=1, help="break each Nth key only")
    parser.add_argument("--missed", choices=KINDS, help="name what was not noticed of a kind")
    arguments = parser.parse_args()
    planes = measure(read(arguments.answers), arguments.every)
    print(table(planes), end="")
    if arguments.missed:
        for name, figures in sorted(planes.items()):
            for where, count in figures.missed[arguments.missed].most_common():
                print(f"{name}: {where} ({count})")


if __name__ == "__main__":
    main()
