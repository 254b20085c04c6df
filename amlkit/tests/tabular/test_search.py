"""A search: which trials there are, how each is scored, which is the best."""

from __future__ import annotations

import math
import re
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeRegressor

from amlkit.tabular.evaluation import Evaluation
from amlkit.tabular.search import (
    Told,
    UnscoredTrial,
    best_of_trials,
    best_trial,
    draw,
    folds_score,
)
from amlkit.tabular.space import Range, read_space, read_word, words_of
from amlkit.tabular.table import TableError


def told(space: dict[str, Any], trials: int = 20, metric: str = "m", **more: str) -> Told:
    """A search as a job is told it."""
    return Told.of({"space": space, "trials": trials, "metric": metric, "goal": "maximize", **more})


def searched(
    search: Told, scores: Any, given: tuple[str, ...] = (), pipeline: Any = None
) -> tuple[Any, dict[str, Any], list[str]]:
    """The estimator, the record and the log of a search whose scores are a function of `C`."""
    said: list[str] = []
    best, record = best_trial(
        search, given, pipeline or LogisticRegression(), scores, 0, said.append
    )
    return best, record, said


def test_the_same_trials_are_drawn_within_the_ranges_everywhere() -> None:
    space = read_space(
        {
            "a": {"min": 0.001, "max": 10.0, "log": True},
            "b": {"min": 1, "max": 4},
            "c": [None, "l2", [50, 50]],
        }
    )
    first, again, other = ([*draw(space, 60, seed)] for seed in (1, 1, 2))
    assert first == again != other and len(first) == 60
    assert all(0.001 <= one["a"] <= 10 for one in first)
    assert sum(one["a"] < 0.1 for one in first) == pytest.approx(30, abs=12)  # half the decades
    assert {one["b"] for one in first} == {1, 2, 3, 4}
    assert all(type(one["a"]) is float and type(one["b"]) is int for one in first)
    assert {str(one["c"]) for one in first} == {"None", "l2", "[50, 50]"}


@pytest.mark.filterwarnings("error")
def test_of_few_choices_all_are_tried_once() -> None:
    space = read_space({"C": [0.1, 1.0, 10.0], "fit_intercept": [True, False]})
    drawn = [*draw(space, 20, 0)]
    assert len({(one["C"], one["fit_intercept"]) for one in drawn}) == len(drawn) == 6
    assert len([*draw(space, 4, 0)]) == 4


CHOICES = (
    *(1, 1.0, 0.1, 1e-05, "l1", "True", True, "true", None, "a b", "$(id)", "'", [1, 2], "1"),
    *("choice-0", False, "FALSE"),
)


@pytest.mark.parametrize("place", range(len(CHOICES)), ids=map(repr, CHOICES))
def test_a_value_survives_a_command_line(place: int) -> None:
    """What stands for it is harmless in any shell, and no other value's."""
    word, value = words_of(CHOICES)[place], CHOICES[place]
    assert re.fullmatch(r"[A-Za-z0-9.-]+", str(word))
    found = read_word(CHOICES, str(word))
    assert found == value and type(found) is type(value)


@pytest.mark.parametrize(
    ("values", "word", "value"),
    [
        (Range(1, 9, whole=True), "7.0", 7),
        (Range(1, 9, whole=True), "9.4", 9),
        (Range(0.1, 1.0), "0.30000000000000004", 0.30000000000000004),
        (Range(0.1, 1.0), "1.0000001", 1.0),
        ((100, 200), "200.0", 200),
    ],
)
def test_a_service_may_write_a_number_otherwise(values: Any, word: str, value: Any) -> None:
    found = read_word(values, word)
    assert found == value and type(found) is type(value)


@pytest.mark.parametrize("word", ["nan", "inf", "x", ""])
def test_what_is_no_value_of_the_space_is_refused(word: str) -> None:
    for values in (Range(1, 9), (100, "l1")):
        with pytest.raises(ValueError, match=r"finite number|none of the values"):
            read_word(values, word)


