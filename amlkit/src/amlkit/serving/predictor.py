"""A saved model that answers: its ONNX copy where there is one, else the model itself."""

from __future__ import annotations

import hashlib
import json
import logging
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from amlkit.serving.blame import find_cause
from amlkit.serving.rows import RowReader
from amlkit.serving.values import shown
from amlkit.tabular.saved_model import (
    Answers,
    Array,
    Columns,
    OnnxModel,
    SklearnModel,
    finite,
    take,
)
from amlkit.tabular.table import shorten

log = logging.getLogger("azmlinfsrv.model")  # below the server's own, so that it is seen there


class CannotAnswer(ValueError):
    """One line: why the model has no answer for some rows, though nothing is wrong in them.

    `row` is the place of the first of them; None if it cannot be told.
    """

    def __init__(self, message: str, row: int | None = None) -> None:
        super().__init__(message)
        self.row = row


class Predictor:
    """The model of a folder that train.py wrote.

    `threads` are those of ONNX; 0 is as many as there are cores.

    Raises:
        OSError, ValueError: the folder holds no such model.
    """

    def __init__(self, folder: Path, threads: int = 1) -> None:
        self.folder = folder
        self.schema: dict[str, Any] = json.loads((folder / "schema.json").read_text("utf-8"))
        self.classes: list[Any] | None = self.schema["classes"]
        self._lock = threading.Lock()
        self._own: SklearnModel | None = None
        self.onnx_copy = _load_onnx_copy(folder, self.schema.get("onnx"), threads)
        if self.onnx_copy is None:
            self._load()

    def _load(self) -> SklearnModel:
        """The model itself, read when it is first needed."""
        with self._lock:
            if self._own is None:
                self._own = SklearnModel(self.folder / "model.joblib", self.schema)
        return self._own

    def predict(self, columns: Columns) -> Answers:
        """Labels or numbers (rows,); and probabilities (rows, classes) as `classes` are ordered.

        The second is None for a regression and for a model without probabilities.

        Raises:
            CannotAnswer: the model fails for these rows, or its answer is no number.
        """
        if self.onnx_copy is None:
            return self._predict_itself(columns)
        outside = self.onnx_copy.outside(columns)
        if outside is None:
            prediction, scores = self.onnx_copy.predict(columns)
            if finite(prediction, scores):
                return prediction, scores if self.onnx_copy.probabilities else None
        elif not outside.all():
            parts = [self._predict_some(columns, mask) for mask in (outside, ~outside)]
            return _merged(outside, *parts)
        return self._predict_itself(columns)

    def _predict_some(self, columns: Columns, mask: Array) -> Answers:
        """The answers for some of the rows; where there is none, its row is that among all."""
        try:
            return self.predict(take(columns, mask))
        except CannotAnswer as error:
            if error.row is not None:
                error.row = int(np.flatnonzero(mask)[error.row])
            raise

    def _predict_itself(self, columns: Columns) -> Answers:
        """The answers of the scikit-learn model."""
        answers = self._tried(columns)
        if isinstance(answers, CannotAnswer):
            raise self._blamed(columns, answers) from answers.__cause__
        return answers

    def _tried(self, columns: Columns) -> Answers | CannotAnswer:
        """The answers, or why there are none; what the model raised is its cause."""
        model = self._load()
        try:
            answers = model.predict(columns)
        except (TimeoutError, MemoryError):  # the server's own limits
            raise
        except Exception as error:  # an owner's model may raise anything for odd rows
            kind = "" if isinstance(error, ValueError) else f"{type(error).__name__}: "
            problem = CannotAnswer(f"the model cannot answer: {kind}{shorten(error, 200)}")
            problem.__cause__ = error
            return problem
        if finite(*answers):
            return answers
        return CannotAnswer(
            "the model's answer is not a finite number; are numbers in the rows far beyond "
            "those it was trained on?"
        )

    def _blamed(self, columns: Columns, problem: CannotAnswer) -> CannotAnswer:
        """The problem, with the first row that has it and the value that makes it."""
        example = self.schema.get("example") or dict.fromkeys(self.schema["features"])
        usual = RowReader(self.schema).read([example])
        row, name = find_cause(
            lambda some: not isinstance(self._tried(some), CannotAnswer), columns, usual
        )
        if name is None:
            return CannotAnswer(str(problem), row)
        value = shown(columns[name][row : row + 1].tolist()[0])
        return CannotAnswer(f"column {shown(name)} holds {value}; {problem}", row)


def _load_onnx_copy(
    folder: Path, facts: Mapping[str, Any] | None, threads: int
) -> OnnxModel | None:
    """The ONNX copy, if it is the one that was compared with the model; else None."""
    if not facts:
        log.info("the scikit-learn model serves: it has no ONNX copy")
        return None
    try:
        content = (folder / facts["file"]).read_bytes()
        if hashlib.sha256(content).hexdigest() != facts["sha256"]:
            raise ValueError("its file is not the one that was compared with the model")
        return OnnxModel(content, facts, threads)
    except Exception as error:  # whatever ails it, the model itself can answer
        log.warning("the scikit-learn model serves, not its ONNX copy: %s", shorten(error, 200))
        return None


def _merged(mask: Array, inside: Answers, others: Answers) -> Answers:
    """The answers for the rows of `mask` and for the others, each in its place."""
    joined: list[Array | None] = []
    for one, other in zip(inside, others, strict=True):
        if one is None or other is None:
            joined.append(None)
            continue
        whole = np.empty((len(mask), *one.shape[1:]), dtype=np.result_type(one, other))
        whole[mask], whole[~mask] = one, other
        joined.append(whole)
    assert joined[0] is not None  # noqa: S101
    return joined[0], joined[1]
