"""A repository after `python -m amlkit eject`: drivers, jobs and environments use the copy."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import Project

# Written by whatever runs the changed module: where its code lies.
CHANGE = """

import pathlib
pathlib.Path("ran-from.txt").write_text(__file__)
"""


@pytest.mark.slow
def test_driver_job_and_environment_use_the_copy(project: Project, installed_wheel: Path) -> None:
    shutil.rmtree(project.root / "wheels")
    (project.root / "wheels").mkdir()
    shutil.copy2(installed_wheel, project.root / "wheels")
    assert project.run("data", "--local", "--json").code == 0
    before = project.run("environment", "--local", "--json").json["environment"]["version"]

    done = subprocess.run(
        [sys.executable, "-m", "amlkit", "eject"], cwd=project.root, env=os.environ, check=False
    )
    assert done.returncode == 0
    answer = project.run("environment", "--local", "--json")
    assert answer.code == 0, answer.err
    assert answer.json["environment"]["version"] == before, "the copy is what was shipped"

    copy = project.root / "src" / "amlkit"
    with (copy / "tabular" / "training.py").open("a", encoding="utf-8") as module:
        module.write(CHANGE)
    with (copy / "flow" / "environment.py").open("a", encoding="utf-8") as module:
        module.write('\nprint("the driver is changed", file=__import__("sys").stderr)\n')
    changed = project.run("environment", "--local", "--json")
    assert changed.code == 0 and "the driver is changed" in changed.err
    assert changed.json["environment"]["version"] != before

    trained = project.run("model", "--local", "--json")
    assert trained.code == 0, trained.err
    [said] = (project.root / ".local-workspace" / "runs").glob("*/ran-from.txt")
    ran = said.read_text(encoding="utf-8")
    assert "+ejected." in ran and ran.startswith(str(project.root)), "a copy by content, no wheel"
