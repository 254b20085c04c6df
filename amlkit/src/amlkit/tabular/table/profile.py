"""A look over a whole table in one pass and bounded memory: types, statistics, target, task."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from amlkit.tabular.table.csv_file import Block, CsvSource
from amlkit.tabular.table.profile_text import profile_text
from amlkit.tabular.table.reading import WORKERS, ParquetSource, ahead, file_kind
from amlkit.tabular.table.scan import TextScan, TypedScan
from amlkit.tabular.table.schema import (
    DEFAULT_MISSING,
    TYPES,
    Column,
    Schema,
    TableError,
    no_such_column,
    shorten,
)
from amlkit.tabular.table.summary import (
    CLASSES,
    ColumnProfile,
    Scan,
    Target,
    column_profiles,
    target_profile,
)
from amlkit.tabular.table.values import (
    CANDIDATES,
    DATE_FORMATS,
    NUMBERS,
    as_plain,
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
    progress: Callable[[int, int], None] | None = None,
) -> Profile:  # fmt: skip
    """Look over the table once; memory is bounded whatever its size.

    `types` gives a column's type instead of having it found out. `progress` hears (bytes done,
    bytes in all). TableError, in one line, for everything that makes the table no use.
    """
    path, types, missing = Path(path), dict(types or {}), tuple(missing_values)
    kind = file_kind(path)
    source = CsvSource(path) if kind == "csv" else ParquetSource(path)
    _check_request(source, target, types)
    scans = _scans(source, target, types, missing)
    _pass_by(source, scans, missing, progress)
    for scan in scans.values():
        if isinstance(scan, TextScan):
            scan.settle()
    profiles, notes = column_profiles(list(scans.values()))
    rows = next(iter(scans.values())).rows
    if not rows:
        raise TableError(f"{path.name}: the table has a header but no rows")
    columns = tuple(Column(p.name, p.type, p.format) for p in profiles)
    schema = Schema(columns, target, kind, missing_values=missing)
    if isinstance(source, CsvSource):
        schema = Schema(columns, target, kind, source.delimiter, source.encoding, missing)
    place = schema.columns.index(next(c for c in columns if c.name == target))
    summary = target_profile(scans[target], profiles[place])
    _check_target_column(path.name, summary, rows)
    return Profile(
        path.name, path.stat().st_size, rows, schema, tuple(profiles), summary, tuple(notes)
    )


def _check_request(
    source: CsvSource | ParquetSource, target: str, types: Mapping[str, str]
) -> None:
    """Raise TableError for a target or a type that the table cannot have."""
    if target not in source.names:
        words = no_such_column(target, source.names)
        raise TableError(f"{source.file}: the target: {words}")
    for name, wanted in types.items():
        if name not in source.names:
            raise TableError(f"{source.file}: types: {no_such_column(name, source.names)}")
        if wanted not in TYPES:
            raise TableError(f"types: {name!r} cannot be {wanted!r}; choose {' or '.join(TYPES)}")


def _scans(
    source: CsvSource | ParquetSource, target: str, types: Mapping[str, str],
    missing: Sequence[str],
) -> dict[str, Scan]:  # fmt: skip
    """Return one scan per column, in file order."""
    scans: dict[str, Scan] = {}
    for name in source.names:
        forced, is_target = types.get(name), name == target
        candidates: Sequence[str] = CANDIDATES
        if isinstance(source, ParquetSource):
            own = natural_type(source.types[name])
            if own != "category" and forced != "category":
                scans[name] = TypedScan(name, forced or own, is_target)
                continue
            # text in Parquet was text before, so it is no number; a dictionary is a category
            plain = not pa.types.is_dictionary(source.types[name]) and is_text(source.types[name])
            candidates = ("boolean", *DATE_FORMATS) if plain else ()
        elif source.delimiter == ",":
            candidates = [c for c in CANDIDATES if c != NUMBERS[1]]
        scans[name] = TextScan(name, missing, candidates, forced, is_target)
    return scans


def _pass_by(
    source: CsvSource | ParquetSource, scans: Mapping[str, Scan], missing: Sequence[str],
    progress: Callable[[int, int], None] | None,
) -> None:  # fmt: skip
    """Let every block of the file pass by the scans, the columns shared among threads."""
    with ThreadPoolExecutor(WORKERS) as pool:
        for table, block in _blocks(source, missing, progress):

            def add(scan: Scan, table: pa.Table = table, block: Block | None = block) -> None:
                column = table[scan.name]
                if isinstance(scan, TypedScan):
                    scan.look_for_infinite(column)
                    wanted = Column(scan.name, scan.type)
                    column = convert(column, wanted, missing, source.file, block)
                elif block is None:
                    column = without(as_plain(column, "category"), missing)
                scan.add(column)
                if isinstance(scan, TextScan) and scan.forced and scan.misfit is not None:
                    line = block.line_of(scan.name, scan.misfit.__eq__) if block else None
                    wanted = Column(scan.name, scan.forced)
                    raise misfit(source.file, wanted, scan.misfit, line)

            list(pool.map(add, scans.values()))


def _blocks(
    source: CsvSource | ParquetSource, missing: Sequence[str],
    progress: Callable[[int, int], None] | None,
) -> Iterator[tuple[pa.Table, Block | None]]:  # fmt: skip
    """Yield the file's blocks, each CSV block parsed while the one before is looked at."""
    if isinstance(source, ParquetSource):
        for table in source.batches(source.names, progress=progress):
            yield table, None
        return
    names = source.names

    def parsed(block: Block) -> tuple[pa.Table, Block]:
        return block.columns(names, missing), block

    yield from ahead(parsed, source.blocks(progress=progress))


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
