"""A repository of SDK v2 by its own checks, where the SDK is; with no stand-in and no network."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Bake, BakedProject, environment
from tests.environments import install


@pytest.fixture(scope="module")
def project(bake: Bake) -> BakedProject:
    """A repository whose drivers are written in SDK v2."""
    return bake(azureml_sdk="v2", training_pipeline=True)


def run(*command: str | Path, folder: Path) -> str:
    """Run a command in a repository; what it says."""
    done = subprocess.run(
        [str(word) for word in command],
        cwd=folder,
        env=environment(),
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_types_are_in_order(project: BakedProject) -> None:
    """As `make lint` looks; ruff does in tests/test_render.py, and tests/generated for SDK v1."""
    words = [sys.executable, "-m", "mypy", "--cache-dir", os.devnull]
    assert "no issues" in run(*words, folder=project.path)


@pytest.mark.slow
def test_its_own_tests_hold_with_the_sdk(project: BakedProject) -> None:
    """As the last line of `make test` runs them where `make setup-azure` was."""
    python = install(project, "setup-azure") / "bin" / "python"
    said = run(
        *(python, "-m", "pytest", "-n", "0", "-q", "-p", "no:cacheprovider"),
        "tests/test_drivers.py",
        folder=project.path,
    )
    assert "4 passed, 2 skipped" in said, said
