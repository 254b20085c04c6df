"""What tests of the runner share."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from textwrap import dedent

import pytest

from tests.conftest import BakedProject

Repository = Callable[..., Path]


def copied(project: BakedProject, folder: Path) -> BakedProject:
    """A rendering that a test may change."""
    root = folder / project.path.name
    shutil.copytree(project.path, root, symlinks=True)
    return replace(project, path=root)


def choose(root: Path, **chosen: str) -> None:
    """Give variables of pipelines/variables.yml other values: `choose(root, production="on")`."""
    file = root / "pipelines" / "variables.yml"
    text = file.read_text(encoding="utf-8")
    for name, value in chosen.items():
        text, found = re.subn(rf"(?<=name: {name}, value: ).*?(?=\}})", f"'{value}'", text)
        assert found == 1, name
    file.write_text(text, encoding="utf-8")


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """Write files into a repository: `repository(main=…, **{"steps/a.yml": …})`."""

    def write(main: str = "", **files: str) -> Path:
        for name, text in {"azure-pipelines.yml": main, **files}.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(dedent(text), encoding="utf-8")
        return tmp_path

    return write
