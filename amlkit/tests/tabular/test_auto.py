"""`training.estimator: auto`: the better of boosting and a linear model, told within the rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sample_model.features import build_pipeline
from sklearn.base import BaseEstimator
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression, Ridge, RidgeCV
from sklearn.metrics import log_loss, r2_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.validation import check_is_fitted

from amlkit.tabular import auto
from amlkit.tabular.auto import fit_best
from amlkit.tabular.estimators import make_estimators
from amlkit.tabular.table import Column

pytestmark = pytest.mark.slow  # it fits


def pipelines_of(X: pd.DataFrame, task: str) -> list[Any]:
    """What `train.py` makes of `auto`."""
    columns = [Column(name, "number" if X[name].dtype == float else "category") for name in X]
    return [build_pipeline(columns, made) for made in make_estimators("auto", {}, task, 0)]


def rare_classes(rows: int, seed: int) -> tuple[pd.DataFrame, Any]:
    """Seven classes, the rarest of one row in 500, and what tells them among noise."""
    random = np.random.default_rng(seed)
    grade = random.choice(7, rows, p=[0.3, 0.3, 0.25, 0.1, 0.04, 0.008, 0.002])
    X = pd.DataFrame(random.normal(size=(rows, 8))).add_prefix("noise ")
    return X.assign(interest=random.normal(grade, 1.5)), np.array([*"ABCDEFG"])[grade]


def cars(rows: int, seed: int) -> tuple[pd.DataFrame, Any]:
    """What a car uses, by its weight and power, with names that say nothing."""
    random = np.random.default_rng(seed)
    weight = random.uniform(1.5, 5.5, rows)
    power = 60 + 45 * weight + random.normal(0, 20, rows)
    X = pd.DataFrame({"name": [f"car {i}" for i in range(rows)], "wt": weight, "hp": power})
    return X, 37 - 5.3 * weight + random.normal(0, 1.8, rows)


def rings(rows: int, seed: int) -> tuple[pd.DataFrame, Any]:
    """Two classes that no line parts, the one reaching into the other."""
    random = np.random.default_rng(seed)
    X = pd.DataFrame(random.normal(size=(rows, 2)), columns=["a", "b"])
    return X, np.where((X**2).sum(axis=1) + random.normal(0, 0.4, rows) > 1.4, "out", "in")


@pytest.mark.parametrize("rival", [None, DummyClassifier(strategy="uniform", random_state=0)])
def test_rare_classes_make_nothing_diverge(rival: Any) -> None:
    """Neither what is chosen nor boosting alone is worse than the share of each class."""
    (X, y), (X_test, y_test) = rare_classes(1_500, 0), rare_classes(4_000, 1)
    pipelines = pipelines_of(X, "classification")
    model = fit_best([pipelines[0], rival] if rival else pipelines, X, y)
    shares = [[(y == label).mean() for label in model.classes_]] * len(y_test)
    priors = log_loss(y_test, shares, labels=model.classes_)
    assert log_loss(y_test, model.predict_proba(X_test), labels=model.classes_) < 0.97 * priors


def test_few_rows_get_a_linear_model() -> None:
    """Of 32 rows boosting learns nothing; the penalty is as good as a ridge's of one's own."""
    (X, y), (X_test, y_test) = cars(32, 0), cars(2_000, 1)
    lines: list[str] = []
    model = fit_best(pipelines_of(X, "regression"), X, y, say=lines.append)
    plain = RidgeCV(np.logspace(-1, 3, 5)).fit(X[["wt", "hp"]], y)
    expected = r2_score(y_test, plain.predict(X_test[["wt", "hp"]]))
    assert isinstance(model[-1], Ridge)
    assert r2_score(y_test, model.predict(X_test)) > expected - 0.05
    ahead, line = lines
    assert ahead == "41 fits: 2 pipelines on 5 folds of 25 rows, the best on all"
    assert line.startswith("the best by RMSE in 5 folds of the training rows: Ridge (alpha ")
    assert ", then HistGradientBoostingRegressor (max_iter " in line


def test_what_no_line_parts_gets_boosting() -> None:
    """With as many trees as made it better; the same seed makes the same model."""
    X, y = rings(400, 0)
    pipelines = pipelines_of(X, "classification")
    model = fit_best(pipelines, X, y, seed=3)
    assert isinstance(model[-1], HistGradientBoostingClassifier)
    assert 20 < model[-1].n_iter_ == model[-1].max_iter < auto.TREES
    assert model.score(*rings(2_000, 1)) > 0.8
    again = fit_best(pipelines, X, y, seed=3)
    assert np.array_equal(again.predict_proba(X), model.predict_proba(X))
    with pytest.raises(NotFittedError):  # those given can be given again
        check_is_fitted(pipelines[0][-1])


@pytest.mark.parametrize("lone", [False, True])
def test_many_rows_are_tried_in_part(monkeypatch: pytest.MonkeyPatch, lone: bool) -> None:
    """On all of them boosting stops by itself; not where a class has one row."""
    for name, most in (("MOST_ROWS", 500), ("LEAST_ROWS", 100), ("SMALL", 400)):
        monkeypatch.setattr(auto, name, most)
    X, y = rings(1_000, 0)
    y = y.astype("U5")
    y[7] = "alone" if lone else y[7]
    lines: list[str] = []
    model = fit_best(pipelines_of(X, "classification"), X, y, say=lines.append)
    assert lines[0] == "6 fits: 2 pipelines on 400 rows, the best on all"
    assert "on 100 of the training rows" in lines[1]
    assert "where boosting gains more" not in lines[1]  # it is the best without that
    assert model[-1].early_stopping is (not lone)
    assert model[-1].n_iter_ < auto.TREES
    assert model.score(*rings(2_000, 1)) > 0.8


def test_boosting_that_is_chosen_for_the_rows_to_come_says_so() -> None:
    """It did a little worse on those that were tried."""
    X, y = rings(100, 0)
    boosting, linear = pipelines_of(X, "classification")
    trials = [auto.Trial(boosting, 1.01, "max_iter", 9), auto.Trial(linear, 1.0, "C", 1)]
    fold = np.arange(80), np.arange(80, 100)
    words = ": within 2%, where boosting gains more from the 3,028 other rows"
    assert auto._verdict(trials, [fold], 3028, y).endswith(words)
    assert words not in auto._verdict(trials[::-1], [fold], 3028, y)


def test_a_wide_table_is_sorted_into_few_bins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else 10,000 columns take half a second for each tree."""
    monkeypatch.setattr(auto, "WIDE", 1)
    X, y = rings(200, 0)
    model = fit_best(pipelines_of(X, "classification"), X, y)
    assert model[-1].max_bins == auto.BINS


