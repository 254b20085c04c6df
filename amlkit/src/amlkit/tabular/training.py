"""What makes a `train.py` short: the job that reads the data and writes the model.

`main(train, SETTINGS)` reads the command line and calls the owner's `train(job)`. That one reads
with `job.read(…)`, fits and evaluates as it likes, and hands the result to `job.write(…)`.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pyarrow as pa

from amlkit.tabular.asset import drop_missing_target, open_asset, resolve_task, target_values
from amlkit.tabular.champion import evaluate_champion
from amlkit.tabular.estimators import class_path, plain_parameters, plain_value
from amlkit.tabular.evaluation import Array, Evaluate, Evaluation, chance_level
from amlkit.tabular.features import select_features
from amlkit.tabular.holdout import check_sides, holdout_identity, holdout_mask
from amlkit.tabular.model_files import example_row, examples, input_schema, write_json
from amlkit.tabular.run_log import Stages, track
from amlkit.tabular.table import Column, Schema, TableError, read_table, to_frame

STAGES = 7  # read, hold out, fit, evaluate, ONNX copy, figures, write; one more with a champion


@dataclass(frozen=True)
class Rows:
    """A data asset, split: what is learned from, and what is held out.

    `X` and `X_test` hold the columns `columns` (numbers and booleans float64, categories str, dates
    datetime64[s]; NaN or NaT where missing); `y` and `y_test` are labels, or float64 for a
    regression. `classes` are the labels in order, None for a regression.
    """

    X: pd.DataFrame
    y: Array
    X_test: pd.DataFrame
    y_test: Array
    columns: tuple[Column, ...]
    task: str
    classes: list[Any] | None
    held_out: pa.Table = field(repr=False)
    """The held-out rows with all columns of the table."""
    schema: Schema = field(repr=False)
    record: dict[str, Any] = field(repr=False)
    """For metrics.json and schema.json: why the task, notes, holdout identity, example, profile."""


class Job:
    """One training: its arguments, its settings, its log, and what it reads and writes."""

    def __init__(self, args: argparse.Namespace, settings: dict[str, Any]) -> None:
        self.args = args
        self.settings = settings
        self.outputs: Path = args.outputs
        self.log = Stages(STAGES + bool(args.champion))

    def stage(self, name: str, words: str) -> AbstractContextManager[None]:
        """`with job.stage("fit", "fit …"):` logs what begins, goes on, and how long it took."""
        return self.log.stage(name, words)

    def say(self, text: str) -> None:
        """A line of the log."""
        self.log.say(text)

    def read(
        self,
        task: str = "auto",
        holdout: float = 0.2,
        drop_columns: Sequence[str] = (),
        min_class_rows: int = 5,
    ) -> Rows:
        """Read the data asset and hold out a share of its rows, chosen by a hash of each row.

        Columns that nothing can be learned from are left out, and said. Raises TableError, one
        line, if the table does not suit the task, or a side is left without rows.
        """
        with self.stage("read", f"read {self.args.data}"):
            asset = open_asset(self.args.data, self.args.target)
            schema, target = asset.schema, asset.schema.target
            task, why = resolve_task(asset.profile, task, min_class_rows)
            table, note = drop_missing_target(read_table(asset.path, schema), target)
            self.say(f"{task}: {why}")
            self.say(note or f"target {target!r} is known in all rows")

        with self.stage("hold out", "split the rows"):
            mask, hashes = holdout_mask(table, target, holdout)
            if task == "classification":
                check_sides(table.column(target), mask)
            example = example_row(table, schema)
            held_out = table.filter(pa.array(mask))
            identity = holdout_identity(hashes[mask], held_out.column(target))
            table = table.filter(pa.array(~mask))
            sides = f"{table.num_rows} to train, {held_out.num_rows} held out"
            self.say(f"hold out about {holdout:.0%} (by row hash): {sides}")
            names, notes = select_features(table, schema, drop_columns)
            for note in notes:
                self.say(note)
            y = target_values(table, target, task)
            X = to_frame(table.select(names))
            del table, hashes, mask  # a million rows are not kept twice while fitting
            pa.default_memory_pool().release_unused()
        return Rows(
            X,
            y,
            to_frame(held_out.select(names)),
            target_values(held_out, target, task),
            tuple(column for column in schema.features if column.name in names),
            task,
            np.unique(y).tolist() if task == "classification" else None,
            held_out,
            schema,
            {
                "why": why,
                "notes": notes,
                "holdout": identity,
                "example": example,
                "profile": asset.profile.to_dict(),
            },
        )

    def write(
        self,
        rows: Rows,
        model: Any,
        evaluation: Evaluation,
        evaluate: Evaluate,
        figures: Sequence[Callable[[], Any]] = (),
    ) -> None:
        """Write `outputs/model/`, figures and, last of all, `outputs/metrics.json`.

        `evaluation` is what `evaluate` said of `model`; the champion is measured by it on the same
        rows. `figures` are more to draw, as `amlkit.tabular.figures` describes them. Nothing that
        fails with the ONNX copy, the figures, the champion or MLflow fails the job: metrics.json or
        the log says why it is not there.
        """
        names = [column.name for column in rows.columns]
        described = input_schema(
            rows.schema, names, rows.task, rows.classes, rows.record["example"]
        )
        serving = self._onnx_copy(rows, model, evaluation, described)
        champion, rival = None, None
        if self.args.champion:
            champion, rival = self._champion(rows, described, evaluate)
        self._figures(rows, model, evaluation, rival, figures)

        with self.stage("write", f"write {self.outputs}"):
            folder = self.outputs / "model"
            folder.mkdir(parents=True, exist_ok=True)
            save(model, folder / "model.joblib")
            write_json(folder / "schema.json", described)
            answers = (evaluation.prediction, evaluation.probability)
            shown = examples(rows.held_out, rows.schema, names, *answers)
            write_json(folder / "examples.json", shown)

        training = self._training(rows, model)
        record = {
            "task": rows.task,
            "metrics": evaluation.metrics,
            "chance": chance_level(evaluation, rows.y_test, rows.task, rows.classes, self.seed),
            "rows": {"train": len(rows.X), "test": len(rows.X_test)},
            "champion": champion,
            "holdout": rows.record["holdout"],
            "training": training,
            "serving": serving,
        }
        write_json(self.outputs / "metrics.json", record)  # the last: all the others are there
        self._track(rows, record)

    @property
    def seed(self) -> int:
        """Of everything that is drawn by lot."""
        return int(self.settings.get("seed", 0))

    def _onnx_copy(
        self, rows: Rows, model: Any, evaluation: Evaluation, described: dict[str, Any]
    ) -> dict[str, Any]:
        """What metrics.json says of the ONNX copy; `described` gets its own part."""
        with self.stage("onnx_copy", "make an ONNX copy, and compare its answers"):
            # ONNX Runtime takes its time: not before it is needed
            from amlkit.tabular.onnx_copy import make_onnx_copy

            onnx, serving = make_onnx_copy(
                model, described, rows.held_out, rows.y_test, evaluation, self.outputs / "model"
            )
            if onnx:
                described["onnx"] = onnx
                gap = serving["largest_difference"]
                self.say(f"agrees within {gap:.1g}: the ONNX copy will serve")
            else:
                self.say(f"the scikit-learn model will serve: {serving['reason']}")
        return serving

    def _champion(
        self, rows: Rows, described: dict[str, Any], evaluate: Evaluate
    ) -> tuple[dict[str, Any], Evaluation | None]:
        """What metrics.json says of the champion, and its evaluation."""
        version = self.args.champion_version
        with self.stage("champion", f"evaluate version {version} on the same rows"):
            X = to_frame(rows.held_out.select([c.name for c in rows.schema.features]))
            found, reason = evaluate_champion(
                self.args.champion, described, X, rows.y_test, evaluate
            )
            self.say(in_words(found.metrics) if found else reason)
        if found is None:
            return {"version": version, "error": reason}, None
        return {"version": version, "metrics": found.metrics}, found

    def _figures(
        self,
        rows: Rows,
        model: Any,
        evaluation: Evaluation,
        rival: Evaluation | None,
        more: Sequence[Callable[[], Any]],
    ) -> None:
        with self.stage("figures", "draw figures"):
            # matplotlib takes its time: not before it is needed
            from amlkit.tabular.figures import write_figures

            write_figures(
                self.outputs,
                rows.task,
                model,
                rows.X_test,
                rows.y_test,
                evaluation.prediction,
                evaluation.probability,
                rows.classes,
                (rival.prediction, rival.probability) if rival else None,
                rows.record["profile"],
                self.seed,
                more,
            )

    def _training(self, rows: Rows, model: Any) -> dict[str, Any]:
        """How the model was made, for the record."""
        estimator = model[-1] if hasattr(model, "steps") else model
        made = {
            "task": rows.task,
            "why": rows.record["why"],
            "estimator": class_path(estimator),
            "parameters": plain_parameters(estimator),
            "notes": rows.record["notes"],
            "seconds": self.log.seconds,
        }
        if hasattr(estimator, "best_params_"):  # a search
            made["best_parameters"] = plain_value(estimator.best_params_)
        return made

    def _track(self, rows: Rows, record: Mapping[str, Any]) -> None:
        parameters = {
            **self.settings,
            "task": rows.task,
            "estimator": record["training"]["estimator"],
            "target": rows.schema.target,
        }
        sizes = {f"rows_{side}": str(count) for side, count in record["rows"].items()}
        tags = {"holdout": record["holdout"], **sizes}
        self.say(track(parameters, record["metrics"], tags, self.outputs))


def save(model: Any, path: Path) -> None:
    """Pickle the model; TableError if nobody but this process could load it."""
    joblib.dump(model, path)
    if b"__main__" in path.read_bytes():  # the module of what `python -m` runs, uncompressed
        path.unlink()
        raise TableError(
            "the model holds a class or a function of train.py, which is known as __main__ in this "
            "job and not at all to an endpoint; move it to another module of the package, such as "
            "features.py"
        )


def in_words(metrics: Mapping[str, float]) -> str:
    """`roc_auc 0.98, accuracy 0.91`."""
    return ", ".join(f"{name} {value:.4g}" for name, value in metrics.items())


def main(
    train: Callable[[Job], None], settings: Mapping[str, Any], argv: list[str] | None = None
) -> int:
    """Run `train` as the command line says; `settings` are those it knows, with their defaults.

    Returns 0 if a model was written, 1 if the data or the settings will not do (one line on
    stderr); exits with 2 for wrong arguments. Any other failure keeps its traceback.
    """
    parser = argparse.ArgumentParser(prog="train", description="Train, measure and write a model.")
    parser.add_argument(
        "--data", type=Path, required=True, help="folder of a data asset, or a table"
    )
    parser.add_argument("--target", help="column to predict (the asset's)")
    parser.add_argument("--settings", default="{}", help="JSON: `training` of config.yml")
    parser.add_argument("--champion", type=Path, help="folder of the model to compare with")
    parser.add_argument("--champion-version", default="", help="its version, for the record")
    parser.add_argument("--outputs", type=Path, default=Path("outputs"))
    args = parser.parse_args(argv)
    try:
        told = {**settings, **json.loads(args.settings)}
    except (ValueError, TypeError) as error:
        parser.error(f"--settings is not a JSON object: {error}")
    if unknown := sorted(told.keys() - settings.keys()):
        parser.error(f"--settings: no setting {unknown[0]!r}; there are {', '.join(settings)}")
    try:
        train(Job(args, told))
    except TableError as error:
        print(f"error: {error}", file=sys.stderr, flush=True)
        return 1
    except ValueError as error:
        if type(error).__name__ != "InvalidParameterError":  # scikit-learn's, not public
            raise
        print(f"error: training.parameters: {error}", file=sys.stderr, flush=True)
        return 1
    return 0
