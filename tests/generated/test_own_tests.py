"""The rendered repository passes its own tests and checks, in the environment of its own lock."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from local_extensions import rules
from tests.conftest import ROOT, Bake, environment
from tests.environments import NoPython, install, sync
from tests.generated.conftest import ReadyProject

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name == "nt", reason="set up with make"),
]
# Beside the one that runs everything.
OTHER_PYTHONS = (pytest.param("3.12", marks=pytest.mark.sweep), "3.13", "3.14")
# What a rendered repository's own tests use of amlkit is tested on each; the rest in the sweep.
SWEPT = tuple(
    pytest.param(version, marks=pytest.mark.sweep) for version in ("3.12", "3.13", "3.14")
)


@pytest.mark.sweep  # the CI of pull requests runs them too: tests/pipelines, tests/github
def test_its_own_tests_pass(ready: ReadyProject) -> None:
    done = ready.run(ready.python, "-m", "pytest", "-q", "-p", "no:cacheprovider")
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr


def weak_classes() -> str:
    """A table whose most frequent class is as often right as a model, which still ranks better."""
    random = Random(1)
    lines = ["age,town,answer"]
    for _ in range(900):
        age = random.gauss(40, 12)
        weights = (85, 5 + max(0.0, age - 40) * 0.7, 3)
        answer = random.choices(("no", "yes", "never"), weights)[0]
        lines.append(f"{age:.0f},{random.choice('NSEW')},{answer}")
    return "\n".join(lines) + "\n"


def numbered_prices() -> str:
    """A table whose first column numbers its rows, and whose target is a decimal number."""
    random = Random(2)
    lines = ["row,rooms,area,price"]
    for row in range(700):
        rooms, area = random.randint(1, 6), random.uniform(20, 200)
        price = 1000 * rooms + 37.77 * area + random.gauss(0, 500)
        lines.append(f"{row + 1},{rooms},{area:.1f},{price:.2f}")
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize(
    ("table", "target"),
    [
        (numbered_prices, "price"),
        pytest.param(weak_classes, "answer", marks=pytest.mark.sweep),
    ],
)
def test_its_tests_pass_with_a_table_of_the_owners(
    table: Callable[[], str], target: str, ready: ReadyProject, tmp_path: Path
) -> None:
    root = tmp_path / "repository"
    shutil.copytree(ready.path, root, ignore=shutil.ignore_patterns(".venv*", ".git"))
    (root / "data" / "own.csv").write_text(table(), encoding="utf-8")
    config = root / "config.yml"
    text = config.read_text(encoding="utf-8").replace("data/penguins.csv", "data/own.csv")
    text = text.replace("target: Sex ", f"target: {target} ")
    text = text.replace("  search: {} ", "  search: {C: [1, 2]} ")
    config.write_text(text, encoding="utf-8")
    tests = ("tests/test_score.py", "tests/test_train.py")
    command = [ready.python, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", *tests]
    done = subprocess.run(
        command, cwd=root, env=environment(), capture_output=True, encoding="utf-8", check=False
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr


@pytest.mark.parametrize("version", OTHER_PYTHONS)
def test_its_tests_pass_on_other_pythons(version: str, bake: Bake, tmp_path: Path) -> None:
    """Skipped, with what uv says, where there is no such interpreter and none can be had."""
    project = ReadyProject(tmp_path / "repository")  # its own: what runs there leaves bytecode
    shutil.copytree(bake().path, project.path)
    try:
        python = install(project, python=version) / "bin" / "python"
    except NoPython as error:
        pytest.skip(str(error))
    # One process trains once; the side by side of `make test` is that of the test above.
    done = project.run(str(python), "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", "0")
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr


@pytest.mark.parametrize("version", SWEPT)
def test_amlkits_fast_tests_pass_on_other_pythons(version: str) -> None:
    """With the packages of this repository's lock."""
    try:
        python = sync(ROOT, "development", version)
    except NoPython as error:
        pytest.skip(str(error))
    done = subprocess.run(
        [
            *(str(python), "-m", "pytest", "-q", "-p", "no:cacheprovider"),
            *("-c", "amlkit/pyproject.toml", "amlkit/tests", "-m", "not slow and not sweep"),
        ],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
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
    assert {"amlkit", "numpy", "sklearn", "yaml", "mlflow"} <= set(names)
    accepted = [name for name in names if rules.refusal("package_name", name) is None]
    assert accepted == []


def test_its_first_commit_holds_every_file(bake: Bake, tmp_path: Path) -> None:
    project = ReadyProject(tmp_path / "repository")
    caches = shutil.ignore_patterns("__pycache__")
    shutil.copytree(bake().path, project.path, ignore=caches)
    for words in (["init", "--quiet"], ["add", "--all"]):
        assert project.run("git", *words).returncode == 0
    kept = {name for name in project.run("git", "ls-files").stdout.splitlines() if name}
    assert {"src/penguins_model/train.py", "requirements-azure.txt"} <= kept
    assert any(name.startswith("wheels/amlkit-") for name in kept)
    assert kept == project.files


PYTHONS = ("3.11", "3.12", "3.13", "3.14")
INSTALLED_ON = [("v1", "requirements-dev.txt", version) for version in PYTHONS]
INSTALLED_ON += [("v1", "requirements-azure.txt", version) for version in ("3.11", "3.12")]
# SDK v2 holds nothing back: its drivers, and what a job of either SDK has.
V2_LOCKS = ("requirements-azure.txt", "requirements-train-azure.txt")
INSTALLED_ON += [("v2", lock, "3.14") for lock in V2_LOCKS]
V2_SWEPT = [
    pytest.param("v2", lock, version, marks=pytest.mark.sweep)
    for lock in V2_LOCKS
    for version in PYTHONS[:3]
]


@pytest.mark.parametrize("system", ["linux", "windows", "macos"])
@pytest.mark.parametrize(("sdk", "lock", "version"), [*INSTALLED_ON, *V2_SWEPT])
def test_the_lock_installs_everywhere_from_wheels(
    sdk: str, lock: str, version: str, system: str, ready: ReadyProject, bake: Bake
) -> None:
    uv = shutil.which("uv")
    assert uv, "make brings uv along and puts it on PATH"
    done = subprocess.run(
        [
            *(uv, "pip", "install", "--dry-run", "--no-deps", "--only-binary=:all:"),
            *("--python", ready.python, "--python-version", version),
            *("--python-platform", system, "--target", str(ready.path / ".venv" / "nowhere")),
            *("--require-hashes", "-r", lock),
        ],
        cwd=bake(azureml_sdk="v2").path if sdk == "v2" else ready.path,
        env=environment(MACOSX_DEPLOYMENT_TARGET="14.0"),  # the oldest that onnxruntime is made for
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Would install" in done.stderr