class Refuses(BaseEstimator):
    """A step that does not suit."""

    def fit(self, X: Any, y: Any) -> Refuses:
        """Never."""
        raise ValueError("no way\nwith these")


def test_a_pipeline_that_fails_is_named_and_the_other_is_fitted() -> None:
    """As with features of one's own, made for one estimator; where all fail, the first says why."""
    X, y = rings(200, 0)
    lines: list[str] = []
    model = fit_best([Refuses(), LogisticRegression()], X, y, say=lines.append)
    assert isinstance(model, LogisticRegression)
    assert lines[1] == "Refuses is not compared: no way with these"
    assert lines[2].startswith("the best by log loss in 5 folds of the training rows: Logistic")
    with pytest.raises(ValueError, match="no way"):
        fit_best([Refuses(), Refuses()], X, y)


def test_a_single_pipeline_is_only_fitted() -> None:
    """Its owner named it, and its parameters."""
    X, y = rings(200, 0)
    lines: list[str] = []
    model = fit_best([LogisticRegression(C=7.0)], X, y, say=lines.append)
    assert model.C == 7.0 and not lines
    [named] = make_estimators("auto", {"max_iter": 5}, "regression", 0)
    assert isinstance(named, HistGradientBoostingRegressor) and named.max_iter == 5


class Recorder(LogisticRegression):
    """Remembers the rows that it is fitted to and asked for."""

    seen: list[tuple[set[int], set[int]]] = []  # noqa: RUF012

    def fit(self, X: Any, y: Any) -> Recorder:
        """Remember."""
        self.rows = {*X["row"].astype(int)}
        return super().fit(X, y)

    def predict_proba(self, X: Any) -> Any:
        """Remember."""
        self.seen.append((self.rows, {*X["row"].astype(int)}))
        return super().predict_proba(X)


def test_groups_stay_together_and_the_newest_are_compared_on() -> None:
    """As `training.split` has it: what is compared on is as far from the rest as the held-out."""
    random = np.random.default_rng(0)
    X = pd.DataFrame({"row": np.arange(300.0)})
    y, groups = random.integers(0, 2, 300), random.integers(0, 40, 300)
    times = np.where(np.arange(300) % 50 == 0, np.nan, random.permutation(300))
    recorder = make_pipeline(FunctionTransformer(), Recorder())
    for orders, folds in (({"groups": groups}, 5), ({"times": times}, 1)):
        Recorder.seen = []
        fit_best([recorder, recorder], X, y, **orders)  # type: ignore[arg-type]
        assert len({min(test) for _, test in Recorder.seen}) == folds
        for train, test in Recorder.seen:
            assert len(test) > 30 and not train & test
            if "groups" in orders:
                assert not {*groups[[*train]]} & {*groups[[*test]]}
            else:
                assert np.nanmax(times[[*train]]) < min(times[[*test]])
