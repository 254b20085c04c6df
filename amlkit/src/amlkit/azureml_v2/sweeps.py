"""A search as a sweep job of SDK v2: the owner's function asked for it, its best trial."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from amlkit.azure import owners
from amlkit.azureml_v2.connection import Connection, job_status
from amlkit.calls import SearchParts
from amlkit.records import FINISHED, Search, WorkError
from amlkit.tabular.space import Range, Values, read_space, size, words_of

LOG_FOLDER = "azureml-logs/"
# The service names the best trial by the primary metric in this property of the sweep.
BEST = "best_child_run_id"


def sweep_of(search: Search, trial: Any, root: Path) -> Any:
    """What the owner's `training_sweep(trial, search)` returns: the sweep job that is sent.

    Raises:
        WorkError: it returns none.
    """
    from azure.ai.ml.entities import Sweep

    function = search.definition
    if function is None:
        raise WorkError("this driver hands over no training_sweep function: see src/model.py")
    made = function(trial, search_parts(search))
    if not isinstance(made, Sweep):
        raise owners.refused(function, root, made, "what trial(…).sweep(…) returns")
    return made


def search_parts(search: Search) -> SearchParts:
    """What the owner's function is given: the space in the SDK's distributions."""
    space = read_space(search.space)
    combinations = size(space)
    trials = search.trials if combinations is None else min(combinations, search.trials)
    return SearchParts(
        space={name: _distribution(values) for name, values in space.items()},
        metric=search.logged_as,
        goal=search.goal,
        trials=trials,
        exhaustive=trials == combinations,
        seed=search.seed,
    )


def _distribution(values: Values) -> Any:
    """The SDK's distribution; of whole numbers the nearest to what is drawn is taken."""
    from azure.ai.ml.sweep import Choice, LogUniform, QLogUniform, QUniform, Uniform

    if not isinstance(values, Range):
        return Choice(values=words_of(values))
    low, high = (math.log(end) if values.log else end for end in (values.low, values.high))
    if values.whole:
        return (QLogUniform if values.log else QUniform)(min_value=low, max_value=high, q=1)
    return (LogUniform if values.log else Uniform)(min_value=low, max_value=high)


def is_sweep(job: Any) -> bool:
    """Whether a job of the SDK's is a sweep."""
    return str(getattr(job, "type", "")) == "sweep"


def best_trial(job: Any) -> str:
    """The run of a sweep's best trial; "" of another job, and where there is none yet."""
    return str((job.properties or {}).get(BEST) or "") if is_sweep(job) else ""


def trial_to_show(connection: Connection, job: Any) -> str:
    """The trial whose log tells how a sweep ended: the best, else the first that failed, or began.

    "" of another job, of a sweep under way and of one that began no trial.
    """
    status = job_status(job)
    if not is_sweep(job) or status not in FINISHED:
        return ""
    if status == "Completed" and best_trial(job):
        return best_trial(job)
    trials = connection.client.jobs.list(parent_job_name=job.name)
    # Their names are those of the sweep with a number: SWEEP_0, SWEEP_1, …
    known = [
        (job_status(one) != "Failed", len(one.name), one.name) for one in trials if one is not None
    ]
    return str(min(known)[-1]) if known else ""


def with_reason(job: Any, log: list[str]) -> list[str]:
    """A log, and why a sweep that is over has no best trial where the log does not end with it."""
    if not is_sweep(job) or job_status(job) != "Completed" or best_trial(job):
        return log
    if any(line.startswith("error: ") for line in log[-1:]):
        return log
    return [*log, f"error: no trial has logged {job.objective.primary_metric} to MLflow"]
