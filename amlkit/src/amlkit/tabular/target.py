"""The target column: which task it asks for, and its values as an estimator takes them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from amlkit.tabular.table.frame import to_frame
from amlkit.tabular.table.profile import Profile, check_target, infer_task


def resolve_task(profile: Profile, task: str, min_class_rows: int) -> tuple[str, str]:
    """The task, and why, in words; TableError if the target does not allow it."""
    why = "set in training.task"
    if task == "auto":
        task, why = infer_task(profile)
    check_target(profile, task, min_class_rows)
    return task, why


def drop_missing_target(table: pa.Table, target: str) -> tuple[pa.Table, str]:
    """The rows whose target is known, and a note on the others ("" if there are none)."""
    missing = table.column(target).null_count
    if not missing:
        return table, ""
    known = table.filter(pc.is_valid(table.column(target)))
    return known, f"left out {missing} rows whose {target!r} is missing"


def target_values(table: pa.Table, target: str, task: str) -> NDArray[Any]:
    """Numbers as float64 for a regression; else labels: texts, or integers where all are whole."""
    values: NDArray[Any] = to_frame(table.select([target]))[target].to_numpy()
    if task == "regression" or values.dtype == object:
        return values
    if np.array_equal(values, np.trunc(values)):
        return values.astype(np.int64)
    # scikit-learn takes broken numbers for a regression's target
    return np.array([format(value, "g") for value in values.tolist()], dtype=object)