@pytest.mark.parametrize(("goal", "best"), [("maximize", 3.0), ("minimize", 1.0)])
def test_the_best_is_told_by_the_metrics_own_way(goal: str, best: float) -> None:
    search = told({"C": [1.0, 2.0, 3.0]}, goal=goal)
    estimator, record, said = searched(search, lambda one: -10 + one.C)
    assert estimator.C == record["best"]["parameters"]["C"] == best
    assert len(record["trials"]) == 3
    assert said[0].startswith("trial 1 of 3: C ") and said[0].endswith(", the best so far")


def test_of_equal_trials_the_first_is_taken() -> None:
    search = told({"C": [1.0, 2.0, 3.0]})
    _, record, _ = searched(search, lambda one: 0.0)
    assert record["best"] == record["trials"][0]


def test_a_trial_that_fails_is_passed_over() -> None:
    def score(one: Any) -> float:
        if one.C < 3:
            raise ZeroDivisionError("no such\nthing")
        return 0.5

    estimator, record, said = searched(told({"C": [1.0, 2.0, 3.0]}), score)
    assert estimator.C == 3.0
    failed = [trial for trial in record["trials"] if "score" not in trial]
    assert [one["error"] for one in failed] == ["ZeroDivisionError: no such thing"] * 2
    assert sum("no score: ZeroDivisionError" in line for line in said) == 2


def test_where_all_fail_one_line_says_why() -> None:
    def score(one: Any) -> float:
        raise ValueError("no roc_auc")

    search = told({"C": [1.0, 2.0]})
    with pytest.raises(TableError, match=r"^training\.search: none of 2 trials has a score; .*roc"):
        searched(search, score)
    with pytest.raises(UnscoredTrial, match="this trial has no score: ValueError: no roc_auc"):
        searched(search, score, ("C=2.0",))


@pytest.mark.parametrize(
    ("space", "given", "said"),
    [
        ({"CC": [1]}, (), "LogisticRegression takes no 'CC'; did you mean 'C'? Valid: C, "),
        ({"model__C": [1]}, (), "takes no 'model__C'"),
        ({"C": [1], "tol": [1]}, ("C=1",), "--trial: it names C, not C, tol"),
        ({"C": [1]}, ("C=2",), "--trial: '2' is none of the values of training.search"),
        ({"C": {"min": 1}}, (), "training.search: C has no max"),
    ],
)
def test_what_does_not_suit_is_one_line(
    space: dict[str, Any], given: tuple[str, ...], said: str
) -> None:
    with pytest.raises(TableError) as refused:
        searched(told(space), lambda one: 0.0, given)
    assert said in str(refused.value) and "\n" not in str(refused.value)


# Scores.


def accuracy(model: Any, X: Any, y: Any, task: str, classes: list[Any] | None) -> Evaluation:
    """An owner's `evaluate`, with a metric that is missing where the model answers with one."""
    answer = model.predict(X)
    return Evaluation({"accuracy": float(np.mean(answer == y)), "nan": math.nan}, answer)


@pytest.fixture(scope="module")
def table() -> tuple[pd.DataFrame, Any]:
    """Two noisy clouds."""
    random = np.random.default_rng(0)
    y = np.repeat(["a", "b"], 60)
    X = pd.DataFrame(random.normal(size=(120, 3)) + (y == "b")[:, None], columns=list("xyz"))
    return X, y


def scorer(search: Told, X: Any, y: Any, *, groups: Any = None, times: Any = None) -> Any:
    """What scores pipelines on a table."""
    task = "regression" if y.dtype.kind == "f" else "classification"
    return folds_score(search, X, y, groups, times, task, accuracy, 0)


