"""Classes of too few rows: refused, their rows left out, or merged into one class."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from amlkit.tabular.table import TableError, names_text

MERGED = "other"


def settle_rare_classes(
    table: pa.Table, target: str, least: int, how: str
) -> tuple[pa.Table, list[str]]:
    """The table with no class of fewer than `least` rows, and a note on what became of them.

    `how` is `training.rare_classes`: "drop" leaves their rows out; "merge" makes one class of them,
    "other", and the target a text; "refuse" changes nothing, as `check_target` has refused them.
    Raises TableError if fewer than two classes would be left, or the merged one is still too small.
    """
    if how == "refuse":
        return table, []
    encoded = table.column(target).dictionary_encode().unify_dictionaries().combine_chunks()
    codes = encoded.indices.to_numpy()
    labels = [label(value) for value in encoded.dictionary.to_pylist()]
    counts = np.bincount(codes, minlength=len(labels))
    rare = (counts > 0) & (counts < least)
    if not rare.any():
        return table, []
    few = [labels[place] for place in np.flatnonzero(rare)]
    left = [labels[place] for place in np.flatnonzero(counts >= least)]
    rows = int(counts[rare].sum())
    what = f"{names_text(few)} of {target!r} ({rows} rows)"
    if how == "drop":
        if len(left) < 2:
            raise TableError(
                f"training.rare_classes: drop leaves out {what}, and then no two classes are left; "
                "bring more rows of them, or lower training.min_class_rows"
            )
        kept = table.filter(pa.array(~rare[codes]))
        return kept, [f"left out the classes {what}: each has fewer than {least} rows"]
    if not left:
        raise TableError(
            f"training.rare_classes: merge would make one class of all, {what}; bring more rows, "
            "or lower training.min_class_rows"
        )
    if rows < least and MERGED not in left:
        raise TableError(
            f"training.rare_classes: merge makes one class of {what}, at least {least} are needed; "
            "set training.rare_classes to drop, or lower training.min_class_rows"
        )
    labels = [MERGED if name in few else name for name in labels]
    place = table.column_names.index(target)
    merged = pa.array(np.array(labels, dtype=object)[codes], pa.string()).dictionary_encode()
    table = table.set_column(place, target, merged)
    return table, [f"merged into the class {MERGED!r}: {what}, each of fewer than {least} rows"]


def label(value: str | float) -> str:
    """A class of a table's target as text; whole numbers without a point."""
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else format(value, "g")
    return value
