"""What makes the steps of a training pipeline short: each runs by itself, and is given folders.

`main` calls the one of the owner's functions that the command line names. What a step hands on, it
writes into a folder of its outputs; the next one finds it under the same name.
"""

from __future__ import annotations

import argparse
import inspect
import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from amlkit.say import say

MODEL_FILE, SEARCHED = "model.joblib", "searched.json"
# What `prepare` says of what it found, and `evaluate` of the run whose outputs hold the model.
PREPARED, EVALUATED = "prepared.json", "evaluated.json"
STAGES = {"train": 3, "evaluate": 8}


class StepJob:
    """One step under way: its folders, its settings, and what steps have in common."""

    def __init__(self, name: str, root: Path, folders: Mapping[str, Path]) -> None:
        self.name = name
        self.root = root
        """The snapshot: the package, `config.yml` and `pipeline.json`."""
        self.folders = folders
        """The step's inputs and outputs, by their names."""
        self._job: Any = None

    @property
    def plan(self) -> dict[str, Any]:
        """What src/pipeline.py wrote down for all steps."""
        return _read(self.root / "pipeline.json")

    @property
    def prepared(self) -> dict[str, Any]:
        """What `prepare` found: data, target, model_name and the champion's version."""
        return _read(self.folders["prepared"] / PREPARED)

    def job(self, settings: Mapping[str, Any]) -> Any:
        """The training's `Job`, on what `prepare` found; `settings` are those it knows.

        It writes below `outputs/`, as train.py does: the service keeps that with the step's run.
        """
        from amlkit.tabular.run_log import Stages
        from amlkit.tabular.training import Job

        found, prepared = self.prepared, self.folders["prepared"]
        compared = found["champion"] is not None and self.name != "train"
        args = argparse.Namespace(
            data=prepared / "data",
            target=found["target"],
            champion=prepared / "champion" if compared else None,
            champion_version=found["champion"] or "",
            outputs=Path("outputs"),
            trial=[],
        )
        told = {key: value for key, value in self.plan["training"].items() if key in settings}
        job = Job(args, {**settings, **told})
        job.log = Stages(STAGES.get(self.name, 0) + compared)
        searched = self.folders.get("trained", Path()) / SEARCHED
        if self.name != "train" and searched.is_file():  # the search of the step before
            job.searched = _read(searched)
        self._job = job
        return job

    def rows(self, job: Any) -> Any:
        """The training's rows, read as the settings say: the same are held out in each step."""
        names = [name for name in inspect.signature(job.read).parameters if name in job.settings]
        return job.read(**{name: job.settings[name] for name in names})

    def save(self, model: Any) -> None:
        """Hands a fitted model on, and what was searched for it."""
        from amlkit.tabular.model_files import save

        self.folders["trained"].mkdir(parents=True, exist_ok=True)
        save(model, self.folders["trained"] / MODEL_FILE)
        if self._job is not None and self._job.searched:
            text = json.dumps(self._job.searched)
            (self.folders["trained"] / SEARCHED).write_text(text, encoding="utf-8")

    def load(self) -> Any:
        """The model that was handed on: of one's own code, one step before."""
        import joblib

        return joblib.load(self.folders["trained"] / MODEL_FILE)

    def hand_over(self) -> None:
        """Says which run holds the model and its metrics: this one, below `outputs/`."""
        # Azure ML says it in a variable; on this machine a run's folder has its name.
        run_id = os.environ.get("AZUREML_RUN_ID") or Path.cwd().name
        self.folders["evaluated"].mkdir(parents=True, exist_ok=True)
        text = json.dumps({"run_id": run_id})
        (self.folders["evaluated"] / EVALUATED).write_text(text, encoding="utf-8")


def main(
    file: str, steps: Sequence[Callable[[StepJob], None]], argv: Sequence[str] | None = None
) -> int:
    """Runs the step that the command line names, `train --prepared FOLDER --trained FOLDER`.

    Args:
        file: the owner's `steps.py`, in the snapshot's package.
        steps: its functions.
        argv: the command line; the process's own by default.

    Returns 0 if it is done, 1 if the data or the settings will not do (one line on stderr). Any
    other failure keeps its traceback.
    """
    parser = argparse.ArgumentParser(prog="steps", description="Run a step of the pipeline.")
    known = {step.__name__: step for step in steps}
    parser.add_argument("step", choices=list(known))
    args, rest = parser.parse_known_args(argv)
    if len(rest) % 2 or not all(flag.startswith("--") for flag in rest[::2]):
        parser.error("after the step come its folders: --NAME FOLDER …")
    folders = {flag[2:]: Path(folder) for flag, folder in zip(rest[::2], rest[1::2], strict=True)}
    try:
        known[args.step](StepJob(args.step, Path(file).resolve().parents[1], folders))
    except Exception as error:
        if type(error).__name__ not in ("TableError", "SettingsError", "WorkError", "TableRefused"):
            raise
        say(f"error: {error}", error=True)
        return 1
    return 0


def _read(path: Path) -> dict[str, Any]:
    """A JSON object."""
    return dict(json.loads(path.read_text(encoding="utf-8")))
