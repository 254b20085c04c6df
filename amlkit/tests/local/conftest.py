"""An endpoint of this machine: a foreign model behind a double of the inference server."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from amlkit.local.endpoints import LocalEndpoints
from amlkit.records import DeploymentDefinition, EnvironmentDefinition, Model, Scale
from conftest import TESTS
from local.served import OwnInterpreter, Served


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """Nothing is deployed yet; in the end nothing runs."""
    model = tmp_path / "model"
    model.mkdir()
    (model / "rule.json").write_text(json.dumps({"Dream": "Chinstrap"}), encoding="utf-8")
    code = tmp_path / "snapshot"
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(TESTS / "other_model", code / "other_model", ignore=ignored)
    lock = tmp_path / "requirements-serve.txt"
    lock.write_text("x==1\n", encoding="utf-8")
    workspace = tmp_path / "a workspace"
    endpoints = LocalEndpoints(workspace, OwnInterpreter(workspace))
    definition = DeploymentDefinition(
        endpoint="e",
        model=Model("m", "3", str(model)),
        environment=EnvironmentDefinition("serve", lock, (), serving=True),
        package="other_model",
        code=code,
        code_version="c",
        port=0,
        scale=Scale(workers=2),
        identity="0123456789ab",
    )
    yield Served(endpoints, definition, workspace / "endpoints" / "e")
    endpoints.delete("e")
