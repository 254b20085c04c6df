"""Held-out rows as requests hold them, and the answers that a deployment must give back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from amlkit.tabular.asset import open_asset
from amlkit.tabular.outputs import request_rows
from amlkit.tabular.table import iter_tables
from amlkit.tabular.table.schema import Schema

if TYPE_CHECKING:
    from amlkit.tabular.evaluation import Evaluation

ROWS = 20


def examples(
    held_out: pa.Table, schema: Schema, names: list[str], evaluation: Evaluation
) -> dict[str, Any]:
    """What examples.json holds: "data", and the "predictions" and "probabilities" for it.

    At most 20 rows: the first ones, half of them with a missing value in a column of `names` (the
    features) and half without, as far as there are such. "probabilities" are None where the model
    gives none.
    """
    gaps = np.zeros(held_out.num_rows, dtype=bool)
    for name in names:
        gaps |= held_out.column(name).is_null().to_numpy()
    half, lacking, complete = ROWS // 2, np.flatnonzero(gaps), np.flatnonzero(~gaps)
    rows = np.sort(np.concatenate([lacking[:half], complete, lacking[half:]])[:ROWS])
    probability = evaluation.probability
    return {
        "data": request_rows(held_out.take(pa.array(rows)), schema),
        "predictions": evaluation.prediction[rows].tolist(),
        "probabilities": None if probability is None else probability[rows].tolist(),
    }


def first_rows(data: Path) -> list[dict[str, Any]]:
    """The first rows of a data asset (its folder), at most 20, as a request holds them."""
    asset = open_asset(data, None)
    return request_rows(next(iter_tables(asset.path, asset.schema, ROWS)), asset.schema)
