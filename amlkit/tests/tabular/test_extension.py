"""What an owner may change in features.py, evaluate.py and config.yml, as the docs show it."""

from __future__ import annotations

import importlib
import json
import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import yaml

from amlkit.gate import decide, normalise
from amlkit.serving.predictor import Predictor
from amlkit.serving.rows import RowReader
from amlkit.settings import load_settings
from amlkit.tabular.estimators import make_estimator
from amlkit.tabular.table import TableError
from amlkit.tabular.training import main, save
from conftest import PACKAGE, PENGUINS, SAMPLE, TEMPLATE

pytestmark = pytest.mark.slow  # each trains

# The code of the docs. `my_package` stands there for the package's own name.
FEATURE = '''
import pandas as pd
from sklearn.preprocessing import FunctionTransformer


def with_ratio(X: pd.DataFrame) -> pd.DataFrame:
    """The culmen's length by its depth; NaN where one of them is missing."""
    return X.assign(culmen_ratio=X["Culmen Length (mm)"] / X["Culmen Depth (mm)"])
'''
FEATURE_NUMBERS = '    numbers += [*dates.parts(), "culmen_ratio"]\n'
FEATURE_STEP = """\
    own = ("own", FunctionTransformer(with_ratio))
    return Pipeline([own, ("dates", dates), ("columns", table), ("model", model)])
"""
METRIC = """\
    metrics["recall_worst"] = min(np.mean(predicted[codes == code] == code) for code in present)
"""
METRIC_RULES = """\
gate:
  rules:
    classification:
      primary_metric: roc_auc
      thresholds:
        roc_auc: 0.6
        recall_worst: {min: 0.75}
"""
LIGHTGBM = """\
training:
  estimator: lightgbm.LGBMClassifier
  parameters: {n_estimators: 200, learning_rate: 0.05, verbosity: -1}
"""
SEARCH = '''
from scipy.stats import loguniform, randint
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import RandomizedSearchCV


def search(n_iter: int = 20, cv: int = 5) -> RandomizedSearchCV:
    """What is tried, and how it is compared; the arguments are `training.parameters`."""
    space = {"learning_rate": loguniform(0.01, 0.3), "max_leaf_nodes": randint(4, 64)}
    model = HistGradientBoostingClassifier()
    return RandomizedSearchCV(model, space, n_iter=n_iter, cv=cv, scoring="roc_auc")
'''
SEARCH_SETTING = "estimator: my_package.search.search"

Changes = Mapping[str, Callable[[str], str]]


class Owner:
    """An owner's package: the template's with changes, and its training."""

    def __init__(self, folder: Path, name: str, changes: Changes) -> None:
        self.name, self.outputs = name, folder / "outputs"
        ignored = shutil.ignore_patterns("__pycache__")
        package = Path(shutil.copytree(PACKAGE, folder / "src" / name, ignore=ignored))
        for file, change in changes.items():
            path = package / file
            text = path.read_text(encoding="utf-8") if path.is_file() else ""
            path.write_text(change(text), encoding="utf-8")

    def module(self, name: str) -> ModuleType:
        """One of its modules."""
        return importlib.import_module(f"{self.name}.{name}")

    def train(self, **settings: Any) -> dict[str, Any]:
        """Train on the carried table, and return metrics.json."""
        job = self.module("train")
        arguments = ["--data", str(PENGUINS), "--target", "Sex", "--outputs", str(self.outputs)]
        assert main(job.train, job.SETTINGS, [*arguments, "--settings", json.dumps(settings)]) == 0
        found: dict[str, Any] = json.loads((self.outputs / "metrics.json").read_text("utf-8"))
        return found

    def served(self) -> None:
        """Serving gives the answers that examples.json holds."""
        predictor = Predictor(self.outputs / "model")
        shown = json.loads((self.outputs / "model" / "examples.json").read_text("utf-8"))
        rows = RowReader(predictor.schema).read(shown["data"])
        prediction, probability = predictor.predict(rows)
        assert prediction.tolist() == shown["predictions"]
        if shown["probabilities"] is not None:
            assert probability is not None
            np.testing.assert_allclose(probability, shown["probabilities"], atol=1e-4)


