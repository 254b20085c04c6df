"""A data asset: its table, what is known of it, and what its target asks for."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from amlkit.tabular.model_files import ROWS, request_rows
from amlkit.tabular.parts import KNOWLEDGE, PARQUET, is_mltable, table_files
from amlkit.tabular.table import Schema, TableError, iter_tables, names_text, to_frame
from amlkit.tabular.table.profile import Profile, check_target, infer_task, profile_table


@dataclass(frozen=True)
class Asset:
    """A table, how it is read, and its profile."""

    path: Path
    schema: Schema
    profile: Profile


def open_asset(data: Path, target: str | None) -> Asset:
    """Open a data asset's folder, or a bare table, which is profiled first.

    `target` overrules the asset's own. Raises TableError if there is no table, more than one, or no
    target is known.
    """
    path = find_table(data)
    schema = None
    if data.is_dir() and (data / "schema.json").is_file():
        schema = Schema.from_dict(json.loads((data / "schema.json").read_text(encoding="utf-8")))
        stored = data / "profile.json"
        if target in (None, schema.target) and stored.is_file():
            profile = Profile.from_dict(json.loads(stored.read_text(encoding="utf-8")))
            return Asset(path, schema, profile)
    target = target or (schema.target if schema else None)
    if target is None:
        raise TableError(f"{data} has no schema.json: name the target with --target COLUMN")
    if schema is None:
        profile = profile_table(path, target)
    else:
        types = {column.name: column.words for column in schema.columns}
        profile = profile_table(path, target, types=types, missing_values=schema.missing_values)
    return Asset(path, profile.schema, profile)


def find_table(data: Path) -> Path:
    """The one table in a data asset's folder, or the table itself: a file, or a folder that is one.

    Such a folder has a file MLTable, or nothing but Parquet parts.
    """
    if not data.exists():
        raise TableError(f"no file or folder {data}")
    if data.is_file() or is_mltable(data):
        return data
    inside = [Path(name).relative_to(data.name) for name in table_files(data)]
    found = sorted({name.parts[0] for name in inside} - set(KNOWLEDGE))
    if len(found) == 1 and "=" not in found[0]:  # else the only partition of a folder of parts
        return data / found[0]
    if found and all(name.suffix.lower() in PARQUET for name in inside):
        return data
    raise TableError(
        f"{data} should hold one table beside {' and '.join(KNOWLEDGE)}; "
        f"found: {names_text(found) or 'nothing'}"
    )


def first_rows(data: Path) -> list[dict[str, Any]]:
    """The first rows of a data asset (its folder), at most 20, as a request holds them."""
    asset = open_asset(data, None)
    return request_rows(next(iter_tables(asset.path, asset.schema, ROWS)), asset.schema)


def resolve_task(
    profile: Profile, task: str, min_class_rows: int, rare_classes: str = "refuse"
) -> tuple[str, str]:
    """The task, and why, in words; TableError if the target does not allow it."""
    why = "set in training.task"
    if task == "auto":
        task, why = infer_task(profile)
    check_target(profile, task, min_class_rows, rare_classes)
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
