"""The ONNX copy: made for any model that ONNX knows, and caught if its answers are others."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pyarrow as pa
import pytest
from onnx import ModelProto, numpy_helper
from sample_model.evaluate import evaluate
from sample_model.features import build_pipeline
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, OrdinalEncoder

from amlkit.tabular.asset import open_asset, target_values
from amlkit.tabular.estimators import make_estimator
from amlkit.tabular.evaluation import Evaluation
from amlkit.tabular.model_files import input_schema
from amlkit.tabular.onnx_copy import make_onnx_copy
from amlkit.tabular.onnx_copy.compare import (
    CELLS,
    Differs,
    compare_held_out,
    compare_probes,
    probes,
)
from amlkit.tabular.onnx_copy.convert import Unknown, convert, describe
from amlkit.tabular.saved_model import OnnxModel, SklearnModel, from_table
from amlkit.tabular.table import Column, Schema, read_table, to_frame
from amlkit.tabular.table.profile import profile_table

pytestmark = pytest.mark.slow  # each trains and converts

ROWS = 500
LINEAR, TREES = "sklearn.linear_model.", "sklearn.ensemble."


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table of every type, with holes in the first 400 rows; a mean far from zero; late hours."""
    random = np.random.default_rng(0)
    size = 1e6 + 1e3 * random.normal(size=ROWS)
    town = random.choice(["Ål", "B b", "C", "D"], ROWS)
    seconds = random.integers(10**9, 17 * 10**8, ROWS).astype("datetime64[s]")
    nowhere = (random.random(ROWS) < 0.1) & (np.arange(ROWS) < 400)
    score = (size - 1e6) / 1e3 + (town == "C") + 0.3 * random.normal(size=ROWS) - 3 * nowhere
    columns = {
        "size": [f"{value:.6f}" for value in size],
        "garden": random.choice(["true", "false"], ROWS),
        "town": np.where(nowhere, "", town),
        "seen": [str(second).replace("T", " ") for second in seconds],
        "sold": np.where(score > 0.3, "yes", "no"),
        "rooms": np.digitize(score, [-0.3, 0.9]) + 2,
        "price": [f"{value:.4f}" for value in 50 * score],
    }
    lines = [",".join(columns)]
    for row in range(ROWS):
        cells = [str(values[row]) for values in columns.values()]
        if row < 400:
            cells = [c if at > 3 or random.random() > 0.1 else "" for at, c in enumerate(cells)]
        lines.append(",".join(cells))
    path = tmp_path_factory.mktemp("table") / "houses.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@dataclass
class Fitted:
    """A pipeline, and what the training knows of it."""

    pipeline: Any
    schema: dict[str, Any]
    held_out: Any
    y: Any
    evaluation: Evaluation

    def facts(self) -> dict[str, Any]:
        """The columns behind the ONNX copy's inputs."""
        return describe(self.pipeline, self.schema)

    def content(self) -> bytes:
        """The ONNX copy itself."""
        return convert(self.pipeline, self.facts())

    def verdict(self, content: bytes) -> str:
        """How this ONNX copy differs from the pipeline; empty if it does not."""
        onnx_copy = OnnxModel(content, self.facts())
        rows, _ = probes(self.schema, self.pipeline, self.held_out)
        try:
            compare_held_out(onnx_copy, self.held_out, self.y, self.evaluation)
            compare_probes(onnx_copy, SklearnModel(self.pipeline, self.schema), rows, self.y)
        except Differs as error:
            return str(error)
        return ""


def pipeline_of(
    read: Schema, names: list[str], estimator: str, task: str, **parameters: Any
) -> Pipeline:
    """The owner's pipeline over the columns `names`."""
    columns = [column for column in read.features if column.name in names]
    return build_pipeline(columns, make_estimator(estimator, parameters, task, 0))


