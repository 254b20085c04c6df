"""Models of MLflow deployed without a script: what their environment is made of, what is refused.

What they answer is shown in test_v2_endpoints.py and test_v2_endpoints_batch.py.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from standin import StandIn
from standin.interpreters import Recipe
from standin.routing import AzureError
from standin.v2 import mlflow_models
from standin.v2.batch_jobs import check_files
from standin.v2.batch_rules import check_deployment, kept
from standin.v2.kinds import KINDS
from tests.azure.mlflow_model import FILES

STORE = "azureml://datastores/workspaceblobstore/paths"
MLMODEL = "flavors: {{{flavor}: {{env: {env}}}}}"


def model(standin: StandIn, name: str, kind: str, **files: str) -> str:
    """The id of a model with these files, their dots written as `_`."""
    azure = standin.azure
    for file, text in files.items():
        path = f"flows/{name}/{file.replace('_', '.')}"
        azure.blobs.put(azure.blobs.container, path, text.encode())
    uri = f"{STORE}/flows/{name}"
    azure.v2.assets.put(KINDS["models"], name, "1", {"modelUri": uri, "modelType": kind}, None)
    return f"azureml:{name}:1"


@pytest.mark.parametrize(
    ("files", "python", "pip"),
    [
        ({"MLmodel": "conda.yaml", "conda_yaml": "{dependencies: [python=3.9, {pip: [b==1]}]}"},
         ["python=3.9"], ["b==1", "mlflow-skinny", "pandas", mlflow_models.SERVER]),
        ({"MLmodel": "{conda: own.yaml}", "own_yaml": "dependencies: [pandas=2, {pip: [mlflow]}]"},
         ["pandas=2"], ["mlflow", mlflow_models.SERVER]),
        ({"MLmodel": "conda.yaml", "requirements_txt": "MLflow_Skinny==3.1\npandas<3\n"},
         [], ["MLflow_Skinny==3.1", "pandas<3", mlflow_models.SERVER]),
    ],
    ids=["conda", "another name", "requirements"],
)  # fmt: skip
def test_the_environment_is_the_models_own_and_what_serves(
    standin: StandIn, request: Any, files: dict[str, str], python: list[str], pip: list[str]
) -> None:
    """What the model names is not added; `mlflow` brings all but the server."""
    described = MLMODEL.format(flavor="python_function", env=files["MLmodel"])
    name = f"env-{request.node.callspec.id.replace(' ', '-')}"
    made = model(standin, name, "mlflow_model", **{**files, "MLmodel": described})
    found = mlflow_models.environment(standin.azure, made, mlflow_models.ONLINE)
    assert json.loads(found["condaFile"])["dependencies"] == [*python, {"pip": pip}]


@pytest.mark.parametrize(
    ("kind", "flavor", "status", "said"),
    [
        ("custom_model", "python_function", 501, "type custom_model"),
        ("triton_model", "python_function", 501, "type triton_model"),
        ("mlflow_model", "transformers", 501, "flavor transformers"),
        ("mlflow_model", "sklearn", 400, "no python_function flavor"),
    ],
)
def test_other_models_need_a_script(
    standin: StandIn, kind: str, flavor: str, status: int, said: str
) -> None:
    """501 for what Azure plays; MLflow's own flavor for Python is the one that it scores by."""
    described = MLMODEL.format(flavor=flavor, env="conda.yaml")
    made = model(standin, f"{kind}-{flavor}", kind, MLmodel=described)
    with pytest.raises(AzureError, match=said) as refused:
        mlflow_models.check(standin.azure, made)
        mlflow_models.environment(standin.azure, made, mlflow_models.ONLINE)
    assert refused.value.status == status


@pytest.mark.parametrize(
    ("given", "status", "said"),
    [
        ({"codeConfiguration": {"scoringScript": "score.py"}}, 400, "must not be empty"),
        ({"environmentId": "azureml:any:1"}, 501, "for a model alone"),
        ({"model": None}, 501, "for a model alone"),
    ],
    ids=["script alone", "environment alone", "nothing"],
)
def test_a_script_and_an_environment_go_together(
    standin: StandIn, given: dict[str, Any], status: int, said: str
) -> None:
    """The refusal of a script without an environment is that of a public report."""
    model_of = {"referenceType": "Id", "assetId": "azureml:flow:1"}
    with pytest.raises(AzureError, match=said) as refused:
        check_deployment(standin.azure, kept({"model": model_of, **given}))
    assert refused.value.status == status


