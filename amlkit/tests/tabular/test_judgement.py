"""Intervals are as wide as theory says, differences are paired, and the baseline is a fair one."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sample_model.evaluate import evaluate

from amlkit import gate
from amlkit.settings import Gate, GateRules
from amlkit.tabular import bootstrap
from amlkit.tabular.evaluation import Evaluation, class_scores, encode, predict, roc_auc
from amlkit.tabular.judgement import Judgement, judge
from amlkit.tabular.rows import Rows
from amlkit.tabular.split import LEARNED, Split
from amlkit.tabular.table import Schema

LEVELS = Gate(
    rules={
        "classification": GateRules("roc_auc", {"roc_auc": 0.6}),
        "regression": GateRules("r2", {"r2": 0.1}),
    }
)


class Says:
    """A double of a model: the answers that a column of the rows holds."""

    def __init__(self, probability: str | None = None, number: str | None = None) -> None:
        self.number = number
        if probability is not None:
            self.classes_ = np.array(["no", "yes"])
            self.predict_proba = lambda X: np.stack([1 - X[probability], X[probability]], axis=1)

    def predict(self, X: pd.DataFrame) -> Any:
        """Numbers, or the likelier label."""
        if self.number is not None:
            return X[self.number].to_numpy()
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


@pytest.fixture(autouse=True)
def few_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many as an interval needs."""
    monkeypatch.setattr(bootstrap, "DRAWS", bootstrap.FEWEST_DRAWS)


