"""Data assets of this machine: one copy for each content."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from amlkit.content import table_hash, table_hashes
from amlkit.local.data import LocalData
from amlkit.records import DataDefinition, WorkError
from amlkit.settings import SettingsError


def table(folder: Path, version: str, text: str) -> DataDefinition:
    """A table to register."""
    path = folder / "table.csv"
    path.write_text(text, encoding="utf-8")
    profile = {"schema": {"columns": []}, "rows": 2}
    return DataDefinition("t", path, table_hashes(path, nothing), "y", version, profile)


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


def test_a_folder_of_parts_is_copied_as_it_is(tmp_path: Path) -> None:
    """With the folders in it, and without what is no part."""
    names = ["parts/0.csv", "parts/year=2024/1.csv", "parts/_SUCCESS", "parts/.0.csv.crc"]
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name, encoding="utf-8")
    parts = tmp_path / "parts"
    definition = replace(table(tmp_path, "a", ""), path=parts, files=table_hashes(parts, nothing))
    data = LocalData(tmp_path / "workspace")
    copy = data.download(data.create(definition, nothing))
    copied = [path.relative_to(copy).as_posix() for path in copy.rglob("*") if path.is_file()]
    assert sorted(copied) == [*names[:2], "profile.json", "schema.json"]
    assert (copy / names[1]).read_text(encoding="utf-8") == names[1]
    (parts / "2.csv").write_text("more", encoding="utf-8")  # between the two looks
    assert data.create(replace(definition, version="b"), nothing)
    (parts / "0.csv").write_text("changed", encoding="utf-8")
    with pytest.raises(WorkError, match="changed while it was read"):
        data.create(replace(definition, version="c"), nothing)


def test_a_folders_content_is_its_parts(tmp_path: Path) -> None:
    """Their names and bytes, and not what the folder is called."""
    for name in ("a/0", "a/1", "b/0", "b/1", "c/0", "c/2"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name[2:].replace("2", "1"), encoding="utf-8")
    a, b, c = (table_hash(table_hashes(tmp_path / name, nothing)) for name in "abc")
    assert a == b != c
    (tmp_path / "b" / "1").write_text("another", encoding="utf-8")
    assert table_hash(table_hashes(tmp_path / "b", nothing)) != a


def test_what_has_no_profile_has_an_empty_one(tmp_path: Path) -> None:
    data = LocalData(tmp_path / "workspace")
    asset = data.create(table(tmp_path, "a", "x,y\n1,2\n3,4\n"), nothing)
    (data.download(asset) / "profile.json").unlink()
    assert data.profile(asset) == {}
    assert data.profile(replace(asset, source=str(tmp_path))) == {}


def test_there_are_no_datastores_here(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no datastores"):
        LocalData(tmp_path).find_stored("workspaceblobstore", "x.csv")
