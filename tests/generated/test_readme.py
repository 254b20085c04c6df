"""Every command that a README prints is run as it is printed."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from tests.conftest import ROOT, Bake, environment
from tests.environments import install
from tests.generated import tables
from tests.generated.conftest import ENVIRONMENTS, ReadyProject

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name == "nt", reason="the POSIX side of the READMEs"),
]

AUTHOR = {
    f"GIT_{who}_{what}": text
    for who in ("AUTHOR", "COMMITTER")
    for what, text in (("NAME", "A developer"), ("EMAIL", "dev@example.com"))
}


def commands(readme: Path) -> list[str]:
    """The lines of the ```console blocks; those for Azure ML are run by tests/azure."""
    blocks = re.findall(r"^```console\n(.*?)^```", readme.read_text(encoding="utf-8"), re.M | re.S)
    return [line for block in blocks for line in block.splitlines() if line.strip()]


def customers(folder: Path) -> None:
    """The table that the READMEs speak of: customers.csv with a column `churned`."""
    made = tables.subscriptions(folder)
    text = made.path.read_text(encoding="latin-1").replace(made.target, "churned", 1)
    (folder / "customers.csv").write_text(text, encoding="latin-1")


def test_the_rendered_readme(trained: ReadyProject, tmp_path: Path) -> None:
    project = trained.copy(tmp_path / "repository")
    lines = [line for line in commands(project.path / "README.md") if "--local" in line]
    own = next(n for n, line in enumerate(lines) if "customers.csv" in line)
    assert own >= 4
    try:
        for line in lines[:own]:
            assert line.startswith("python src/"), line
            done = project.run(project.python, *shlex.split(line)[1:])
            assert done.returncode == 0, line + done.stdout + done.stderr
            if line == "python src/deploy.py --local":
                ask_as_printed(project, done.stdout)
    finally:
        project.run(project.python, "src/deploy.py", "--local", "--delete")
    # The others are lines of the template's README, and run there.
    known = commands(ROOT / "README.md")
    start = known.index(lines[own])
    assert lines[own:] == known[start : start + len(lines) - own]


def ask_as_printed(project: ReadyProject, out: str) -> None:
    """Run the curl line of the README and the one that the driver prints: both get predictions."""
    address = re.findall(r"http://127\.0\.0\.1:\d+/score", out)[0]
    text = (project.path / "README.md").read_text(encoding="utf-8")
    (line,) = re.findall(r"`(curl http.*?)`", text)
    assert "http://127.0.0.1:5001/score" in line  # unless that port is taken, here by another test
    (printed,) = re.findall(r"^try: (curl .*)$", out, re.M)
    for command in (line.replace("http://127.0.0.1:5001/score", address), printed):
        done = project.run("sh", "-c", command, no_proxy="127.0.0.1")
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["predictions"][0] in ("FEMALE", "MALE"), done.stdout


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_every_make_target_that_is_named_exists(name: str, ready: ReadyProject) -> None:
    for folder in (ROOT, ready.path):
        if not (folder / name).exists():
            continue
        text = (folder / name).read_text(encoding="utf-8")
        named = set(re.findall(r"(?:`|^)make ([a-z-]+)", text, re.M))
        known = set(re.findall(r"^([a-z-]+):", (folder / "Makefile").read_text(), re.M))
        known |= set(re.findall(r"^([a-z-]+) [a-z-]+:", (folder / "Makefile").read_text(), re.M))
        inside = set(re.findall(r"^([a-z-]+)[ :]", (ready.path / "Makefile").read_text(), re.M))
        assert named <= known | inside, named - known


@pytest.mark.sweep
def test_the_templates_readme(template: Path, bake: Bake, tmp_path: Path) -> None:
    """From the template to a model of one's own table, by the lines of the README."""
    customers(tmp_path)
    lines = commands(ROOT / "README.md")
    start, setup = lines.index("cookiecutter gh:org/aml-template"), lines.index("make setup")
    first = next(n for n, line in enumerate(lines) if "src/" in line)
    script = [
        # What the lines take from the machine: the command, and the answers to its questions.
        f"cookiecutter() {{ uv run --no-sync --project {shlex.quote(str(ROOT))} "
        f"cookiecutter --no-input --default-config {shlex.quote(str(template))}; }}",
        *lines[start:setup],
        # Made once for all tests, by `make setup` and by a deployment; the demo makes its own.
        f"ln -s {shlex.quote(str(install(bake())))} .venv && touch .venv/.made-from-lock",
        f"mkdir .local-workspace && ln -s {shlex.quote(str(ENVIRONMENTS))} .local-workspace/",
        *lines[setup:first],
        "cp ../customers.csv .",
        "trap '.venv/bin/python src/deploy.py --local --delete' EXIT",
        # Those that reach Azure ML are run in tests/az/test_first_run.py.
        *[line for line in lines[first:] if "--local" in line or line.endswith(" plan")],
        "test -s scored.parquet",
    ]
    done = subprocess.run(
        ["bash", "-euc", "\n".join(script)],
        cwd=tmp_path,
        env=environment(**AUTHOR),
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "model: penguins-model-sex:1" in done.stdout
    assert "model: penguins-model-churned:1" in done.stdout
    assert "az ml workspace create -n mlw-penguins-model" in done.stdout


def test_the_demo(template: Path, tmp_path: Path) -> None:
    words = ["tools/demo.py", str(tmp_path), "--template", str(template)]
    done = subprocess.run(
        ["uv", "run", "--no-sync", "python", *words],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "penguins-model-sex version 1" in done.stdout
    report = re.search(r"report +(.*report\.html)", done.stdout)
    assert report
    assert Path(report.group(1)).is_file()
    assert re.search(r"prediction +(FE)?MALE, probability 0\.\d+", done.stdout)
