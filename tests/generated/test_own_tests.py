"""The rendered repository passes its own tests and checks, in the environment of its own lock."""

from __future__ import annotations

import json
import os
import shutil
import subprocess

import pytest

from local_extensions import rules
from tests.conftest import environment
from tests.generated.conftest import ReadyProject

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name == "nt", reason="set up with make"),
]


def test_its_own_tests_pass(ready: ReadyProject) -> None:
    done = ready.run(ready.python, "-m", "pytest", "-q", "-p", "no:cacheprovider")
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr


def test_its_own_lint_passes(ready: ReadyProject) -> None:
    done = ready.run("make", "lint")
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr


def test_a_second_setup_does_nothing(ready: ReadyProject) -> None:
    done = ready.run("make", "setup")
    assert done.returncode == 0, done.stderr
    assert "uv" not in done.stdout


def test_a_changed_lock_is_installed_again(ready: ReadyProject) -> None:
    lock = ready.path / "requirements-dev.txt"
    stamp = (ready.path / ".venv" / ".made-from-lock").stat().st_mtime
    os.utime(lock, (stamp + 10, stamp + 10))
    done = ready.run("make", "-n", "setup")
    os.utime(lock, (stamp - 10, stamp - 10))
    assert "pip sync" in done.stdout


def test_every_installed_module_is_refused_as_the_users_package(ready: ReadyProject) -> None:
    """A package named like an installed module would hide it, or be hidden by it."""
    code = (
        "import importlib.metadata as m, json;"
        "print(json.dumps(sorted(n for n in m.packages_distributions() if n.isidentifier())))"
    )
    names = json.loads(ready.run(ready.python, "-c", code).stdout)
    assert {"numpy", "sklearn", "yaml", "mlflow"} <= set(names)
    accepted = [name for name in names if rules.refusal("package_name", name) is None]
    assert accepted == []


def test_its_first_commit_holds_every_file(ready: ReadyProject) -> None:
    done = ready.run("git", "ls-files")
    kept = {name for name in done.stdout.splitlines() if name}
    assert "src/penguins_model/train.py" in kept
    ignored = ready.run("git", "check-ignore", *sorted(kept)).stdout
    assert ignored == ""


@pytest.mark.parametrize("system", ["linux", "windows", "macos"])
@pytest.mark.parametrize("version", ["3.10", "3.11", "3.12"])
def test_the_lock_installs_everywhere_from_wheels(
    version: str, system: str, ready: ReadyProject
) -> None:
    uv = shutil.which("uv")
    assert uv, "make brings uv along and puts it on PATH"
    done = subprocess.run(
        [
            *(uv, "pip", "install", "--dry-run", "--no-deps", "--only-binary=:all:"),
            *("--python", ready.python, "--python-version", version),
            *("--python-platform", system, "--target", str(ready.path / ".venv" / "nowhere")),
            *("--require-hashes", "-r", "requirements-dev.txt"),
        ],
        cwd=ready.path,
        env=environment(),
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Would install" in done.stderr
