"""Data assets of this machine: one copy for each content."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from amlkit.content import file_hash
from amlkit.local.data import LocalData
from amlkit.records import DataDefinition, WorkError
from amlkit.settings import SettingsError


def table(folder: Path, version: str, text: str) -> DataDefinition:
    """A table to register."""
    path = folder / "table.csv"
    path.write_text(text, encoding="utf-8")
    profile = {"sha256": file_hash(path), "schema": {"columns": []}, "rows": 2}
    return DataDefinition("t", path, "y", version, profile)


def nothing(done: int, total: int) -> None:
    """Hears of no progress."""


def test_asset_is_found_by_its_version_and_the_last_one_without(tmp_path: Path) -> None:
    data = LocalData(tmp_path / "workspace")
    assert data.get("t") is None
    first = data.create(table(tmp_path, "a", "x,y\n1,2\n3,4\n"), nothing)
    second = data.create(table(tmp_path, "b", "x,y\n5,6\n7,8\n"), nothing)
    assert data.get("t") == second
    assert data.get("t", "a") == first
    assert (first.rows, first.target) == (2, "y")
    assert (data.download(first) / "table.csv").read_text("utf-8") == "x,y\n1,2\n3,4\n"
    assert data.profile(first)["rows"] == 2
    copied = (data.download(first) / "table.csv").stat().st_mtime_ns
    assert data.create(table(tmp_path, "a", "x,y\n1,2\n3,4\n"), nothing) == first
    assert (data.download(first) / "table.csv").stat().st_mtime_ns == copied
    assert data.get("t") == first


def test_table_that_was_written_to_meanwhile_is_not_registered(tmp_path: Path) -> None:
    data = LocalData(tmp_path / "workspace")
    definition = table(tmp_path, "a", "x,y\n1,2\n3,4\n")
    definition.path.write_text("x,y\n1,2\n", encoding="utf-8")
    with pytest.raises(WorkError, match="changed while it was read"):
        data.create(definition, nothing)
    assert data.get("t") is None


def test_what_has_no_profile_has_an_empty_one(tmp_path: Path) -> None:
    data = LocalData(tmp_path / "workspace")
    asset = data.create(table(tmp_path, "a", "x,y\n1,2\n3,4\n"), nothing)
    (data.download(asset) / "profile.json").unlink()
    assert data.profile(asset) == {}
    assert data.profile(replace(asset, source=str(tmp_path))) == {}


def test_there_are_no_datastores_here(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no datastores"):
        LocalData(tmp_path).find_stored("workspaceblobstore", "x.csv")