def fit(
    path: Path, target: str, estimator: str = "auto", shuffled: bool = False, **parameters: Any
) -> Fitted:
    """Fit on the first 400 rows; those held out have no hole."""
    task = "regression" if target == "price" else "classification"
    read = open_asset(path, target).schema
    rows = read_table(path, read)
    names = ["size", "garden", "town", "seen"]
    train, held_out = rows.slice(0, 400), rows.slice(400)
    y, y_test = (target_values(part, target, task) for part in (train, held_out))
    classes = np.unique(y).tolist() if task == "classification" else None
    if shuffled:
        y = np.random.default_rng(0).permutation(y)
    pipeline = pipeline_of(read, names, estimator, task, **parameters)
    pipeline.fit(to_frame(train.select(names)), y)
    evaluation = evaluate(pipeline, to_frame(held_out.select(names)), y_test, task, classes)
    schema = input_schema(read, names, task, classes, {})
    return Fitted(pipeline, schema, held_out, y_test, evaluation)


@pytest.fixture(scope="module")
def boosting(table: Path) -> Fitted:
    """The default model for two classes."""
    return fit(table, "sold")


@pytest.mark.parametrize(
    ("target", "estimator"),
    [
        ("sold", "auto"),
        ("rooms", "auto"),
        ("price", "auto"),
        ("rooms", TREES + "RandomForestClassifier"),
        ("sold", LINEAR + "LogisticRegression"),
        ("price", LINEAR + "Ridge"),
        ("sold", LINEAR + "RidgeClassifier"),
    ],
)
def test_an_onnx_copy_gives_the_models_answers(
    table: Path, tmp_path: Path, target: str, estimator: str
) -> None:
    """Text and integer classes, numbers; dates, booleans, a mean far from zero; scores or none."""
    model = fit(table, target, estimator)
    facts, said = make_onnx_copy(
        model.pipeline, model.schema, model.held_out, model.y, model.evaluation, tmp_path
    )
    assert facts is not None, said["reason"]
    assert said["onnx_copy"] and said["rows"] == 100 and said["probes"] > 300
    onnx_copy = OnnxModel(tmp_path / facts["file"], facts)
    answers, shares = onnx_copy.predict(from_table(model.held_out, model.schema["features"]))
    if target == "price":
        np.testing.assert_allclose(answers, model.evaluation.prediction, rtol=1e-5, atol=5e-3)
    else:
        assert answers.tolist() == model.evaluation.prediction.tolist()
    assert facts["probabilities"] == (model.evaluation.probability is not None)
    if facts["probabilities"]:
        assert shares is not None and model.evaluation.probability is not None
        np.testing.assert_allclose(shares, model.evaluation.probability, atol=1e-5)


def test_a_model_without_an_onnx_copy_says_why(table: Path, tmp_path: Path) -> None:
    """One line; nothing is written, and the training goes on."""
    model = fit(table, "sold", "sklearn.svm.LinearSVC")
    facts, said = make_onnx_copy(
        model.pipeline, model.schema, model.held_out, model.y, model.evaluation, tmp_path
    )
    assert facts is None and not said["onnx_copy"] and not any(tmp_path.iterdir())
    assert said["reason"].startswith("it cannot be turned into ONNX: ")
    assert "\n" not in said["reason"]


def own_columns(pipeline: Pipeline, name: str, part: Any) -> Pipeline:
    """The pipeline with a part of one's own among its columns."""
    parts = [*pipeline["columns"].transformers, (name, part, ["size"])]
    pipeline.set_params(columns__transformers=parts)
    return pipeline


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda p: p["model"], "it is a HistGradientBoostingClassifier, not a Pipeline of dates"),
        (
            lambda p: Pipeline([("own", FunctionTransformer()), *p.steps]),
            "steps of its own (own, dates, columns, model)",
        ),
        (
            lambda p: p.set_params(dates=FunctionTransformer(p["dates"].fit_transform)),
            'its step "dates" is a FunctionTransformer',
        ),
        (lambda p: own_columns(p, "own", "passthrough"), "parts of its own (own)"),
        (
            lambda p: p.set_params(columns=OrdinalEncoder()),
            'its step "columns" is a OrdinalEncoder',
        ),
    ],
)
def test_a_pipeline_of_ones_own_is_served_by_scikit_learn_and_says_why(
    table: Path, change: Any, words: str
) -> None:
    """Its steps would be passed over, and the copy be another model: so there is none."""
    read = open_asset(table, "sold").schema
    names = ["size", "garden", "town", "seen"]
    rows = read_table(table, read)
    X, y = to_frame(rows.select(names)), target_values(rows, "sold", "classification")
    model = change(pipeline_of(read, names, "auto", "classification"))
    if words.startswith("it is a"):
        X = X[["size", "garden"]]
    schema = input_schema(read, names, "classification", ["no", "yes"], {})
    with pytest.raises(Unknown) as error:
        describe(model.fit(X, y), schema)
    assert words in str(error.value) and "\n" not in str(error.value)


