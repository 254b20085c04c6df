"""What the job leaves behind beside the model: schema.json, metrics.json, one row as an example."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from amlkit.tabular.table.schema import Column, Schema

EXAMPLE_ROWS = 1_000
WHOLE = 2**53  # below this each whole number is a float64 of its own


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write the file whole or not at all: whoever finds it can rely on it."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    text = json.dumps(value, indent=2, ensure_ascii=False, default=str, allow_nan=False)
    temporary.write_text(text + "\n", encoding="utf-8", newline="\n")
    os.replace(temporary, path)


def input_schema(
    schema: Schema, names: list[str], task: str, classes: list[Any] | None, example: dict[str, Any]
) -> dict[str, Any]:
    """What schema.json beside the model says: columns it is sent, those it uses, its answer.

    An ONNX copy adds its own part, "onnx".
    """
    return {
        "columns": [{"name": c.name, "type": c.type, "format": c.format} for c in schema.features],
        "features": names,
        "target": schema.target,
        "task": task,
        "classes": classes,
        "missing_values": list(schema.missing_values),
        "example": example,
    }


def example_row(table: pa.Table, schema: Schema) -> dict[str, Any]:
    """A real row as a request to the model would hold it: of the first 1,000 the most complete."""
    rows = request_rows(table.slice(0, EXAMPLE_ROWS), schema)
    return max(rows, key=lambda row: sum(value is not None for value in row.values()))


def request_rows(table: pa.Table, schema: Schema) -> list[dict[str, Any]]:
    """The rows of a table as a request holds them: all columns but the target, None is missing."""
    rows = table.select([column.name for column in schema.features]).to_pylist()
    return [{c.name: _plain(row[c.name], c) for c in schema.features} for row in rows]


def _plain(value: Any, column: Column) -> Any:
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return None
    if column.type == "boolean":
        return bool(value)
    if column.type == "date":
        text: str = value.isoformat()
        return text.removesuffix("T00:00:00")
    if isinstance(value, float) and value.is_integer() and abs(value) < WHOLE:
        return int(value)  # as a person writes it
    return value
