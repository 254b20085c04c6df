"""The model's ONNX twin: made, compared with the model, and kept only if it answers alike."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
from sklearn.pipeline import Pipeline

from ..evaluate import Array, Evaluation
from ..serving.onnx_model import OnnxModel
from ..serving.sklearn_model import SklearnModel
from ..table.schema import shorten
from .compare import Differs, compare_held_out, compare_probes
from .probes import probes

__all__ = ["make_twin"]

FILE = "model.onnx"


def make_twin(
    pipeline: Pipeline,
    schema: Mapping[str, Any],
    held_out: pa.Table,
    y: Array,
    evaluation: Evaluation,
    folder: Path,
) -> tuple[dict[str, Any] | None, dict[str, Any]]:
    """Write `folder`/model.onnx if ONNX answers as `pipeline` does.

    `schema` is what schema.json will hold, `y` the target of the rows `held_out`, `evaluation` the
    pipeline's answers for them. Returns what schema.json says of the twin (None if there is none),
    and what metrics.json says ("largest_difference" is on the held-out rows: of a probability, or
    in the target's unit). No failure to make one fails the job: the model serves itself.
    """
    try:
        from .convert import convert, describe  # skl2onnx is needed nowhere else

        facts = describe(pipeline, schema)
        content = convert(pipeline, facts)
        twin = OnnxModel(content, facts, threads=0)
        difference = compare_held_out(twin, held_out, y, evaluation)
        made_up = compare_probes(
            twin, SklearnModel(pipeline, schema), probes(schema, pipeline, held_out), y
        )
    except Differs as error:
        return None, _record(f"the ONNX twin {error}")
    except Exception as error:  # a converter may raise anything
        words = shorten(error, 160) or type(error).__name__
        return None, _record(f"it cannot be turned into ONNX: {words}")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / FILE).write_bytes(content)
    facts = {"file": FILE, "sha256": hashlib.sha256(content).hexdigest(), **facts}
    return facts, {
        "twin": True,
        "reason": "the ONNX twin answers as the model does",
        "rows": held_out.num_rows,
        "probes": made_up,
        "largest_difference": difference,
    }


def _record(reason: str) -> dict[str, Any]:
    """What metrics.json says where there is no twin."""
    return {"twin": False, "reason": reason, "rows": 0, "probes": 0, "largest_difference": None}
