"""A look over a whole table in one pass and bounded memory: types, statistics, target, task."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from amlkit.tabular.parts import table_size
from amlkit.tabular.table.csv_file import CsvSource
from amlkit.tabular.table.decide import Scan, decide
from amlkit.tabular.table.kinds import open_source
from amlkit.tabular.table.mltable_source import MLTableSource
from amlkit.tabular.table.profile_text import profile_text
from amlkit.tabular.table.reading import WORKERS, ahead
from amlkit.tabular.table.scan import TextScan, TypedScan
from amlkit.tabular.table.schema import (
    DEFAULT_MISSING,
    Column,
    Schema,
    TableError,
    names_text,
    no_such_column,
    shorten,
)
from amlkit.tabular.table.source import Part, Progress, Source
from amlkit.tabular.table.summary import (
    CLASSES,
    ColumnProfile,
    Target,
    column_profile,
    target_profile,
)
from amlkit.tabular.table.values import (
    CANDIDATES,
    as_plain,
    check_type,
    convert,
    is_text,
    misfit,
    natural_type,
    without,
)

__all__ = ["ColumnProfile", "Profile", "Target", "check_target", "infer_task", "profile_table"]

MIN_ROWS = 10  # rows with a target below which nothing can be learnt
FEW = 10  # distinct whole numbers that are taken for classes
_OVERRIDE = "set training.task in config.yml to choose otherwise"


@dataclass(frozen=True)
class Profile:
    """What is known of a table after one look."""

    file: str
    size: int  # bytes of the file
    rows: int
    schema: Schema
    columns: tuple[ColumnProfile, ...]  # in file order
    target: Target
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON: no NaN, dates as ISO 8601."""
        return {**asdict(self), "schema": self.schema.to_dict()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Profile:
        """Return what `to_dict` wrote, also after a way through JSON."""
        return cls(
            values["file"],
            values["size"],
            values["rows"],
            Schema.from_dict(values["schema"]),
            tuple(ColumnProfile.from_dict(column) for column in values["columns"]),
            Target.from_dict(values["target"]),
            tuple(values["notes"]),
        )

    def to_text(self) -> str:
        """Return the profile as a table for the terminal."""
        return profile_text(self.file, self.rows, self.columns, self.target, self.notes)


def profile_table(
    path: str | Path, target: str, *, types: Mapping[str, str] | None = None,
    missing_values: Sequence[str] = DEFAULT_MISSING,
    progress: Progress | None = None,
) -> Profile:  # fmt: skip
    """Look over the table once; memory is bounded whatever its size.

    `types` gives a column's type, with or without a format (`Column.words`), instead of having it
    found out or taken from an MLTable. `progress` hears (bytes done, bytes in all). TableError, in
    one line, for everything that makes the table no use.
    """
    path, missing = Path(path), tuple(missing_values)
    source = open_source(path)
    target = target if target in source.names else target.strip()  # as names are
    wanted: dict[str, Column] = {}
    given = source.converted if isinstance(source, MLTableSource) else {}
    for name, words in {**given, **(types or {})}.items():
        name = name if name in source.names else name.strip()
        wanted[name] = Column.of(name, words)
    names = [n for n in source.names if n not in source.index or n == target or n in wanted]
    _check_request(source, names, target, wanted)
    scans = _scans(source, names, target, wanted, missing)
    _pass_by(source, scans, missing, progress)
    for scan in scans.values():
        if isinstance(scan, TextScan):
            scan.settle()
    columns, notes = decide(list(scans.values()), source.delimiter)
    profiles = [column_profile(scans[column.name], column) for column in columns]
    rows = next(iter(scans.values())).rows
    if not rows:
        raise TableError(f"{path.name}: the table has a header but no rows")
    schema = Schema(tuple(columns), target, source.kind, missing_values=missing)
    if source.delimiter:
        schema = replace(schema, delimiter=source.delimiter, encoding=source.encoding)
    place = schema.columns.index(next(c for c in columns if c.name == target))
    summary = target_profile(scans[target], profiles[place])
    _check_target_column(path.name, summary, rows)
    notes = [*source.notes, *notes]
    return Profile(
        path.name, table_size(path), rows, schema, tuple(profiles), summary, tuple(notes)
    )


def _check_request(
    source: Source, names: Sequence[str], target: str, wanted: Mapping[str, Column]
) -> None:
    """Raise TableError for a target or a type that the table cannot have."""
    described = source if isinstance(source, MLTableSource) else None
    if len(names) < 2:
        if described:
            raise TableError(described.why_narrow(names))
        if narrow := source.why_narrow() if isinstance(source, CsvSource) else "":
            raise TableError(f"{source.file}: only one column was found; {narrow}")
        raise TableError(
            f"{source.file}: only one column was found ({names_text(source.names)}); a target and "
            "at least one more are needed, in a CSV separated by comma, semicolon, tab or |"
        )
    if target not in source.names:
        if described and (why := described.without(target)):
            raise TableError(f"{why}, and it is the target")
        narrow = source.why_narrow() if isinstance(source, CsvSource) else ""
        words = no_such_column(target, source.names)
        raise TableError(f"{source.file}: {narrow or f'the target: {words}'}")
    for name, column in wanted.items():
        if name not in source.names:
            raise TableError(f"{source.file}: types: {no_such_column(name, source.names)}")
        check_type(column)


def _scans(
    source: Source, names: Sequence[str], target: str, wanted: Mapping[str, Column],
    missing: Sequence[str],
) -> dict[str, Scan]:  # fmt: skip
    """Return one scan for each of the named columns."""
    scans: dict[str, Scan] = {}
    for name in names:
        own, is_target = wanted.get(name), name == target
        if name not in source.types:
            scans[name] = TextScan(name, missing, own, is_target)
            continue
        stored = source.types[name]
        natural = natural_type(stored)
        if natural != "category" and (own is None or own.type != "category"):
            scans[name] = TypedScan(name, own.type if own else natural, is_target)
            continue
        # text in Parquet was text before: no plain number is in it; a dictionary is a category
        plain = not pa.types.is_dictionary(stored) and is_text(stored)
        candidates = CANDIDATES if plain else ()
        scans[name] = TextScan(name, missing, own, is_target, candidates, stored=True)
    return scans


def _pass_by(
    source: Source, scans: Mapping[str, Scan], missing: Sequence[str],
    progress: Progress | None,
) -> None:  # fmt: skip
    """Let every part of the table pass by the scans, the columns shared among threads."""
    with ThreadPoolExecutor(WORKERS) as pool:
        for table, part in _parts(source, list(scans), missing, progress):

            def add(scan: Scan, table: pa.Table = table, part: Part = part) -> None:
                column = table[scan.name]
                if isinstance(scan, TypedScan):
                    scan.look_for_infinite(column)
                    wanted = Column(scan.name, scan.type)
                    column = convert(column, wanted, missing, source.file, None)
                elif scan.name in source.types:
                    column = without(as_plain(column, "category"), missing)
                scan.add(column)
                if isinstance(scan, TextScan) and scan.forced and scan.misfit is not None:
                    line = part.line_of(scan.name, scan.misfit.__eq__)
                    raise misfit(source.file, scan.column, scan.misfit, line)

            list(pool.map(add, scans.values()))


def _parts(
    source: Source, names: Sequence[str], missing: Sequence[str], progress: Progress | None
) -> Iterator[tuple[pa.Table, Part]]:
    """Yield the table's parts, each taken apart while the one before is looked at."""

    def taken_apart(part: Part) -> tuple[pa.Table, Part]:
        return part.columns(names, missing), part

    yield from ahead(taken_apart, source.parts(names, progress))


def _check_target_column(file: str, target: Target, rows: int) -> None:
    """Raise TableError for a target that nothing can be learnt from."""
    there = rows - target.missing
    if not there:
        raise TableError(f"{file}: the target {target.name!r} is missing in all {rows} rows")
    if target.distinct == 1:
        value = target.classes[0][0] if target.classes else "one value"
        raise TableError(
            f"{file}: the target {target.name!r} is {value!r} in every row, so there is nothing "
            "to learn; choose another column"
        )
    if there < MIN_ROWS:
        raise TableError(
            f"{file}: {there} rows with a value in {target.name!r} are too few; "
            f"at least {MIN_ROWS} are needed"
        )


def infer_task(profile: Profile) -> tuple[str, str]:
    """Return "classification" or "regression", and why; TableError if it can be neither."""
    target = profile.target
    name, count = repr(target.name), target.distinct
    if target.type == "date":
        raise TableError(
            f"{profile.file}: the target {name} is a date, which cannot be predicted here; "
            "choose another column, or write it as a number such as days from a fixed day"
        )
    if target.type == "boolean":
        return "classification", f"{name} is true or false"
    if target.type == "category":
        if count is None or count > CLASSES:
            many = "too many different texts" if count is None else f"{count} different texts"
            raise TableError(
                f"{profile.file}: the target {name} holds {many}; up to {CLASSES} can be classes: "
                "choose another column, or group its values"
            )
        if count == profile.rows - target.missing:
            raise TableError(
                f"{profile.file}: the target {name} holds another text in each row, as a name or "
                "an identifier does; choose another column"
            )
        return "classification", f"{name} is text of {count} classes"
    if count == 2:
        return "classification", f"{name} holds 2 different numbers; {_OVERRIDE}"
    if target.whole and count is not None and count <= FEW:
        return "classification", f"{name} holds {count} different whole numbers; {_OVERRIDE}"
    amount = "many" if count is None else str(count)
    return "regression", f"{name} is a number of {amount} different values; {_OVERRIDE}"


def check_target(
    profile: Profile, task: str, min_class_rows: int, rare_classes: str = "refuse"
) -> None:
    """Raise TableError when the target does not suit the task or a class has too few rows."""
    target = profile.target
    if task == "regression" and target.type in ("category", "date"):
        raise TableError(
            f"{profile.file}: the target {target.name!r} is a {target.type}, so regression cannot "
            "predict it; set training.task to classification, or choose another column"
        )
    if task != "classification":
        return
    if target.rarest is None:
        raise TableError(
            f"{profile.file}: the target {target.name!r} has too many different values for "
            "classification; set training.task to regression, or choose another column"
        )
    value, rows = target.rarest
    if rows < min_class_rows and rare_classes == "refuse":
        raise TableError(
            f"{profile.file}: class {shorten(value)!r} of the target {target.name!r} has {rows} "
            f"row{'s' if rows != 1 else ''}, at least {min_class_rows} are needed: bring more of "
            "them, or set training.rare_classes: drop (leaves such classes out) or merge (makes "
            "one class of them), or lower training.min_class_rows"
        )
