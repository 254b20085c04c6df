"""The files of a model, as training writes and serving reads them: schema.json, examples.json."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from amlkit.tabular.table import Column, Schema, TableError

EXAMPLE_ROWS = 1_000  # the most complete of them is shown
ROWS = 20  # in examples.json
WHOLE = 2**53  # below this each whole number is a float64 of its own
# 7 and -12.5, but not 007, 7.0 or 7a: a number that is sent is the text of no other category.
_AS_NUMBER = r"^-?(0|[1-9]\d*)(\.\d*[1-9])?$"


def save(model: Any, path: Path) -> None:
    """Pickle the model; TableError if nobody but this process could load it."""
    import joblib  # not in an endpoint, which loads this module too

    joblib.dump(model, path)
    if b"__main__" in path.read_bytes():  # the module of what `python -m` runs, uncompressed
        path.unlink()
        raise TableError(
            "the model holds a class or a function of train.py, which is known as __main__ in this "
            "job and not at all to an endpoint; move it to another module of the package, such as "
            "features.py"
        )


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write the file whole or not at all: whoever finds it can rely on it."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    text = json.dumps(value, indent=2, ensure_ascii=False, default=str, allow_nan=False)
    temporary.write_text(text + "\n", encoding="utf-8", newline="\n")
    os.replace(temporary, path)


def input_schema(
    schema: Schema,
    names: list[str],
    task: str,
    classes: list[Any] | None,
    example: dict[str, Any],
    table: pa.Table | None = None,
) -> dict[str, Any]:
    """What schema.json beside the model says: columns it is sent, those it uses, its answer.

    `example` is a row of which the features are shown. `table` shows which categories may be sent
    as numbers. An ONNX copy adds its own part, "onnx".
    """
    return {
        "columns": [_described(column, table) for column in schema.features],
        "features": names,
        "target": schema.target,
        "task": task,
        "classes": classes,
        "missing_values": list(schema.missing_values),
        "example": {name: example[name] for name in names if name in example},
    }


def _described(column: Column, table: pa.Table | None) -> dict[str, Any]:
    """A column; "digits" where some of its categories are written as JSON writes numbers."""
    described: dict[str, Any] = {"name": column.name, "type": column.type, "format": column.format}
    if column.type == "category" and table is not None:
        texts = table.column(column.name).unify_dictionaries().chunk(0).dictionary
        if pc.any(pc.match_substring_regex(texts, _AS_NUMBER)).as_py():
            described["digits"] = True
    return described


def example_row(table: pa.Table, schema: Schema) -> dict[str, Any]:
    """A real row as a request to the model would hold it: of the first 1,000 the most complete."""
    head = table.slice(0, EXAMPLE_ROWS).select([column.name for column in schema.features])
    known = np.zeros(head.num_rows, dtype=np.int64)
    for column in head.columns:
        known += column.is_valid().to_numpy()
    return request_rows(head.slice(int(known.argmax()), 1), schema)[0]


def request_rows(
    table: pa.Table, schema: Schema, names: Sequence[str] | None = None
) -> list[dict[str, Any]]:
    """The rows of a table as a request holds them: None is missing.

    With the columns `names`, in the table's order, else with all but the target.
    """
    columns = [column for column in schema.features if names is None or column.name in set(names)]
    rows = table.select([column.name for column in columns]).to_pylist()
    return [{c.name: _plain(row[c.name], c) for c in columns} for row in rows]


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


def examples(
    held_out: pa.Table,
    schema: Schema,
    names: list[str],
    prediction: NDArray[Any],
    probability: NDArray[Any] | None,
) -> dict[str, Any]:
    """What examples.json holds: the features of held-out rows ("data"), and the model's answers.

    A deployment must return these "predictions" and "probabilities" (None where the model gives
    none). At most 20 rows: the first ones, half of them with a missing value in a column of `names`
    (the features) and half without, as far as there are such.
    """
    gaps = np.zeros(held_out.num_rows, dtype=bool)
    for name in names:
        gaps |= held_out.column(name).is_null().to_numpy()
    half, lacking, complete = ROWS // 2, np.flatnonzero(gaps), np.flatnonzero(~gaps)
    rows = np.sort(np.concatenate([lacking[:half], complete, lacking[half:]])[:ROWS])
    return {
        "data": request_rows(held_out.take(pa.array(rows)), schema, names),
        "predictions": prediction[rows].tolist(),
        "probabilities": None if probability is None else probability[rows].tolist(),
    }


def in_class_order(
    probability: NDArray[Any], own: Sequence[Any], classes: Sequence[Any]
) -> NDArray[Any] | None:
    """(rows, classes): the columns of `probability`, which are of the classes `own`, reordered.

    Contiguous, row by row: some models give theirs column by column, which orjson refuses. None if
    they are not the same classes, or not one column for each.
    """
    if probability.ndim != 2 or not probability.shape[1] == len(classes) == len(own):
        return None
    place = {label: at for at, label in enumerate(own)}
    if set(place) != set(classes):
        return None
    if list(own) != list(classes):
        probability = probability[:, [place[label] for label in classes]]
    return np.ascontiguousarray(probability)
