"""Whole tables scored: any file that the reader takes, the same answers as to requests."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from amlkit.serving import batch
from amlkit.serving.predictor import Predictor
from amlkit.serving.rows import RowReader
from conftest import PENGUINS

pytestmark = pytest.mark.slow  # each trains

Train = Callable[[str], Path]


def score(model: Path, source: Path, output: Path, *more: str) -> pd.DataFrame:
    """Run the command; what it wrote."""
    given = ["--model", str(model), "--input", str(source), "--output", str(output), *more]
    assert batch.main(given) == 0
    if output.suffix == ".csv":
        return pd.read_csv(output, keep_default_na=False, na_values=[""])
    return pq.read_table(output).to_pandas()


def test_a_table_is_scored_row_by_row_as_requests_are(model: Path, tmp_path: Path) -> None:
    """In order, probabilities by class, columns of the input in front; the target may be there."""
    found = score(
        model, PENGUINS, tmp_path / "out.parquet", "--keep", "Individual ID", "--keep", "Island"
    )
    table = pd.read_csv(PENGUINS, dtype=str, keep_default_na=False)
    names = ["Individual ID", "Island", "prediction", "probability_FEMALE", "probability_MALE"]
    assert list(found) == names and len(found) == len(table) == 344
    assert found["Individual ID"].tolist() == table["Individual ID"].tolist()
    predictor = Predictor(model)
    numbers = {c["name"] for c in predictor.schema["columns"] if c["type"] == "number"}
    rows = [
        {
            name: (float(row[name]) if row[name] not in ("", "NA") else None)
            if name in numbers
            else row[name]
            for name in predictor.schema["features"]
        }
        for row in table.to_dict("records")
    ]
    labels, shares = predictor.predict(RowReader(predictor.schema).read(rows))
    assert found["prediction"].tolist() == labels.tolist()
    assert shares is not None
    np.testing.assert_allclose(found[names[-2:]], shares, atol=1e-6)


@pytest.mark.parametrize(
    "kind",
    [
        "semicolons in latin-1",
        "parquet",
        "without the target",
        "folder of parts",
        "folder with an MLTable",
        "JSON lines, zstd",
    ],
)
def test_any_dialect_has_the_same_answers(model: Path, tmp_path: Path, kind: str) -> None:
    """Whatever the training's file looked like."""
    expected = score(model, PENGUINS, tmp_path / "expected.csv")
    table = pd.read_csv(PENGUINS)
    source = tmp_path / "in.csv"
    if kind == "parquet":
        source = tmp_path / "in.parquet"
        table["Date Egg"] = pd.to_datetime(table["Date Egg"])
        table.to_parquet(source, index=False)
    elif kind == "folder of parts":
        source = tmp_path / "in"
        source.mkdir()
        for part in range(2):
            rows = table.iloc[200 * part : 200 * part + 200]
            rows.to_parquet(source / f"part-{part}.parquet")
    elif kind == "folder with an MLTable":
        source = tmp_path / "in"
        source.mkdir()
        for part in range(2):
            rows = table.iloc[200 * part : 200 * part + 200]
            rows.to_csv(source / f"{part}.txt", sep="|", index=False)
        said = (
            "paths: [{pattern: '*.txt'}]\ntransformations: [{read_delimited: {delimiter: '|'}}]\n"
        )
        (source / "MLTable").write_text(said, encoding="utf-8")
    elif kind == "JSON lines, zstd":
        source = tmp_path / "in.jsonl.zst"
        table.to_json(source, orient="records", lines=True, compression=None)
        source.write_bytes(pa.compress(source.read_bytes(), codec="zstd", asbytes=True))
    elif kind == "without the target":
        table.drop(columns="Sex").iloc[:, ::-1].to_csv(source, index=False)
    else:
        table.assign(other="é").to_csv(source, index=False, sep=";", encoding="latin-1")
    pd.testing.assert_frame_equal(score(model, source, tmp_path / "out.csv"), expected)


def test_kept_columns_of_parquet_keep_their_types(model: Path, tmp_path: Path) -> None:
    """Whole numbers stay so: what is kept is handed through."""
    table = pd.read_csv(PENGUINS).assign(place=range(344))
    table.to_parquet(tmp_path / "in.parquet", index=False)
    out = tmp_path / "out.parquet"
    score(model, tmp_path / "in.parquet", out, "--keep", "place")
    written = pq.read_table(out)
    assert written.schema.field("place").type == pa.int64()
    assert written["place"].to_pylist() == list(range(344))
    assert written.schema.field("probability_MALE").type == pa.float32()


def test_a_regression_has_one_column(train: Train, tmp_path: Path) -> None:
    """The prediction, a number for each row."""
    found = score(train("Body Mass (g)"), PENGUINS, tmp_path / "out.csv")
    assert list(found) == ["prediction"]
    assert found["prediction"].between(2_000, 7_000).all()


