"""Small models of one table: 2, 3 and 30 classes and a number, with and without an ONNX copy."""

from __future__ import annotations

import importlib.util
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pyarrow as pa
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from amlkit.serving.answer import Answerer
from amlkit.serving.predictor import Predictor
from amlkit.tabular.evaluation import Evaluation
from amlkit.tabular.model_files import input_schema, request_rows, write_json
from amlkit.tabular.onnx_copy import make_onnx_copy
from amlkit.tabular.table import Column, Schema, read_table, to_frame
from conftest import PACKAGE

ROWS = 600
KINDS: dict[str, int | None] = {"two": 2, "three": 3, "thirty": 30, "number": None}
"""How many classes each model knows."""
FEATURES = (
    Column("size", "number"),
    Column("share", "number", ","),
    Column("rooms", "number"),
    Column("garden", "boolean"),
    Column("town", "category"),
    Column("code", "category"),
    Column("seen", "date", "%d.%m.%Y"),
    Column("built", "date", "ISO8601"),
)
NAMES = [column.name for column in FEATURES]
MISSING = ("", "NA", "-99")


@dataclass(frozen=True)
class SmallModel:
    """A trained model: its folder, its pipeline, and rows of its table."""

    folder: Path
    pipeline: Any
    schema: Schema
    table: pa.Table

    @property
    def answerer(self) -> Answerer:
        """What answers requests with it."""
        return Answerer(Predictor(self.folder), "small", "1")

    def rows(self, count: int) -> list[dict[str, Any]]:
        """Rows of the table as requests hold them, the first ones again where there are too few."""
        rows = request_rows(self.table, self.schema)
        return [dict(rows[at % len(rows)]) for at in range(count)]

    def own_answers(self, rows: list[dict[str, Any]]) -> tuple[Any, Any]:
        """The pipeline's predictions and probabilities, or None, for rows of typed values."""
        columns: dict[str, Any] = {}
        for name, type_ in ((column.name, column.type) for column in FEATURES):
            values = [row[name] for row in rows]
            if type_ == "category":
                texts = [np.nan if value is None else value for value in values]
                columns[name] = np.array(texts, dtype=object)
            else:
                kind = "datetime64[s]" if type_ == "date" else np.float64
                columns[name] = np.array(values, dtype=kind)
        frame = pd.DataFrame(columns)
        classes = hasattr(self.pipeline, "predict_proba")
        return self.pipeline.predict(frame), self.pipeline.predict_proba(frame) if classes else None


def write_table(path: Path) -> None:
    """A table of every type and format, with a target for each kind of model, and holes."""
    random = np.random.default_rng(7)
    day = np.datetime64("2015-01-01") + random.integers(0, 3_000, ROWS)
    size = random.normal(100, 30, ROWS).round(2)
    town = random.choice(["Ål", "B b", "C", "D"], ROWS)
    score = size / 30 + (town == "C") + random.normal(0, 0.3, ROWS)
    columns = {
        "size": size,
        "share": [f"{value:.3f}".replace(".", ",") for value in random.random(ROWS)],
        "rooms": random.integers(1, 9, ROWS),
        "garden": random.choice(["true", "false"], ROWS),
        "town": town,
        "code": random.choice(["101", "102", "7", "12.5"], ROWS),
        "seen": [f"{str(d)[8:]}.{str(d)[5:7]}.{str(d)[:4]}" for d in day],
        "built": [
            f"{d}T{hour:02}:30:00" for d, hour in zip(day, day.astype(int) % 24, strict=True)
        ],
    }
    hole = random.random((ROWS, len(columns))) < 0.05
    hole[: ROWS // 10] = False
    table = pd.DataFrame(columns).astype(object).mask(hole, "")
    table["two"] = np.where(score > np.median(score), "yes", "no")
    table["three"] = np.digitize(score, np.quantile(score, [0.3, 0.6]))
    table["thirty"] = [f"c{at:02}" for at in np.argsort(np.argsort(score)) * 30 // ROWS]
    table["number"] = (50 * score).round(3)
    table.to_csv(path, sep=";", index=False)


def fit(table: pa.Table, target: str, estimator: Any) -> Any:
    """The owner's pipeline, of an estimator."""
    X, y = to_frame(table.select(NAMES)), to_frame(table.select([target]))[target].to_numpy()
    return _owner("features").build_pipeline(FEATURES, estimator).fit(X, y)


def train(path: Path, kind: str, folder: Path) -> SmallModel:
    """A model of the table at `path`, and its ONNX copy, in `folder`."""
    classes = KINDS[kind]
    target = Column(kind, "category" if classes else "number")
    schema = Schema((*FEATURES, target), kind, delimiter=";", missing_values=MISSING)
    table = read_table(path, schema)
    boosting = HistGradientBoostingClassifier if classes else HistGradientBoostingRegressor
    estimator = boosting(max_iter=4, max_leaf_nodes=5, early_stopping=False, random_state=0)
    pipeline = fit(table, kind, estimator)
    known = pipeline.classes_.tolist() if classes else None
    example = request_rows(table.slice(0, 1), schema)[0]
    task = "classification" if classes else "regression"
    described = input_schema(schema, NAMES, task, known, example, table)
    X, y = to_frame(table.select(NAMES)), to_frame(table.select([kind]))[kind].to_numpy()
    probability = pipeline.predict_proba(X) if classes else None
    answers = Evaluation({}, pipeline.predict(X), probability)
    facts, said = make_onnx_copy(pipeline, described, table, y, answers, folder)
    assert facts is not None, said
    joblib.dump(pipeline, folder / "model.joblib")
    write_json(folder / "schema.json", {**described, "onnx": facts})
    return SmallModel(folder, pipeline, schema, table)


def without_onnx(model: SmallModel, folder: Path) -> SmallModel:
    """The same model, served by scikit-learn."""
    described = json.loads((model.folder / "schema.json").read_text("utf-8"))
    folder.mkdir(parents=True)
    write_json(folder / "schema.json", {**described, "onnx": None})
    joblib.dump(model.pipeline, folder / "model.joblib")
    return replace(model, folder=folder)


def _owner(name: str) -> Any:
    """A module of the template's package, which imports nothing else of it."""
    spec = importlib.util.spec_from_file_location(name, PACKAGE / f"{name}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
