"""Metrics are scikit-learn's where they can be measured, absent where not."""

from __future__ import annotations

import json
import math
import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sample_model.evaluate import evaluate
from sklearn import metrics as sk
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import KBinsDiscretizer, StandardScaler
from sklearn.svm import SVC, LinearSVC

from amlkit.tabular.evaluation import Evaluation, Replay

ALWAYS = {"accuracy", "balanced_accuracy", "f1_macro"}


def rows_of(classes: list[Any], rows: int = 400, seed: int = 0) -> tuple[pd.DataFrame, Any]:
    """Rows whose class shows, but not plainly."""
    random = np.random.default_rng(seed)
    places = random.integers(0, len(classes), rows)
    X = random.normal(size=(rows, 3))
    X[:, 0] += places
    return pd.DataFrame(X, columns=["a", "b", "c"]), np.array(classes, dtype=object)[places]


class Says:
    """A double of a model: says what it was given."""

    def __init__(self, prediction: Any, probability: Any = None, classes: Any = None) -> None:
        self.prediction = prediction
        if probability is not None:
            self.predict_proba = lambda X: np.asarray(probability)
            self.classes_ = np.array(classes)

    def predict(self, X: Any) -> Any:
        """What it was given."""
        return np.asarray(self.prediction)


def test_two_classes_have_the_metrics_of_scikit_learn() -> None:
    """Texts as labels; the second class in order is the positive one."""
    X, y = rows_of(["no", "yes"])
    model = LogisticRegression().fit(X[:200], y[:200])
    X, y = X[200:], y[200:]
    label, p = model.predict(X), model.predict_proba(X)
    found = evaluate(model, X, y, "classification", ["no", "yes"])
    assert found.metrics == pytest.approx(
        {
            "accuracy": sk.accuracy_score(y, label),
            "balanced_accuracy": sk.balanced_accuracy_score(y, label),
            "f1_macro": sk.f1_score(y, label, average="macro"),
            "log_loss": sk.log_loss(y, p),
            "roc_auc": sk.roc_auc_score(y, p[:, 1]),
            "average_precision": sk.average_precision_score(y == "yes", p[:, 1]),
            "brier": sk.brier_score_loss(y == "yes", p[:, 1]),
        }
    )
    assert found.probability is not None and np.array_equal(found.probability, p)


def test_more_classes_are_ranked_one_against_the_rest() -> None:
    """Integers as labels; ties in the scores count half, as scikit-learn counts them."""
    X, y = rows_of([10, 20, 30])
    y = y.astype(np.int64)
    model = RandomForestClassifier(5, random_state=0).fit(X[:200], y[:200])
    X, y = X[200:], y[200:]
    p = model.predict_proba(X)
    found = evaluate(model, X, y, "classification", [10, 20, 30]).metrics
    expected = sk.roc_auc_score(y, p, multi_class="ovr", average="weighted")
    assert found["roc_auc"] == pytest.approx(expected)
    assert found["log_loss"] == pytest.approx(sk.log_loss(y, p))
    assert found.keys() == ALWAYS | {"roc_auc", "log_loss"}


def test_numbers_have_the_metrics_of_scikit_learn() -> None:
    """Integers as target."""
    y, said = np.array([1, 2, 3, 10]), [1.5, 2.0, 2.0, 7.0]
    found = evaluate(Says(said), pd.DataFrame(index=range(4)), y, "regression", None).metrics
    assert found == pytest.approx(
        {
            "r2": sk.r2_score(y, said),
            "rmse": math.sqrt(np.mean((y - said) ** 2)),
            "mae": sk.mean_absolute_error(y, said),
            "median_absolute_error": 0.75,
        }
    )


def test_the_columns_of_a_probability_may_have_any_order() -> None:
    """A model from elsewhere has its own order of the classes."""
    y, frame = np.array(["a", "b", "a"], dtype=object), pd.DataFrame(index=range(3))
    turned = Says(y, [[0.1, 0.9], [0.8, 0.2], [0.3, 0.7]], ["b", "a"])
    found = evaluate(turned, frame, y, "classification", ["a", "b"])
    assert found.metrics["roc_auc"] == 1.0
    assert found.probability is not None and found.probability[:, 0].tolist() == [0.9, 0.2, 0.7]
    lacking = Says(y, [[1.0], [1.0], [1.0]], ["a"])
    found = evaluate(lacking, frame, y, "classification", ["a", "b"])
    assert found.probability is None and found.metrics.keys() == ALWAYS


