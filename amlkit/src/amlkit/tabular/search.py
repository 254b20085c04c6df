"""`training.search`: an estimator with several parameters, each scored in folds of the rows.

A trial's score is the mean of one metric of the owner's `evaluate` over folds of what is learned
from; the held-out rows have no say. All trials of one search are scored in the same folds.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.stats import uniform
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import ParameterSampler

from amlkit.tabular.auto import Fold, estimator_of, folds_of, of_known_classes, threads_for
from amlkit.tabular.estimators import names_problem
from amlkit.tabular.evaluation import Array, Evaluate
from amlkit.tabular.space import Range, Space, UnscoredTrial, read_space, read_word, size
from amlkit.tabular.table import TableError, shorten

if TYPE_CHECKING:
    from amlkit.tabular.rows import Rows
    from amlkit.tabular.training import Job

Say = Callable[[str], None]


@dataclass(frozen=True)
class Trial:
    """An estimator's parameters and how they did."""

    parameters: dict[str, Any]
    score: float | None = None
    error: str = ""
    """Why there is no score."""

    def record(self) -> dict[str, Any]:
        """For metrics.json."""
        how = {"error": self.error} if self.score is None else {"score": self.score}
        return {"parameters": self.parameters, **how}

    def __str__(self) -> str:
        return ", ".join(f"{name} {_short(value)}" for name, value in self.parameters.items())


@dataclass(frozen=True)
class Told:
    """A search as `--settings` tells it."""

    space: Space
    trials: int
    metric: str
    goal: str

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Told:
        """From its JSON; TableError if it is malformed."""
        try:
            space = read_space(told["space"])
        except (ValueError, KeyError, AttributeError) as error:
            raise TableError(f"training.search: {error}") from None
        return cls(space, int(told["trials"]), str(told["metric"]), str(told["goal"]))

    def better(self, score: float, other: float) -> bool:
        """Whether a score is better than another."""
        return score < other if self.goal == "minimize" else score > other


def best_of_trials(
    job: Job,
    pipelines: Sequence[Any],
    evaluate: Evaluate,
    rows: Rows,
    X: pd.DataFrame,
    y: Array,
    groups: Array | None,
    times: Array | None,
) -> list[Any]:
    """The pipeline with the parameters that score best in folds of `X`, unfitted, by itself.

    Args:
        job: its `search` says what is tried and by which metric, its `--trial` which trial it is:
            then these parameters alone are scored.
        pipelines: the one of the estimator whose parameters are tried.
        evaluate: the owner's.
        rows: the task.
        X: what is learned from, with y, groups and times as `fit_best` takes them.

    Raises:
        TableError: the search does not suit the estimator, or no trial could be scored.
        UnscoredTrial: the job's own could not.
    """
    if len(pipelines) != 1:
        raise TableError("training.search: it needs one estimator, named in training.estimator")
    told = Told.of(job.settings["search"])
    score = folds_score(told, X, y, groups, times, rows.task, evaluate, job.seed)
    best, record = best_trial(told, job.args.trial, pipelines[0], score, job.seed, job.say)
    if not job.muted:  # of the model that is kept, not of the folds that measure it
        job.searched = record
    return [best]


def best_trial(
    told: Told,
    given: Sequence[str],
    pipeline: Any,
    score: Callable[[Any], float],
    seed: int,
    say: Say,
) -> tuple[Any, dict[str, Any]]:
    """The pipeline with the parameters of the best trial, unfitted, and the record of all trials.

    Args:
        told: what is tried.
        given: `NAME=VALUE`, the parameters of the one trial that this job is; empty: all are drawn.
        pipeline: unfitted; its last step is the estimator.
        score: scores a pipeline.
        seed: of what is drawn.
        say: hears of each trial.

    Raises:
        TableError: the estimator takes no such parameter, or no trial could be scored.
        UnscoredTrial: the given one could not.
    """
    if problem := names_problem(estimator_of(pipeline), told.space):
        raise TableError(problem)
    drawn = [_given(told.space, given)] if given else list(draw(told.space, told.trials, seed))
    done: list[Trial] = []
    best = -1
    for parameters in drawn:
        done.append(_tried(pipeline, parameters, score))
        value = done[-1].score
        if value is not None and (best < 0 or told.better(value, done[best].score or 0.0)):
            best = len(done) - 1
        say(_line(told, done, len(drawn), best))
    if best < 0 and given:
        raise UnscoredTrial(f"training.search: this trial has no score: {done[0].error}")
    if best < 0:
        many = f"none of {len(done)} trials has a score; the first, {done[0]}"
        raise TableError(f"training.search: {many}: {done[0].error}")
    record = {
        "metric": told.metric,
        "goal": told.goal,
        "best": done[best].record(),
        "trials": [trial.record() for trial in done],
    }
    return with_parameters(pipeline, done[best].parameters), record


