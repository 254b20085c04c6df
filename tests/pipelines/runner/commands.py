"""Logging commands: what a script says to the agent in a line with `##vso[…]`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from .errors import NotPlayed

COMMAND = re.compile(r"##vso\[(?P<name>[\w.]+)(?:\s+(?P<properties>[^\]]*))?\](?P<data>.*)")
ESCAPES = {"%3B": ";", "%0D": "\r", "%0A": "\n", "%5D": "]", "%AZP25": "%"}

# Each command with the properties that are known here.
KNOWN: Mapping[str, frozenset[str]] = {
    "task.setvariable": frozenset({"variable", "issecret", "isoutput", "isreadonly"}),
    "task.setsecret": frozenset(),
    "task.logissue": frozenset({"type", "sourcepath", "linenumber", "columnnumber", "code"}),
    "task.complete": frozenset({"result"}),
    "task.prependpath": frozenset(),
    "task.uploadsummary": frozenset(),
    "task.uploadfile": frozenset(),
    "task.setprogress": frozenset({"value"}),
    "build.updatebuildnumber": frozenset(),
    "build.addbuildtag": frozenset(),
}


@dataclass(frozen=True)
class Command:
    """A command with its properties and its data."""

    name: str
    properties: Mapping[str, str]
    data: str

    def flag(self, name: str) -> bool:
        """Whether a property says true."""
        return self.properties.get(name, "").lower() == "true"


def parse(line: str) -> Command | None:
    """The command in a line, or None. NotPlayed if it is one that is not known here."""
    match = COMMAND.search(line)
    if match is None:
        if "##vso[" in line:
            raise NotPlayed(f"cannot read the logging command in: {line.strip()}")
        return None
    name = match["name"].lower()
    properties = {}
    for part in (match["properties"] or "").split(";"):
        key, _, value = part.partition("=")
        if key.strip():
            properties[key.strip().lower()] = _unescaped(value)
    if name not in KNOWN:
        raise NotPlayed(f"logging command {name}")
    if unknown := set(properties) - KNOWN[name]:
        raise NotPlayed(f"property {min(unknown)!r} of logging command {name}")
    return Command(name, properties, _unescaped(match["data"].rstrip("\r\n")))


def _unescaped(text: str) -> str:
    return re.sub("|".join(ESCAPES), lambda match: ESCAPES[match[0]], text)
