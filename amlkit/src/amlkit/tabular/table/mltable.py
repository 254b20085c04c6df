"""What a file called MLTable says of the files beside it: as much of it as is read here.

Schema: https://azuremlschemas.azureedge.net/latest/MLTable.schema.json, in words in Microsoft's
"CLI (v2) MLtable YAML schema". What Azure ML would read otherwise is refused, never left out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from amlkit.tabular.parts import MLTABLE
from amlkit.tabular.table.date_formats import DATE_FORMATS, ISO
from amlkit.tabular.table.mltable_paths import named_files, shown
from amlkit.tabular.table.schema import TableError, names_text, shorten

READERS = {"read_delimited": "csv", "read_json_lines": "json", "read_parquet": "parquet"}
HEADERS = ("all_files_same_headers", "from_first_file", "no_header", "all_files_different_headers")
KEEP = "keep_columns"
_COLUMNS = (KEEP, "drop_columns")
_READ = (*READERS, *_COLUMNS, "convert_column_types")
ENCODINGS = {
    **dict.fromkeys(("utf8", "utf8bom", "ascii"), "utf-8"),
    **dict.fromkeys(("iso88591", "latin1"), "latin-1"),
    **{"utf16": "utf-16", "utf32": "utf-32", "windows1252": "cp1252"},
}
# What says nothing of the rows: how a reader shares its work, what a column is for.
_TOP = ("$schema", "type", "paths", "transformations", "traits", "metadata")
_SHARED = ("include_path_column", "path_column", "partition_size")
_OPTIONS = {
    "read_delimited": (
        *("delimiter", "encoding", "header", "empty_as_string", "infer_column_types"),
        *("support_multi_line", *_SHARED),
    ),
    "read_json_lines": ("encoding", "invalid_lines", *_SHARED),
    "read_parquet": _SHARED,
}
_IN_FILES = "write the files as they are to be read, and remove the line"
_INSTEAD = {
    "read_delta_lake": "write the table as Parquet and read that",
    "extract_columns_from_partition_format": "write the column into the files",
}
_SIMPLE = {"int": "number", "float": "number", "string": "category", "boolean": "boolean"}
_YES, _NO = {"true", "1", "yes", "y", "t", "on"}, {"false", "0", "no", "n", "f", "off"}


@dataclass(frozen=True)
class MLTable:
    """A table of one or more files, and how they are read."""

    kind: str
    """"csv", "json" or "parquet"."""
    files: tuple[str, ...]
    """By name from the folder, in the order of the rows."""
    delimiter: str = ","
    encoding: str = "utf-8"
    header: str = HEADERS[0]
    all_text: bool = False
    """Whether columns whose type is not named hold text, whatever is written in them."""
    columns: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """`keep_columns` and `drop_columns` with their names, in their order."""
    types: Mapping[str, str] = field(default_factory=dict)
    """Columns' types, as the setting data.types takes them."""


def read_mltable(folder: Path) -> MLTable:
    """Return what the file MLTable of a folder says.

    TableError, in one line, names the key that cannot be read here and what to do about it.
    """
    return _Reading(folder).table()