def draw(space: Space, trials: int, seed: int) -> Iterator[dict[str, Any]]:
    """The parameters of each trial, by scikit-learn's `ParameterSampler`; of few choices all."""
    combinations = size(space)
    few = trials if combinations is None else min(trials, combinations)
    lists = {
        name: _Drawn(values) if isinstance(values, Range) else list(values)
        for name, values in space.items()
    }
    for drawn in ParameterSampler(lists, few, random_state=seed):
        yield {name: drawn[name] for name in space}


class _Drawn:
    """A range as `ParameterSampler` asks for it."""

    def __init__(self, values: Range) -> None:
        self.values = values

    def rvs(self, random_state: Any = None) -> float | int:
        """A number of the range."""
        low, high, log = self.values.low, self.values.high, self.values.log
        ends = (math.log(low), math.log(high)) if log else (low, high)
        drawn = float(uniform.rvs(ends[0], ends[1] - ends[0], random_state=random_state))
        return self.values.near(math.exp(drawn) if log else drawn)


def folds_score(
    told: Told,
    X: pd.DataFrame,
    y: Array,
    groups: Array | None,
    times: Array | None,
    task: str,
    evaluate: Evaluate,
    seed: int,
) -> Callable[[Any], float]:
    """What scores a pipeline: the mean of the metric in folds of the rows, as `fit_best` has them.

    Rows of a group are not parted, and by time the newest are scored. Folds that cannot measure, of
    one class or one value, are left out for all trials alike.
    Raises TableError if none is left.
    """
    every = folds_of(X, y, seed, groups, times, least_groups=2)
    folds = [
        (train, test)
        for train, test in (_known(fold, y, task) for fold in every)
        if min(len(np.unique(y[train])), len(np.unique(y[test]))) > 1
    ]
    if not folds:
        raise TableError("training.search: the training rows are too few, or too alike, for folds")

    def score(pipeline: Any) -> float:
        found = []
        for train, test in folds:
            fitted = clone(pipeline).fit(X.iloc[train], y[train])
            classes = np.unique(y[train]).tolist() if task == "classification" else None
            measured = evaluate(fitted, X.iloc[test], y[test], task, classes).metrics
            if told.metric not in measured:
                has = ", ".join(measured) or "nothing"
                raise ValueError(f"{told.metric} was not measured; {has} was")
            found.append(measured[told.metric])
        return float(np.mean(found))

    def with_few_threads(pipeline: Any) -> float:
        with threads_for(X, y), warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            return score(pipeline)

    return with_few_threads


def _known(fold: Fold, y: Array, task: str) -> Fold:
    """A fold whose compared rows are of classes that are learned from."""
    train, test = fold
    return train, of_known_classes(train, test, y) if task == "classification" else test


def with_parameters(pipeline: Any, parameters: Mapping[str, Any]) -> Any:
    """The same pipeline, unfitted, its estimator with other parameters."""
    other = clone(pipeline)
    estimator_of(other).set_params(**parameters)
    return other


def _tried(pipeline: Any, parameters: dict[str, Any], score: Callable[[Any], float]) -> Trial:
    """A trial; one that fails, for whatever reason, has no score."""
    try:
        value = score(with_parameters(pipeline, parameters))
    except Exception as error:  # an estimator may refuse its parameters in any way
        return Trial(parameters, error=f"{type(error).__name__}: {shorten(error, 160)}")
    return Trial(parameters, value)


def _given(space: Space, words: Sequence[str]) -> dict[str, Any]:
    """The parameters of `NAME=VALUE`; TableError if they are not those of the space."""
    told = dict(word.partition("=")[::2] for word in words)
    if told.keys() != space.keys():
        raise TableError(f"--trial: it names {', '.join(told)}, not {', '.join(space)}")
    try:
        return {name: read_word(space[name], told[name]) for name in space}
    except ValueError as error:
        raise TableError(f"--trial: {error}") from None


def _line(told: Told, done: Sequence[Trial], total: int, best: int) -> str:
    """`trial 3 of 20: C 0.03: roc_auc 0.981; the best so far is trial 1, 0.983`."""
    last = done[-1]
    how = f"no score: {last.error}" if last.score is None else f"{told.metric} {last.score:.4g}"
    words = f"trial {len(done)} of {total}: {last}: {how}"
    if best < 0 or total == 1:
        return words
    if best == len(done) - 1:
        return f"{words}, the best so far"
    return f"{words}; the best so far is trial {best + 1}, {done[best].score:.4g}"


def _short(value: Any) -> str:
    """A value for the log."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)
