"""What stands in the files, and what of it was evaluated or executed."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from .documents import Place, Text, where

TEMPLATE = re.compile(r"\$\{\{((?:[^'}]|'(?:[^']|'')*'|\}(?!\}))*)\}\}")
RUNTIME = re.compile(r"\$\[(.*)\]", re.DOTALL)
STEPS = ("script", "bash", "task", "checkout", "publish", "download")
KINDS = ("template expressions", "runtime expressions", "conditions", "steps")

Site = tuple[Place, str]


@dataclass
class Coverage:
    """Sites by kind: those present in files, and those met; of conditions also what came out."""

    present: dict[str, set[Site]] = field(default_factory=lambda: defaultdict(set))
    met: dict[str, set[Site]] = field(default_factory=lambda: defaultdict(set))
    outcomes: dict[Site, set[bool]] = field(default_factory=lambda: defaultdict(set))

    def file(self, document: Any) -> None:
        """Count what stands in a document."""
        for kind, site in _sites(document):
            self.present[kind].add(site)

    def meet(self, kind: str, place: Place, text: str = "") -> None:
        """Note that a site was evaluated or executed."""
        self.met[kind].add((place, text.strip()))

    def decide(self, condition: Text, outcome: bool) -> None:
        """Note what a condition came to, at each place that had a part in it."""
        for place in condition.origins:
            self.meet("conditions", place)
            self.outcomes[(place, "")].add(outcome)

    def missed(self, kind: str) -> list[str]:
        """What stands in the files and was not met."""
        return [
            f"{place} {text}".strip() for place, text in sorted(self.present[kind] - self.met[kind])
        ]

    def counts(self) -> dict[str, tuple[int, int]]:
        """Per kind: met of those present, and present."""
        return {
            kind: (len(self.present[kind] & self.met[kind]), len(self.present[kind]))
            for kind in KINDS
        }


def _sites(node: Any, key: str = "") -> Iterator[tuple[str, Site]]:
    if isinstance(node, dict):
        if any(name in node for name in STEPS) and "template" not in node:
            yield "steps", (where(node), "")
        for name, value in node.items():
            yield from _sites(name)
            yield from _sites(value, name)
    elif isinstance(node, list):
        for item in node:
            yield from _sites(item)
    elif isinstance(node, Text):
        for match in TEMPLATE.finditer(node):
            yield "template expressions", (node.where, match[1].strip())
        if runtime := RUNTIME.fullmatch(node.strip()):
            yield "runtime expressions", (node.where, runtime[1].strip())
        if key == "condition":
            yield "conditions", (node.where, "")
