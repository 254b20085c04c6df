"""The files beside an MLTable that its `paths` name; none that lies elsewhere."""

from __future__ import annotations

import re
import reprlib
from collections.abc import Callable, Collection, Sequence
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from amlkit.tabular.parts import KNOWLEDGE, MLTABLE, is_hidden, table_files
from amlkit.tabular.table.schema import TableError, shorten

Refused = Callable[[str, str], TableError]
"""(key, why) → the error."""
# A URI (one with a slash too few as well: it may hold a signature), a drive, an absolute path, a
# home. Names like ~a.csv and t:1.csv are none; ./~/ and ./t:/ are folders.
_ELSEWHERE = re.compile(r"azureml:|[A-Za-z][A-Za-z0-9+.-]*:[/\\]|~?/|~$", re.IGNORECASE)
_KEYS = ("file", "folder", "pattern")


def named_files(folder: Path, paths: Sequence[object], refused: Refused) -> tuple[str, ...]:
    """Return the files that the paths name, by name from the folder, in the order of the rows."""
    inside = [name.partition("/")[2] for name in table_files(folder)]
    found: list[str] = []
    for entry in paths:
        if not isinstance(entry, dict) or len(entry) != 1:
            raise refused("paths", f"{shown(entry)}: one of {', '.join(_KEYS)} is expected")
        ((key, value),) = entry.items()
        if key not in _KEYS or not isinstance(value, str):
            raise refused(
                "paths", f"{shown(key)}: one of {', '.join(_KEYS)} and a path is expected"
            )
        where = f"paths: {key}"
        named = _named(key, _words(where, value, refused), inside)
        if not named:
            raise refused(where, f"there is no {shorten(value)} in {folder.name}")
        if double := [name for name in named if name in found]:
            raise refused(where, f"{double[0]} is named twice, so each of its rows would be there "
                          "twice; name it once")  # fmt: skip
        found += named
    return tuple(found)


def _words(where: str, value: str, refused: Refused) -> list[str]:
    """Return a path's names; TableError where it leads out of the folder, or takes in too much."""
    words = [word for word in value.split("/") if word not in ("", ".")]
    if _ELSEWHERE.match(value) or ".." in words:
        place = shorten(value.partition("?")[0])  # behind it stands a signature
        raise refused(
            where,
            f"{place} does not lie in the {MLTABLE}'s folder, and that alone is registered; "
            "put it there",
        )
    if "\\" in value:
        raise refused(where, f"{shorten(value)}: write / between the folders")
    none = [own for own in (MLTABLE, *KNOWLEDGE) if not words or _fits([own], words)]
    if none:
        raise refused(
            where,
            f"{shorten(value)} takes in {none[0]}, which holds no rows (data.py writes "
            f"{' and '.join(KNOWLEDGE)}); put the files into a folder of their own below this one",
        )
    if is_hidden(PurePosixPath(*words)):
        raise refused(
            where,
            f"{shorten(value)}: a name that begins with a point or an underscore is none of a "
            "table's; give it another",
        )
    return words


def _named(key: str, words: Sequence[str], inside: Collection[str]) -> list[str]:
    """Return the files that a path names, sorted."""
    if key == "pattern":
        return [name for name in inside if _fits(name.split("/"), words)]
    path = "/".join(words)
    if key == "folder":
        return [name for name in inside if name.startswith(f"{path}/")]
    return [name for name in inside if name == path]


def _fits(name: Sequence[str], pattern: Sequence[str]) -> bool:
    """Return whether a file's name fits a pattern, folder by folder; `**` is any number of them."""
    places = _onward(
        {0}, pattern
    )  # all that is known to fit up to here, so that none is tried twice
    for word in name:
        stay = {place for place in places if pattern[place : place + 1] == ["**"]}
        left = {place for place in places - stay if place < len(pattern)}
        on = {place + 1 for place in left if fnmatchcase(word, pattern[place])}
        places = _onward(stay | on, pattern)
    return len(pattern) in places


def _onward(places: Collection[int], pattern: Sequence[str]) -> set[int]:
    """Return places of a pattern with those behind each `**`, which may be no folder."""
    found = set()
    for place in places:
        found.add(place)
        while pattern[place : place + 1] == ["**"]:
            place += 1
            found.add(place)
    return found


def shown(value: object) -> str:
    """Return a value for a message: short, however much its anchors make of it."""
    return repr(shorten(value, 40)) if isinstance(value, str) else shorten(reprlib.repr(value), 40)
