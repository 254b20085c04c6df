"""A saved model, asked for answers: `model.joblib` by scikit-learn, `model.onnx` by ONNX Runtime.

Both take rows as `Columns`, an array for each column: number and boolean are float64 (NaN is
missing), category is object (str, None is missing), date is datetime64[s] (NaT is missing). Both
return labels or numbers (rows,), and scores (rows, classes) or None.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from amlkit.tabular.dates import part_values
from amlkit.tabular.model_files import in_class_order
from amlkit.tabular.table import column_array

Array = NDArray[Any]
Columns = dict[str, Array]
Answers = tuple[Array, "Array | None"]

# How a missing text is written for ONNX. Texts are stripped, so that no other is a space.
MISSING = " "
# Beyond this a number may overflow on its way, as ONNX reckons with 32 bits.
LIMIT = 1e30


def from_table(table: pa.Table, names: Sequence[str]) -> Columns:
    """The named columns of a table that `table.read_table` or `iter_tables` read."""
    texts: dict[str, str] = {}
    return {name: column_array(table[name], texts, None) for name in names}


def is_missing(values: Array) -> Array:
    """Which of the texts (object) are missing, as a mask."""
    nothing: Any = None
    mask: Array = np.equal(values, nothing)
    return mask


def take(columns: Columns, rows: Array) -> Columns:
    """Some rows of the columns, by a mask or by their places."""
    return {name: values[rows] for name, values in columns.items()}


def row_count(columns: Columns) -> int:
    """The number of rows."""
    return len(next(iter(columns.values())))


def finite(prediction: Array, probability: Array | None) -> bool:
    """Whether an answer holds finite numbers only."""
    whole = prediction.dtype.kind != "f" or bool(np.isfinite(prediction).all())
    return whole and (probability is None or bool(np.isfinite(probability).all()))


class SklearnModel:
    """A model that takes a DataFrame, whatever it is; the file is `model.joblib`.

    `schema` is what schema.json holds. scikit-learn and pandas are imported with it alone.
    """

    def __init__(self, model: Path | Any, schema: Mapping[str, Any]) -> None:
        if isinstance(model, Path):
            import joblib

            model = joblib.load(model)
        self.model = model
        self._names = schema["features"]
        self._classes = schema["classes"]

    def predict(self, columns: Columns) -> Answers:
        """Labels or numbers, and probabilities in the schema's order of the classes."""
        import pandas as pd

        frame = pd.DataFrame({name: _as_in_frames(columns[name]) for name in self._names})
        prediction = np.asarray(self.model.predict(frame)).reshape(-1)
        if self._classes is None:
            return prediction.astype(np.float64), None
        if not hasattr(self.model, "predict_proba"):
            return prediction, None
        own = np.asarray(getattr(self.model, "classes_", self._classes)).tolist()
        probability = np.asarray(self.model.predict_proba(frame), dtype=np.float64)
        return prediction, in_class_order(probability, own, self._classes)


def _as_in_frames(values: Array) -> Array:
    """A missing text is NaN in a frame, as `table.to_frame` has it."""
    return np.where(is_missing(values), np.nan, values) if values.dtype == object else values


class OnnxModel:
    """An ONNX file whose inputs are "texts" (rows, k) and "numbers" (rows, m), or one of them.

    `facts` is what schema.json says of it: the columns behind the inputs, in order. "numbers" are
    the number and boolean columns, then the parts of each of the "dates".
    """

    def __init__(self, model: Path | bytes, facts: Mapping[str, Any], threads: int = 1) -> None:
        # It sends usage to Microsoft from 1.29 on, as soon as it is imported.
        os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
        import onnxruntime as ort

        options = ort.SessionOptions()
        options.intra_op_num_threads = threads  # 0: as many as there are cores
        options.log_severity_level = 3
        source = model if isinstance(model, bytes) else str(model)
        self._session = ort.InferenceSession(source, options, providers=["CPUExecutionProvider"])
        self._outputs = [output.name for output in self._session.get_outputs()]
        self.texts: list[str] = facts["texts"]
        self.numbers: list[str] = facts["numbers"]
        self.dates: list[str] = facts["dates"]
        self._timed = frozenset(facts["timed"])
        self.probabilities: bool = facts["probabilities"]
        self._limit = float(facts["limit"])

    def outside(self, columns: Columns) -> Array | None:
        """The rows, as a mask, with a number beyond the limit; None if there are none."""
        mask = np.zeros(row_count(columns), dtype=bool)
        for name in self.numbers:
            mask |= np.abs(columns[name]) > self._limit
        return mask if mask.any() else None

    def feed(self, columns: Columns) -> dict[str, Array]:
        """The inputs of ONNX for these rows."""
        inputs: dict[str, Array] = {}
        if self.texts:
            texts = np.empty((row_count(columns), len(self.texts)), dtype=object)
            for place, name in enumerate(self.texts):
                texts[:, place] = columns[name]
            texts[is_missing(texts)] = MISSING
            inputs["texts"] = texts
        values = [columns[name] for name in self.numbers]
        for name in self.dates:
            values += part_values(columns[name], name in self._timed)
        if values:
            inputs["numbers"] = np.stack(values, axis=1)
        return inputs

    def predict(self, columns: Columns) -> Answers:
        """Labels or numbers; and the second output, if there is one.

        That one holds probabilities only where `probabilities` says so, else any scores.
        """
        answers = self._session.run(self._outputs, self.feed(columns))
        return answers[0].reshape(-1), answers[1] if len(answers) > 1 else None
