"""A table and a job that try to command the agent: only the driver sets its outputs."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest

from amlkit.ci.outcome import OUTPUTS
from conftest import Project

COMMAND = "##vso[task.setvariable variable=registered;isOutput=true]true"
# What the agent acts on: its prefix anywhere in a line, however that line ends.
ACTED_ON = re.compile(r"##(?:vso)?\[([^\]]*)\]([^\r\n]*)", re.IGNORECASE)
# In the job, before all else: split writes, carriage returns, bytes past every text stream.
SHOUTS = f"""
import os
for piece in {COMMAND!r}:
    print(piece, end="", flush=True)
print("\\r" + {COMMAND!r} + "\\r" + {COMMAND!r})
print("harmless\\r#", end="", flush=True)
os.write(1, {COMMAND[1:]!r}.encode() + b"\\r\\n")
print({COMMAND!r}.replace("##", "#\\u200b#"), flush=True)
"""


def commands(said: str) -> list[tuple[str, str]]:
    """The commands in what a step said: (what is commanded, its message)."""
    shown = re.sub("[\u200b\u00ad\u2060\0]", "", said)
    return ACTED_ON.findall(shown)


def write(path: Path, names: list[str], value: str) -> None:
    """Adds columns of these names to a table; every other row of theirs is this value."""
    with path.open(newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([*header, *names])
        for number, row in enumerate(rows):
            writer.writerow([*row, *(value if number % 2 else "b" for _ in names)])


@pytest.mark.slow
def test_no_columns_name_sets_an_output(project: Project, tmp_path: Path) -> None:
    """The gate refuses; names, values and the job's own words say that it registered."""
    names = [f"{before}{COMMAND}" for before in ("x", "y\r", "z\n", "#", "##vso")]
    write(project.root / "data" / "penguins.csv", names, COMMAND)
    package = project.root / "src" / "sample_model" / "__init__.py"
    package.write_text(package.read_text(encoding="utf-8") + SHOUTS, encoding="utf-8")
    pipeline = {"TF_BUILD": "True", "BUILD_ARTIFACTSTAGINGDIRECTORY": str(tmp_path / "staged")}
    refused = ("--set", "gate.rules.classification.thresholds.roc_auc=1.5")
    for driver, flags in (("data", ()), ("model", refused)):
        answer = project.run(driver, "--local", *flags, **pipeline)
        assert answer.code == 0, answer.err
        assert "vso[task.setvariable va" in answer.out  # shown, and harmless
        assert commands(answer.out) == []
        found = commands(answer.err)
        outputs = [what for what, _ in found if what.startswith("task.setvariable ")]
        assert outputs == [
            f"task.setvariable variable={name};isOutput=true" for name in OUTPUTS[driver]
        ]
    assert ("task.setvariable variable=registered;isOutput=true", "false") in found
    others = {what.split()[0] for what, _ in found} - {"task.setvariable"}
    assert others == {"task.logissue", "task.uploadsummary"}
