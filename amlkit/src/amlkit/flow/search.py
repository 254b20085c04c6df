"""`training.search` of config.yml: what a job is told of it, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from amlkit.calls import Calls
from amlkit.checks import is_number, less_is_better
from amlkit.records import DataAsset, Job, Run, Search, WorkError
from amlkit.settings import Settings, SettingsError
from amlkit.workspace import Workspace


def search_of(
    settings: Settings, workspace: Workspace, calls: Calls, data: DataAsset
) -> Search | None:
    """The search of the settings; None where they name none.

    Raises:
        SettingsError: the gate has no primary metric for the task of the table.
    """
    training = settings.training
    if not training.search:
        return None
    metric = _metric(settings, workspace, data)
    separate = workspace.jobs.sweeps and calls.training_job is not None
    return Search(
        space=training.search,
        trials=training.trials,
        metric=metric,
        goal="minimize" if less_is_better(metric) else "maximize",
        seed=training.seed,
        definition=calls.training_sweep if separate else None,
    )


def ahead(job: Job) -> str:
    """What a search comes to, as the end of a line; empty without one."""
    if job.search is None:
        return ""
    where = "a sweep job" if job.search.definition else "one job"
    return f": the best of {job.search.trials} trials at most by {job.search.metric}, in {where}"


def record(run: Run, metrics: Mapping[str, Any]) -> dict[str, Any]:
    """What came of a run's search, as `search`; empty of a run without one.

    Args:
        run: its `trial` is the best one's own run, where each had one.
        metrics: its metrics.json, whose `search` docs/contract.md describes.
    """
    said = metrics.get("search")
    said = said if isinstance(said, Mapping) else {}
    if not said and not run.trial:
        return {}
    best = said.get("best")
    best = best if isinstance(best, Mapping) else {}
    parameters = best.get("parameters")
    found = {
        "metric": said.get("metric"),
        "score": best.get("score") if is_number(best.get("score")) else None,
        "parameters": dict(parameters) if isinstance(parameters, Mapping) else {},
        "trial": run.trial or None,
    }
    return {"search": found}


def words(run: Run, metrics: Mapping[str, Any]) -> list[str]:
    """The same as a line for a person, or none."""
    found = record(run, metrics).get("search")
    if not found:
        return []
    parts = [f"{name} {value}" for name, value in found["parameters"].items()]
    if found["score"] is not None:
        parts.append(f"{found['metric']} {found['score']:.4g} in folds of the training rows")
    if run.trial:
        parts.append(f"run {run.trial}")
    return [" ".join(f"the best trial: {', '.join(parts)}".split())]


def _metric(settings: Settings, workspace: Workspace, data: DataAsset) -> str:
    """The primary metric by which the gate will judge the model."""
    rules, task = settings.gate.rules, settings.training.task
    if len(rules) == 1:
        return next(iter(rules.values())).primary_metric
    if task == "auto":
        task = _task(workspace, data) or next(iter(rules), task)
    if task not in rules:
        raise SettingsError(
            f"{settings.origin('training.search')}: training.search: gate.rules has none for "
            f"{task}, whose primary_metric says which trial is the best"
        )
    return rules[task].primary_metric


def _task(workspace: Workspace, data: DataAsset) -> str:
    """The task that the job will tell from the table; "" of one that is not registered yet."""
    from amlkit.tabular.table import TableError
    from amlkit.tabular.table.profile import Profile, infer_task

    profile = workspace.data.profile(data) if data.source else {}
    try:
        return infer_task(Profile.from_dict(dict(profile)))[0] if profile else ""
    except TableError as error:
        raise WorkError(str(error)) from None
