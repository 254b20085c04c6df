"""Score a whole table: `python -m amlkit.serving.batch --model FOLDER --input FILE --output FILE`.

The input is a CSV of any dialect or Parquet, with the columns that the model uses; the output is
Parquet (.parquet) or CSV (.csv) with a row for each of the input's, in its order: `prediction`, and
`probability_<class>` where the model gives probabilities. Memory is bounded whatever the size.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from amlkit.say import say
from amlkit.serving.predictor import CannotAnswer, Predictor
from amlkit.tabular.parts import SCORED
from amlkit.tabular.saved_model import Answers, from_table
from amlkit.tabular.table import CsvSource, Schema, TableError, file_kind, iter_tables

ROWS = 50_000  # scored at a time
PAUSE = 0.2  # seconds between two lines of progress


def main(argv: list[str] | None = None) -> int:
    """Returns 0 if the output is there, 2 if it cannot be made of this input."""
    parser = argparse.ArgumentParser(
        prog="batch", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", type=Path, required=True, help="folder that train.py wrote")
    parser.add_argument("--input", type=Path, required=True, help="table: CSV or Parquet")
    parser.add_argument("--output", type=Path, required=True, help=".parquet or .csv")
    parser.add_argument(
        "--keep", action="append", default=[], metavar="COLUMN", help="copy it in front; repeatable"
    )
    parser.add_argument("--progress", action="store_true", help="lines of JSON on stdout")
    args = parser.parse_args(argv)
    start = time.perf_counter()
    try:
        rows = score(args.model, args.input, args.output, args.keep, Said(args.progress))
    except (TableError, CannotAnswer) as error:
        say(f"error: {error}", error=True)
        return 2
    except OSError as error:
        say(f"error: {error.filename or ''}: {error.strerror or error}", error=True)
        return 2
    if args.progress:
        say(json.dumps({"rows": rows, "output": str(args.output)}))
    else:
        seconds = time.perf_counter() - start
        say(f"{rows:,} rows scored in {seconds:.1f} s: {args.output}")
    return 0


class Said:
    """What is told of the progress: lines of JSON, at most five a second, if they are wanted."""

    def __init__(self, wanted: bool) -> None:
        self.wanted, self.rows, self._done, self._total, self._last = wanted, 0, 0, 0, 0.0

    def read(self, done: int, total: int) -> None:
        """Bytes read, and bytes in all."""
        self._done, self._total = done, total

    def scored(self, rows: int) -> None:
        """So many more rows have their answer."""
        self.rows += rows
        now = time.monotonic()
        if self.wanted and self._total and now - self._last >= PAUSE:
            self._last = now
            line = {"done": self._done, "total": self._total, "rows": self.rows}
            say(json.dumps(line))


def score(model: Path, source: Path, output: Path, keep: Sequence[str], said: Said) -> int:
    """Score the table `source` into `output`, which appears whole or not at all; return the rows.

    Raises:
        TableError, CannotAnswer, OSError: in one line, why it cannot be.
    """
    if output.suffix.lower() not in SCORED:
        raise TableError(f"{output.name}: the output is written as .parquet or .csv")
    if output.resolve() == source.resolve():
        raise TableError(f"{output.name}: the output would take the place of the input")
    if not (model / "schema.json").is_file():
        raise CannotAnswer(
            f"{model} has no schema.json, so amlkit cannot score it; a model of another kind is "
            "scored by a batch.py in its package (docs/contract.md)"
        )
    predictor = Predictor(model, threads=0)
    schema = input_schema(predictor.schema, source)
    names = answer_names(predictor.classes)
    if double := sorted(set(keep) & set(names)) or [n for n in keep if keep.count(n) > 1]:
        raise TableError(f"--keep {double[0]}: the output would have two columns of that name")
    temporary = output.with_name(f".{output.name}.{os.getpid()}")
    output.parent.mkdir(parents=True, exist_ok=True)
    writer: Any = None
    try:
        for table in scored_tables(predictor, source, schema, keep, said):
            if writer is None:
                writer = _writer(temporary, output.suffix.lower(), table.schema)
            writer.write_table(table)
        writer.close()
        os.replace(temporary, output)
    except BaseException:
        if writer is not None:
            writer.close()
        temporary.unlink(missing_ok=True)
        raise
    return said.rows


def input_schema(described: dict[str, Any], source: Path) -> Schema:
    """How `source` is to be read: the columns that the model uses, and the file's own dialect."""
    columns = {column["name"]: column for column in described["columns"]}
    features = [columns[name] for name in described["features"]]
    read = {
        "columns": features,
        "target": described["target"],
        "missing_values": described["missing_values"],
    }
    if file_kind(source) == "csv":
        dialect = CsvSource(source)
        read |= {"delimiter": dialect.delimiter, "encoding": dialect.encoding}
    return Schema.from_dict(read)


def scored_tables(
    predictor: Predictor, source: Path, schema: Schema, keep: Sequence[str], said: Said
) -> Iterator[pa.Table]:
    """Yield the output in parts: the columns to keep, then the answers."""
    names: list[str] = predictor.schema["features"]
    columns = answer_names(predictor.classes)
    for table in iter_tables(source, schema, ROWS, False, keep, said.read):
        features = table.select(list(range(len(names))))  # one may be kept, too
        prediction, probability = _predict(predictor, features, said.rows)
        answers = [pa.array(prediction.tolist() if prediction.dtype == object else prediction)]
        if predictor.classes is None:
            answers = [pa.array(prediction.astype(np.float64))]
        if probability is not None:
            shares = np.ascontiguousarray(probability.T, dtype=np.float32)
            answers += [pa.array(share) for share in shares]
        kept = table.columns[len(names) :]
        said.scored(table.num_rows)
        yield pa.table([*kept, *answers], names=[*keep, *columns[: len(answers)]])


def _predict(predictor: Predictor, features: pa.Table, before: int) -> Answers:
    """The answers for a part of the table; where there is none, its row is that of the table."""
    try:
        return predictor.predict(from_table(features, features.column_names))
    except CannotAnswer as error:
        where = "" if error.row is None else f"row {before + error.row + 1:,} of the table: "
        raise CannotAnswer(f"{where}{error}") from error


def answer_names(classes: Sequence[Any] | None) -> list[str]:
    """The columns of the answers; those of a model without probabilities are the first alone."""
    return ["prediction", *(f"probability_{label}" for label in classes or ())]


def _writer(path: Path, suffix: str, schema: pa.Schema) -> Any:
    """What writes tables of that form, one after the other."""
    if suffix == ".csv":
        return pacsv.CSVWriter(path, schema)
    return pq.ParquetWriter(path, schema, compression="zstd")


if __name__ == "__main__":
    sys.exit(main())
