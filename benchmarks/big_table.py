"""Makes the big tables that are measured on: seeded, of numbers, categories and dates."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv

ROWS_AT_ONCE = 200_000


def write(path: Path, rows: int, seed: int = 0) -> None:
    """A CSV: 19 numbers, 8 categories, 2 dates, a binary target that depends on some of them."""
    rng = np.random.default_rng(seed)
    writer = None
    for start in range(0, rows, ROWS_AT_ONCE):
        block = _block(rng, min(ROWS_AT_ONCE, rows - start))
        writer = writer or pyarrow.csv.CSVWriter(path, block.schema)
        writer.write(block)
    if writer:
        writer.close()


def _block(rng: np.random.Generator, rows: int) -> pa.Table:
    """Some rows of the table."""
    columns: dict[str, pa.Array] = {}
    score = np.zeros(rows)
    for i in range(19):
        values = rng.normal(size=rows).round(4)
        score += values * (0.4 if i < 4 else 0.0)
        columns[f"number_{i}"] = pa.array(values, mask=rng.random(rows) < 0.03)
    for i in range(8):
        codes = rng.integers(0, 4 + 6 * i, rows)
        score += (codes % 3 - 1) * (0.3 if i < 3 else 0.0)
        names = pa.array([f"level {j} of {i}" for j in range(4 + 6 * i)])
        codes_or_missing = pa.array(codes, mask=rng.random(rows) < 0.02)
        columns[f"category_{i}"] = pa.DictionaryArray.from_arrays(codes_or_missing, names).cast(
            pa.string()
        )
    for i in range(2):
        days = rng.integers(15_000, 20_000, rows)
        score += np.sin(days / 58) * 0.4
        columns[f"date_{i}"] = pa.array(days.astype("datetime64[D]"))
    columns["bought"] = pa.array(np.where(rng.logistic(size=rows) < score, "yes", "no"))
    return pa.table(columns)


if __name__ == "__main__":
    write(Path(sys.argv[1]), int(sys.argv[2]))
