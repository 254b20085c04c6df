"""The service: how it finds its model, what it says of itself, and the owner's entry script."""

from __future__ import annotations

import importlib.util
import io
import json
import shutil
import sys
import types
from pathlib import Path
from typing import Any

import orjson
import pytest

from amlkit.serving.answer import Answer, Answerer
from amlkit.serving.openapi import describe
from amlkit.serving.service import model_folder, name_and_version, start
from serving.asking import CULMEN, post

pytestmark = pytest.mark.slow  # it starts servers


def test_the_model_is_found_wherever_it_was_put(tmp_path: Path) -> None:
    """In the folder itself or one below; its name and version are in the path."""
    place = tmp_path / "azureml-models" / "a model" / "12"
    (place / "deeper").mkdir(parents=True)
    with pytest.raises(FileNotFoundError, match="found: none"):
        model_folder(place)
    (place / "deeper" / "schema.json").write_text("{}", encoding="utf-8")
    assert model_folder(place) == place / "deeper" == model_folder(place / "deeper")
    assert name_and_version(place) == name_and_version(place / "deeper") == ("a model", "12")
    assert name_and_version(tmp_path) == (None, None)


@pytest.fixture()
def described(trained: Path, tmp_path: Path) -> dict[str, Any]:
    """The descriptions that a start puts where the server reads them."""
    start(trained.parent, tmp_path)
    return {
        name: json.loads((tmp_path / f"swagger{name}.json").read_text("utf-8"))
        for name in ("2", "3", "3.1")
    }


def test_a_started_model_answers(trained: Path, tmp_path: Path, examples: dict[str, Any]) -> None:
    """The whole way; a folder that cannot be written costs the description alone."""
    for app_root in (tmp_path, tmp_path / "not there"):
        given: Answer = start(trained.parent, app_root)(
            "POST", {}, io.BytesIO(orjson.dumps({"data": examples["data"]}))
        )
        assert given.status == 200
        assert json.loads(given.body)["model"] == {"name": "penguins", "version": "3"}


def test_the_description_is_that_of_the_model(
    described: dict[str, Any], answerer: Answerer
) -> None:
    """Types, what must be there, the errors; and its example is a real request and its answer."""
    assert described["2"]["swagger"] == "2.0"
    assert (described["3"]["openapi"], described["3.1"]["openapi"]) == ("3.0.3", "3.1.0")
    for name, document in described.items():
        assert document["info"]["title"] == "penguins" and document["info"]["version"] == "3"
        assert set(document["paths"]) == {"/", "/score", "/swagger.json"}
        errors = set(document["paths"]["/score"]["post"]["responses"])
        assert errors == {"200", "400", "405", "413", "415", "422"}
        schemas = (document if name == "2" else document["components"])[
            "definitions" if name == "2" else "schemas"
        ]
        row = schemas["Row"]
        assert {CULMEN, "Island", "Date Egg"} <= set(row["required"])
        assert "Region" in row["properties"] and "Region" not in row["required"]
        assert not row["additionalProperties"] and "Sex" not in row["properties"]
        status, said = post(answerer, schemas["ServiceInput"]["example"])
        example = schemas["ServiceOutput"]["example"]
        assert status == 200 and said.keys() == example.keys()
        assert said["predictions"] == example["predictions"]
    kind = described["3.1"]["components"]["schemas"]["Row"]["properties"][CULMEN]["type"]
    assert kind == ["number", "null"]
    assert described["3"]["components"]["schemas"]["Row"]["properties"][CULMEN]["nullable"]


def test_the_description_says_how_the_table_writes_its_values() -> None:
    """What may be sent as a text, and what a per cent is as a number."""
    formats = {"a": None, "b": "$1,234.5", "c": "1234.5%", "e": ","}
    columns = [{"name": n, "type": "number", "format": form} for n, form in formats.items()]
    columns.append({"name": "d", "type": "date", "format": "%d.%m.%Y"})
    described = {
        **{"columns": columns, "features": ["a", "b", "c", "e"], "example": {}},
        **{"target": "y", "task": "regression", "classes": None},
    }
    for document in describe(described, None, None).values():
        schemas = document.get("definitions") or document["components"]["schemas"]
        said = {n: p["description"] for n, p in schemas["Row"]["properties"].items()}
        assert said == {
            "a": "null if it is missing",
            "b": "a number, or a text like $1,234.5; null if it is missing",
            "c": "a number (the fraction, not %), or a text like 1234.5%; null if it is missing",
            "e": "a number, or a text like 1234,5; null if it is missing",
            "d": "not used by the model; ISO 8601, or %d.%m.%Y; null if it is missing",
        }
        assert "dataframe_split" in schemas["ServiceInput"]["description"]


class AMLResponse:
    """Stands for the server's class of that name."""

    def __init__(self, message: bytes, status: int, headers: dict[str, str]) -> None:
        self.message, self.status, self.headers = message, status, headers


@pytest.fixture()
def server(monkeypatch: pytest.MonkeyPatch) -> None:
    """A double of the inference server's two names that an entry script imports."""
    for name in ("", ".api", ".api.aml_request", ".api.aml_response"):
        module = types.ModuleType(f"azureml_inference_server_http{name}")
        monkeypatch.setitem(sys.modules, module.__name__, module)
    requests: Any = sys.modules["azureml_inference_server_http.api.aml_request"]
    requests.rawhttp = lambda function: function
    responses: Any = sys.modules["azureml_inference_server_http.api.aml_response"]
    responses.AMLResponse = AMLResponse


@pytest.mark.usefixtures("server")
def test_the_entry_script_is_loaded_by_its_path(
    trained: Path,
    code: Path,
    tmp_path: Path,
    examples: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As the server does it; whatever the package is called, it is importable from then on."""
    shutil.copytree(code / "sample_model", tmp_path / "app" / "renamed_model")
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setenv("AZUREML_MODEL_DIR", str(trained.parent))
    monkeypatch.setenv("AML_APP_ROOT", str(tmp_path / "app"))
    script = tmp_path / "app" / "renamed_model" / "score.py"
    spec = importlib.util.spec_from_file_location("entry_module", script)
    assert spec and spec.loader
    entry: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(entry)
    entry.init()
    assert importlib.util.find_spec("renamed_model.features")
    body = io.BytesIO(json.dumps({"data": examples["data"]}).encode())
    said = entry.run(types.SimpleNamespace(method="POST", headers={}, stream=body))
    assert said.status == 200 and said.headers["Content-Type"] == "application/json"
    assert json.loads(said.message)["predictions"] == examples["predictions"]
    assert (tmp_path / "app" / "swagger3.json").is_file()
    assert len(script.read_text("utf-8").splitlines()) <= 40