def test_numbers_may_be_made_ready_in_another_way(table: Path) -> None:
    """What stands in the place of filling and scaling is converted as it is, and compared."""
    read = open_asset(table, "rooms").schema
    names, rows = ["size", "garden", "town", "seen"], read_table(table, read)
    pipeline = pipeline_of(read, names, LINEAR + "LogisticRegression", "classification")
    ready = Pipeline([("fill", SimpleImputer(strategy="mean")), ("scale", MinMaxScaler())])
    parts = [(n, ready if n == "numbers" else t, c) for n, t, c in pipeline[1].transformers]
    pipeline.set_params(columns__transformers=parts)
    X, y = to_frame(rows.select(names)), target_values(rows, "rooms", "classification")
    schema = input_schema(read, names, "classification", np.unique(y).tolist(), {})
    pipeline.fit(X, y)
    assert convert(pipeline, describe(pipeline, schema))


def test_an_onnx_copy_of_another_training_is_caught(table: Path, boosting: Fitted) -> None:
    """Labels shuffled: the held-out rows tell."""
    words = boosting.verdict(fit(table, "sold", shuffled=True).content())
    assert "of 100 held-out rows" in words


def attributes(model: ModelProto, name: str) -> list[Any]:
    """All attributes of that name in the graph."""
    return [a for node in model.graph.node for a in node.attribute if a.name == name]


def test_a_small_change_of_one_leaf_is_caught(table: Path) -> None:
    """A thousandth more in the largest leaf of the first tree."""
    fitted = fit(table, "sold", max_iter=10)
    model = onnx.load_from_string(fitted.content())
    first = fitted.pipeline[-1]._predictors[0][0].nodes
    leaves = first[first["is_leaf"].astype(bool)]
    (weights,) = attributes(model, "class_weights_as_tensor")
    values = numpy_helper.to_array(weights.t).copy()
    values[leaves["count"].argmax()] += 1e-3
    weights.t.CopyFrom(numpy_helper.from_array(values))
    assert "another answer" in fitted.verdict(model.SerializeToString())


@pytest.mark.parametrize(("target", "name"), [("sold", "LogisticRegression"), ("price", "Ridge")])
def test_a_small_change_of_one_coefficient_is_caught(table: Path, target: str, name: str) -> None:
    """A thousandth of itself, or one."""
    fitted = fit(table, target, LINEAR + name)
    model = onnx.load_from_string(fitted.content())
    (weights,) = attributes(model, "coefficients")
    at = int(np.argmax(np.abs(weights.floats)))
    weights.floats[at] += 1e-3 * max(1.0, abs(weights.floats[at]))
    assert fitted.verdict(fitted.content()) == ""
    assert "another answer" in fitted.verdict(model.SerializeToString())


def test_missing_values_that_go_astray_are_caught(boosting: Fitted) -> None:
    """No held-out row has a missing value: the made-up rows tell, for numbers and for texts."""
    model = onnx.load_from_string(boosting.content())
    (tracks,) = attributes(model, "nodes_missing_value_tracks_true")
    tracks.ints[:] = [1 - value for value in tracks.ints]
    assert "made-up rows" in boosting.verdict(model.SerializeToString())
    model = onnx.load_from_string(boosting.content())
    (codes,) = attributes(model, "values_int64s")
    codes.ints[-1] = 2
    assert "made-up rows" in boosting.verdict(model.SerializeToString())


