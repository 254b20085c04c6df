"""What a model has no answer for: the row and the value that are the reason are found."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.ensemble import RandomForestClassifier

from amlkit.serving import batch
from amlkit.serving.blame import find_cause
from amlkit.tabular.saved_model import Columns
from serving.asking import post
from serving.small_models import SmallModel, fit, without_onnx

BAD = arrays(bool, st.tuples(st.integers(1, 12), st.integers(1, 7))).filter(np.any)
SmallModels = Callable[[str, bool], SmallModel]


@given(BAD)
def test_the_first_row_and_one_of_its_bad_values_are_found(bad: Any) -> None:
    columns = {str(at): values for at, values in enumerate(bad.T)}
    usual = {name: np.zeros(1, bool) for name in columns}

    def has_answer(some: Columns) -> bool:
        return not np.any(list(some.values()))

    row, name = find_cause(has_answer, columns, usual)
    assert row == bad.any(axis=1).argmax()
    assert name is not None and columns[name][row]


def test_no_value_is_named_where_none_is_the_reason() -> None:
    """A model that answers nothing at all; one that cannot answer two such rows at once."""
    columns, usual = {"x": np.ones(4)}, {"x": np.zeros(1)}
    assert find_cause(lambda some: False, columns, usual) == (0, None)
    assert find_cause(lambda some: some["x"].sum() < 2, columns, usual) == (1, None)


class Choosy:
    """A model that fails for large sizes."""

    def predict(self, X: Any) -> Any:
        """The first class, or a KeyError."""
        if (X["size"] > 1e200).any():
            raise KeyError("no such\nsize")
        return np.full(len(X), "no")


@pytest.mark.slow
def test_the_value_is_named_to_who_asks_and_in_a_batch(
    small_models: SmallModels,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Among rows that the ONNX copy answers, and others that the model does."""
    # MLflow's migrations switch off every logger that a test before this one has made,
    # and opening a workspace by SDK v1 all logging of the process: `at_level` allows it again.
    monkeypatch.setattr(logging.getLogger("azmlinfsrv.model"), "disabled", False)
    model = small_models("two", True)
    folder = Path(shutil.copytree(model.folder, tmp_path / "model"))
    joblib.dump(Choosy(), folder / "model.joblib")
    rows = model.rows(8)
    rows[2]["size"], rows[5]["size"] = 1e31, 1e300
    said = "column 'size' holds 1e+300; the model cannot answer: KeyError: 'no such\\nsize'"
    with caplog.at_level("WARNING"):
        answer = post(replace(model, folder=folder).answerer, {"data": rows})
    assert answer == (422, {"message": f"data[5]: {said}"})
    assert 'raise KeyError("no such' in caplog.text  # the server's log has the traceback
    size = [row["size"] for row in rows]
    table = model.table.slice(0, 8)
    pq.write_table(table.set_column(0, "size", pa.array(size)), tmp_path / "in.parquet")
    files = ["--input", tmp_path / "in.parquet", "--output", tmp_path / "out.csv"]
    assert batch.main(list(map(str, ["--model", folder, *files]))) == 2
    assert capsys.readouterr().err == f"error: row 6 of the table: {said}\n"


@pytest.mark.slow
def test_a_forest_cannot_take_every_number(small_models: SmallModels, tmp_path: Path) -> None:
    """scikit-learn's trees take 32 bits, and say so of the whole table; here the value is named."""
    model = small_models("two", False)
    forest = fit(model.table, "two", RandomForestClassifier(3, random_state=0))
    model = without_onnx(replace(model, pipeline=forest), tmp_path / "forest")
    rows = model.rows(20)
    assert post(model.answerer, {"data": rows})[0] == 200
    rows[7]["share"] = 1e299
    status, said = post(model.answerer, {"data": rows})
    assert status == 422
    why = "the model cannot answer: Input X contains infinity or a value too large"
    assert said["message"].startswith(f"data[7]: column 'share' holds 1e+299; {why}")
