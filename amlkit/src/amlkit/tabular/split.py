"""Which rows a model learns from and which measure it: by row hash, by time or by group.

Many rows are split once: a share is held out, and the model learns from the rest. Few rows are
measured in folds: each is answered by a model that has learned from the other folds, and the model
that is kept learns from all rows. By time the folds are windows, each answered by a model of the
rows before it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from amlkit.tabular.holdout import Hashes, below, holdout_identity, row_hashes, value_hashes
from amlkit.tabular.rare_classes import label
from amlkit.tabular.table import TableError, names_text
from amlkit.tabular.table.schema import no_such_column

Mask = NDArray[np.bool_]
Parts = NDArray[np.int8]

LEARNED = -1  # the part of a row that is learned from alone, never measured
# Folds where fewer rows would be held out: on 60 rows an AUC or R² errs by about 0.08, in folds of
# the same table by half of that. Or where fewer different rows or groups would be.
FEW_ROWS = 60
FEW_UNITS = 10
LEAST = 2  # rows of a class in whatever is learned from
ROW_HASH = {"by": "row hash", "column": None}


@dataclass(frozen=True)
class Split:
    """Where each row of a table belongs."""

    by: str
    """"row hash", "time" or "group"."""
    column: str | None
    share: float
    """Of the rows, as it was asked to be held out."""
    folds: int | None
    """None: the rows are split once."""
    part: Parts
    """(rows,): the part that the row is measured in, from 0; LEARNED where it is in none."""
    order: NDArray[Any] | None
    """(rows,): by time the seconds or numbers, NaN where missing; by group its hash; else None."""
    moved: int
    """Rows that are learned from because else too few of their class would be."""
    repeated: int
    """Rows that have the features of another."""
    identity: str
    """Equal where the same rows, with the same target, are measured in the same parts."""
    notes: tuple[str, ...]

    @property
    def measured(self) -> Mask:
        """The rows that are measured, in whichever part."""
        return cast(Mask, self.part != LEARNED)

    @property
    def kept(self) -> Mask:
        """The rows that the kept model learns from."""
        return np.ones(len(self.part), dtype=bool) if self.folds else ~self.measured

    def learned(self, part: int) -> Mask:
        """The rows that are learned from to measure a part."""
        return cast(Mask, self.part < part if self.by == "time" else self.part != part)

    def parts(self) -> range:
        """The numbers of the parts."""
        return range(self.folds or 1)

    def ordering(self, rows: Mask) -> tuple[NDArray[Any] | None, NDArray[Any] | None]:
        """Groups and times of some rows, each None where the split is not by it."""
        some = None if self.order is None else self.order[rows]
        return (some, None) if self.by == "group" else (None, some)

    def in_words(self) -> str:
        """`40 of 200 rows, held out by row hash`, for the log."""
        some = f"{int(self.measured.sum())} of {len(self.part)} rows"
        by = self.by + (f" {self.column!r}" if self.column else "")
        if not self.folds:
            return f"{some}, held out by {by}"
        kind = "windows, each after what is learned from" if self.by == "time" else "folds"
        return f"{some}, in {self.folds} {kind}, by {by}"

    def public(self) -> dict[str, Any]:
        """What metrics.json says of the split."""
        by = "folds" if self.folds and self.by == "row hash" else self.by
        return {"by": by, "column": self.column, "folds": self.folds}

    def record(self) -> dict[str, Any]:
        """What schema.json keeps, for `seen_by` of a later split."""
        last = None
        if self.by == "time" and self.order is not None:
            last = float(np.nanmax(self.order[self.kept]))
        return {
            **self.public(),
            "share": self.share,
            "moved": self.moved,
            "last": last,
            "identity": self.identity,
        }

    def seen_by(self, champion: Mapping[str, Any] | None) -> str:
        """Why a saved model may have learned from measured rows; "" if it cannot have.

        `champion` is the record of its split, None for a model of before there was one: its rows
        were held out by row hash.
        """
        theirs: Mapping[str, Any] = champion or ROW_HASH
        if theirs.get("folds"):
            return "it learned from all rows of its table"
        if self.folds:
            return "it learned from rows that are in the folds now"
        if theirs.get("by") != self.by or theirs.get("column") != self.column:
            return f"its rows were held out by {theirs.get('by')}"
        if self.identity == theirs.get("identity"):
            return ""
        if self.by == "time" and self.order is not None:
            first, last = np.nanmin(self.order[self.measured]), theirs.get("last")
            return "" if last is not None and last < first else "it learned from rows as new"
        if theirs.get("share", self.share) < self.share:
            return f"only {theirs['share']:.0%} of its rows were held out"
        return "it learned from rows of rare classes" if theirs.get("moved") else ""


def split_rows(
    table: pa.Table,
    target: str,
    share: float = 0.2,
    asked: Mapping[str, Any] = ROW_HASH,
    folds: int = 0,
    task: str = "regression",
) -> Split:
    """Split a table whose target is known in all rows.

    `asked` is `training.split`, {"by": "row hash"}, or "time" or "group" with a "column"; equal
    rows, and rows of a group, stay together. `folds` is how many there are where the rows are few;
    with fewer than two they are never used. For a classification each class is learned from.
    Raises TableError, one line, if the column does not suit or a side is left without rows.
    """
    by, column = asked.get("by", "row hash"), asked.get("column")
    _check(table, target, by, column)
    hashes, classes, order = row_hashes(table, target), table.column(target), None
    known = np.ones(len(classes), dtype=bool)
    if by != "row hash":
        known = table.column(column).is_valid().to_numpy()
        order = (_times if by == "time" else value_hashes)(table.column(column))
    units = hashes if order is None else order
    codes = _codes(classes) if task == "classification" else np.zeros(len(classes), dtype=np.int64)
    part = np.full(len(classes), LEARNED, dtype=np.int8)
    part[known] = _parts(by, units[known], codes[known], share, folds)
    moved = np.zeros(len(classes), dtype=bool)
    if task == "classification":
        moved = _keep_classes(part, codes, None if by == "time" else units)
    many = _renumber(part)
    measured = part != LEARNED
    if many == 0 or (many == 1 and measured.all()):
        raise _one_sided(part, moved, target, by, column, share)
    notes = []
    if not known.all():
        notes.append(f"{int((~known).sum())} rows without {column!r} are only learned from")
    if moved.any():
        labels = map(label, pc.unique(classes.filter(pa.array(moved))).to_pylist())
        rows = f"{int(moved.sum())} rows of class {names_text(sorted(labels))}"
        notes.append(f"{rows} are only learned from: too few of a class would be else")
    identity = holdout_identity(
        hashes[measured], classes.filter(pa.array(measured)), part[measured] if many > 1 else None
    )
    windows = many if many > 1 else None
    repeated, moves = len(hashes) - len(np.unique(hashes)), int(moved.sum())
    return Split(by, column, share, windows, part, order, moves, repeated, identity, tuple(notes))


def _check(table: pa.Table, target: str, by: str, column: str | None) -> None:
    """Raise TableError if the rows cannot be split by the column."""
    if by == "row hash":
        return
    if column is None:
        raise TableError(f"training.split: by {by} needs a column: {{by: {by}, column: NAME}}")
    if column not in table.column_names:
        raise TableError(f"training.split: {no_such_column(column, table.column_names)}")
    if column == target:
        raise TableError(f"training.split: {column!r} is the target; choose another column")
    if table.column(column).null_count == table.num_rows:
        raise TableError(f"training.split: {column!r} is empty in all rows; choose another column")
    if by == "time" and pa.types.is_dictionary(table.column(column).type):
        raise TableError(
            f"training.split: {column!r} is text, which has no order in time; choose a column of "
            f"dates or numbers, or say that it holds dates: data.types: {{{column!r}: date}}"
        )


def _parts(
    by: str, units: NDArray[Any], codes: NDArray[np.int64], share: float, folds: int
) -> Parts:
    """The part of each row; `units` are what it is split by: hashes, or times."""
    few = len(units) * share < FEW_ROWS
    if by == "time":
        return _windows(units, share, folds if few else 1)
    sizes = np.unique(units, return_counts=True)[1].astype(float)
    several = sizes.sum() ** 2 / (sizes**2).sum()  # as many of one size say as much
    few = few or several * share < FEW_UNITS
    if few and folds > 1:
        return _dealt(units, codes, folds)
    return np.where(below(units, share), 0, LEARNED).astype(np.int8)


def _windows(times: NDArray[Any], share: float, folds: int) -> Parts:
    """The newest share as part 0, or the newer half in several windows; the rest is LEARNED.

    Rows of one time stay together: a window begins with the time that is nearest to where it
    should. So there may be fewer windows than `folds`, none where all rows are of one time.
    """
    distinct, first = np.unique(np.sort(times), return_index=True)
    if len(distinct) < 2:
        return np.full(len(times), LEARNED, dtype=np.int8)
    windows, newest = (folds, 0.5) if folds > 1 else (1, share)
    wanted = len(times) * (1 - newest * (1 - np.arange(windows) / windows))
    nearest = np.abs(first[1:, np.newaxis] - wanted).argmin(axis=0)
    starts = np.unique(distinct[1:][nearest])
    return (np.searchsorted(starts, times, side="right") - 1).astype(np.int8)


def _dealt(units: Hashes, codes: NDArray[np.int64], folds: int) -> Parts:
    """The fold of each row: its unit's, the units being dealt like cards in order of their hash.

    A unit is what must stay together, rows of one hash. The units with the rarest class are dealt
    first, then those with the next: so each class is spread over the folds.
    """
    distinct, unit = np.unique(units, return_inverse=True)
    rarity = np.bincount(codes).argsort(kind="stable").argsort()
    rarest = np.full(len(distinct), len(rarity))
    np.minimum.at(rarest, unit, rarity[codes])
    fold = np.empty(len(distinct), dtype=np.int8)
    fold[rarest.argsort(kind="stable")] = np.arange(len(distinct)) % folds
    return fold[unit]


def _keep_classes(part: Parts, codes: NDArray[np.int64], units: Hashes | None) -> Mask:
    """Make rows LEARNED where else fewer than LEAST of their class would be; True for those.

    With `units` their whole units move; without, the parts follow each other in time.
    """
    before = part.copy()
    for number in range(int(part.max()) + 1):
        learned = part < number if units is None else part != number
        short = np.bincount(codes[learned], minlength=int(codes.max()) + 1) < LEAST
        rows = short[codes] & (part == number)
        if rows.any() and units is not None:
            rows = np.isin(units, units[rows])
        part[rows] = LEARNED
    return cast(Mask, before != part)


def _renumber(part: Parts) -> int:
    """Number the parts that have rows from 0; how many there are."""
    measured = part != LEARNED
    left, part[measured] = np.unique(part[measured], return_inverse=True)
    return len(left)


def _one_sided(
    part: Parts, moved: Mask, target: str, by: str, column: str | None, share: float
) -> TableError:
    """The error where no row measures, or none is learned from."""
    side = "test" if (part == LEARNED).all() else "training"
    if moved.any():
        return TableError(
            f"training.split: each class of {target!r} is in one {by} {column!r} alone, so that "
            "none is left to measure; choose another column, or split by row hash"
        )
    return TableError(
        f"no row is left for {side} of {len(part)} rows at training.holdout {share:g}: rows that "
        "are equal, or of one group or time, stay together; add rows, or set another holdout"
    )


def _codes(target: pa.ChunkedArray) -> NDArray[np.int64]:
    """A number from 0 for each row's class, rows without one being none."""
    target = target if pa.types.is_dictionary(target.type) else target.dictionary_encode()
    codes = pa.chunked_array([c.indices for c in target.unify_dictionaries().chunks], pa.int32())
    return cast("NDArray[np.int64]", codes.to_numpy().astype(np.int64))


def _times(values: pa.ChunkedArray) -> NDArray[Any]:
    """Numbers as they are, dates as seconds since 1970; NaN where missing."""
    if pa.types.is_temporal(values.type):
        values = pc.cast(pc.cast(values, pa.timestamp("s"), safe=False), pa.int64())
    return cast("NDArray[Any]", pc.cast(values, pa.float64(), safe=False).to_numpy())
