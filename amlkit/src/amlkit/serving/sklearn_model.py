"""The model as it was trained: model.joblib, whatever is in it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from amlkit.serving.columns import Array, Columns, is_missing
from amlkit.tabular.class_order import in_class_order


class SklearnModel:
    """A saved model that takes a DataFrame. scikit-learn and pandas are imported with it alone."""

    def __init__(self, model: Path | Any, schema: Mapping[str, Any]) -> None:
        if isinstance(model, Path):
            import joblib

            model = joblib.load(model)
        self.model = model
        self._names = schema["features"]
        self._classes = schema["classes"]

    def predict(self, columns: Columns) -> tuple[Array, Array | None]:
        """Labels or numbers (rows,), and probabilities (rows, classes) in the schema's order."""
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
    """A missing text is NaN in a frame, as `table.frame.to_frame` has it."""
    return np.where(is_missing(values), np.nan, values) if values.dtype == object else values
