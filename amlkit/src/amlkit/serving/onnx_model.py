"""The ONNX copy of a model: the same answers, several times faster."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from amlkit.serving.columns import Array, Columns, is_missing, row_count
from amlkit.tabular.dates import part_values

# How a missing text is written for ONNX. Texts are stripped, so that no other is a space.
MISSING = " "
# Beyond this a number may overflow on its way, as ONNX reckons with 32 bits.
LIMIT = 1e30


class OnnxModel:
    """An ONNX file whose inputs are "texts" (rows, k) and "numbers" (rows, m), or one of them.

    `facts` is what schema.json says of it: the columns behind the inputs, in order. "numbers" are
    the number and boolean columns, then the parts of each of the "dates".
    """

    def __init__(self, model: Path | bytes, facts: Mapping[str, Any], threads: int = 1) -> None:
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

    def predict(self, columns: Columns) -> tuple[Array, Array | None]:
        """Labels or numbers (rows,); and the second output (rows, classes), if there is one.

        That one holds probabilities only where `probabilities` says so, else any scores.
        """
        answers = self._session.run(self._outputs, self.feed(columns))
        return answers[0].reshape(-1), answers[1] if len(answers) > 1 else None
