"""What scores files for a model of MLflow behind a batch endpoint, without a scoring script.

Source: "Deploy MLflow models in batch deployments": a table is read by the file's ending, its types
by the model's signature, `predict` is called once for a file; a line of the answer has the row's
number, the prediction as the model gave it, and the file's name.
"""

from __future__ import annotations

import csv
import io
import os
from typing import Any

import mlflow.pyfunc
import pandas as pd  # type: ignore[import-not-found,import-untyped,unused-ignore]


class Unreadable(Exception):
    """A file that the model cannot be given."""


ENDS_THE_JOB = (Unreadable,)  # read by batch_driver.py
MODEL: Any = None
KINDS: dict[str, Any] = {}
READERS = {".csv": pd.read_csv, ".parquet": pd.read_parquet, ".pqt": pd.read_parquet}


def init() -> None:
    """Loads the model."""
    global MODEL, KINDS
    folder = os.path.join(os.environ["AZUREML_MODEL_DIR"], os.environ["MLFLOW_MODEL_FOLDER"])
    MODEL = mlflow.pyfunc.load_model(folder)
    KINDS = kinds_of(MODEL.metadata.signature)


def kinds_of(signature: Any) -> dict[str, Any]:
    """The types of a table's columns, as far as the signature names them."""
    schema = signature.inputs if signature else None
    if schema is None or schema.is_tensor_spec():
        return {}
    return dict(zip(schema.input_names(), schema.pandas_types(), strict=True))


def table_of(path: str) -> Any:
    """The rows of a file. Raises `Unreadable`, in the service's words."""
    ending = os.path.splitext(path)[1].lower()
    failed = f"ERROR:azureml:Error processing input file: '{path}'."
    if ending not in READERS:
        raise Unreadable(f"{failed} File type '{ending[1:]}' is not supported.")
    try:
        table = READERS[ending](path)
        return table.astype({name: kind for name, kind in KINDS.items() if name in table})
    except Exception as error:
        raise Unreadable(f"{failed} Exception: {error}") from None


def values_of(predictions: Any) -> Any:
    """The prediction of each row; several columns of one are a list."""
    if isinstance(predictions, pd.DataFrame):
        one = len(predictions.columns) == 1
        return predictions.iloc[:, 0] if one else predictions.to_numpy().tolist()
    return predictions.tolist() if hasattr(predictions, "tolist") else predictions


def run(files: list[str]) -> list[str]:
    """A line for each row of the files."""
    stream = io.StringIO()
    written = csv.writer(stream, lineterminator="\n")
    for path in files:
        predictions = MODEL.predict(table_of(path))
        for number, value in enumerate(values_of(predictions)):
            written.writerow([number, value, os.path.basename(path)])
    return stream.getvalue().splitlines()
