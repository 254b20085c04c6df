"""What makes a `train.py` short: the job that reads the data and writes the model.

`main(train, SETTINGS)` reads the command line and calls the owner's `train(job)`. That one reads
with `job.read(…)`, fits as it likes, measures with `job.evaluate(…)`, and hands the result to
`job.write(…)`.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from amlkit.say import say
from amlkit.tabular.analysis import analyse
from amlkit.tabular.arguments import read_arguments
from amlkit.tabular.asset import open_asset, resolve_task, target_values
from amlkit.tabular.champion import Rival, evaluate_champion
from amlkit.tabular.data_checks import data_checks, key_columns, lines_of
from amlkit.tabular.estimators import training_record
from amlkit.tabular.evaluation import Evaluate, Evaluation
from amlkit.tabular.features import learned_columns, select_features
from amlkit.tabular.folds import Fit, fit_unseen
from amlkit.tabular.judgement import Judgement, judge
from amlkit.tabular.model_files import example_row, examples, input_schema, save, write_json
from amlkit.tabular.numbers import agreement
from amlkit.tabular.rows import Rows, known_rows
from amlkit.tabular.run_log import Stages, track
from amlkit.tabular.space import UnscoredTrial, logged_as
from amlkit.tabular.split import ROW_HASH, split_rows
from amlkit.tabular.table import TableError, to_frame

# read, hold out, fit, evaluate, ONNX copy, judge, figures, write; one more with a champion
STAGES = 8


class Job:
    """One training: its arguments, its settings, its log, and what it reads and writes."""

    def __init__(self, args: argparse.Namespace, settings: dict[str, Any]) -> None:
        self.args = args
        self.settings = settings
        self.outputs: Path = args.outputs
        self.log = Stages(STAGES + bool(args.champion))
        self.muted = False
        """Whether nothing is said, since it was said before."""
        self.searched: dict[str, Any] = {}
        """What was tried, for metrics.json; empty without a search."""

    def stage(self, name: str, words: str) -> AbstractContextManager[None]:
        """`with job.stage("fit", "fit …"):` logs what begins, goes on, and how long it took."""
        return self.log.stage(name, words)

    def say(self, text: str) -> None:
        """A line of the log."""
        if not self.muted:
            self.log.say(text)

    def read(
        self,
        task: str = "auto",
        holdout: float = 0.2,
        drop_columns: Sequence[str] = (),
        min_class_rows: int = 5,
        rare_classes: str = "refuse",
        split: Mapping[str, Any] = ROW_HASH,
        folds: int = 0,
        keep_columns: Sequence[str] = (),
    ) -> Rows:
        """Read the data asset and hold out a share of its rows, or part few rows into folds.

        The arguments are the settings of their names; without `folds` rows are always held out.
        Columns that nothing can be learned from are left out, and said. Raises TableError, one
        line, if the table does not suit the task, or a side is left without rows.
        """
        with self.stage("read", f"read {self.args.data}"):
            asset = open_asset(self.args.data, self.args.target)
            schema, target = asset.schema, asset.schema.target
            task, why = resolve_task(asset.profile, task, min_class_rows, rare_classes)
            least = min_class_rows if task == "classification" else 0
            read_again = partial(known_rows, asset, least, rare_classes)
            table, notes = read_again()
            for note in (f"{task}: {why}", *notes):
                self.say(note)

        with self.stage("hold out", "split the rows"):
            parted = split_rows(table, target, holdout, split, folds, task)
            for note in (parted.in_words(), *parted.notes):
                self.say(note)
            example = example_row(table, schema)
            y = target_values(table, target, task)  # of all: a side may lack what tells its type
            useless = key_columns(table, schema, parted)
            if parted.by == "group" and parted.column:  # those to come are not learned from
                useless[parted.column] = "the group of training.split"
            train = table.filter(pa.array(parted.kept))
            names, without = select_features(train, schema, drop_columns, keep_columns, useless)
            for note in without:
                self.say(note)
            checks = data_checks(table, y, names, drop_columns, schema, parted, task)
            for line in lines_of(checks):
                self.say(line)
            held_out = table.filter(pa.array(parted.measured))
            X = to_frame(train.select(names))
            columns = learned_columns(train, schema, names)
            del table, train  # a million rows are not kept twice while fitting
            pa.default_memory_pool().release_unused()
        return Rows(
            X=X,
            y=y[parted.kept],
            X_test=to_frame(held_out.select(names)),
            y_test=y[parted.measured],
            columns=columns,
            task=task,
            classes=np.unique(y).tolist() if task == "classification" else None,
            split=parted,
            held_out=held_out,
            schema=schema,
            read_again=lambda: read_again()[0],
            record={
                "why": why,
                "notes": [*notes, *parted.notes, *without],
                "example": example,
                "profile": asset.profile.to_dict(),
                "data_checks": [asdict(check) for check in checks],
            },
        )

    def evaluate(self, model: Any, fit: Fit, rows: Rows, evaluate: Evaluate) -> Evaluation:
        """What `evaluate` says of the model on rows that it has not seen.

        With folds these are all rows, each answered by what `fit(X, y, groups, times)` makes of the
        other folds; else the held-out rows, answered by `model`. What `fit` says is not said again
        for each of them.
        """
        unseen = model
        if rows.split.folds:
            self.muted = True
            try:
                unseen = fit_unseen(fit, rows.X, rows.y, rows.split, self.log.say)
            finally:
                self.muted = False
        return evaluate(unseen, rows.X_test, rows.y_test, rows.task, rows.classes)

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
            rows.schema, names, rows.task, rows.classes, rows.record["example"], rows.held_out
        )
        described["split"] = rows.split.record()
        # What the model itself says: with folds the evaluation holds the answers of others.
        answers = evaluation
        if rows.split.folds:
            answers = evaluate(model, rows.X_test, rows.y_test, rows.task, rows.classes)
        serving = self._onnx_copy(rows, model, answers, described)
        rival = self._champion(rows, described, evaluate) if self.args.champion else None
        other = rival.evaluation if rival else None
        judgement = self._judge(rows, model, evaluation, other, evaluate)
        self._figures(rows, model, evaluation, other, figures)

        with self.stage("write", f"write {self.outputs}"):
            folder = self.outputs / "model"
            folder.mkdir(parents=True, exist_ok=True)
            save(model, folder / "model.joblib")
            write_json(folder / "schema.json", described)
            own = (answers.prediction, answers.probability)
            shown = examples(rows.held_out, rows.schema, names, *own)
            write_json(folder / "examples.json", shown)
            write_json(self.outputs / "analysis.json", analyse(rows, evaluation, judgement))

        training = training_record(model, rows.task, rows.record, self.log.seconds)
        record = {
            "task": rows.task,
            "metrics": evaluation.metrics,
            "intervals": judgement.intervals,
            "train_metrics": judgement.train_metrics,
            "baseline": judgement.baseline,
            "rows": {"train": len(rows.X), "test": len(rows.X_test)},
            "champion": rival and rival.record(self.args.champion_version, judgement.champion),
            "holdout": rows.split.identity,
            "split": rows.split.public(),
            "training": training,
            "serving": serving,
            **({"search": self.searched} if self.searched else {}),
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
                self.say(f"{agreement(gap)}: the ONNX copy will serve")
            else:
                self.say(f"the scikit-learn model will serve: {serving['reason']}")
        return serving

    def _champion(self, rows: Rows, described: dict[str, Any], evaluate: Evaluate) -> Rival:
        """The champion as it does on the same rows."""
        version = self.args.champion_version

        def refit(fit: Fit, names: list[str]) -> Any:
            table = rows.read_again()
            y = target_values(table, rows.schema.target, rows.task)
            return fit_unseen(fit, to_frame(table.select(names)), y, rows.split)

        with self.stage("champion", f"evaluate version {version} on the same rows"):
            X = to_frame(rows.held_out.select([c.name for c in rows.schema.features]))
            seen_by = rows.split.seen_by
            rival = evaluate_champion(
                self.args.champion, described, X, rows.y_test, evaluate, seen_by, refit
            )
            if rival.refitted:
                self.say(f"{rival.refitted}: fitted anew on what this model was measured with")
            self.say(in_words(rival.evaluation.metrics) if rival.evaluation else rival.error)
        return rival

    def _judge(
        self,
        rows: Rows,
        model: Any,
        evaluation: Evaluation,
        champion: Evaluation | None,
        evaluate: Evaluate,
    ) -> Judgement:
        with self.stage("judge", "draw the measured rows again and again, for intervals"):
            found = judge(rows, model, evaluation, champion, evaluate, self.seed)
            if found.baseline:
                self.say(f"{found.baseline['name']}: {in_words(found.baseline['metrics'])}")
            for note in found.notes:
                self.say(note)
        return found

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
                self.settings.get("importance_seconds", 3.0),
            )

    def _track(self, rows: Rows, record: Mapping[str, Any]) -> None:
        parameters = {
            **self.settings,
            "task": rows.task,
            "estimator": record["training"]["estimator"],
            "target": rows.schema.target,
        }
        sizes = {f"rows_{side}": str(count) for side, count in record["rows"].items()}
        tags = {"holdout": rows.split.identity, **sizes}
        metrics = dict(record["metrics"])
        if self.searched:  # a sweep of Azure ML goes by it
            metrics[logged_as(self.searched["metric"])] = self.searched["best"]["score"]
        self.say(track(parameters, metrics, tags, self.outputs))


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
    args, told = read_arguments(settings, argv)
    try:
        train(Job(args, told))
    except TableError as error:
        say(f"error: {error}", error=True)
        return 1
    except UnscoredTrial as error:  # a sweep goes on without it
        say(f"error: {error}", error=True)
        return 0
    except ValueError as error:
        if type(error).__name__ != "InvalidParameterError":  # scikit-learn's, not public
            raise
        say(f"error: training.parameters: {error}", error=True)
        return 1
    return 0