class _Once(yaml.SafeLoader):
    """A safe loader that refuses a key given twice; PyYAML takes the last, against YAML's rules."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        """Return the node; ComposerError for a key that is there already."""
        node = super().compose_mapping_node(anchor)
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    words = f"the key {shorten(key.value, 40)} is there twice"
                    raise yaml.composer.ComposerError(None, None, words, key.start_mark)
                seen.add(key.value)
        return node


class _Reading:
    """One MLTable file as it is read."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = f"{folder.name}/{MLTABLE}"

    def refused(self, key: str, why: str) -> TableError:
        """Return the error for a key."""
        return TableError(f"{self.file}: {shorten(key, 40)}: {why}")

    def table(self) -> MLTable:
        """Return all that the file says."""
        said = self._said()
        if said.get("type", "mltable") != "mltable":
            raise self.refused("type", f"{shown(said['type'])}, where mltable is expected")
        if odd := [key for key in said if key not in _TOP]:
            raise self.refused(str(odd[0]), f"no key of an {MLTABLE}; those are {', '.join(_TOP)}")
        steps = [self._step(step) for step in self._list("transformations", said)]
        reader = self._reader(steps)
        files = named_files(self.folder, self._list("paths", said), self.refused)
        table = MLTable(READERS[reader], files, **self._options(reader, steps[0][1]))
        if table.header == HEADERS[3] and len(files) > 1:
            raise self.refused(
                "header",
                f"{HEADERS[3]} is read of one file alone; write the same columns into "
                f"all, in one order, and header: {HEADERS[0]}",
            )
        types: dict[str, str] = {}
        columns = []
        for name, given in steps[1:]:
            if name in _COLUMNS:
                columns.append((name, self._names(name, given)))
            else:
                types |= self._types(given)
        return replace(table, columns=tuple(columns), types=types)

    def _said(self) -> dict[str, Any]:
        path = self.folder / MLTABLE
        try:
            said = yaml.load(path.read_text(encoding="utf-8-sig"), _Once)  # noqa: S506 - a safe one
        except OSError as error:
            raise TableError(f"{self.file}: it cannot be read ({error.strerror})") from None
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            where = getattr(error, "problem_mark", None)
            line = f"line {where.line + 1}: " if where else ""
            why = getattr(error, "problem", None) or error
            raise TableError(f"{self.file}: {line}no YAML ({shorten(why, 80)})") from None
        if not isinstance(said, dict):
            raise TableError(f"{self.file}: the keys paths and transformations are expected")
        return said

    def _list(self, key: str, said: Mapping[str, Any]) -> list[Any]:
        found = said.get(key)
        if not isinstance(found, list) or not found:
            hint = f"- {' or - '.join(READERS)}" if key == "transformations" else "- file: ./t.csv"
            raise self.refused(key, f"a list is expected, such as {hint}")
        return found

    def _step(self, step: object) -> tuple[str, Any]:
        """Return (name, what is given) of a transformation."""
        if isinstance(step, str):
            return step, {}
        if isinstance(step, dict) and len(step) == 1:
            name, given = next(iter(step.items()))
            return str(name), {} if given is None else given
        raise self.refused("transformations", f"{shown(step)} is not one transformation")

    def _reader(self, steps: Sequence[tuple[str, Any]]) -> str:
        """Return the name of the first step, which reads; TableError for one that is not read."""
        for name, _ in steps:
            if name not in _READ:
                known = f"those that are: {', '.join(_READ)}"
                raise self.refused(
                    name, f"not read here; {_INSTEAD.get(name, _IN_FILES)} ({known})"
                )
        readers = [name for name, _ in steps if name in READERS]
        if len(readers) != 1 or steps[0][0] != readers[0]:
            raise self.refused(
                "transformations",
                f"the first one reads the files, and no other: {names_text(list(READERS))}",
            )
        return readers[0]

    def _options(self, reader: str, given: Any) -> dict[str, Any]:
        """Return the fields of MLTable that a reader's options are."""
        if not isinstance(given, dict):
            raise self.refused(reader, f"options are expected, not {shown(given)}")
        for key in given:
            if key not in _OPTIONS[reader]:
                known = ", ".join(_OPTIONS[reader])
                raise self.refused(
                    f"{reader}.{key}", f"no option that is read here; those: {known}"
                )
        if self._flag(reader, "include_path_column", given):
            raise self.refused(
                f"{reader}.include_path_column",
                "the path of a file is another one on each machine; remove the line",
            )
        if reader == "read_parquet":
            return {}
        found = {"encoding": self._one_of(reader, "encoding", given, ENCODINGS)}
        if reader == "read_json_lines":
            if given.get("invalid_lines", "error") != "error":
                raise self.refused(
                    f"{reader}.invalid_lines",
                    "a line that is no JSON is an error here; mend the lines, and write error",
                )
            return found
        return found | self._delimited(reader, given)

    def _delimited(self, reader: str, given: Mapping[str, Any]) -> dict[str, Any]:
        delimiter = given.get("delimiter", ",")
        one = isinstance(delimiter, str) and len(delimiter) == 1 and delimiter.isascii()
        if not one or delimiter in '"\n\r\0':
            raise self.refused(
                f"{reader}.delimiter",
                f"{repr(delimiter) if one else shown(delimiter)}: one character is expected, a tab "
                'as "\\t", and neither a quote nor what ends a line or a text',
            )
        if self._flag(reader, "empty_as_string", given):
            raise self.refused(
                f"{reader}.empty_as_string",
                "an empty value is a missing one here; remove the line, and see "
                "data.missing_values",
            )
        headers = dict(zip(HEADERS, HEADERS, strict=True))
        infer = given.get("infer_column_types", True)
        if isinstance(infer, dict):  # its sample_size is no matter: the whole table is looked at
            if odd := set(infer) - {"sample_size"}:
                raise self.refused(
                    f"{reader}.infer_column_types.{min(map(str, odd))}",
                    "not read here; name the types by the transformation convert_column_types",
                )
            infer = True
        return {
            "delimiter": delimiter,
            "header": self._one_of(reader, "header", given, headers),
            "all_text": not self._flag(reader, "infer_column_types", {"infer_column_types": infer}),
        }

    def _one_of(
        self, reader: str, key: str, given: Mapping[str, Any], known: Mapping[str, str]
    ) -> str:
        """Return what a word stands for, by default the first."""
        if key not in given:
            return next(iter(known.values()))
        word = given[key].lower() if isinstance(given[key], str) else ""
        word = re.sub("[- ]", "", word) if key == "encoding" else word
        if word not in known:
            raise self.refused(
                f"{reader}.{key}", f"{shown(given[key])} is none of {', '.join(known)}"
            )
        return known[word]

    def _flag(self, reader: str, key: str, given: Mapping[str, Any]) -> bool:
        value = given.get(key, False)
        if isinstance(value, str):
            value = {"true": True, "false": False}.get(value.lower())
        if not isinstance(value, bool):
            raise self.refused(f"{reader}.{key}", f"{shown(given[key])}: true or false is expected")
        return value

    def _names(self, key: str, given: Any) -> tuple[str, ...]:
        """Return names of columns, of which one may stand alone."""
        names = [given] if isinstance(given, str) else given
        if not isinstance(names, list) or not names or not all(isinstance(n, str) for n in names):
            raise self.refused(key, f"names of columns are expected, in quotes, not {shown(given)}")
        return tuple(name.strip() for name in names)

    def _types(self, given: Any) -> dict[str, str]:
        """Return the types that `convert_column_types` gives, by column."""
        key = "convert_column_types"
        found: dict[str, str] = {}
        for one in _listed(given):
            if not isinstance(one, dict) or set(one) != {"columns", "column_type"}:
                raise self.refused(key, "a list of columns with their column_type is expected")
            words = self._type(f"{key}.column_type", one["column_type"])
            found |= dict.fromkeys(self._names(f"{key}.columns", one["columns"]), words)
        return found

    def _type(self, key: str, given: Any) -> str:
        if isinstance(given, str) and given in _SIMPLE:
            return _SIMPLE[given]
        if isinstance(given, dict) and len(given) == 1:
            ((kind, said),) = given.items()
            if kind == "boolean" and isinstance(said, dict):
                return self._boolean(key, said)
            if kind == "datetime" and isinstance(said, dict):
                return self._date(key, said)
        known = f"{', '.join(_SIMPLE)}, and datetime with its formats"
        raise self.refused(key, f"{shown(given)} is not read here; {known} are")

    def _boolean(self, key: str, given: Mapping[str, Any]) -> str:
        """Return the type, where these words mean what they mean here in any case."""
        yes = {_word(one) for one in _listed(given.get("true_values", ()))}
        no = {_word(one) for one in _listed(given.get("false_values", ()))}
        other = set(given) - {"true_values", "false_values", "mismatch_as"}
        if other or given.get("mismatch_as", "error") != "error" or not (yes <= _YES and no <= _NO):
            raise self.refused(
                key,
                f"a boolean is read here as one of {', '.join(sorted(_YES))} or "
                f"{', '.join(sorted(_NO))}; write those into the files",
            )
        return "boolean"

    def _date(self, key: str, given: Mapping[str, Any]) -> str:
        """Return the type with the one format that is given."""
        words = [
            form if isinstance(form, str) else "" for form in _listed(given.get("formats", ()))
        ]
        own = {ISO if form.startswith("%Y-%m-%d") else form for form in words}
        if len(given) != 1 or len(own) != 1 or not own <= set(DATE_FORMATS):
            raise self.refused(
                key,
                f"dates are read here in one format, of {', '.join(DATE_FORMATS[1:])} and "
                "those that begin with %Y-%m-%d",
            )
        return f"date {own.pop()}"


def _word(value: object) -> str:
    """Return what is written, in small letters; empty for what is no single word."""
    return str(value).lower() if isinstance(value, (str, bool, int)) else ""


def _listed(value: Any) -> list[Any]:
    """Return a list of what may be one word."""
    return list(value) if isinstance(value, (list, tuple)) else [value]
