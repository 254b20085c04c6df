"""Each kind of model, with an ONNX copy and without, for rows of every sort: an answer, its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from serving.asking import post
from serving.small_models import KINDS, SmallModel

pytestmark = pytest.mark.slow  # they train

CHANGES: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "in range": lambda row: row,
    "unknown category": lambda row: row | {"town": "no such town", "code": "no such code"},
    "all missing": lambda row: dict.fromkeys(row),
    "1e300": lambda row: row | {"size": 1e300, "share": -1e300},
    "integers as floats": lambda row: row | {"rooms": 3.0, "size": 100.0, "code": 7.0},
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("count", [1, 2, 1_000])
@pytest.mark.parametrize("onnx", [True, False], ids=["onnx", "sklearn"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_row_has_the_models_own_answer(
    small_models: Callable[[str, bool], SmallModel], kind: str, onnx: bool, count: int, change: str
) -> None:
    model = small_models(kind, onnx)
    rows = [CHANGES[change](row) for row in model.rows(count)]
    status, said = post(model.answerer, {"data": rows})
    assert status == 200, said
    own = [row | {"code": "7"} if row["code"] == 7.0 else row for row in rows]
    predictions, probabilities = model.own_answers(own)
    if probabilities is None:
        np.testing.assert_allclose(said["predictions"], predictions, rtol=1e-5)
    else:
        np.testing.assert_allclose(said["probabilities"], probabilities, atol=1e-5)
        assert said["predictions"] == predictions.tolist()
        assert said["classes"] == model.pipeline.classes_.tolist()
