"""The names of a table's columns, and which of them only number the rows."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise

from amlkit.tabular.numbers import are_years
from amlkit.tabular.table.schema import TableError, names_text

# What pandas calls a column without a name. Where such a table was written and read again, it is
# the index, and there may be more than one: "Unnamed: 0.1", "Unnamed: 0".
_NUMBER = re.compile(r"[-+]?\d+(\.\d+)?([eE][-+]?\d+)?")
_UNNAMED = re.compile(r"(Unnamed: \d+(\.\d+)*)?")


@dataclass(frozen=True)
class Header:
    """Names as they are used: without spaces around them, none empty, none twice.

    `index` are those of the first columns if they have no name: they number or name the rows.
    """

    names: tuple[str, ...]
    index: tuple[str, ...]
    notes: tuple[str, ...]


def read_header(file: str, written: Sequence[str]) -> Header:
    """Return the header of these names; TableError when two columns have the same."""
    stripped = [name.strip() for name in written]
    given = {name for name in stripped if name}
    names: list[str] = []
    index: list[str] = []
    notes: list[str] = []
    for place, name in enumerate(stripped):
        names.append(name or _stand_in(place, given))
        if len(index) == place and _UNNAMED.fullmatch(name):
            index.append(names[place])
        elif not name:
            notes.append(f"column {place + 1} has no name; it is called {names[place]!r} here")
    if len(set(names)) < len(names):
        double = [name for name, times in Counter(names).items() if times > 1]
        raise TableError(f"{file}: columns of the same name: {names_text(double)}; rename them")
    if index:
        notes.insert(0, index_note(index))
    if spaced := [name for name, own in zip(stripped, written, strict=True) if name != own]:
        notes.append(f"without the spaces around their names: {names_text(spaced)}")
    return Header(tuple(names), tuple(index), tuple(notes))


def numbers_in_header(names: Sequence[str]) -> list[str]:
    """Return the names that are numbers, as in a row of data; none where they count or are years.

    A pivoted table has a column for each year, and an array of numbers is written with 0, 1, 2, ….
    """
    numbers = [name for name in names if _NUMBER.fullmatch(name)]
    values = [float(name) for name in numbers]
    counted = all(after - before == 1 for before, after in pairwise(values))
    if are_years(values) or (len(values) > 1 and counted):
        return []
    return numbers


def _stand_in(place: int, given: Collection[str]) -> str:
    """Return what pandas calls the column at a place, where that is not the name of another."""
    name, times = f"Unnamed: {place}", 0
    while name in given:
        times += 1
        name = f"Unnamed: {place}.{times}"
    return name


def index_note(index: Sequence[str]) -> str:
    """Return the note on first columns that are left out."""
    first = "the first column has" if len(index) == 1 else f"the first {len(index)} columns have"
    return (
        f"{first} no name, so it is taken for the rows' index and left out; give it a name to "
        f"learn from it, or a type in data.types under the name {index[0]!r}"
    )
