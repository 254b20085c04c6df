"""Find the table of a data asset, and what is known of it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from amlkit.tabular.table.profile import Profile, profile_table
from amlkit.tabular.table.schema import Schema, TableError

KNOWLEDGE = ("schema.json", "profile.json")


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
        types = {column.name: column.type for column in schema.columns}
        profile = profile_table(path, target, types=types, missing_values=schema.missing_values)
    return Asset(path, profile.schema, profile)


def find_table(data: Path) -> Path:
    """The one table of a data asset's folder, or the file itself."""
    if data.is_file():
        return data
    if not data.is_dir():
        raise TableError(f"no file or folder {data}")
    files = sorted(p for p in data.iterdir() if p.is_file() and p.name not in KNOWLEDGE)
    tables = [path for path in files if not path.name.startswith(".")]
    if len(tables) != 1:
        found = ", ".join(path.name for path in tables[:5]) or "nothing"
        raise TableError(
            f"{data} should hold one table beside {' and '.join(KNOWLEDGE)}; found: {found}"
        )
    return tables[0]
