"""Scores the files of a batch deployment of Azure ML: `init()` once in a process, then `run()`.

A deployment's entry script imports both. Each file of a table becomes one file of answers of the
same name, a row for each of its rows and in their order: by the package's `batch.py` where it has
one, else by amlkit's. What cannot be scored raises, which fails the job.

Source: "Author scoring scripts for batch deployments", "Customize outputs in batch deployments".
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from amlkit.tabular.parts import is_hidden

# What the service says, and what the deployment's variables say.
MODEL, OUTPUT = "AZUREML_MODEL_DIR", "AZUREML_BI_OUTPUT_PATH"
PACKAGE, KEEP, SUFFIX = "AMLKIT_PACKAGE", "AMLKIT_KEEP", "AMLKIT_SUFFIX"

settings: dict[str, str] = {}


def init() -> None:
    """Looks for the model. KeyError, FileNotFoundError: it is not there."""
    from amlkit.serving.service import model_folder

    for name in (MODEL, OUTPUT, PACKAGE, KEEP, SUFFIX):
        settings[name] = os.environ[name]
    own = find_spec(f"{settings[PACKAGE]}.batch") is not None
    settings["own"] = f"{settings[PACKAGE]}.batch" if own else ""
    root = Path(settings[MODEL])
    settings["folder"] = str(_only_folder(root) if own else model_folder(root))


def run(mini_batch: list[str]) -> list[str]:
    """Scores some files; returns a line for each, as the service counts them.

    Raises:
        RuntimeError, TableError, CannotAnswer, OSError: in one line, why one cannot be scored.
    """
    return [_scored(Path(file)) for file in mini_batch]


def _scored(source: Path) -> str:
    """Scores a file; the service hands over also what Spark leaves beside a table's parts."""
    if is_hidden(Path(source.name)):
        return f"{source.name}: no part of the table"
    target = Path(settings[OUTPUT]) / f"{source.stem}{settings[SUFFIX]}"
    keep: list[str] = json.loads(settings[KEEP])
    if settings["own"]:
        return _by_package(source, target, keep)
    from amlkit.serving.batch import Said, score

    rows = score(Path(settings["folder"]), source, target, keep, Said(False))
    return f"{source.name}: {rows} rows"


def _by_package(source: Path, target: Path, keep: list[str]) -> str:
    """Scores a file as the package does it, in a process of its own."""
    command = [sys.executable, "-m", settings["own"], "--model", settings["folder"]]
    command += ["--input", str(source), "--output", str(target)]
    command += [word for column in keep for word in ("--keep", column)]
    code = str(Path(sys.modules[settings["own"].partition(".")[0]].__path__[0]).parent)
    variables = {**os.environ, "PYTHONPATH": code, "PYTHONUTF8": "1"}
    done = subprocess.run(command, env=variables, capture_output=True, encoding="utf-8")
    if done.returncode:
        errors = done.stderr.strip().splitlines()
        last = errors[-1].removeprefix("error: ") if errors else "it said nothing"
        raise RuntimeError(f"{source.name}: {last}")
    return f"{source.name}: scored"


def _only_folder(root: Path) -> Path:
    """The folder of a model's files: `root`, or the one folder in it, and so on."""
    inside = list(root.iterdir())
    return _only_folder(inside[0]) if len(inside) == 1 and inside[0].is_dir() else root