Make = Callable[..., Owner]


@pytest.fixture()
def owner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    """Make an owner's package of a name of its own, by changes to the template's files."""
    monkeypatch.syspath_prepend(str(tmp_path / "src"))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return lambda name, changes=(): Owner(tmp_path, name, dict(changes))


def put(old: str, new: str) -> Callable[[str], str]:
    """Replace text that must be there."""

    def change(text: str) -> str:
        assert text.count(old) == 1, old
        return text.replace(old, new)

    return change


def with_the_ratio(text: str) -> str:
    """features.py as the docs change it."""
    text = put("    numbers += dates.parts()\n", FEATURE_NUMBERS)(text)
    last = '    return Pipeline([("dates", dates), ("columns", table), ("model", model)])\n'
    return put(last, FEATURE_STEP)(text) + FEATURE


def test_a_feature_function_of_ones_own(owner: Make) -> None:
    """The model learns from it, is served by scikit-learn, and the record says why."""
    changed = owner("ratio_model", {"features.py": with_the_ratio})
    record = changed.train()
    predictor = Predictor(changed.outputs / "model")
    assert predictor.onnx_copy is None
    assert record["metrics"]["roc_auc"] > 0.9
    assert record["serving"]["reason"] == (
        "it cannot be turned into ONNX: the pipeline has steps of its own "
        "(own, dates, columns, model); a copy is made of dates, columns, model alone"
    )
    model = predictor._load().model
    assert "culmen_ratio" in model["columns"].feature_names_in_
    assert "culmen_ratio" not in predictor.schema["features"]  # nobody has to send it
    changed.served()


def test_a_model_that_is_no_pipeline_of_the_templates(owner: Make) -> None:
    """Whatever `build_pipeline` returns is trained, recorded and served."""
    own = '''
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.pipeline import make_pipeline


def build_pipeline(columns, model):
    """The numbers alone."""
    numbers = make_column_selector(dtype_include="float64")
    return make_pipeline(make_column_transformer(("passthrough", numbers)), model)
'''
    record = owner("plain_model", {"features.py": lambda _: own}).train()
    assert not record["serving"]["onnx_copy"]
    assert "(columntransformer, histgradientboostingclassifier)" in record["serving"]["reason"]
    assert record["training"]["estimator"].endswith(".HistGradientBoostingClassifier")


def test_a_class_of_train_py_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`python -m` runs that file as __main__, and the model would name its class so."""
    own = type("Own", (), {"__module__": "__main__"})
    monkeypatch.setattr(sys.modules["__main__"], "Own", own, raising=False)
    with pytest.raises(TableError, match=r"another module of the package, such as features\.py"):
        save(own(), tmp_path / "model.joblib")
    assert not any(tmp_path.iterdir())


def test_a_second_metric_and_its_threshold(owner: Make, tmp_path: Path) -> None:
    """It is in metrics.json, and the gate decides by it; the champion is measured by it too."""
    last = "    return metrics\n"

    def changed(text: str) -> str:
        head, tail = text.rsplit(last, 1)
        return f"{head}{METRIC}{last}{tail}"

    record = owner("metric_model", {"evaluate.py": changed}).train()
    value = record["metrics"]["recall_worst"]
    assert 0.75 < value < record["metrics"]["accuracy"]
    for least, registered in ((0.75, True), (0.99, False)):
        root = tmp_path / str(least)
        root.mkdir()
        text = (SAMPLE / "config.yml").read_text(encoding="utf-8")
        (root / "config.yml").write_text(text, encoding="utf-8")
        rules = METRIC_RULES.replace("0.75", str(least))
        (root / "config.own.yml").write_text(rules, encoding="utf-8")
        settings = load_settings(root, env="own", environ={})
        decision = decide(normalise(record), settings.gate, None)
        assert decision.registered == registered
        assert any(check.metric == "recall_worst" for check in decision.checks)


FOREIGN = '''
import numpy as np


class LGBMClassifier:
    """An estimator of another package, as LightGBM's looks: no base class of scikit-learn's."""

    def __init__(self, n_estimators=100, learning_rate=0.1, random_state=None, **kwargs):
        self.settings = (n_estimators, learning_rate, kwargs)
        self.random_state = random_state

    def fit(self, X, y):
        """Remember the mean of each class; missing numbers count as none."""
        X = np.nan_to_num(np.asarray(X, dtype=float))
        self.classes_ = np.unique(y)
        self.means = np.stack([X[y == label].mean(axis=0) for label in self.classes_])
        self.scale = X.std(axis=0) + 1e-9
        return self

    def predict_proba(self, X):
        """The nearer, the likelier."""
        X = np.nan_to_num(np.asarray(X, dtype=float))
        far = (((X[:, None] - self.means) / self.scale) ** 2).sum(axis=2)
        near = np.exp(-(far - far.min(axis=1, keepdims=True)))
        return np.asfortranarray(near / near.sum(axis=1, keepdims=True))

    def predict(self, X):
        """The likeliest."""
        return self.classes_[self.predict_proba(X).argmax(axis=1)]
'''


@pytest.mark.filterwarnings("ignore:.*:DeprecationWarning:sklearn")
def test_an_estimator_of_another_package(
    owner: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A double of LightGBM's: named in config.yml, served by scikit-learn, for a reason said."""
    changed = owner("foreign_model")
    (tmp_path / "src" / "lightgbm.py").write_text(FOREIGN, encoding="utf-8")
    monkeypatch.delitem(sys.modules, "lightgbm", raising=False)
    record = changed.train(**yaml.safe_load(LIGHTGBM)["training"])
    sys.modules.pop("lightgbm")
    assert record["training"]["estimator"] == "lightgbm.LGBMClassifier"
    assert record["metrics"]["roc_auc"] > 0.7
    assert not record["serving"]["onnx_copy"] and "no LGBMClassifier" in record["serving"]["reason"]
    monkeypatch.syspath_prepend(str(tmp_path / "src"))
    changed.served()


