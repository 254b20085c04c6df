"""The endpoint's entry script, called as Azure ML's inference server calls it."""

from __future__ import annotations

import importlib
import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from conftest import PACKAGE

Ask = Callable[[Any], tuple[int, Any]]


@pytest.fixture
def ask(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ask:
    """Sends a body to the trained model; the answer's status and content.

    The server itself lives in the endpoint's environment: two names of it are stood in for.
    """
    request, response = ModuleType("request"), ModuleType("response")
    vars(request)["rawhttp"] = lambda run: run
    vars(response)["AMLResponse"] = lambda body, status, headers: (status, json.loads(body))
    server = "azureml_inference_server_http.api.aml_"
    monkeypatch.setitem(sys.modules, f"{server}request", request)
    monkeypatch.setitem(sys.modules, f"{server}response", response)
    monkeypatch.setenv("AZUREML_MODEL_DIR", str(trained / "outputs" / "model"))
    monkeypatch.setenv("AML_APP_ROOT", str(tmp_path))
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "src"))
    score = importlib.import_module(f"{PACKAGE}.score")
    score.init()

    def send(body: Any) -> tuple[int, Any]:
        stream = io.BytesIO(json.dumps(body).encode())
        answer: tuple[int, Any] = score.run(
            SimpleNamespace(method="POST", headers={}, stream=stream)
        )
        return answer

    return send


@pytest.fixture
def examples(trained: Path) -> dict[str, Any]:
    """Rows, and the answers that the model gave when it was trained."""
    text = (trained / "outputs" / "model" / "examples.json").read_text(encoding="utf-8")
    read: dict[str, Any] = json.loads(text)
    return read


def test_rows_of_the_training_get_its_answers(ask: Ask, examples: dict[str, Any]) -> None:
    status, said = ask({"data": examples["data"]})
    assert status == 200
    expected = examples["predictions"]
    if isinstance(expected[0], float):  # the ONNX copy calculates in single precision
        expected = pytest.approx(expected, rel=1e-4)
    assert said["predictions"] == expected


def test_a_missing_column_is_refused_by_name(
    ask: Ask, examples: dict[str, Any], trained: Path
) -> None:
    text = (trained / "outputs" / "model" / "schema.json").read_text(encoding="utf-8")
    name = json.loads(text)["features"][0]
    row = dict(examples["data"][0])
    del row[name]
    status, said = ask({"data": [row]})
    assert status == 400
    assert name in said["message"]
