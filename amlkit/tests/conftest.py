"""Repositories to work in: the template's own drivers and package, with a short config.yml."""

from __future__ import annotations

import importlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from bootstrap_fixtures import az, opened

__all__ = ["az", "opened"]  # fixtures, for every test that asks for them

# Threads that wait for each other spin only shortly: tests share their cores with others.
os.environ.setdefault("GOMP_SPINCOUNT", "1000")
# Where it is set, every process compiles all that it imports anew: most of what a test would cost.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
# What a shell runs in the background ignores Ctrl-C, and so would all that tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

TESTS = Path(__file__).resolve().parent
SAMPLE = TESTS / "sample"
"""The folder of the sample's config.yml."""
TEMPLATE = TESTS.parents[1] / "{{cookiecutter.project_slug}}"
PACKAGE = TEMPLATE / "src" / "{{cookiecutter.package_name}}"
"""The owner's package as it is rendered: nothing in it is Jinja."""
PENGUINS = TEMPLATE / "data" / "penguins.csv"
AZURE = (
    "TENANT_ID",
    "SPN_ID",
    "SPN_PASSWORD",
    "SUBSCRIPTION_ID",
    "RESOURCE_GROUP",
    "AML_WORKSPACE_NAME",
)
# What the sample's lock pins: as installed, so that a check of the installation finds nothing.
LOCKED = ("numpy", "pyyaml")


def write_drivers(folder: Path, sdk: str = "v1") -> Path:
    """Copy the template's drivers for an SDK; those of both lie there under conditional names."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in (TEMPLATE / "src").glob("*.py"):
        name, _, condition = path.stem.partition("{{")
        if condition in ("", f"cookiecutter.__{sdk}}}}}"):
            shutil.copy2(path, folder / f"{name}.py")
    return folder


@dataclass(frozen=True)
class Answer:
    """What a driver said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """Stdout, which is exactly one JSON object."""
        value: dict[str, Any] = json.loads(self.out)
        return value


class Project:
    """A repository, and its drivers."""

    def __init__(self, root: Path) -> None:
        self.root = root
        no_caches = shutil.ignore_patterns("__pycache__")
        shutil.copytree(SAMPLE, root)
        write_drivers(root / "src")
        shutil.copytree(PACKAGE, root / "src" / "sample_model", ignore=no_caches)
        (root / "data").mkdir()
        shutil.copy2(PENGUINS, root / "data")
        shutil.copy2(TEMPLATE / ".amlignore", root)
        lock = "".join(f"{name}=={metadata.version(name)}\n" for name in LOCKED)
        for name in ("requirements-train.txt", "requirements-serve.txt"):
            (root / name).write_text(lock, encoding="utf-8")
        write_wheel(root / "wheels")

    def command(self, driver: str, *arguments: str) -> list[str]:
        """The command line of a driver."""
        return [sys.executable, str(self.root / "src" / f"{driver}.py"), *arguments]

    def run(self, driver: str, *arguments: str, **variables: str) -> Answer:
        """Runs a driver to its end, with no variable of Azure's but those given."""
        environment = {k: v for k, v in os.environ.items() if k not in AZURE} | variables
        done = subprocess.run(
            self.command(driver, *arguments),
            cwd=self.root,
            env=environment,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=300,
        )
        return Answer(done.returncode, done.stdout, done.stderr)

    def call(self, driver: str, *arguments: str) -> Answer:
        """Calls a driver in this process, which spares it the imports; jobs are processes still."""
        flow, out, err = (
            importlib.import_module(f"amlkit.flow.{driver}"),
            io.StringIO(),
            io.StringIO(),
        )
        with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
            for variable in AZURE:
                patch.delenv(variable, raising=False)
            code = flow.main(str(self.root / "src" / f"{driver}.py"), argv=list(arguments))
        return Answer(code, out.getvalue(), err.getvalue())

    def use_other_model(self) -> None:
        """Makes the second model of these tests the one that is trained."""
        shutil.copytree(TESTS / "other_model", self.root / "src" / "other_model")
        (self.root / "config.test.yml").write_text(
            "project: {package: other_model}\n"
            "gate: {rules: {rule: {primary_metric: accuracy, thresholds: {accuracy: 0.3}}}}\n",
            encoding="utf-8",
        )


def give_pipeline(project: Project) -> Project:
    """Lets a repository have what the answer `training_pipeline` brings."""
    source = write_drivers(project.root / "src", "v2").parent / "src"
    name = "{{cookiecutter.__pipeline}}.py"
    shutil.copy2(TEMPLATE / "src" / f"pipeline{name}", source / "pipeline.py")
    shutil.copy2(PACKAGE / f"steps{name}", source / "sample_model" / "steps.py")
    (source / "sample_model" / f"steps{name}").unlink()
    return project


def write_wheel(folder: Path, changed: Mapping[str, bytes] | None = None) -> Path:
    """A wheel of amlkit as its source is now, `changed` files in place of its own."""
    import amlkit

    source = Path(amlkit.__file__).parent
    files = {
        f"amlkit/{path.relative_to(source).as_posix()}": path.read_bytes()
        for path in sorted(source.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }
    folder.mkdir(parents=True, exist_ok=True)
    version = metadata.version("amlkit")
    wheel = folder / f"amlkit-{version}-py3-none-any.whl"
    info = f"amlkit-{version}.dist-info"
    files |= changed or {}
    files[f"{info}/METADATA"] = (
        f"Metadata-Version: 2.1\nName: amlkit\nVersion: {version}\n".encode()
    )
    files[f"{info}/WHEEL"] = b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
        archive.writestr(f"{info}/RECORD", "".join(f"{name},,\n" for name in files))
    return wheel


@pytest.fixture()
def project(tmp_path: Path) -> Project:
    """A fresh repository, its folder's name with a space."""
    return Project(tmp_path / "a project")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A repository that a module's tests share: data registered, the second model in place."""
    project = Project(tmp_path_factory.mktemp("shared") / "a project")
    project.use_other_model()
    answer = project.run("data", "--local", "--json")
    assert answer.code == 0, answer.err
    return project