def test_images_are_not_played(standin: StandIn) -> None:
    """Azure hands them to the model as arrays; other files it refuses in the job."""
    blobs = standin.azure.blobs
    for name in ("text/a.avro", "images/a.PNG"):
        blobs.put(blobs.container, name, b"")
    check_files(standin.azure, {"uri": f"{STORE}/text"})
    with pytest.raises(AzureError) as refused:
        check_files(standin.azure, {"uri": f"{STORE}/images"})
    assert refused.value.status == 501


ECHO = """
class Echo:
    def predict(self, given):
        return {k: v.tolist() for k, v in given.items()} if isinstance(given, dict) else given

def _load_pyfunc(path):
    return Echo()
"""
TENSOR = '"type": "tensor", "tensor-spec": {"dtype": "float32", "shape": [-1, 2]}'
EXAMPLE = "{artifact_path: example.json, type: dataframe, pandas_orient: split}"
TABLE = {"columns": ["a"], "index": [0, 1], "data": [[1], [2]]}
#: What an MLmodel says of its input → pairs of `input_data` and the answer of an echo.
READ: dict[str, list[tuple[Any, Any]]] = {
    "": [(TABLE, [{"a": 1}, {"a": 2}]), ([[1, 2]], [[1, 2]]), ({"x": [1]}, {"x": [1]})],
    f"signature: {{inputs: '[{{{TENSOR}}}]'}}": [([[1, 2]], [[1.0, 2.0]])],
    f'signature: {{inputs: \'[{{"name": "x", {TENSOR}}}]\'}}': [
        ({"x": [[1, 2]]}, {"x": [[1.0, 2.0]]})
    ],
    'signature: {inputs: \'[{"name": "a", "type": "boolean"}]\'}': [
        (TABLE, [{"a": True}, {"a": True}])
    ],
    f"saved_input_example_info: {EXAMPLE}": [(TABLE, [{"a": 1.0}, {"a": 2.0}])],
}
ASK = """
import importlib.util, json, os, sys
from pathlib import Path
script, cases = sys.argv[1], json.loads(sys.argv[2])
os.environ["AZUREML_MODEL_DIR"] = os.getcwd()
for number, (said, asked) in enumerate(cases):
    os.environ["MLFLOW_MODEL_FOLDER"] = str(number)
    Path(str(number)).mkdir()
    Path(f"{number}/example.json").write_text('{"columns": ["a"], "data": [[0.5]]}')
    Path(f"{number}/MLmodel").write_text(
        f"flavors: {{python_function: {{code: ../code, loader_module: echo}}}}\\n{said}")
    spec = importlib.util.spec_from_file_location("score", script)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    print(json.dumps([module.run(input_data=one) for one in asked]))
"""


def test_input_is_read_by_what_the_model_says_of_it(standin: StandIn, tmp_path: Path) -> None:
    """By nothing, by tensors, by types, by an example: the answer has the types of the input."""
    definition = {"python": {"condaDependencies": yaml.safe_load(FILES["flow/conda.yaml"])}}
    recipe = Recipe.of_definition(definition)
    python = standin.azure.interpreters.prepare(recipe, lambda line: None)
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "echo.py").write_text(ECHO, encoding="utf-8")
    cases = [(said, [given for given, _ in pairs]) for said, pairs in READ.items()]
    done = subprocess.run(
        [python, "-c", ASK, mlflow_models.SCORE, json.dumps(cases)],
        cwd=tmp_path, capture_output=True, encoding="utf-8", check=False,
        env={**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    answers = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("[")]
    expected = [[answer for _, answer in pairs] for pairs in READ.values()]
    assert [repr(one) for one in answers] == [repr(one) for one in expected]
