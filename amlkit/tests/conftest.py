"""Copies of this repository to work in, so that a test never touches your own workspace."""

from __future__ import annotations

import importlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from bootstrap_fixtures import az, opened

__all__ = ["az", "opened"]  # fixtures, for every test that asks for them

# Threads that wait for each other spin only shortly: tests share their cores with others.
os.environ.setdefault("GOMP_SPINCOUNT", "1000")
# What a shell runs in the background ignores Ctrl-C, and so would all that tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).resolve().parents[1]
LEFT_OUT = (
    ".git",
    ".venv",
    ".local-workspace",
    ".azure-bootstrap",
    "__pycache__",
    ".pytest_cache",
    ".mypy_cache",
    ".ruff_cache",
)
AZURE = (
    "TENANT_ID",
    "SPN_ID",
    "SPN_PASSWORD",
    "SUBSCRIPTION_ID",
    "RESOURCE_GROUP",
    "AML_WORKSPACE_NAME",
)


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
    """A copy of this repository, and its drivers."""

    def __init__(self, root: Path) -> None:
        self.root = root
        shutil.copytree(ROOT, root, ignore=shutil.ignore_patterns(*LEFT_OUT))

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
        module, out, err = importlib.import_module(driver), io.StringIO(), io.StringIO()
        with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
            patch.setattr("amlkit.cli.ROOT", self.root)
            for variable in AZURE:
                patch.delenv(variable, raising=False)
            code = module.main(list(arguments))
        return Answer(code, out.getvalue(), err.getvalue())

    def use_other_model(self) -> None:
        """Makes the second model of these tests the one that is trained."""
        shutil.copytree(ROOT / "tests" / "other_model", self.root / "src" / "other_model")
        (self.root / "config.test.yml").write_text(
            "project: {package: other_model}\n"
            "gate: {rules: {rule: {primary_metric: accuracy, thresholds: {accuracy: 0.3}}}}\n",
            encoding="utf-8",
        )


@pytest.fixture()
def project(tmp_path: Path) -> Project:
    """A fresh copy, its folder's name with a space."""
    return Project(tmp_path / "a project")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A copy that a module's tests share: data registered, the second model in place."""
    project = Project(tmp_path_factory.mktemp("shared") / "a project")
    project.use_other_model()
    answer = project.run("data", "--local", "--json")
    assert answer.code == 0, answer.err
    return project
