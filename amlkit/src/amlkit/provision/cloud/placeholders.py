"""Places in commands and requests for what earlier steps find out, such as the id of an object.

A place is marked by noncharacters of Unicode, which no text holds: a tag, a file's name or what
others have written into an approval may have any braces.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

Facts = Mapping[str, Any]
_PLACE = re.compile("\ufdd0(\\w+)\ufdd1")


def fact(name: str) -> str:
    """The place of a fact, to be written into any text of a command or request."""
    return f"\ufdd0{name}\ufdd1"


def names_in(value: Any) -> set[str]:
    """The facts that a value has places for."""
    if isinstance(value, str):
        return set(_PLACE.findall(value))
    if isinstance(value, Mapping):
        return set().union(*map(names_in, [*value, *value.values()]))
    if isinstance(value, list | tuple):
        return set().union(*map(names_in, value))
    return set()


def known(value: Any, facts: Facts) -> bool:
    """Whether every fact that a value has a place for is known."""
    return all(facts.get(name) for name in names_in(value))


def filled(value: Any, facts: Facts) -> Any:
    """The value with the facts in it; unknown ones are shown, as `<principal id>`.

    A text that is a place and nothing else becomes the fact itself, a number where that is one.
    """
    if isinstance(value, Mapping):
        return {key: filled(each, facts) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(filled(each, facts) for each in value)
    if not isinstance(value, str):
        return value
    if (whole := _PLACE.fullmatch(value)) and facts.get(whole.group(1)):
        return facts[whole.group(1)]

    def shown(found: re.Match[str]) -> str:
        name = found.group(1)
        return str(facts.get(name) or f"<{name.replace('_', ' ')}>")

    return _PLACE.sub(shown, value)
