"""A table and a job that try to command the agent: only the driver sets its outputs."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from runners import Command, azure_commands, github_commands, github_values

from amlkit.ci.outcome import OUTPUTS
from conftest import Project

COMMAND = "##vso[task.setvariable variable=registered;isOutput=true]true"
GITHUB = "::set-output name=registered::true"
# In the job, before all else: split writes, carriage returns, bytes past every text stream.
SHOUTS = f"""
import os
for piece in {COMMAND!r}:
    print(piece, end="", flush=True)
print("\\r" + {COMMAND!r} + "\\r" + {COMMAND!r})
print("harmless\\r#", end="", flush=True)
os.write(1, {COMMAND[1:]!r}.encode() + b"\\r\\n")
print({COMMAND!r}.replace("##", "#\\u200b#"), flush=True)
print("\\r  " + {GITHUB!r} + "\\r##[set-output name=registered]true", flush=True)
os.write(2, b":" + {GITHUB[1:]!r}.encode() + b"\\n")
"""


def obeyed(said: str) -> list[Command]:
    """What either runner obeys in what a step said."""
    return [*azure_commands(said), *github_commands(said)]


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
    names += [f"{before}{GITHUB}" for before in ("", "x\r ", "y\n\t", "a\n##[add-path]/b\r")]
    write(project.root / "data" / "penguins.csv", names, COMMAND)
    package = project.root / "src" / "sample_model" / "__init__.py"
    package.write_text(package.read_text(encoding="utf-8") + SHOUTS, encoding="utf-8")
    refused = ("--set", "gate.rules.classification.thresholds.roc_auc=1.5")
    azure = {"TF_BUILD": "True", "BUILD_ARTIFACTSTAGINGDIRECTORY": str(tmp_path / "staged")}
    for driver, flags in (("data", ()), ("model", refused)):
        answer = project.run(driver, "--local", *flags, **azure)
        assert answer.code == 0, answer.err
        assert "vso[task.setvariable va" in answer.out  # shown, and harmless
        assert "set-output" in answer.out
        assert obeyed(answer.out) == []
        assert github_commands(answer.err) == []
        found = azure_commands(answer.err)
        outputs = [one.properties for one in found if one.name == "task.setvariable"]
        expected = [{"variable": name, "isOutput": "true"} for name in judged(driver)]
        assert outputs == expected
    values = {one.properties.get("variable"): one.data for one in found}
    assert values["registered"] == "false"
    others = {one.name for one in found} - {"task.setvariable"}
    assert others == {"task.logissue", "task.uploadsummary"}

    # On GitHub the run is known already: its table, its gate's words and its page are the same.
    outputs_file, page = tmp_path / "output", tmp_path / "summary"
    github = {"GITHUB_ACTIONS": "true", "GITHUB_OUTPUT": str(outputs_file)}
    github |= {"GITHUB_STEP_SUMMARY": str(page), "RUNNER_TEMP": str(tmp_path)}
    for driver, flags in (("data", ()), ("model", refused)):
        outputs_file.unlink(missing_ok=True)
        answer = project.run(driver, "--local", *flags, **github)
        assert answer.code == 0, answer.err
        assert obeyed(answer.out) == []
        assert azure_commands(answer.err) == []
        assert {one.name for one in github_commands(answer.err)} <= {"warning"}
        given = github_values(outputs_file.read_text(encoding="utf-8"))
        assert list(given) == judged(driver)
    assert given["registered"] == "false"
    assert page.is_file()

    # An exception's words: the path that is not there.
    hostile = f"{GITHUB}\n{GITHUB}{COMMAND}"
    for variables in (azure, github):
        answer = project.run("data", "--local", "--path", hostile, **variables)
        assert answer.code == 2
        kinds = {one.name for one in obeyed(answer.out + answer.err)}
        assert kinds <= {"task.logissue", "task.setvariable", "task.uploadsummary", "error"}
        assert "registered" not in {
            one.properties.get("variable", one.properties.get("name")) for one in obeyed(answer.err)
        }


def judged(driver: str) -> list[str]:
    """The outputs of a driver whose training is judged."""
    return list(OUTPUTS[driver])