def test_many_parts_are_one_table(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Scored in parts of 50 rows; each line of progress is JSON, the last one the result."""
    expected = score(model, PENGUINS, tmp_path / "whole.parquet")
    capsys.readouterr()
    monkeypatch.setattr(batch, "ROWS", 50)
    monkeypatch.setattr(batch, "PAUSE", 0.0)
    found = score(model, PENGUINS, tmp_path / "parts.parquet", "--progress")
    pd.testing.assert_frame_equal(found, expected)
    printed = capsys.readouterr().out.splitlines()
    lines: list[dict[str, Any]] = [json.loads(line) for line in printed]
    assert [line["rows"] for line in lines] == [50, 100, 150, 200, 250, 300, 344, 344]
    assert lines[-1] == {"rows": 344, "output": str(tmp_path / "parts.parquet")}
    assert all(0 < line["done"] <= line["total"] for line in lines[:-1])


@pytest.mark.parametrize(
    ("text", "more", "words"),
    [
        ("a,b\n1,2\n", [], "columns are missing: studyName"),
        (None, ["--keep", "Islandd"], "Islandd"),
        (None, ["--keep", "prediction"], "two columns of that name"),
        ("", [], "the file is empty"),
    ],
)
def test_what_cannot_be_scored_leaves_nothing(
    model: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    text: str | None,
    more: list[str],
    words: str,
) -> None:
    """Exit code 2, one line, no output."""
    source = PENGUINS
    if text is not None:
        source = tmp_path / "in.csv"
        source.write_text(text, encoding="utf-8")
    output = tmp_path / "out" / "out.csv"
    given = ["--model", str(model), "--input", str(source), "--output", str(output), *more]
    assert batch.main(given) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and words in error and error.count("\n") == 1
    assert not output.parent.exists() or not any(output.parent.iterdir())


def test_a_value_that_does_not_fit_late_in_the_file_leaves_nothing(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some rows were scored already; the half-written file goes, and its line is named."""
    monkeypatch.setattr(batch, "ROWS", 50)
    lines = PENGUINS.read_text("utf-8").splitlines()
    lines[-1] = lines[-1].replace(lines[-1].split(",")[9], "wide")
    source, output = tmp_path / "in.csv", tmp_path / "out.parquet"
    source.write_text("\n".join(lines), encoding="utf-8")
    given = ["--model", str(model), "--input", str(source), "--output", str(output)]
    assert batch.main(given) == 2
    assert "(line 345)" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["in.csv"]
    assert batch.main([*given[:-1], str(tmp_path / "out.xlsx")]) == 2
    assert ".parquet or .csv" in capsys.readouterr().err


def test_the_input_is_not_written_over(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "table.csv"
    table.write_bytes(PENGUINS.read_bytes())
    given = ["--model", str(model), "--input", str(table), "--output", str(table)]
    assert batch.main(given) == 2
    assert "place of the input" in capsys.readouterr().err
    assert table.read_bytes() == PENGUINS.read_bytes()


def test_a_model_that_is_not_described_is_refused_in_a_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A foreign package's: its own batch.py scores it."""
    given = [
        "--model",
        str(tmp_path),
        "--input",
        str(PENGUINS),
        "--output",
        str(tmp_path / "o.csv"),
    ]
    assert batch.main(given) == 2
    error = capsys.readouterr().err
    assert "no schema.json" in error and "batch.py" in error and error.count("\n") == 1


OWN_CLASS = """
class Same:
    def predict(self, X):
        return [41.5] * len(X)
"""


def test_what_the_package_pickled_is_found_in_its_process(
    train: Train, code: Path, tmp_path: Path
) -> None:
    """The owner's class is named by the pickle, and only the snapshot on PYTHONPATH has it."""
    own = Path(shutil.copytree(code, tmp_path / "code"))
    (own / "sample_model" / "own.py").write_text(OWN_CLASS, encoding="utf-8")
    folder = Path(shutil.copytree(train("Body Mass (g)"), tmp_path / "model"))
    described = json.loads((folder / "schema.json").read_text("utf-8"))
    (folder / "schema.json").write_text(json.dumps({**described, "onnx": None}), encoding="utf-8")
    pickled = (
        "import joblib, sys; from sample_model.own import Same; joblib.dump(Same(), sys.argv[1])"
    )
    out = tmp_path / "out.csv"
    given = ["--model", str(folder), "--input", str(PENGUINS), "--output", str(out)]
    for command in (
        ["-c", pickled, str(folder / "model.joblib")],
        ["-m", "amlkit.serving.batch", *given],
    ):
        variables = {**os.environ, "PYTHONPATH": str(own)}
        done = subprocess.run([sys.executable, *command], env=variables, cwd=own)
        assert done.returncode == 0
    assert pd.read_csv(out)["prediction"].tolist() == [41.5] * 344
