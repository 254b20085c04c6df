"""What a run leaves of itself: the lines of its log, and its record in MLflow."""

from __future__ import annotations

import gc
import logging
import os
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from amlkit.say import say

HEARTBEAT = 10.0  # seconds
LONGEST_PARAMETER = 500  # what every MLflow server takes


class Stages:
    """Counts the stages, of which about `total` are expected; `seconds` says what each one took."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.number = 0
        self.seconds: dict[str, float] = {}

    def say(self, text: str) -> None:
        """One line of the log, there to be read at once."""
        say(f"[{self.number}/{max(self.number, self.total)}] {text}")

    @contextmanager
    def stage(self, name: str, words: str) -> Iterator[None]:
        """Say what begins; every ten seconds that it goes on; and how long it took."""
        self.number += 1
        self.say(words)
        start, done = time.perf_counter(), threading.Event()

        def keep_saying() -> None:
            while not done.wait(HEARTBEAT):
                self.say(f"… {time.perf_counter() - start:.0f} s")

        voice = threading.Thread(target=keep_saying, daemon=True)
        voice.start()
        try:
            yield
        finally:
            done.set()
            voice.join()
        self.seconds[name] = round(time.perf_counter() - start, 3)
        self.say(f"done in {self.seconds[name]:.1f} s")


@contextmanager
def no_collections() -> Iterator[None]:
    """Look for no garbage in a block that imports much: most of the time would go into that."""
    on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if on:
            gc.enable()


def track(
    parameters: Mapping[str, Any],
    metrics: Mapping[str, float],
    tags: Mapping[str, str],
    outputs: Path,
) -> str:
    """Record the run, its figures and metrics.json where MLFLOW_TRACKING_URI says.

    Azure ML sets that in a job. Returns a line for the log. Tracking that fails costs the record,
    never the model.
    """
    uri = os.environ.get("MLFLOW_TRACKING_URI")
    if not uri:
        return "not tracked: MLFLOW_TRACKING_URI is not set"
    try:
        return f"tracked as MLflow run {_record(parameters, metrics, tags, outputs)}"
    except Exception as error:  # a network, a database or another version of MLflow: anything
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        say(f"warning: tracking failed, the model is not affected: {reason}", error=True)
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
    with no_collections():
        import mlflow  # seconds to import: only when there is something to record to

    # start_run heeds MLFLOW_RUN_ID or MLFLOW_EXPERIMENT_ID/_NAME, which Azure ML sets in a job
    with mlflow.start_run() as run:
        mlflow.log_params({k: str(value)[:LONGEST_PARAMETER] for k, value in parameters.items()})
        mlflow.log_metrics(dict(metrics))
        mlflow.set_tags(dict(tags))
        mlflow.log_artifact(str(outputs / "metrics.json"))
        if (outputs / "figures").is_dir():
            mlflow.log_artifacts(str(outputs / "figures"), "figures")
    return str(run.info.run_id)
