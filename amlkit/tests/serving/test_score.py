"""Requests: what is answered, what is refused and how; the ONNX copy and the model agree."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from amlkit.serving import answer as answers
from amlkit.serving.answer import Answerer
from amlkit.serving.predictor import Predictor
from serving.asking import CULMEN, post

pytestmark = pytest.mark.slow  # a model is trained for it


def test_the_examples_have_the_answers_of_the_training(
    answerer: Answerer, examples: dict[str, Any]
) -> None:
    """Missing values among them; and the answer says which model gave it."""
    status, said = post(answerer, {"data": examples["data"]})
    assert status == 200 and said["predictions"] == examples["predictions"]
    np.testing.assert_allclose(said["probabilities"], examples["probabilities"], atol=1e-5)
    assert said["classes"] == ["FEMALE", "MALE"]
    assert said["model"] == {"name": "penguins", "version": "3"}


def changed(examples: dict[str, Any], **values: Any) -> dict[str, Any]:
    """A request of two rows, the second one changed; `...` takes a column out."""
    row = {**examples["data"][0], **values}
    return {"data": [examples["data"][0], {k: v for k, v in row.items() if v is not ...}]}


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({CULMEN: "39 mm"}, f"data[1]: column '{CULMEN}' holds '39 mm', which is not a number"),
        ({CULMEN: True}, "holds true, which is not a number; send a number or null"),
        ({CULMEN: [1]}, "holds a list"),
        ({CULMEN: ...}, f"data[1] has no column '{CULMEN}'; send null for a missing value"),
        ({"Island": 5}, "data[1]: column 'Island' holds 5, which is not a text"),
        ({"Island": {"a": 1}}, "holds an object"),
        ({"Island\nis": "x"}, "data[1]: there is no column 'Island\\nis'; did you mean 'Island'?"),
        ({"Date Egg": 5}, "holds 5, which is not a date; send a date such as 2024-01-31"),
        ({"Date Egg": "2007-02-30"}, "data[1]: column 'Date Egg' holds '2007-02-30'"),
    ],
)
def test_a_wrong_row_is_refused_in_one_line(
    answerer: Answerer, examples: dict[str, Any], values: dict[str, Any], words: str
) -> None:
    """The row, the column, what is wrong with it and what to send instead."""
    status, said = post(answerer, changed(examples, **values))
    assert status == 400 and said.keys() == {"message"}
    assert words in said["message"] and "\n" not in said["message"]


@pytest.mark.parametrize("body", [b"", b"{", b'{"data": []}', b'{"data": [{}], "rows": 1}'])
def test_a_body_that_is_no_request_is_refused(answerer: Answerer, body: bytes) -> None:
    """Whatever is sent, the answer is 400 and says why."""
    status, said = post(answerer, body)
    assert status == 400 and said["message"]


def test_rows_are_read_as_the_table_reader_reads_them(
    answerer: Answerer, examples: dict[str, Any]
) -> None:
    """A byte order mark, spaces, missing values as words, numbers as texts, columns not used."""
    whole = changed(examples)
    expected = post(answerer, whole)
    assert expected[0] == 200
    assert post(answerer, b"\xef\xbb\xbf" + json.dumps(whole).encode()) == expected
    island = examples["data"][0]["Island"]
    assert post(answerer, changed(examples, Island=f" {island}\t")) == expected
    assert post(answerer, changed(examples, Region="Anvers")) == expected
    assert post(answerer, changed(examples, Sex="MALE", index=0)) == expected
    assert (
        post(answerer, changed(examples, **{CULMEN: str(examples["data"][0][CULMEN])})) == expected
    )
    missing = post(answerer, changed(examples, Island=None))
    assert post(answerer, changed(examples, Island=" NA ")) == missing


def test_any_number_has_an_answer(answerer: Answerer, examples: dict[str, Any]) -> None:
    """The model itself answers rows that are too large for 32 bits, the ONNX copy the others."""
    expected = post(answerer, changed(examples, **{CULMEN: 1e30}))[1]
    for value in (1e31, 10**300, 1.7e308):
        status, said = post(answerer, changed(examples, **{CULMEN: value}))
        assert status == 200 and said["predictions"] == expected["predictions"]
        np.testing.assert_allclose(said["probabilities"], expected["probabilities"], atol=1e-6)


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD"])
def test_only_post_is_answered(answerer: Answerer, method: str) -> None:
    """405, and which one is allowed; OPTIONS asks for just that."""
    given = answerer.answer(method, {}, io.BytesIO(b""))
    assert given.status == 405 and "POST" in given.headers["Allow"]
    assert answerer.answer("OPTIONS", {}, io.BytesIO(b"")).status == 200


def test_a_compressed_body_is_refused(answerer: Answerer, examples: dict[str, Any]) -> None:
    """415; `identity` is none."""
    assert post(answerer, changed(examples), **{"Content-Encoding": "gzip"})[0] == 415
    assert post(answerer, changed(examples), **{"Content-Encoding": "identity"})[0] == 200


class Endless:
    """A body without end, or one that breaks off."""

    def __init__(self, breaks: bool = False) -> None:
        self.read_bytes, self.breaks = 0, breaks

    def read(self, size: int, /) -> bytes:
        """Ever more of it."""
        if self.breaks and self.read_bytes:
            raise ConnectionResetError("gone")
        self.read_bytes += size
        return b" " * size


def test_a_body_is_read_within_bounds(answerer: Answerer) -> None:
    """Too large: 413, some of the rest read so that the sender hears it. Broken off: 400."""
    endless = Endless()
    given = answerer.answer("POST", {}, endless)
    assert given.status == 413 and b"20 MB" in given.body
    assert answers.LARGEST < endless.read_bytes <= answers.DRAINED + (1 << 20)
    assert answerer.answer("POST", {}, Endless(breaks=True)).status == 400


def test_the_model_answers_where_the_onnx_copy_is_not_its_own(
    trained: Path, tmp_path: Path, examples: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    """A model.onnx that was changed, is gone, or never was: the same answers, a line of log."""
    expected = post(Answerer(Predictor(trained), None, None), {"data": examples["data"]})[1]
    folder = Path(shutil.copytree(trained, tmp_path / "model"))
    for spoil in ("change", "remove", "forget"):
        caplog.clear()
        if spoil == "change":
            (folder / "model.onnx").write_bytes((folder / "model.onnx").read_bytes() + b"\0")
        elif spoil == "remove":
            (folder / "model.onnx").unlink()
        else:
            schema = json.loads((folder / "schema.json").read_text("utf-8"))
            del schema["onnx"]
            (folder / "schema.json").write_text(json.dumps(schema), encoding="utf-8")
        with caplog.at_level("INFO"):
            predictor = Predictor(folder)
        assert predictor.onnx_copy is None and "the scikit-learn model serves" in caplog.text
        status, said = post(Answerer(predictor, None, None), {"data": examples["data"]})
        assert status == 200 and said["predictions"] == expected["predictions"]
        np.testing.assert_allclose(said["probabilities"], expected["probabilities"], atol=1e-5)


class Grumpy:
    """A model that has no answer for some rows."""

    def __init__(self, answer: float | None) -> None:
        self.answer = answer

    def predict(self, X: Any) -> Any:
        """The answer, or a ValueError."""
        if self.answer is None:
            raise ValueError("no such\nisland")
        return np.full(len(X), self.answer)


@pytest.mark.parametrize(
    ("answer", "words"),
    [(None, "the model cannot answer: no such island"), (np.inf, "not a finite number")],
)
def test_what_the_model_cannot_answer_is_said(
    trained: Path, tmp_path: Path, answer: float | None, words: str, examples: dict[str, Any]
) -> None:
    """422: there is nothing wrong with the rows, but they have no answer."""
    import joblib

    folder = Path(shutil.copytree(trained, tmp_path / "model"))
    schema = json.loads((folder / "schema.json").read_text("utf-8"))
    schema |= {"onnx": None, "task": "regression", "classes": None}
    (folder / "schema.json").write_text(json.dumps(schema), encoding="utf-8")
    joblib.dump(Grumpy(answer), folder / "model.joblib")
    status, said = post(Answerer(Predictor(folder), None, None), {"data": examples["data"]})
    assert status == 422 and words in said["message"] and "\n" not in said["message"]


@pytest.mark.parametrize("rows", [1, 2, 1_000])
@pytest.mark.parametrize("classes", [3, 30])
def test_probabilities_by_columns_are_answered_by_rows(
    tmp_path: Path, classes: int, rows: int
) -> None:
    """Boosted trees return them in Fortran's order, which the JSON writer refuses."""
    import joblib
    import pandas as pd
    from sklearn.ensemble import HistGradientBoostingClassifier

    labels = [f"c{at:02}" for at in range(classes)]
    X = pd.DataFrame({"x": np.repeat(np.arange(classes, dtype=float), 8)})
    model = HistGradientBoostingClassifier(max_iter=2, min_samples_leaf=2)
    model.fit(X, np.repeat(labels, 8))
    asked = [{"x": float(at % classes)} for at in range(rows)]
    expected = model.predict_proba(pd.DataFrame(asked))
    assert rows == 1 or not expected.flags.c_contiguous  # else this tests nothing
    joblib.dump(model, tmp_path / "model.joblib")
    schema = {
        "columns": [{"name": "x", "type": "number", "format": None}],
        "features": ["x"],
        "target": "y",
        "task": "classification",
        "classes": labels,
        "missing_values": [""],
    }
    (tmp_path / "schema.json").write_text(json.dumps(schema), encoding="utf-8")
    status, said = post(Answerer(Predictor(tmp_path), None, None), {"data": asked})
    assert status == 200, said
    np.testing.assert_allclose(said["probabilities"], expected)
    assert said["predictions"] == model.predict(pd.DataFrame(asked)).tolist()
