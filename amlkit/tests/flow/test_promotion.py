"""Which copy of a model there is in another workspace, and that production never goes back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from amlkit.flow.promotion import FROM, Origin, folder_content, newer, promoted, unmade
from amlkit.records import Model

ORIGIN = Origin(None, "sub/rg/dev", "e")  # type: ignore[arg-type]


def copy(version: str, of: str, origin: str = "sub/rg/dev") -> Model:
    """A version in production, promoted from a version elsewhere."""
    return Model("m", version, "", {FROM: f"{origin}/m:{of}"})


HERE = [copy("1", "3"), copy("2", "9"), copy("3", "10"), Model("m", "4", "")]


@pytest.mark.parametrize(("of", "version"), [("9", "2"), ("10", "3"), ("1", None)])
def test_a_copy_is_found_by_where_it_came_from(of: str, version: str | None) -> None:
    found = promoted(HERE, ORIGIN, Model("m", of, ""))
    assert (found and found.version) == version


def test_a_copy_from_another_workspace_is_another_model() -> None:
    assert promoted([copy("1", "3", "sub/rg/other")], ORIGIN, Model("m", "3", "")) is None


@pytest.mark.parametrize(
    ("serves", "asked", "number"),
    [
        ("3", "9", "10"),  # 10 is more than 9: numbers, not texts
        ("2", "10", ""),
        ("3", "10", ""),
        ("4", "9", ""),  # trained here: nothing is known of it
        ("7", "9", ""),  # gone from the registry
    ],
)
def test_a_newer_version_that_serves_is_told_by_the_other_workspaces_numbers(
    serves: str, asked: str, number: str
) -> None:
    assert newer(HERE, serves, ORIGIN, Model("m", asked, "")) == number


@pytest.mark.parametrize(("versions", "next_one"), [([], "1"), (HERE, "5")])
def test_a_copy_that_is_not_there_would_be_the_next_version(
    versions: list[Any], next_one: str
) -> None:
    assert unmade(versions, Model("m", "9", "there")).version == next_one


def test_the_content_of_a_folder_is_its_names_and_bytes(tmp_path: Path) -> None:
    for name, text in {"a/m.bin": "x", "b/m.bin": "x", "c/n.bin": "x", "d/m.bin": "y"}.items():
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(text)
    same, other, named, changed = (folder_content(tmp_path / folder) for folder in "abcd")
    assert same == other and len({same, named, changed}) == 3