def test_unknown_categories_that_go_astray_are_caught(boosting: Fitted) -> None:
    """An unknown text is taken for the third of the known ones: the made-up rows tell."""
    model = onnx.load_from_string(boosting.content())
    (unknown,) = attributes(model, "default_int64")
    unknown.i = 2
    assert "made-up rows" in boosting.verdict(model.SerializeToString())


def test_a_text_that_reads_nan_is_no_missing_value(tmp_path: Path) -> None:
    """Where the table says that only an empty cell is missing."""
    lines = [
        f"{at % 7},{('nan', 'x', '')[at % 3]},{('no', 'yes', 'no')[at % 3]}" for at in range(300)
    ]
    path = tmp_path / "t.csv"
    path.write_text("a,t,y\n" + "\n".join(lines) + "\n", encoding="utf-8")
    types = {"a": "number", "t": "category", "y": "category"}
    read = profile_table(path, "y", types=types, missing_values=[""]).schema
    rows = read_table(path, read)
    y = target_values(rows, "y", "classification")
    for estimator in ("auto", LINEAR + "LogisticRegression"):
        pipeline = pipeline_of(read, ["a", "t"], estimator, "classification")
        X = to_frame(rows.select(["a", "t"]))
        pipeline.fit(X, y)
        evaluation = evaluate(pipeline, X, y, "classification", ["no", "yes"])
        schema = input_schema(read, ["a", "t"], "classification", ["no", "yes"], {})
        fitted = Fitted(pipeline, schema, rows, y, evaluation)
        assert fitted.verdict(fitted.content()) == ""


def test_a_wide_table_is_tried_in_some_columns_of_each_type() -> None:
    """In no more than a million cells together, however many columns there are."""
    numbers = [f"gene {place}" for place in range(3_000)]
    types = {**dict.fromkeys(numbers, "number"), "town": "category", "seen": "date"}
    columns = tuple(Column(name, type_) for name, type_ in types.items())
    random = np.random.default_rng(0)
    values = dict(zip(numbers, random.normal(size=(len(numbers), 30)), strict=True))
    town = pa.array(["Bonn", "Cork"] * 15).dictionary_encode()
    seen = pa.array(np.arange(30) * 86_400, pa.timestamp("s"))
    rows = pa.table({**values, "town": town, "seen": seen})
    pipeline = build_pipeline(columns, make_estimator(LINEAR + "Ridge", {}, "regression", 0))
    pipeline.fit(to_frame(rows), values["gene 0"])
    schema = {"columns": [vars(column) for column in columns], "features": [*types]}
    tried, count = probes(schema, pipeline, rows)
    assert len(tried["town"]) * len(types) <= CELLS and 20 < count < 100
    changed = [name for name in types if len({*map(str, tried[name])}) > 5]
    assert {"town", "seen", "gene 0"} <= {*changed} and len(changed) == count


@pytest.mark.parametrize("estimator", ["auto", LINEAR + "Ridge"])
def test_a_dozen_text_columns_keep_their_missing_values_apart(estimator: str) -> None:
    """Boosting takes their codes, a linear model each category; every third column has holes."""
    random = np.random.default_rng(0)
    texts = {
        f"text {place}": random.choice(["a", "z"] if place % 3 else ["a", "b", "nan", None], 200)
        for place in range(12)
    }
    columns = tuple(Column(name, "category") for name in texts)
    rows = pa.table({n: pa.array(v, pa.string()).dictionary_encode() for n, v in texts.items()})
    X = to_frame(rows)
    y = sum(X[name].isna() * place + (X[name] == "z") for place, name in enumerate(X)).to_numpy()
    pipeline = build_pipeline(columns, make_estimator(estimator, {}, "regression", 0)).fit(X, y)
    schema = {"features": [*texts], "classes": None}
    facts = describe(pipeline, schema)
    onnx_copy = OnnxModel(convert(pipeline, facts), facts)
    answer, _ = onnx_copy.predict(from_table(rows, [*texts]))
    assert answer == pytest.approx(pipeline.predict(X), rel=1e-4)
