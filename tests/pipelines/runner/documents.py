"""YAML as Azure Pipelines reads it: every scalar is text, and everything knows where it stands."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from .errors import PipelineError


@dataclass(frozen=True, order=True)
class Place:
    """A line of a file, from the repository's root."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


NOWHERE = Place("", 0)


class Text(str):
    """A scalar, and where it stands; `origins` are that and all places it was passed on from."""

    where: Place = NOWHERE
    origins: tuple[Place, ...] = ()

    @classmethod
    def at(cls, where: Place, text: str) -> Text:
        """Text at a place, perhaps passed on from another."""
        made = cls(text)
        made.where = where
        made.origins = (where, *getattr(text, "origins", ()))
        return made


class Table(dict[str, Any]):
    """A mapping, and where it stands."""

    where: Place = NOWHERE

    @classmethod
    def at(cls, where: Place, items: Any = ()) -> Table:
        """A mapping at a place."""
        made = cls(items)
        made.where = where
        return made


def where(node: Any) -> Place:
    """Where a piece of a document stands."""
    found = getattr(node, "where", NOWHERE)
    return where(node[0]) if isinstance(node, list) and node else found


def load(root: Path, name: str) -> Table:
    """Read a file of the repository. PipelineError if it is missing or cannot be read."""
    path = root / name
    if not path.is_file():
        raise PipelineError(f"{name}: no such file")
    try:
        node = _composed(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise PipelineError(f"{name}: {error}") from None
    document = _Builder(name).build(node)
    if not isinstance(document, Table):
        raise PipelineError(f"{name}: not a mapping")
    return document


@lru_cache(maxsize=256)
def _composed(text: str) -> yaml.Node | None:
    """The nodes of a text, which are only read: the same templates are asked for all the time."""
    node: yaml.Node | None = yaml.compose(text, Loader=yaml.SafeLoader)
    return node


class _Builder:
    """Turns the nodes of one file into text, lists and tables."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.seen: set[int] = set()

    def build(self, node: Any) -> Any:
        place = Place(self.name, node.start_mark.line + 1 if node else 1)
        if id(node) in self.seen:
            raise PipelineError(f"{place}: anchors are not supported by Azure Pipelines")
        self.seen.add(id(node))
        if isinstance(node, yaml.ScalarNode):
            empty = node.tag.endswith(":null") and not node.style
            return Text.at(place, "" if empty else node.value)
        if isinstance(node, yaml.SequenceNode):
            return [self.build(item) for item in node.value]
        table = Table.at(place)
        for key, value in node.value if node else ():
            name = self.build(key)
            if name in table:
                raise PipelineError(f"{where(name)}: {name!r} stands there twice")
            table[name] = self.build(value)
        return table
