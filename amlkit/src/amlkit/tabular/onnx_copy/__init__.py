"""The model's ONNX copy: made, compared with the model, kept only if the answers are the same."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
from sklearn.pipeline import Pipeline

from amlkit.say import say
from amlkit.tabular.evaluation import Array, Evaluation
from amlkit.tabular.onnx_copy.compare import Differs, compare_held_out, compare_probes, probes
from amlkit.tabular.saved_model import OnnxModel, SklearnModel
from amlkit.tabular.table import shorten

__all__ = ["make_onnx_copy"]

FILE = "model.onnx"


def make_onnx_copy(
    pipeline: Pipeline,
    schema: Mapping[str, Any],
    held_out: pa.Table,
    y: Array,
    evaluation: Evaluation,
    folder: Path,
) -> tuple[dict[str, Any] | None, dict[str, Any]]:
    """Write `folder`/model.onnx if it gives the answers that `pipeline` gives.

    `schema` is what schema.json will hold, `y` the target of the rows `held_out`, `evaluation` the
    pipeline's answers for them. Returns what schema.json says of the ONNX copy (None if there is
    none), and what metrics.json says ("largest_difference" is on the held-out rows: of a
    probability, or in the target's unit). No failure to make one fails the job: then the
    scikit-learn model serves.
    """
    try:
        # skl2onnx takes its time, and is needed nowhere else
        from amlkit.tabular.onnx_copy.convert import convert, describe

        facts = describe(pipeline, schema)
        content = convert(pipeline, facts)
        onnx_copy = OnnxModel(content, facts, threads=0)
        difference = compare_held_out(onnx_copy, held_out, y, evaluation)
        rows, tried = probes(schema, pipeline, held_out)
        made_up = compare_probes(onnx_copy, SklearnModel(pipeline, schema), rows, y)
    except Differs as error:
        return None, _record(f"the ONNX copy {error}")
    except Exception as error:  # a converter may raise anything
        words = shorten(error, 160) or type(error).__name__
        return None, _record(f"it cannot be turned into ONNX: {words}")
    few, columns = "", len(schema["features"])
    if tried < columns:
        few = f"; of {columns:,} columns made-up values were tried in {tried}, for time"
        say(f"ONNX copy: held-out rows are compared{few}")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / FILE).write_bytes(content)
    facts = {"file": FILE, "sha256": hashlib.sha256(content).hexdigest(), **facts}
    return facts, {
        "onnx_copy": True,
        "reason": "the ONNX copy gives the model's answers" + few,
        "rows": held_out.num_rows,
        "probes": made_up,
        "largest_difference": difference,
    }


def _record(reason: str) -> dict[str, Any]:
    """What metrics.json says where there is no ONNX copy."""
    return {
        "onnx_copy": False,
        "reason": reason,
        "rows": 0,
        "probes": 0,
        "largest_difference": None,
    }
