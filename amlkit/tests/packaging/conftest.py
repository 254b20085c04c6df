"""amlkit's own wheel, built from the source as it is, in a folder that is like a repository."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from importlib import metadata
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[3]
TEMPLATE = ROOT / "{{cookiecutter.project_slug}}"


def _tool() -> ModuleType:
    """`tools/wheel.py`, which is no part of a package that these tests could import."""
    spec = importlib.util.spec_from_file_location("wheel_tool", ROOT / "tools" / "wheel.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def wheel() -> Path:
    """The wheel of the source as it is."""
    built: Path = _tool().current_wheel()
    return built


@pytest.fixture(scope="session")
def installed_wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same under the version that is installed here: nothing differs from it."""
    folder = tmp_path_factory.mktemp("wheel")
    built: Path = _tool().build(folder, metadata.version("amlkit"))
    return built


@pytest.fixture()
def repository(tmp_path: Path, wheel: Path) -> Path:
    """A folder with a `wheels/` as a rendered repository has it, its name with a space."""
    root = tmp_path / "a repository"
    (root / "wheels").mkdir(parents=True)
    (root / "src").mkdir()
    shutil.copyfile(wheel, root / "wheels" / wheel.name)
    return root
