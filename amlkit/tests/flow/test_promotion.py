"""Which copy of a model there is in another workspace, and that production never goes back."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from amlkit.flow.promotion import (
    BY,
    CONTENT,
    FROM,
    Origin,
    folder_content,
    newer,
    promote,
    promoted,
    unmade,
)
from amlkit.records import Model, WorkError

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


class Store:
    """A double of models in a workspace or a registry: folders and tags, by their numbers."""

    name = "shared"

    def __init__(self, address: str, *kept: tuple[Path, Mapping[str, str]]) -> None:
        self.address, self.kept = address, list(kept)

    def versions(self, name: str) -> list[Model]:
        return [self._model(name, number) for number in range(1, len(self.kept) + 1)]

    def create(self, name: str, folder: Path, tags: Mapping[str, str]) -> Model:
        self.kept.append((folder, dict(tags)))
        return self._model(name, len(self.kept))

    def download(self, model: Model) -> Path:
        return self.kept[int(model.version) - 1][0]

    def _model(self, name: str, number: int) -> Model:
        return Model(name, str(number), f"{self.address}/{name}/{number}", self.kept[number - 1][1])


def promotion(here: Store, registry: Store | None, staged: Store) -> Model:
    """What becomes of the newest model of a staging workspace."""
    workspace: Any = SimpleNamespace(name="prod", models=here, registry=registry)
    context: Any = SimpleNamespace(workspace=workspace, say=lambda line: None)
    origin: Any = Origin(SimpleNamespace(name="dev", models=staged), "sub/rg/dev", "e")  # type: ignore[arg-type]
    return promote(context, origin, staged.versions("m")[-1])


@pytest.fixture
def folders(tmp_path: Path) -> list[Path]:
    """Two models' files."""
    for name in "ab":
        (tmp_path / name).mkdir()
        (tmp_path / name / "model.bin").write_text(name)
    return [tmp_path / name for name in "ab"]


def test_a_registry_gets_each_content_once_whoever_asks(folders: list[Path]) -> None:
    registry = Store("azureml://registries/r")
    for place in ("one", "two"):  # two workspaces of production
        here = Store(place)
        made = promotion(here, registry, Store("dev", (folders[0], {"run_id": "x"})))
        assert (made.version, made.tags["run_id"]) == ("1", "x")
        assert made.tags[BY] == "azureml://registries/r/m/1" and made.tags[FROM].endswith("m:1")
        assert len(registry.kept) == 1
    newer_one = Store("dev", (folders[0], {}), (folders[1], {}))
    assert promotion(here, registry, newer_one).tags[BY].endswith("/2")
    assert [tags[CONTENT] for _, tags in registry.kept] == [folder_content(one) for one in folders]
    promotion(here, registry, newer_one)
    assert (len(here.kept), len(registry.kept)) == (2, 2)


def test_without_a_registry_nothing_is_said_of_one(folders: list[Path]) -> None:
    assert BY not in promotion(Store("here"), None, Store("dev", (folders[0], {}))).tags


def test_a_tag_that_lies_is_not_believed(folders: list[Path]) -> None:
    lying = Store("azureml://registries/r", (folders[1], {CONTENT: folder_content(folders[0])}))
    made = promotion(Store("here"), lying, Store("dev", (folders[0], {})))
    assert made.tags[BY].endswith("/2") and lying.kept[1][0] == folders[0]


def test_a_registry_that_gives_back_something_else_stops_it(folders: list[Path]) -> None:
    class Changing(Store):
        """A double that loses what it is given."""

        def download(self, model: Model) -> Path:
            return folders[1]

    here = Store("here")
    with pytest.raises(WorkError, match="is not what it was made of"):
        promotion(here, Changing("r"), Store("dev", (folders[0], {})))
    assert here.kept == []
