"""`make setup` on an agent that keeps its folder: what no longer fits is made anew."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import BakedProject
from tests.pipelines.conftest import copied


@pytest.fixture
def kept(default: BakedProject, tmp_path: Path) -> Path:
    """A repository with both environments of Python 3.11, made after its locks."""
    root = copied(default, tmp_path).path
    for name in (".venv", ".venv-azure"):
        (root / name / "bin").mkdir(parents=True)
        (root / name / "bin" / "python").symlink_to(sys.executable)
        (root / name / "pyvenv.cfg").write_text("home = /python\nversion_info = 3.11.7\n")
        (root / name / ".made-from-lock").touch()
    return root


def planned(root: Path, target: str, *variables: str) -> str:
    """What make would run."""
    done = subprocess.run(
        ["make", "-n", target, *variables],
        cwd=root,
        check=True,
        capture_output=True,
        encoding="utf-8",
    )
    return done.stdout


@pytest.mark.parametrize("target", ["setup", "setup-azure"])
@pytest.mark.parametrize("version", ["", "3.11", "3.11.7"])
def test_an_environment_that_fits_is_kept(kept: Path, target: str, version: str) -> None:
    assert "uv" not in planned(kept, target, f"PYTHON_VERSION={version}")


@pytest.mark.parametrize("target", ["setup", "setup-azure"])
@pytest.mark.parametrize("version", ["3.12", "3.1", "3.11.9"])
def test_one_of_another_python_is_made_anew(kept: Path, target: str, version: str) -> None:
    plan = planned(kept, target, f"PYTHON_VERSION={version}")
    assert f"false || uv venv --quiet --clear --python '{version}'" in plan.replace(
        ".tools/uv/bin/", ""
    )
    assert "pip sync" in plan


def test_one_whose_python_went_away_is_made_anew(kept: Path) -> None:
    (kept / ".venv" / "bin" / "python").unlink()
    (kept / ".venv" / "bin" / "python").symlink_to("/python/that/was/removed")
    assert "venv --quiet --clear --python '>=3.11,<3.14'" in planned(kept, "setup")
    assert "uv" not in planned(kept, "setup-azure")
    (kept / ".venv-azure" / "bin" / "python").unlink()
    assert "venv --quiet --clear --python '>=3.11,<3.13'" in planned(kept, "setup-azure")


def test_a_lock_that_changed_is_installed_into_the_same_one(kept: Path) -> None:
    (kept / ".venv" / ".made-from-lock").unlink()
    plan = planned(kept, "setup")
    assert "true || " in plan
    assert "pip sync" in plan
