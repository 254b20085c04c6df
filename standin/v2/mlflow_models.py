"""Models of MLflow that are deployed without a scoring script: their environment and their files.

Source: "Guidelines for deploying MLflow models" (the environment is made of the conda file that the
model names, and of what inference needs); the image is the one whose scoring script is public
(Azure/azureml-assets, `mlflow-py312-inference`). Which packages a batch job gets is published
nowhere: those that read its files. Since December 2025 Azure's image adds no server of its own
(microsoft/azureml-inference-server#112), so that a model without it in its conda file fails there.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from ..account import Principal
from ..errors import not_played
from ..routing import AzureError, Json
from .kinds import KINDS
from .locations import Location, locate

if TYPE_CHECKING:
    from ..standin import Azure

SCORE = Path(__file__).with_name("mlflow_score.py")
BATCH = Path(__file__).with_name("mlflow_batch.py")
IMAGE = "mcr.microsoft.com/azureml/curated/mlflow-py312-inference"
#: What is added unless the model names it, or `mlflow`, which brings all but the server.
SERVER = "azureml-inference-server-http"
ONLINE = ("mlflow-skinny", "pandas", SERVER)
FILES = ("mlflow-skinny", "pandas", "pyarrow")
#: Flavors whose input the public script reads in another way.
LANGUAGE = ("transformers", "langchain", "openai", "hftransformersv2")


def check(azure: Azure, model_id: str) -> None:
    """AzureError 501 for a model that is not deployed without a script here, 400 without one."""
    _, entry = azure.v2.assets.find(model_id, "models")
    if entry.properties["modelType"] != "mlflow_model":
        raise not_played(f"a model of the type {entry.properties['modelType']} without a script")
    flavors = (_read(_place(azure, model_id), "MLmodel") or {}).get("flavors") or {}
    if found := [name for name in LANGUAGE if name in flavors]:
        raise not_played(f"models of the flavor {found[0]} without a script")


def variables(azure: Azure, model_id: str) -> dict[str, str]:
    """What tells the script where the model lies below `AZUREML_MODEL_DIR`."""
    at = _place(azure, model_id)
    # telemetry of MLflow would ask a host that is not Azure's
    return {"MLFLOW_MODEL_FOLDER": at.path.rpartition("/")[2], "MLFLOW_DISABLE_TELEMETRY": "true"}


def environment(azure: Azure, model_id: str, needed: Iterable[str]) -> Json:
    """The properties of an environment for a model. AzureError 400 for one that is none."""
    at = _place(azure, model_id)
    described = _read(at, "MLmodel")
    if not isinstance(described, dict) or "python_function" not in (described.get("flavors") or {}):
        raise AzureError(400, "BadRequest", f"{at.path}/MLmodel names no python_function flavor.")
    named = described["flavors"]["python_function"].get("env") or "conda.yaml"
    file = named if isinstance(named, str) else str(named.get("conda"))
    conda = _read(at, file)
    if not isinstance(conda, dict):
        text = at.blobs.get(at.container, f"{at.path}/requirements.txt") or b""
        conda = {"dependencies": [{"pip": [line for line in text.decode().splitlines() if line]}]}
    return {"image": IMAGE, "condaFile": json.dumps(with_packages(conda, needed), indent=2)}


def with_packages(conda: Json, needed: Iterable[str]) -> Json:
    """A conda file that has pip packages in it which it does not name yet."""
    given = list(conda.get("dependencies") or [])
    named = {_name(line) for line in _lines(given)}
    brought = {SERVER} if "mlflow" in named else set(needed)
    missing = [one for one in needed if one in brought and one not in named]
    pip = [line for one in given if isinstance(one, dict) for line in one.get("pip") or []]
    others = [one for one in given if not isinstance(one, dict)]
    return {**conda, "dependencies": [*others, {"pip": [*pip, *missing]}]}


def registered(azure: Azure, model_id: str, who: Principal | None) -> str:
    """The id of an anonymous environment for the batch jobs of a model. AzureError 400."""
    properties = environment(azure, model_id, FILES)
    version = hashlib.sha256(json.dumps(properties).encode()).hexdigest()[:32]
    kind, name = KINDS["environments"], "CliV2AnonymousEnvironment"
    azure.v2.assets.put(kind, name, version, properties | {"isAnonymous": True}, who)
    return azure.v2.assets.path(kind.plural, name, version)


def _place(azure: Azure, model_id: str) -> Location:
    _, entry = azure.v2.assets.find(model_id, "models")
    at = locate(azure, str(entry.properties["modelUri"]))
    return Location(at.blobs, at.container, at.path.strip("/"))


def _read(at: Location, file: str) -> Any:
    """A file of YAML in the model's folder, None without one."""
    data = at.blobs.get(at.container, f"{at.path}/{file}")
    try:
        return None if data is None else yaml.safe_load(data)
    except yaml.YAMLError as error:
        raise AzureError(400, "BadRequest", f"{at.path}/{file} is no YAML: {error}") from None


def _lines(dependencies: Iterable[Any]) -> Iterator[str]:
    for one in dependencies:
        yield from map(str, (one.get("pip") or []) if isinstance(one, dict) else [one])


def _name(line: str) -> str:
    found = re.match(r"(?:[^:]+::)?([\w.\-]+)", line.strip())
    return re.sub(r"[-_.]+", "-", found[1]).lower() if found else ""
