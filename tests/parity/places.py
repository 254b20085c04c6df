"""Where the drivers do their work: this machine, or Azure ML by one of the SDKs."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from standin import StandIn
from tests.azure.changes import changes
from tests.azure.conftest import Answer
from tests.conftest import ROOT, BakedProject, environment

PLACES = ("local", "v1", "v2")
# A model that learns in a moment, and may be told to fail, to take its time, to be bad.
PACKAGE = ROOT / "amlkit" / "tests" / "other_model"
GATE = "    rule: {primary_metric: accuracy, thresholds: {accuracy: 0.1}}\n"


@dataclass(frozen=True)
class Place:
    """A repository with the same package, wherever its drivers work."""

    name: str
    project: BakedProject
    python: str
    standin: StandIn | None = None
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def package(self) -> Path:
        """The owner's package."""
        return next(self.project.path.glob("src/*/train.py")).parent

    def start(self, driver: str, *flags: str, **more: str) -> subprocess.Popen[str]:
        """A driver with `--json`, under way; `more` are environment variables."""
        where = () if self.standin else ("--local",)
        return subprocess.Popen(
            [self.python, f"src/{driver}.py", "--json", *where, *flags],
            cwd=self.project.path,
            env={**(self.variables or environment()), **more},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )

    def drive(self, driver: str, *flags: str, **more: str) -> Answer:
        """A driver with `--json`, to its end."""
        process = self.start(driver, *flags, **more)
        out, err = process.communicate(timeout=300)
        return Answer(process.returncode, json.loads(out), err)

    def done(self, driver: str, *flags: str, **more: str) -> dict[str, Any]:
        """What a driver that must succeed answered."""
        answer = self.drive(driver, *flags, **more)
        assert answer.code == 0, answer.said
        return answer.record

    def mark(self) -> int:
        """A place in the journal of what was asked of Azure."""
        return self.standin.journal.mark() if self.standin else 0

    def changed(self, mark: int) -> list[str]:
        """What was asked of Azure since then that makes or changes something."""
        return changes(self.standin, mark) if self.standin else []


def with_other_package(project: BakedProject) -> BakedProject:
    """The repository with another package in place of the sample's, and the gate that it needs."""
    [old] = [path.parent for path in project.path.glob("src/*/train.py")]
    shutil.rmtree(old)
    shutil.copytree(PACKAGE, old, ignore=shutil.ignore_patterns("__pycache__"))
    config = project.path / "config.yml"
    text = config.read_text(encoding="utf-8")
    config.write_text(re.sub(r"(?m)^  rules:.*\n", rf"\g<0>{GATE}", text), encoding="utf-8")
    assert "rule: {primary_metric" in config.read_text(encoding="utf-8")
    return project
