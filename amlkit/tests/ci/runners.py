"""How the runners find commands in a step's log, after their sources.

Ports of `Command.TryParse` and `CommandStringConvertor` of microsoft/azure-pipelines-agent, and of
`ActionCommand.TryParse`, `TryParseV2` and `EnvFileKeyValuePairs` of actions/runner. .NET searches
by culture: characters without weight are passed over, which `_weighed` plays by leaving them out.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field

# What actions/runner registers (ActionCommandManager), with two tokens of `stop-commands`.
REGISTERED = {
    *("internal-set-repo-path", "set-env", "set-output", "save-state", "add-path", "add-mask"),
    *("add-matcher", "remove-matcher", "warning", "error", "notice", "debug", "group", "endgroup"),
    *("echo", "stop-commands", "start-action", "end-action", "0123456789", "token"),
}
_WHITE = re.compile(r"[\s]*", re.UNICODE)


@dataclass(frozen=True)
class Command:
    """A command as a runner takes it."""

    name: str
    properties: dict[str, str] = field(default_factory=dict)
    data: str = ""


def azure_commands(log: str) -> list[Command]:
    """What the agent of Azure Pipelines obeys in a log."""
    return [found for line in _lines(log) if (found := _azure(line))]


def github_commands(log: str) -> list[Command]:
    """What GitHub's runner obeys in a log."""
    return [found for line in _lines(log) if (found := _github(line) or _github_old(line))]


def github_values(file: str) -> dict[str, str]:
    """The outputs in a step's file, as the runner reads it.

    Raises:
        ValueError: a line is neither `name=value` nor the begin of a value of several lines.
    """
    lines, found = iter(file.replace("\r\n", "\n").split("\n")), {}
    for line in lines:
        if not line:
            continue
        name, mark, end = line.partition("<<")
        if "=" in line and (not mark or line.index("=") < line.index("<<")):
            name, _, value = line.partition("=")
        elif mark and name and end:
            value = "\n".join(iter(lambda: next(lines), end))
        else:
            raise ValueError(line)
        found[name] = value
    return found


def _lines(log: str) -> list[str]:
    """Lines as `StreamReader.ReadLine` gives them."""
    return re.split(r"\r\n|\r|\n", log)


def _weighed(line: str) -> str:
    """A line without the characters that a search by culture passes over."""
    none = ("Cc", "Cf", "Mn", "Me")
    return "".join(s for s in line if s == "\t" or unicodedata.category(s) not in none)


def _azure(line: str) -> Command | None:
    line = _weighed(line)
    start = line.lower().find("##vso[")
    end = line.find("]", start)
    if start < 0 or end < 0:
        return None
    name, _, properties = line[start + 6 : end].partition(" ")
    if len([part for part in name.split(".") if part]) != 2:
        return None
    return Command(name, _pairs(properties, ";", _azure_plain), _azure_plain(line[end + 1 :]))


def _github(line: str) -> Command | None:
    line = _weighed(line).lstrip()
    if not line.startswith("::"):
        return None
    end = line.find("::", 2)
    name, _, properties = line[2:end].partition(" ")
    if end < 0 or name.lower() not in REGISTERED:
        return None
    pairs = _pairs(properties.strip(), ",", lambda text: _plain(text, ":,\r\n%"))
    return Command(name, pairs, _plain(line[end + 2 :], "\r\n%"))


def _github_old(line: str) -> Command | None:
    line = _weighed(line)
    start = line.find("##[")
    end = line.find("]", start)
    if start < 0 or end < 0:
        return None
    name, _, properties = line[start + 3 : end].partition(" ")
    if name.lower() not in REGISTERED:
        return None
    pairs = _pairs(properties, ";", lambda text: _plain(text, ";\r\n]%"))
    return Command(name, pairs, _plain(line[end + 1 :], ";\r\n]%"))


def _pairs(text: str, between: str, plain) -> dict[str, str]:  # type: ignore[no-untyped-def]
    split = (pair.partition("=") for pair in text.split(between) if pair)
    return {name: plain(value) for name, _, value in split if name and value}


def _plain(text: str, signs: str) -> str:
    for sign in signs:
        text = text.replace(f"%{ord(sign):02X}", sign)
    return text


def _azure_plain(text: str) -> str:
    return _plain(text, ";\r\n]").replace("%AZP25", "%")