def test_a_trial_by_itself_scores_as_it_does_among_the_others(
    table: tuple[pd.DataFrame, Any],
) -> None:
    """Each job of a sweep scores one; the best of them is that of the search in one job."""
    search = told(
        {"n_neighbors": [1, 5, 30], "weights": ["uniform", "distance"]}, metric="accuracy"
    )
    pipeline = make_pipeline(StandardScaler(), KNeighborsClassifier())
    _, whole, _ = searched(search, scorer(search, *table), pipeline=pipeline)
    alone = []
    for trial in whole["trials"]:
        given = tuple(f"{name}={value}" for name, value in trial["parameters"].items())
        _, record, _ = searched(search, scorer(search, *table), given, pipeline)
        alone.append(record["best"])
    assert alone == whole["trials"]
    assert max(alone, key=lambda trial: trial["score"])["score"] == whole["best"]["score"]
    assert len({trial["score"] for trial in alone}) > 2


class Watching(DecisionTreeRegressor):
    """Says which rows it is fitted on."""

    seen: ClassVar[list[Any]] = []

    def fit(self, X: Any, y: Any) -> Any:
        """Keep the rows."""
        self.seen.append(set(X.index))
        return super().fit(X, y)


@pytest.mark.parametrize("by", ["groups", "times", "nothing"])
def test_folds_keep_groups_together_and_follow_time(by: str) -> None:
    X, y = pd.DataFrame({"x": np.arange(100.0)}), np.arange(100.0)
    order = np.arange(100) // 34  # three groups
    search = told({"max_depth": [3]}, metric="accuracy")
    Watching.seen.clear()
    how = {"groups": {"groups": order}, "times": {"times": y}, "nothing": {}}[by]
    scorer(search, X, y, **how)(Watching())
    scored = [set(range(100)) - rows for rows in Watching.seen]
    if by == "groups":
        assert sorted(len({*order[sorted(rows)]}) for rows in scored) == [1, 1, 1]
        assert set.union(*scored) == set(range(100))
    elif by == "times":
        assert [min(rows) for rows in scored] == [80] and len(scored[0]) == 20
    else:
        assert len(scored) == 5 and set.union(*scored) == set(range(100))


def test_the_folds_that_measure_search_anew_and_record_nothing(
    table: tuple[pd.DataFrame, Any],
) -> None:
    """Of few rows each fold is answered by a search within the others: what is kept is recorded."""
    X, y = table
    told = {"space": {"C": [0.01, 1.0]}, "trials": 2, "metric": "accuracy", "goal": "maximize"}
    job: Any = SimpleNamespace(
        settings={"search": told}, args=SimpleNamespace(trial=[]), seed=0, say=print, searched={}
    )
    rows: Any = SimpleNamespace(task="classification")
    kept = None
    for muted, part in ((False, X), (True, X.iloc[::2])):
        job.muted = muted
        [best] = best_of_trials(
            job, [LogisticRegression()], accuracy, rows, part, y[part.index], None, None
        )
        kept = kept or (best.C, job.searched)
    assert kept == (job.searched["best"]["parameters"]["C"], job.searched)
    assert kept is not None and kept[1] is job.searched
    with pytest.raises(TableError, match="needs one estimator"):
        best_of_trials(job, [LogisticRegression()] * 2, accuracy, rows, X, y, None, None)


def test_a_metric_that_is_no_number_is_no_score(table: tuple[pd.DataFrame, Any]) -> None:
    search = told({"C": [1.0]}, metric="nan")
    with pytest.raises(TableError, match="nan was not measured; accuracy was"):
        searched(search, scorer(search, *table))


def test_a_lone_class_and_folds_of_one_class_are_no_matter() -> None:
    y = np.array(["a"] * 30 + ["b"] * 30 + ["rare"])
    X = pd.DataFrame({"x": np.arange(61.0)})
    search = told({"C": [1.0]}, metric="accuracy")
    assert searched(search, scorer(search, X, y))[1]["best"]["score"] > 0.5
    by_class = np.repeat([0.0, 1.0, 2.0], [30, 30, 1])
    with pytest.raises(TableError, match="too few, or too alike, for folds"):
        scorer(search, X, y, groups=by_class)