@pytest.mark.parametrize("own", [["a", "b", "c"], ["c", "a", "b"]])
def test_probabilities_lie_row_by_row(own: list[str]) -> None:
    """Gradient boosting of many classes gives them column by column, which orjson refuses."""
    X, y = rows_of(["a", "b", "c"])
    shares = np.random.default_rng(0).dirichlet([1, 1, 1], len(y))
    model = Says(y, None)
    model.predict_proba, model.classes_ = lambda X: np.asfortranarray(shares), np.array(own)
    found = evaluate(model, X, y, "classification", ["a", "b", "c"]).probability
    assert found is not None and found.flags.c_contiguous
    assert np.array_equal(found[:, 0], shares[:, own.index("a")])
    y = pd.Series(y)
    boosting = HistGradientBoostingClassifier(max_iter=2, max_leaf_nodes=3).fit(X, y)
    found = evaluate(boosting, X, y.to_numpy(), "classification", ["a", "b", "c"]).probability
    assert found is not None and found.flags.c_contiguous


def test_a_metric_that_is_no_finite_number_counts_as_not_measured() -> None:
    """An owner's own, too; whatever numpy made of it, JSON takes it."""
    metrics: dict[str, Any] = {"mine": np.float32(0.5), "nan": math.nan, "inf": np.inf}
    assert json.dumps(Evaluation(metrics, np.zeros(1)).metrics) == '{"mine": 0.5}'


@pytest.mark.parametrize("classes", [["no", "yes"], ["a", "b", "c"]])
def test_what_cannot_be_measured_is_absent_and_never_nan(classes: list[str]) -> None:
    """Rows that lack a class, hold one class only, or are one row; labels never seen."""
    X, y = rows_of(classes)
    model = LogisticRegression().fit(X, y)
    for kept in (y != classes[-1], y == classes[0], np.arange(len(y)) == 0):
        found = evaluate(model, X[kept], y[kept], "classification", classes)
        values = found.metrics.values()
        assert found.metrics.keys() >= ALWAYS | {"log_loss"}
        assert all(math.isfinite(value) for value in values)
        assert ("roc_auc" in found.metrics) == (len(set(y[kept])) > 1)
    unknown = Says(["?"] * len(y))
    found = evaluate(unknown, X, y, "classification", classes)
    assert found.metrics == dict.fromkeys(ALWAYS, 0.0)


def test_a_model_without_probabilities_is_ranked_by_its_decision_function() -> None:
    """One value a row for two classes, one for each class else; neither gives accuracy alone."""
    X, y = rows_of(["no", "yes"])
    model = LinearSVC(random_state=0).fit(X, y)
    found = evaluate(model, X, y, "classification", ["no", "yes"]).metrics
    assert found["roc_auc"] == pytest.approx(sk.roc_auc_score(y, model.decision_function(X)))
    assert found.keys() == ALWAYS | {"roc_auc", "average_precision"}
    X, y = rows_of(list("abcd"))
    for shape, ranked in (("ovr", True), ("ovo", False)):  # ovo: a value for each pair of classes
        some = SVC(decision_function_shape=shape).fit(X, y)
        found = evaluate(some, X, y, "classification", list("abcd")).metrics
        assert ("roc_auc" in found) == ranked
    only_labels = evaluate(Says(y), X, y, "classification", list("abcd"))
    assert only_labels.metrics.keys() == ALWAYS