def split(X: pd.DataFrame, y: Any, **more: Any) -> Rows:
    """The second half of the rows is measured, the first learned from; `more` is of the split."""
    known: dict[str, Any] = {
        "by": "row hash", "column": None, "share": 0.5, "folds": None, "order": None, "moved": 0,
        "repeated": 0, "identity": "", "notes": (),
        "part": np.where(np.arange(len(y)) < len(y) // 2, LEARNED, 0),
    }  # fmt: skip
    how = Split(**known | more)
    task, classes = (
        ("regression", None) if y.dtype.kind == "f" else ("classification", ["no", "yes"])
    )
    halves = (X[how.kept], y[how.kept], X[how.measured], y[how.measured])
    schema = Schema((), "", ())
    return Rows(*halves, (), task, classes, how, pa.table({}), schema, lambda: pa.table({}), {})


def quick(model: Any, X: Any, y: Any, task: str, classes: Any) -> Evaluation:
    """An owner's own evaluate, of few metrics spelt out."""
    prediction = predict(model, X, task)
    if task == "regression":
        return Evaluation({"rmse": np.sqrt(np.mean((prediction - y) ** 2))}, prediction)
    probability, scores = class_scores(model, X, classes)
    metrics = {"accuracy": np.mean(prediction == y)}
    if probability is not None:
        codes = encode(y, classes)
        metrics["brier"] = np.mean((probability[:, 1] - codes) ** 2)
        metrics["roc_auc"] = roc_auc(codes, probability)
    return Evaluation(metrics, prediction, probability, scores)


def judged(rows: Rows, model: Any, rival: Any = None, by: Any = quick, seed: int = 0) -> Judgement:
    """What is said of a model that has been measured."""
    arguments = (rows.X_test, rows.y_test, rows.task, rows.classes)
    other = by(rival, *arguments) if rival else None
    return judge(rows, model, by(model, *arguments), other, by, seed)


def labels(rows: int, share: float = 0.5, seed: int = 0) -> tuple[pd.DataFrame, Any]:
    """Rows of two classes, `share` of them "yes", and probabilities that are worth something."""
    random = np.random.default_rng(seed)
    positive = random.random(rows) < share
    p = 1 / (1 + np.exp(-random.normal(np.where(positive, 0.7, -0.7))))
    frame = pd.DataFrame({"p": p, "near": (p + 0.01 * random.random(rows)).clip(0, 1)})
    return frame, np.where(positive, "yes", "no")


@pytest.mark.parametrize("rows", [400, 60_000])  # fewer, and many more, than one draw holds
def test_an_interval_is_as_wide_as_theory_says(rows: int) -> None:
    """Of a share: 1.96 roots of p (1 - p) / n to each side."""
    X, y = labels(rows)
    found = judged(split(X, y), Says("p"))
    share = float(np.mean((X["p"] > 0.5) == (y == "yes")))
    low, high = found.intervals["accuracy"]
    assert (high - low) / 2 == pytest.approx(
        1.96 * math.sqrt(share * (1 - share) / (rows / 2)), rel=0.2
    )
    assert low < share < high
    assert found.notes == []


def test_each_metric_has_an_interval_around_it_and_the_seed_decides_alone() -> None:
    """Of the sample's evaluate: for labels, and for numbers."""
    X, y = labels(300)
    rows = split(X, y)
    found = judged(rows, Says("p"), by=evaluate)
    metrics = evaluate(Says("p"), rows.X_test, rows.y_test, rows.task, rows.classes).metrics
    assert found.intervals.keys() == metrics.keys() == found.train_metrics.keys()
    assert all(low < metrics[name] < high for name, (low, high) in found.intervals.items())
    assert found == judged(rows, Says("p"), by=evaluate)
    assert judged(rows, Says("p")) != judged(rows, Says("p"), seed=1)
    numbers = split(X, X["p"].to_numpy() + 0.0)
    assert judged(numbers, Says(number="near"), by=evaluate).intervals.keys() >= {
        "rmse",
        "mae",
        "r2",
    }
    assert json.loads(json.dumps(found.intervals)) == {
        n: list(e) for n, e in found.intervals.items()
    }


def test_differences_are_paired() -> None:
    """Two models that are nearly one: each alone is uncertain, their difference is not."""
    X, y = labels(300)
    found = judged(split(X, y), Says("p"), Says("near"))
    low, high = found.champion["brier"]
    alone = np.ptp(found.intervals["brier"])
    assert high - low < alone / 10
    same = judged(split(X, y), Says("p"), Says("p"))
    assert set(same.champion.values()) == {(0.0, 0.0)}  # a tie is no difference
    assert judged(split(X, y), Says("p")).champion == {}


def test_a_metric_that_the_champion_lacks_has_no_difference() -> None:
    """One that gives labels alone has no Brier score; what both have is compared."""
    X, y = labels(200)
    found = judged(split(X.assign(label=y), y), Says("p"), Says(number="label"))
    assert found.champion.keys() == {"accuracy"}
    assert found.baseline and "brier" in found.baseline["difference"]


def test_a_perfect_model_and_a_constant_one() -> None:
    """No row tells against the first; the second is the baseline itself, whatever its metrics."""
    X, y = labels(200)
    X = X.assign(truth=(y == "yes") * 1.0, flat=np.mean(y[:100] == "yes"))
    perfect = judged(split(X, y), Says("truth"))
    assert perfect.intervals["roc_auc"] == perfect.intervals["accuracy"] == (1.0, 1.0)
    assert perfect.baseline and perfect.baseline["difference"]["roc_auc"] == (0.5, 0.5)
    flat = judged(split(X, y), Says("flat"))
    assert flat.baseline and set(flat.baseline["difference"].values()) == {(0.0, 0.0)}


def test_of_few_positives_the_interval_is_wide_and_of_one_there_is_none() -> None:
    """What hangs on a single row cannot be told from chance by drawing it again."""
    X, y = labels(4_000, share=0.01)
    found = judged(split(X, y), Says("p"))
    assert np.ptp(found.intervals["roc_auc"]) > 3 * np.ptp(found.intervals["accuracy"])
    assert found.baseline and found.baseline["metrics"]["accuracy"] > 0.98
    difference = found.baseline["difference"]
    assert difference["accuracy"][1] < 0 < difference["roc_auc"][0]
    X, y = labels(200)
    y[100:] = ["yes", *["no"] * 99]
    found = judged(split(X, y), Says("p"))
    assert "roc_auc" not in found.intervals and "accuracy" in found.intervals
    assert "no interval of roc_auc: not each draw" in found.notes[0]


def test_a_target_that_hardly_varies_has_no_interval_of_r2() -> None:
    """Draws without the one other value have nothing to explain; errors have their intervals."""
    y = np.append(np.full(59, 3.0), 4.0)
    found = judged(split(pd.DataFrame({"x": y + 0.1}), y), Says(number="x"), by=evaluate)
    assert found.intervals.keys() == {"rmse", "mae", "median_absolute_error"}
    assert found.baseline and "r2" in found.baseline["metrics"]


def test_few_rows_and_few_groups_have_no_intervals() -> None:
    """The baseline has its metrics all the same."""
    X, y = labels(18)
    y[9:11] = ["no", "yes"]
    found = judged(split(X, y), Says("p"))
    assert found.intervals == {} and found.notes == ["no intervals: 9 measured rows are too few"]
    assert found.baseline and found.baseline["metrics"]["roc_auc"] == 0.5
    assert found.baseline["difference"] == {}
    X, y = labels(400)
    grouped = split(X, y, by="group", column="g", order=np.arange(400) % 7)
    assert judged(grouped, Says("p")).notes == [
        "no intervals: 7 measured groups of rows are too few"
    ]


def test_rows_of_a_group_and_rows_near_in_time_are_drawn_together() -> None:
    """Ten copies of a row say no more than one: the interval is wider than by row."""
    X, y = labels(100)
    X, y = X.loc[np.repeat(X.index, 10)].reset_index(drop=True), np.repeat(y, 10)
    by_row = judged(split(X, y), Says("p")).intervals["accuracy"]
    for by in ("group", "time"):
        together = split(X, y, by=by, column="c", order=np.repeat(np.arange(100), 10).astype(float))
        low, high = judged(together, Says("p")).intervals["accuracy"]
        assert high - low > 1.8 * np.ptp(by_row)


def with_own_metric(name: str, metric: Any) -> Any:
    """The sample's evaluate and a metric of an owner's, `metric(model, X, y, prediction)`."""

    def measure(model: Any, X: Any, y: Any, task: str, classes: Any) -> Evaluation:
        found = quick(model, X, y, task, classes)
        return replace(
            found, metrics={**found.metrics, name: metric(model, X, y, found.prediction)}
        )

    return measure


@pytest.mark.parametrize(
    ("metric", "has_one"),
    [
        (lambda model, X, y, said: np.mean((said == "yes") & (y == "no")), True),
        (lambda model, X, y, said: np.average(said == y, weights=X["near"]), True),
        (lambda model, X, y, said: np.mean(said[X["near"] > 0.3] == y[X["near"] > 0.3]), True),
        (lambda model, X, y, said: np.mean(model.predict(X[X["p"] > 0.4]) == "yes"), True),
        (lambda model, X, y, said: np.mean((said == y)[1:] & (said == y)[:-1]), False),
        (lambda model, X, y, said: np.random.default_rng().random(), False),
    ],
)  # fmt: skip
def test_an_owners_metric_has_an_interval_if_it_is_of_rows_and_answers(
    metric: Any, has_one: bool
) -> None:
    """Whether it looks at columns, at some of the rows, or asks the model once more."""
    X, y = labels(200)
    found = judged(split(X, y), Says("p"), by=with_own_metric("own", metric))
    assert ("own" in found.intervals) == has_one
    assert "accuracy" in found.intervals
    assert [note[:19] for note in found.notes] == ([] if has_one else ["no interval of own:"])


def test_a_metric_that_fails_on_some_draws_costs_those_alone() -> None:
    """With many rows of either class no draw lacks one; with one row of a class a third do."""

    def needs_both(model: Any, X: Any, y: Any, said: Any) -> float:
        if len(set(y)) < 2:
            raise ValueError("only one class")
        return float(np.mean(said == y))

    X, y = labels(80)
    by = with_own_metric("own", needs_both)
    assert "own" in judged(split(X, y), Says("p"), by=by).intervals
    y[40:] = ["yes", *["no"] * 39]
    found = judged(split(X, y), Says("p"), by=by)
    assert found.intervals == {}, "the draws that failed have no other metric either"
    assert "no interval of accuracy" in found.notes[0]


def test_what_cannot_be_measured_again_is_said() -> None:
    """An evaluate that asks the model for what answers alone do not give, and one that is slow."""
    X, y = labels(200)
    asks = with_own_metric("leaves", lambda model, X, y, said: float(model.leaves))
    model = Says("p")
    model.leaves = 7  # type: ignore[attr-defined]
    found = judged(split(X, y), model, by=asks)
    assert found.intervals == {} and found.train_metrics["leaves"] == 7
    assert found.baseline is None
    assert "no baseline: AttributeError: 'Replay' object has no attribute 'leaves'" in found.notes
    assert any("no intervals: evaluate cannot measure stored answers" in n for n in found.notes)


def test_a_slow_evaluate_is_asked_for_a_bounded_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """No draw is begun after it, and too few are none."""
    monkeypatch.setattr(bootstrap, "SECONDS", 0.0)
    X, y = labels(200)
    found = judged(split(X, y), Says("p"))
    assert found.intervals == {}
    assert found.notes == ["no intervals: evaluate was asked for 0 draws in 0 s"]


def test_few_columns_are_copied_for_a_draw() -> None:
    """None, where the metrics are of the answers alone; the owner's own see them all."""
    seen = []

    def looks(model: Any, X: Any, y: Any, said: Any) -> float:
        seen.append(X.shape[1])
        return 0.0

    X, y = labels(100)
    judged(split(X, y), Says("p"), by=with_own_metric("own", looks))
    assert seen.count(2) == 3, "the model on both sides, and the baseline"
    assert seen.count(0) == 2 * bootstrap.DRAWS + 1, "both on each draw"


def test_the_baseline_ranks_nothing_in_folds() -> None:
    """Priors that differ between folds would, the wrong way round: any model would be better."""
    X, y = labels(100)
    part = (np.arange(100) % 5).astype(np.int8)
    found = judged(split(X, y, folds=5, part=part), Says("p"))
    assert found.baseline and found.baseline["name"] == "class priors"
    assert found.baseline["metrics"]["roc_auc"] == 0.5
    share = np.mean(y == "yes")
    assert found.baseline["metrics"]["brier"] == pytest.approx(share * (1 - share))


def test_by_time_the_baseline_is_the_last_value_where_that_is_nearer() -> None:
    """Of a walk the last value; of noise the mean. In windows it is the last before each."""
    random = np.random.default_rng(0)
    X, times = pd.DataFrame({"x": np.zeros(200)}), np.arange(200.0)
    walk, noise = 5 * random.normal(size=200).cumsum(), random.normal(size=200)
    for y, name in ((walk, "last value"), (noise, "mean")):
        found = judged(split(X, y, by="time", column="t", order=times), Says(number="x"))
        assert found.baseline and found.baseline["name"] == name
        value = y[99] if name == "last value" else y[:100].mean()
        off = math.sqrt(np.mean((y[100:] - value) ** 2))
        assert found.baseline["metrics"]["rmse"] == pytest.approx(off)
    part = np.repeat([LEARNED, 0, 1], [100, 50, 50]).astype(np.int8)
    rows = split(X, walk, by="time", column="t", order=times, part=part, folds=2)
    found = judged(rows, Says(number="x"))
    value = np.repeat([walk[99], walk[149]], 50)
    assert found.baseline and found.baseline["name"] == "last value"
    off = math.sqrt(np.mean((walk[100:] - value) ** 2))
    assert found.baseline["metrics"]["rmse"] == pytest.approx(off)


@pytest.mark.parametrize(
    ("model", "registered", "words"),
    [
        (Says("p"), True, "is better than class priors"),
        (Says("far"), False, "is worse than class priors"),
        (Says("chance"), False, "no clear difference"),
    ],
)
def test_the_gate_sees_a_model_that_is_broken_or_lucky(
    model: Any, registered: bool, words: str
) -> None:
    """Ranks well at a log loss beyond that of the priors; or is above the threshold by chance."""
    X, y = labels(120, seed=3)
    X["far"] = np.where(X["p"] > 0.5, 1 - 1e-9 * (1 - X["p"]), 1e-9 * X["p"])
    X["chance"] = 0.4 + 0.2 * np.random.default_rng(41).random(120)  # as luck has it
    rows = split(X, y)
    found = judged(rows, model, by=evaluate)
    metrics = evaluate(model, rows.X_test, rows.y_test, rows.task, rows.classes).metrics
    assert metrics["roc_auc"] > 0.6
    document = {"task": rows.task, "metrics": metrics, "intervals": found.intervals}
    document = gate.normalise(json.loads(json.dumps({**document, "baseline": found.baseline})))
    decision = gate.decide(document, LEVELS, None)
    assert decision.registered == registered, decision.reason
    assert words in decision.reason
