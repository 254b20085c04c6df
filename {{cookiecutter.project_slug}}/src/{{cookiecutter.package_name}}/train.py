"""Train, measure and write the model: `python -m <this package>.train --data PATH`.

It runs in a folder of its own, here and on Azure ML, and writes `outputs/model/` and, last of all,
`outputs/metrics.json`. Any script that does so will do; amlkit only makes this one short.
"""

from __future__ import annotations

import sys
from typing import Any

from amlkit.tabular.auto import fit_best
from amlkit.tabular.estimators import make_estimators
from amlkit.tabular.search import best_of_trials
from amlkit.tabular.training import Job, in_words, main

from .evaluate import evaluate
from .features import build_pipeline

# What `training` of config.yml may say, and what holds where it says nothing.
SETTINGS: dict[str, Any] = {
    "task": "auto",
    "estimator": "auto",
    "parameters": {},
    "seed": 0,
    "holdout": 0.2,
    "split": {"by": "row hash"},
    "folds": 5,
    "drop_columns": [],
    "keep_columns": [],
    "min_class_rows": 5,
    "rare_classes": "refuse",
    "importance_seconds": 3.0,
    "search": {},
}


def train(job: Job) -> None:
    """The job, top to bottom."""
    settings = job.settings
    rows = job.read(
        task=settings["task"],
        holdout=settings["holdout"],
        split=settings["split"],
        folds=settings["folds"],
        drop_columns=settings["drop_columns"],
        keep_columns=settings["keep_columns"],
        min_class_rows=settings["min_class_rows"],
        rare_classes=settings["rare_classes"],
    )

    # `training.estimator` of config.yml picks the estimator; of several the better one is taken.
    estimators = make_estimators(
        settings["estimator"], settings["parameters"], rows.task, settings["seed"]
    )
    pipelines = [build_pipeline(rows.columns, estimator) for estimator in estimators]

    def fit(X: Any, y: Any, groups: Any, times: Any) -> Any:
        """A new model, fitted; groups and times (rows,) are None but with such a split."""
        best = pipelines
        if settings["search"]:  # `training.search`: of its trials the best in folds of these rows
            best = best_of_trials(job, pipelines, evaluate, rows, X, y, groups, times)
        return fit_best(best, X, y, settings["seed"], job.say, groups, times)

    names = " or ".join(dict.fromkeys(type(estimator).__name__ for estimator in estimators))
    size = f"{len(rows.X)} rows x {len(rows.columns)} features"
    with job.stage("fit", f"fit {names} on {size}"):
        pipeline = fit(rows.X, rows.y, rows.groups, rows.times)

    # On few rows each is answered by what `fit` makes of the other folds: `rows.split.folds`.
    with job.stage("evaluate", f"evaluate on {rows.split.in_words()}"):
        evaluation = job.evaluate(pipeline, fit, rows, evaluate)
        job.say(in_words(evaluation.metrics))

    # The model, its ONNX copy, figures, metrics; and the champion, measured by `evaluate` too.
    job.write(rows, pipeline, evaluation, evaluate)


if __name__ == "__main__":
    sys.exit(main(train, SETTINGS))
