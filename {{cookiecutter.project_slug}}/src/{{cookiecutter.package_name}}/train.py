"""Train, measure and write the model: `python -m <this package>.train --data PATH`.

It runs in a folder of its own, here and on Azure ML, and writes `outputs/model/` and, last of all,
`outputs/metrics.json`. Any script that does so will do; amlkit only makes this one short.
"""

from __future__ import annotations

import sys
from typing import Any

from amlkit.tabular.estimators import make_estimator
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
    "drop_columns": [],
    "min_class_rows": 5,
}


def train(job: Job) -> None:
    """The job, top to bottom."""
    settings = job.settings
    rows = job.read(
        settings["task"], settings["holdout"], settings["drop_columns"], settings["min_class_rows"]
    )

    # `training.estimator` of config.yml picks the estimator; auto is histogram gradient boosting.
    estimator = make_estimator(
        settings["estimator"], settings["parameters"], rows.task, settings["seed"]
    )
    pipeline = build_pipeline(rows.columns, estimator)

    size = f"{len(rows.X)} rows x {len(rows.columns)} features"
    with job.stage("fit", f"fit {type(estimator).__name__} on {size}"):
        pipeline.fit(rows.X, rows.y)

    with job.stage("evaluate", f"evaluate on {len(rows.X_test)} held-out rows"):
        evaluation = evaluate(pipeline, rows.X_test, rows.y_test, rows.task, rows.classes)
        job.say(in_words(evaluation.metrics))

    # The model, its ONNX copy, figures, metrics; and the champion, measured by `evaluate` too.
    job.write(rows, pipeline, evaluation, evaluate)


if __name__ == "__main__":
    sys.exit(main(train, SETTINGS))