@pytest.mark.parametrize("last", [LogisticRegression(), LinearSVC(), RandomForestClassifier(5)])
def test_a_pipeline_makes_its_features_once(last: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sparse ones too; its answers are those that it gives itself."""
    X, y = rows_of(["no", "yes"])
    made = make_pipeline(KBinsDiscretizer(strategy="uniform"), last).fit(X, y)
    label = made.predict(X)
    ranks = made.predict_proba(X) if hasattr(made, "predict_proba") else made.decision_function(X)
    asked: list[int] = []
    transform = KBinsDiscretizer.transform
    monkeypatch.setattr(
        KBinsDiscretizer, "transform", lambda self, X: asked.append(len(X)) or transform(self, X)
    )
    found = evaluate(made, X, y, "classification", ["no", "yes"])
    assert asked == [len(X)]
    assert np.array_equal(found.prediction, label)
    assert found.scores is not None and np.array_equal(found.scores, ranks)


@pytest.mark.parametrize("labels", [["no", "yes"], [10, 20, 30]])
def test_boosting_is_asked_once(labels: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """For its probabilities; the labels are those that scikit-learn says."""
    X, y = rows_of(labels)
    model = HistGradientBoostingClassifier(max_iter=4).fit(X, y.astype(np.array(labels).dtype))
    label = model.predict(X)
    monkeypatch.setattr(HistGradientBoostingClassifier, "predict", None)
    assert np.array_equal(evaluate(model, X, y, "classification", labels).prediction, label)


def test_boosting_that_hardly_learned_is_asked_itself() -> None:
    """Its probabilities are equal by rounding, what they are made of is not."""
    X, y = rows_of(["no", "yes"], rows=40)
    y[:20], y[20:] = "no", "yes"
    model = HistGradientBoostingClassifier(max_iter=1, learning_rate=1e-20, min_samples_leaf=1)
    label = model.fit(X, y).predict(X)
    assert set(label) == {"no", "yes"}
    assert np.array_equal(evaluate(model, X, y, "classification", ["no", "yes"]).prediction, label)


class Lengths(BaseEstimator, TransformerMixin):  # type: ignore[misc]
    """A step that learns nothing, and hands on lists."""

    def fit(self, X: Any, y: Any = None) -> Lengths:
        """Nothing."""
        return self

    def transform(self, X: Any) -> Any:
        """Of each row as many numbers as it likes."""
        return [[1.0] * (1 + place % 3) for place in range(len(X))]


class Counts(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """An estimator of lists."""

    def fit(self, X: Any, y: Any) -> Counts:
        """Knows the classes."""
        self.classes_ = np.unique(y)
        return self

    def predict(self, X: Any) -> Any:
        """By how long they are."""
        return self.classes_[[len(row) % 2 for row in X]]


def test_a_step_may_learn_nothing_and_hand_on_lists() -> None:
    """As with scikit-learn's own `predict`, with no word of a pipeline that is not fitted."""
    X, y = rows_of(["no", "yes"])
    model = Pipeline([("lengths", Lengths()), ("no", "passthrough"), ("last", Counts())]).fit(X, y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = evaluate(model, X, y, "classification", ["no", "yes"])
    assert np.array_equal(found.prediction, model.predict(X))


def test_a_pipeline_that_is_more_than_its_steps_answers_itself() -> None:
    """A class of one's own may say something else than its last step."""

    class Cautious(Pipeline):
        """Always says no."""

        def predict(self, X: Any, **params: Any) -> Any:
            """No."""
            return np.full(len(X), "no")

    X, y = rows_of(["no", "yes"])
    model = Cautious([("scale", StandardScaler()), ("last", LogisticRegression())]).fit(X, y)
    assert set(evaluate(model, X, y, "classification", ["no", "yes"]).prediction) == {"no"}


def test_a_target_without_spread_has_no_r2() -> None:
    """One row, or equal rows: there is nothing to explain."""
    for y in (np.array([3.0]), np.array([3.0, 3.0])):
        frame = pd.DataFrame(index=range(len(y)))
        found = evaluate(Says(y + 1), frame, y, "regression", None)
        assert found.metrics == {"rmse": 1.0, "mae": 1.0, "median_absolute_error": 1.0}


def test_an_answer_that_is_none_is_an_error() -> None:
    """NaN, infinite, or not one for each row."""
    y, frame = np.array([1.0, 2.0]), pd.DataFrame(index=range(2))
    for wrong in ([1.0, math.nan], [1.0, math.inf], [1.0]):
        with pytest.raises(ValueError, match=r"no finite number|1 predictions for 2 rows"):
            evaluate(Says(wrong), frame, y, "regression", None)


@pytest.mark.parametrize("model", [LogisticRegression(), LinearSVC(), SVC()])
@pytest.mark.parametrize("classes", [["no", "yes"], [1, 2, 3]])
def test_answers_that_were_given_once_are_measured_as_the_model_is(
    model: Any, classes: list[Any]
) -> None:
    """Of any rows, in any order, some of them twice; whatever the model gives to rank them by."""
    X, y = rows_of(classes, 60)
    y = np.array(y.tolist())
    answers = evaluate(model.fit(X, y), X, y, "classification", classes)
    replay = Replay(answers, classes)
    for places in (np.arange(60), np.random.default_rng(0).integers(60, size=40)):
        part = (X.iloc[places], y[places], "classification", classes)
        assert evaluate(replay, *part).metrics == evaluate(model, *part).metrics
    numbers = evaluate(LinearRegression().fit(X, X["a"]), X, X["a"].to_numpy(), "regression", None)
    assert not hasattr(Replay(numbers, None), "predict_proba")
    assert np.array_equal(Replay(numbers, None).predict(X[10:12]), numbers.prediction[10:12])
