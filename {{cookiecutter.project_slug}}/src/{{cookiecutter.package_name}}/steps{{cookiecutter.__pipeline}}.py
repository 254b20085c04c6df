"""The steps of src/pipeline.py: train.py in two parts; keep alike what both do.

`prepare` finds the newest table and the champion, `register` lets the gate judge. They run where
there is no scikit-learn, so the others import what they need.
"""

from __future__ import annotations

import sys
from typing import Any

from amlkit.flow.steps import prepare, register
from amlkit.tabular.steps import StepJob, main


def train(step: StepJob) -> None:
    """A fitted model, into the folder `trained`."""
    from .train import SETTINGS

    job = step.job(SETTINGS)
    rows = step.rows(job)
    with job.stage("fit", f"fit on {len(rows.X)} rows x {len(rows.columns)} features"):
        step.save(fitting(job, rows)(rows.X, rows.y, rows.groups, rows.times))


def evaluate(step: StepJob) -> None:
    """Metrics, figures and the model itself, below outputs/; the champion on the same rows."""
    from .evaluate import evaluate as measure
    from .train import SETTINGS

    job = step.job(SETTINGS)
    rows, model = step.rows(job), step.load()
    with job.stage("evaluate", f"evaluate on {rows.split.in_words()}"):
        evaluation = job.evaluate(model, fitting(job, rows), rows, measure)
    job.write(rows, model, evaluation, measure)
    step.hand_over()


def fitting(job: Any, rows: Any) -> Any:
    """What makes a new model, as train.py does: `fit(X, y, groups, times)`."""
    from amlkit.tabular.auto import fit_best
    from amlkit.tabular.estimators import make_estimators
    from amlkit.tabular.search import best_of_trials

    from .evaluate import evaluate as measure
    from .features import build_pipeline

    estimator, parameters, seed = (job.settings[n] for n in ("estimator", "parameters", "seed"))
    estimators = make_estimators(estimator, parameters, rows.task, seed)
    pipelines = [build_pipeline(rows.columns, each) for each in estimators]

    def fit(*known: Any) -> Any:
        found = pipelines
        if job.settings["search"]:
            found = best_of_trials(job, pipelines, measure, rows, *known)
        X, y, *parts = known
        return fit_best(found, X, y, seed, job.say, *parts)

    return fit


if __name__ == "__main__":
    sys.exit(main(__file__, (prepare, train, evaluate, register)))
