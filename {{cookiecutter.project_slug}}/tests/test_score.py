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
    for name, content in (
        ("request", {"rawhttp": lambda f: f}),
        ("response", {"AMLResponse": SimpleNamespace}),
    ):
        module = ModuleType(name)
        vars(module).update(content)
        monkeypatch.setitem(sys.modules, f"azureml_inference_server_http.api.aml_{name}", module)
    vars(sys.modules["azureml_inference_server_http.api.aml_response"])["AMLResponse"] = (
        lambda body, status, headers: (status, json.loads(body))
    )
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


def test_rows_of_the_training_get_its_answers(ask: Ask, trained: Path) -> None:
    text = (trained / "outputs" / "model" / "examples.json").read_text(encoding="utf-8")
    examples = json.loads(text)
    status, said = ask({"data": examples["data"]})
    assert status == 200
    assert said["predictions"] == examples["predictions"]


def test_a_wrong_value_is_refused_and_its_column_named(ask: Ask) -> None:
    status, said = ask({"data": [{"age": "old", "city": "Bern", "since": "2024-03-15"}]})
    assert status == 400
    assert "age" in said["message"]
