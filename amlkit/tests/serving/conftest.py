"""Models of the sample's package, each trained once, to be asked for answers."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from amlkit.serving.answer import Answerer
from amlkit.serving.predictor import Predictor
from conftest import PACKAGE, PENGUINS
from serving.small_models import SmallModel, without_onnx, write_table
from serving.small_models import train as train_small

Train = Callable[[str], Path]


@pytest.fixture(scope="session")
def code(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A snapshot's folder: the template's package under the name `sample_model`."""
    folder = tmp_path_factory.mktemp("snapshot")
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(PACKAGE, folder / "sample_model", ignore=ignored)
    return folder


@pytest.fixture(scope="session")
def train(code: Path, tmp_path_factory: pytest.TempPathFactory) -> Train:
    """Trains on the carried table for a target, once; the folder of the model."""
    done: dict[str, Path] = {}

    def trained(target: str) -> Path:
        if target not in done:
            base = tmp_path_factory.mktemp("trained")
            variables = {k: v for k, v in os.environ.items() if k != "MLFLOW_TRACKING_URI"}
            ended = subprocess.run(
                [
                    *(sys.executable, "-m", "sample_model.train"),
                    *("--data", str(PENGUINS), "--target", target),
                ],
                cwd=base,
                env={**variables, "PYTHONPATH": str(code)},
                capture_output=True,
                text=True,
            )
            assert ended.returncode == 0, ended.stdout + ended.stderr
            done[target] = base / "outputs" / "model"
        return done[target]

    return trained


@pytest.fixture(scope="session")
def model(train: Train) -> Path:
    """A model of two classes."""
    return train("Sex")


@pytest.fixture(scope="session")
def trained(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model of the carried table, with its ONNX copy, where the cloud puts it."""
    place = tmp_path_factory.mktemp("served") / "azureml-models" / "penguins" / "3"
    shutil.copytree(model, place / "model")
    return place / "model"


@pytest.fixture(scope="session")
def examples(trained: Path) -> dict[str, Any]:
    """Rows that the training left, and the model's answers."""
    content: dict[str, Any] = json.loads((trained / "examples.json").read_text("utf-8"))
    return content


@pytest.fixture(scope="session")
def answerer(trained: Path) -> Answerer:
    """The model, ready for requests."""
    return Answerer(Predictor(trained), "penguins", "3")


@pytest.fixture(scope="session")
def small_models(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, bool], SmallModel]:
    """A small model of a kind, with an ONNX copy or without; each is trained once."""
    base = tmp_path_factory.mktemp("small")
    write_table(base / "table.csv")
    done: dict[tuple[str, bool], SmallModel] = {}

    def small_model(kind: str, onnx: bool) -> SmallModel:
        if (kind, True) not in done:
            done[kind, True] = train_small(base / "table.csv", kind, base / kind)
            done[kind, False] = without_onnx(done[kind, True], base / f"{kind} without")
        return done[kind, onnx]

    return small_model
