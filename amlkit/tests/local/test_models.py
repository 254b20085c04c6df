"""The registry of this machine: MLflow's, read without it."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest

from amlkit.flow.training import registered_name
from amlkit.local.models import LocalModels, Registry, import_mlflow
from amlkit.records import Model, Run, WorkError
from amlkit.settings import load_settings
from conftest import SAMPLE


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    """A store that the tests share."""
    found = Registry(tmp_path_factory.mktemp("registry") / "a workspace")
    found.ensure("tests")
    return found


def finished(registry: Registry, run_id: str, name: str) -> Run:
    """A run that wrote a model of one file."""
    folder = registry.model_folder(run_id)
    folder.mkdir(parents=True)
    (folder / "rule.json").write_text(json.dumps({"run": run_id}), encoding="utf-8")
    return Run(run_id, "tests", "Completed", "2026-01-01T00:00:00+00:00", 1.0, "i", name, {}, None)


def test_run_registers_what_its_job_was_of_once(registry: Registry) -> None:
    models = LocalModels(registry)
    run = finished(registry, "once", "once")
    assert models.champion("once") is None
    assert models.register(run, {"task": "x"}, lambda champion: False) is None
    asked: list[Model | None] = []
    first = models.register(run, {"task": "x"}, lambda champion: not asked.append(champion))
    assert first is not None and asked == [None]
    assert (first.name, first.version) == ("once", "1")
    assert first.tags == {"task": "x", "run_id": "once"}
    assert models.register(run, {}, lambda champion: False) == first
    assert models.of_run("once", "once") == first == models.champion("once")
    assert models.of_run("once", "another") is None
    assert json.loads(models.read(first, "rule.json") or b"") == {"run": "once"}
    assert models.read(first, "nothing") is None


def test_run_without_a_model_registers_nothing(registry: Registry) -> None:
    run = finished(registry, "empty", "empty")
    (registry.model_folder("empty") / "rule.json").unlink()
    with pytest.raises(WorkError, match="wrote no outputs/model/"):
        LocalModels(registry).register(run, {}, lambda champion: True)
    assert LocalModels(registry).versions("empty") == []


def test_two_at_once_each_see_the_one_before(registry: Registry) -> None:
    models = LocalModels(registry)
    runs = [finished(registry, f"at-once-{at}", "both") for at in range(2)]
    champions: list[Model | None] = []
    with ThreadPoolExecutor(2) as pool:
        registered = pool.map(
            lambda run: models.register(run, {}, lambda champion: not champions.append(champion)),
            runs,
        )
        versions = sorted(model.version for model in registered if model)
    assert versions == ["1", "2"]
    assert [champion.version if champion else None for champion in champions] == [None, "1"]


def test_newest_version_is_the_highest_number(registry: Registry) -> None:
    for at in range(10):
        registry.register("numbers", f"run-{at}", {})
    newest = registry.newest("numbers")
    assert newest is not None and newest.version == "10"
    import_mlflow()(registry.uri).delete_model_version("numbers", "10")
    newest = registry.newest("numbers")
    assert newest is not None and newest.version == "9"


def test_the_name_of_another_targets_models_is_left_to_it(registry: Registry) -> None:
    settings, workspace = load_settings(SAMPLE), SimpleNamespace(models=LocalModels(registry))
    for target in ("Body Mass", "body-mass"):
        assert registered_name(settings, workspace, target) == "sample-body-mass"
    registry.register("sample-body-mass", "before", {"target": "Body Mass"})
    assert registered_name(settings, workspace, "Body Mass") == "sample-body-mass"
    assert registered_name(settings, workspace, "body mass") == "sample-body-mass-096b20"


def test_reading_the_store_agrees_with_mlflow(registry: Registry) -> None:
    for name in ("one", "two"):
        for at in range(3):
            registry.register(name, f"{name}-{at}", {"at": str(at), "text": "ä 'quoted'"})
    client = import_mlflow()(registry.uri)
    for name in ("one", "two"):
        theirs = client.search_model_versions(f"name = '{name}'")
        ours = registry.versions(name)
        assert [model.version for model in ours] == sorted(str(each.version) for each in theirs)
        tags = {str(each.version): each.tags for each in theirs}
        assert all(dict(model.tags) == tags[model.version] for model in ours)


def test_moved_repository_finds_its_models(registry: Registry, tmp_path: Path) -> None:
    import shutil

    run = finished(registry, "moved", "moved")
    assert LocalModels(registry).register(run, {}, lambda champion: True)
    moved = Registry(Path(shutil.copytree(registry.folder, tmp_path / "elsewhere")))
    model = moved.newest("moved")
    assert model is not None
    assert Path(model.source).is_relative_to(tmp_path)
    assert (Path(model.source) / "rule.json").is_file()
