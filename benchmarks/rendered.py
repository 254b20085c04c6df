"""A rendered repository with its environment made, for the measurements that need one."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.conftest import clone

SLUG, PACKAGE = "penguins-model", "penguins_model"


def render(folder: Path, *targets: str, **answers: str) -> Path:
    """A repository rendered below `folder`; `make setup` done, and what else of its Makefile."""
    repository = render_only(folder, **answers)
    subprocess.run(["make", "setup", *targets], cwd=repository, check=True, capture_output=True)
    return repository


def render_only(folder: Path, **answers: str) -> Path:
    """The defaults but for `answers`, with the wheel that amlkit's source makes."""
    template = clone(folder / "template")
    command = render_command(template, folder)
    command += [f"{question}={answer}" for question, answer in answers.items()]
    subprocess.run(command, check=True, capture_output=True)
    return folder / SLUG


def render_command(template: Path, folder: Path) -> list[str]:
    """The command line that renders a template's defaults below `folder`."""
    flags = ["--no-input", "--default-config", "-o", str(folder)]
    return [sys.executable, "-m", "cookiecutter", *flags, str(template)]


def python(repository: Path, environment: str = ".venv") -> str:
    """The repository's own interpreter; that of `.venv-azure` reaches Azure ML."""
    scripts = "Scripts/python.exe" if sys.platform == "win32" else "bin/python"
    return str(repository / environment / scripts)


def make_table(repository: Path, path: Path, rows: int) -> None:
    """A big table, made by the repository's interpreter, which has what that takes."""
    script = str(Path(__file__).with_name("big_table.py"))
    subprocess.run([python(repository), script, str(path), str(rows)], check=True)


def drive(repository: Path, driver: str, *arguments: str) -> dict[str, object]:
    """A driver's JSON answer."""
    command = [python(repository), f"src/{driver}.py", "--local", "--json", *arguments]
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True, encoding="utf-8")
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)} failed:\n{done.stderr[-3000:]}")
    answer: dict[str, object] = json.loads(done.stdout)
    return answer


def train_on_big_table(repository: Path, folder: Path, rows: int = 50_000) -> Path:
    """Trains on a part of the big table; the folder of the registered model."""
    table = folder / "training.csv"
    make_table(repository, table, rows)
    drive(repository, "data", "--path", str(table), "--target", "bought")
    answer = drive(repository, "model")
    if not answer["registered"]:
        sys.exit(f"the model was not registered: {answer['reason']}")
    run = repository / ".local-workspace" / "runs" / str(answer["run_id"])
    return run / "outputs" / "model"