def test_a_hyper_parameter_search(owner: Make) -> None:
    """By a function of one's own; what it found is recorded, and has an ONNX copy."""
    changed = owner("searched_model", {"search.py": lambda _: SEARCH})
    told = yaml.safe_load(SEARCH_SETTING.replace("my_package", "searched_model"))
    record = changed.train(**{**told, "parameters": {"n_iter": 2, "cv": 2}})
    made = record["training"]
    assert made["estimator"] == "sklearn.model_selection.RandomizedSearchCV"
    assert made["best_parameters"].keys() == {"learning_rate", "max_leaf_nodes"}
    assert made["parameters"]["random_state"] == made["parameters"]["estimator__random_state"] == 0
    assert record["metrics"]["roc_auc"] > 0.9
    assert record["serving"]["onnx_copy"], record["serving"]["reason"]
    changed.served()


@pytest.mark.parametrize(
    ("path", "parameters", "by"),
    [
        ("sklearn.model_selection.RandomizedSearchCV", {}, "estimator"),
        (
            "sklearn.model_selection.GridSearchCV",
            {"estimator": "sklearn.svm.SVC", "param_grid": {"C": [1]}},
            "estimator",
        ),
        ("sklearn.ensemble.VotingClassifier", {"estimators": ["sklearn.svm.SVC"]}, "estimators"),
        ("sklearn.pipeline.Pipeline", {}, "steps"),
    ],
)
def test_a_search_in_config_names_the_way_by_a_function(
    path: str, parameters: dict[str, Any], by: str
) -> None:
    """config.yml holds no estimator within an estimator; the line says what to write instead."""
    with pytest.raises(TableError) as error:
        make_estimator(path, parameters, "classification", 0)
    assert f"{path} is made of another estimator ({by}), which config.yml cannot hold" in str(
        error.value
    )
    assert "name that function here, such as my_package.search.search" in str(error.value)


def test_the_docs_show_this_code() -> None:
    """Each piece above stands in the docs as it is tested here."""
    docs = "\n".join(path.read_text("utf-8") for path in (TEMPLATE / "docs").glob("*.md"))
    for code in (FEATURE, FEATURE_NUMBERS, FEATURE_STEP, METRIC, METRIC_RULES, LIGHTGBM, SEARCH):
        assert code.strip("\n") in docs
    assert SEARCH_SETTING in docs
