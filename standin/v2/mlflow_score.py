"""What scores for a model of MLflow that is deployed without a scoring script.

Runs in the model's environment, under Azure ML's inference server. It behaves as the script in
Microsoft's image (Azure/azureml-assets, `mlflow_score_script.py`): `input_data` of the body is read
as the model's input example, else as its signature says, else by its own form; `params` are handed
on; tables come back as records. Data collectors are not there.
"""

from __future__ import annotations

import inspect
import json
import os
from io import StringIO
from typing import Any

import mlflow.pyfunc
import numpy as np  # type: ignore[import-not-found,unused-ignore]
import pandas as pd  # type: ignore[import-not-found,import-untyped,unused-ignore]
from inference_schema.parameter_types.abstract_parameter_type import (  # type: ignore[import-not-found]
    AbstractParameterType,
)
from inference_schema.parameter_types.numpy_parameter_type import (  # type: ignore[import-not-found]
    NumpyParameterType,
)
from inference_schema.parameter_types.pandas_parameter_type import (  # type: ignore[import-not-found]
    PandasParameterType,
)
from inference_schema.parameter_types.standard_py_parameter_type import (  # type: ignore[import-not-found]
    StandardPythonParameterType,
)
from inference_schema.schema_decorators import input_schema  # type: ignore[import-not-found]


class AsGiven(AbstractParameterType):  # type: ignore[misc]
    """A parameter of which nothing is known."""

    def __init__(self) -> None:
        super().__init__(None)

    def deserialize_input(self, input_data: Any) -> Any:
        """The value as it came."""
        return input_data

    def input_to_swagger(self) -> dict[str, Any]:
        """An object without fields."""
        return {"type": "object", "example": {}}


def zeros(shape: tuple[int, ...], kind: Any) -> Any:
    """An array of a tensor's shape, with one item where their number is open."""
    return np.zeros([1 if size == -1 else size for size in shape], kind)


def sample_of(metadata: Any, folder: str) -> Any:
    """A value like the model's input: of its example or its signature; None without both."""
    try:
        found = metadata.load_input_example(folder)
        if isinstance(found, (pd.DataFrame, np.ndarray, dict)):
            return found
    except Exception as error:
        print(f"The input example is not used: {error}")
    signature = metadata.signature
    schema = signature.inputs if signature else None
    if schema is None:
        return None
    if schema.is_tensor_spec():
        arrays = {one.name: zeros(one.shape, one.type) for one in schema.inputs}
        return arrays if schema.has_input_names() else next(iter(arrays.values()))
    try:
        kinds = dict(zip(schema.input_names(), schema.pandas_types(), strict=True))
        return pd.DataFrame(columns=list(kinds)).astype(kinds)
    except Exception as error:
        print(f"The signature is not used: {error}")
    return None


def parameter(sample: Any) -> Any:
    """How `input_data` is read for a sample of it."""
    if isinstance(sample, pd.DataFrame):
        return PandasParameterType(sample, enforce_shape=False, orient="split")
    if isinstance(sample, np.ndarray):
        return NumpyParameterType(sample, enforce_shape=False)
    if isinstance(sample, dict):
        arrays = {name: np.asarray(value) for name, value in sample.items()}
        return StandardPythonParameterType(
            {name: NumpyParameterType(one, enforce_shape=False) for name, one in arrays.items()}
        )
    return AsGiven()


def by_form(given: Any) -> Any:
    """Input of a model that says nothing of it: a list, a table as pandas splits it, tensors."""
    if isinstance(given, str):
        given = json.loads(given)
    if isinstance(given, list):
        return np.asarray(given)
    if {"columns", "index", "data"} <= set(given):
        return pd.read_json(StringIO(json.dumps(given)), orient="split", dtype=False)
    return {name: np.asarray(value) for name, value in given.items()}


def is_read(given: Any) -> bool:
    """Whether the input is what a model takes already."""
    tensors = isinstance(given, dict) and any(isinstance(one, np.ndarray) for one in given.values())
    return tensors or isinstance(given, (pd.DataFrame, np.ndarray))


def plain(result: Any) -> Any:
    """Predictions as JSON has them."""
    if isinstance(result, pd.Series):
        result = result.to_frame()
    if isinstance(result, pd.DataFrame):
        return result.to_dict(orient="records")
    return result.tolist() if isinstance(result, np.ndarray) else result


FOLDER = os.path.join(os.environ["AZUREML_MODEL_DIR"], os.environ["MLFLOW_MODEL_FOLDER"])
MODEL = mlflow.pyfunc.load_model(FOLDER)
TAKES_PARAMS = "params" in inspect.signature(MODEL.predict).parameters


def init() -> None:
    """Nothing is left to do: the model is loaded, as its signature says how to read requests."""


@input_schema("input_data", parameter(sample_of(MODEL.metadata, FOLDER)))  # type: ignore[untyped-decorator,unused-ignore]
@input_schema("params", AsGiven(), optional=True)  # type: ignore[untyped-decorator,unused-ignore]
def run(input_data: Any, params: Any = None) -> Any:
    """The predictions for one request."""
    read = input_data if is_read(input_data) else by_form(input_data)
    return plain(MODEL.predict(read, params=params) if TAKES_PARAMS else MODEL.predict(read))
