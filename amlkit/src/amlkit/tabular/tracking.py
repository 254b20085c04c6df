"""The run's record in MLflow, where MLFLOW_TRACKING_URI says (Azure ML sets it in a job)."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

LONGEST_PARAMETER = 500  # what every MLflow server takes


def track(
    parameters: Mapping[str, Any],
    metrics: Mapping[str, float],
    tags: Mapping[str, str],
    outputs: Path,
) -> str:
    """Record the run with its figures and metrics.json; the answer is a line for the log.

    Tracking that fails costs the record, never the model.
    """
    uri = os.environ.get("MLFLOW_TRACKING_URI")
    if not uri:
        return "not tracked: MLFLOW_TRACKING_URI is not set"
    try:
        return f"tracked as MLflow run {_record(parameters, metrics, tags, outputs)}"
    except Exception as error:  # a network, a database or another version of MLflow: anything
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        print(f"warning: tracking failed, the model is not affected: {reason}", file=sys.stderr)
        return "not tracked"


def _record(
    parameters: Mapping[str, Any],
    metrics: Mapping[str, float],
    tags: Mapping[str, str],
    outputs: Path,
) -> str:
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
    logging.getLogger("alembic").setLevel(logging.WARNING)
    import mlflow  # seconds to import: only when there is something to record to

    # start_run takes up MLFLOW_RUN_ID or MLFLOW_EXPERIMENT_ID/_NAME, which Azure ML sets in a job.
    with mlflow.start_run() as run:
        mlflow.log_params({k: str(value)[:LONGEST_PARAMETER] for k, value in parameters.items()})
        mlflow.log_metrics(dict(metrics))
        mlflow.set_tags(dict(tags))
        mlflow.log_artifact(str(outputs / "metrics.json"))
        if (outputs / "figures").is_dir():
            mlflow.log_artifacts(str(outputs / "figures"), "figures")
    return str(run.info.run_id)
