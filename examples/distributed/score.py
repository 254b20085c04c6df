"""The endpoint's entry script: init() once, run() per request. It needs LightGBM, and no Dask."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parent))  # the server loads this file by its path

from features import matrix

model: dict[str, Any] = {}


def init() -> None:
    """Loads the booster and its features from the folder AZUREML_MODEL_DIR."""
    folder = next(Path(os.environ["AZUREML_MODEL_DIR"]).rglob("features.json")).parent
    model.update(json.loads((folder / "features.json").read_text(encoding="utf-8")))
    model["booster"] = lightgbm.Booster(model_file=folder / "booster.txt")


def run(raw_data: str) -> dict[str, Any]:
    """Answers {"data": [{column: value, …}, …]}: predictions; of classes probabilities too."""
    names = [column["name"] for column in model["columns"]]
    rows = pd.DataFrame(json.loads(raw_data)["data"]).reindex(columns=names)
    for column in model["columns"]:
        if not column["categories"]:
            rows[column["name"]] = pd.to_numeric(rows[column["name"]], errors="coerce")
    raw = model["booster"].predict(matrix(rows, model["columns"]))
    if model["classes"] is None:
        return {"predictions": raw.tolist()}
    probability = np.column_stack([1 - raw, raw]) if raw.ndim == 1 else raw
    best = [model["classes"][place] for place in probability.argmax(axis=1)]
    return {"predictions": best, "probabilities": probability.tolist()}
