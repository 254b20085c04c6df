"""The rows of a request: which columns they hold, in whatever way they were sent."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from amlkit.serving.values import Refused, reader_of, shown
from amlkit.tabular.saved_model import Columns
from amlkit.tabular.table import DEFAULT_MISSING, names_text

Row = Mapping[str, Any]
# What pandas calls an index once it is a column: nothing of the table's own.
_INDEX = re.compile(r"|index|Unnamed: \d+|level_\d+|__index_level_\d+__")


class RowReader:
    """Checks the rows of a request against a model's `schema.json` and reads them.

    Values are read as the table reader reads them, so that a row has the same answer wherever it
    comes from. What the table has beside the features, its target among it, may be there.
    """

    def __init__(self, schema: Mapping[str, Any]) -> None:
        columns = {column["name"]: column for column in schema["columns"]}
        missing = schema.get("missing_values", DEFAULT_MISSING)
        self.names: list[str] = list(schema["features"])
        self._known = frozenset([*columns, schema["target"]])
        self._readers = [(name, reader_of(columns[name], missing)) for name in self.names]

    def read(self, rows: Any) -> Columns:
        """The columns that the model uses.

        `rows` are objects, `[{column: value, …}, …]`, or as pandas splits a frame:
        `{"columns": [name, …], "data": [[value, …], …]}`, an "index" beside them or not.

        Raises:
            Refused: the first thing that is wrong.
        """
        split = type(rows) is dict and "columns" in rows
        values = self._of_split(rows) if split else self._of_objects(rows)
        return {name: reader.read(values[name]) for name, reader in self._readers}

    def _of_objects(self, rows: Any) -> dict[str, list[Any]]:
        """The values of each feature, from rows that name their columns."""
        if type(rows) is not list or not rows:
            raise Refused('"data" must be a list of at least one row, each an object of columns')
        if set(map(type, rows)) != {dict}:
            at = next(at for at, row in enumerate(rows) if type(row) is not dict)
            raise Refused(f'data[{at}] is no object; send {{"column": value, …}} for each row')
        if not all(map(self._known.issuperset, rows)):
            rows = self._renamed(rows)
        try:
            return {name: [row[name] for row in rows] for name in self.names}
        except KeyError:
            at, name = next((a, n) for a, r in enumerate(rows) for n in self.names if n not in r)
            raise self._absent(f"data[{at}]", name) from None

    def _of_split(self, frame: Row) -> dict[str, list[Any]]:
        """The values of each feature, from rows in the order of the columns."""
        columns, rows = frame["columns"], frame.get("data")
        if others := frame.keys() - {"columns", "data", "index"}:
            raise Refused(f'{shown(min(others))} beside "columns" and "data" is not known')
        if type(columns) is not list or set(map(type, columns)) != {str}:
            raise Refused('"columns" must be a list of names')
        if type(rows) is not list or not rows:
            raise Refused('"data" must be a list of at least one row, each a list of values')
        for at, row in enumerate(rows):
            if type(row) is not list or len(row) != len(columns):
                raise Refused(f'data[{at}] is no list of {len(columns)} values, as "columns" has')
        names = [self._own_name(name, '"columns"') for name in columns]
        values = dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))
        if len(values) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise Refused(f'"columns" holds {shown(twice)} twice')
        if absent := next((name for name in self.names if name not in values), None):
            raise self._absent('"columns"', absent)
        return values

    def _renamed(self, rows: Sequence[Row]) -> list[Row]:
        """Rows with the table's own names."""
        own: dict[str, str] = {}
        for at, row in enumerate(rows):
            own |= {name: self._own_name(name, f"data[{at}]") for name in row if name not in own}
        renamed: list[Row] = [{own[name]: value for name, value in row.items()} for row in rows]
        for at, (row, before) in enumerate(zip(renamed, rows, strict=True)):
            if len(row) < len(before):
                raise Refused(f"data[{at}] holds a column twice, but for spaces in its name")
        return renamed

    def _own_name(self, name: str, where: str) -> str:
        """A column's name as the table has it: without spaces, or a file's mark, around it."""
        if name in self._known:
            return name
        bare = name.strip("\ufeff").strip()
        if bare in self._known or _INDEX.fullmatch(bare):
            return bare
        folded = {known.casefold(): known for known in self._known}
        near = [folded[found] for found in get_close_matches(name.casefold(), folded, n=3)]
        hint = f"did you mean {' or '.join(map(repr, near))}? " if near else ""
        there = names_text(self.names)
        raise Refused(f"{where}: there is no column {shown(name)}; {hint}there are {there}")

    def _absent(self, where: str, name: str) -> Refused:
        """The words for a feature that is not there."""
        return Refused(f"{where} has no column {shown(name)}; send null for a missing value")
