"""Train, measure and save the model: `python -m <package>.train --data PATH`.

Runs in a folder of its own, on this machine as on Azure ML. Writes `outputs/model/`,
`outputs/figures/` and, last of all, `outputs/metrics.json`.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

# OpenMP's threads spin only shortly while they wait: where others want the processor too, a fit is
# several times faster, and where nobody does it costs nothing (OMP_WAIT_POLICY=PASSIVE does). It is
# read once, when scikit-learn is imported.
os.environ.setdefault("GOMP_SPINCOUNT", "1000")

import joblib
import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from amlkit.tabular.asset import open_asset
from amlkit.tabular.champion import evaluate_champion
from amlkit.tabular.estimators import plain_parameters, resolve_estimator
from amlkit.tabular.evaluation import Evaluation, chance_level, evaluate
from amlkit.tabular.examples import examples
from amlkit.tabular.features import build_pipeline, select_features
from amlkit.tabular.holdout import check_sides, holdout_identity, holdout_mask
from amlkit.tabular.outputs import example_row, input_schema, write_json
from amlkit.tabular.stages import Stages
from amlkit.tabular.table import read_table
from amlkit.tabular.table.frame import to_frame
from amlkit.tabular.table.schema import TableError
from amlkit.tabular.target import drop_missing_target, resolve_task, target_values
from amlkit.tabular.tracking import track

DEFAULTS: dict[str, Any] = {
    "task": "auto",
    "estimator": "auto",
    "parameters": {},
    "seed": 0,
    "holdout": 0.2,
    "drop_columns": [],
    "min_class_rows": 5,
}


def main(argv: list[str] | None = None) -> int:
    """Return 0 if a model was written, 1 if the data will not do; exit 2 for wrong arguments."""
    parser = argparse.ArgumentParser(prog="train", description=__doc__)
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
        settings = {**DEFAULTS, **json.loads(args.settings)}
    except (ValueError, TypeError) as error:
        parser.error(f"--settings is not a JSON object: {error}")
    if unknown := sorted(settings.keys() - DEFAULTS.keys()):
        parser.error(f"--settings: no setting {unknown[0]!r}; there are {', '.join(DEFAULTS)}")
    try:
        train(args, settings)
    except TableError as error:
        print(f"error: {error}", file=sys.stderr, flush=True)
        return 1
    return 0


def train(args: argparse.Namespace, settings: dict[str, Any]) -> None:
    """The job, top to bottom. Raises TableError if the data or the settings will not do."""
    outputs, seed = args.outputs, settings["seed"]
    log = Stages(8 if args.champion else 7)

    with log.stage("read", f"read {args.data}"):
        asset = open_asset(args.data, args.target)
        schema = asset.schema
        task, why = resolve_task(asset.profile, settings["task"], settings["min_class_rows"])
        table, note = drop_missing_target(read_table(asset.path, schema), schema.target)
        log.say(f"{task}: {why}")
        log.say(note or f"target {schema.target!r} is known in all rows")

    with log.stage("hold out", f"hold out {settings['holdout']:.0%} of {table.num_rows} rows"):
        mask, hashes = holdout_mask(table, schema.target, settings["holdout"])
        if task == "classification":
            check_sides(table.column(schema.target), mask)
        example = example_row(table, schema)
        held_out = table.filter(pa.array(mask))
        identity = holdout_identity(hashes[mask], held_out.column(schema.target))
        table = table.filter(pa.array(~mask))
        names, notes = select_features(table, schema, settings["drop_columns"])
        for note in notes:
            log.say(note)
        y = target_values(table, schema.target, task)
        y_test = target_values(held_out, schema.target, task)
        classes = np.unique(y).tolist() if task == "classification" else None
        rows = {"train": table.num_rows, "test": held_out.num_rows}
        X = to_frame(table.select(names))
        del table, hashes, mask  # a million rows are not kept twice while fitting
        pa.default_memory_pool().release_unused()

    pipeline = build_pipeline(
        schema, names, settings["estimator"], settings["parameters"], task, seed
    )
    size = f"{rows['train']} rows x {len(names)} features"
    with log.stage("fit", f"fit {type(pipeline[-1]).__name__} on {size}"):
        fit(pipeline, X, y)
        del X, y

    with log.stage("evaluate", f"evaluate on {rows['test']} held-out rows"):
        X_test = to_frame(held_out.select(names))
        evaluation = evaluate(pipeline, X_test, y_test, task, classes)
        log.say(", ".join(f"{name} {value:.4g}" for name, value in evaluation.metrics.items()))
        chance = chance_level(evaluation, y_test, task, classes, seed)
    described = input_schema(schema, names, task, classes, example)

    with log.stage("onnx_copy", "make an ONNX copy, and compare its answers"):
        from amlkit.tabular.onnx_copy import (
            make_onnx_copy,
        )  # skl2onnx takes its time: not before it is needed

        onnx, serving = make_onnx_copy(
            pipeline, described, held_out, y_test, evaluation, outputs / "model"
        )
        if onnx:
            described["onnx"] = onnx
            log.say(f"agrees within {serving['largest_difference']:.1g}: the ONNX copy will serve")
        else:
            log.say(f"the scikit-learn model will serve: {serving['reason']}")

    champion: dict[str, Any] | None = None
    rival: Evaluation | None = None
    if args.champion:
        with log.stage("champion", f"evaluate version {args.champion_version} on the same rows"):
            everything = to_frame(held_out.select([c.name for c in schema.features]))
            rival, reason = evaluate_champion(args.champion, described, everything, y_test)
            champion = {"version": args.champion_version}
            champion["metrics" if rival else "error"] = rival.metrics if rival else reason
            measured = rival.metrics.items() if rival else ()
            log.say(reason or ", ".join(f"{name} {value:.4g}" for name, value in measured))

    with log.stage("figures", "draw figures"):
        from amlkit.tabular.figures.write import (
            write_figures,
        )  # matplotlib takes its time: not before it is needed

        write_figures(
            outputs,
            task,
            pipeline,
            X_test,
            y_test,
            evaluation.prediction,
            evaluation.probability,
            classes,
            (rival.prediction, rival.probability) if rival else None,
            asset.profile.to_dict(),
            seed,
        )

    with log.stage("write", f"write {outputs}"):
        (outputs / "model").mkdir(parents=True, exist_ok=True)
        joblib.dump(pipeline, outputs / "model" / "model.joblib")
        write_json(outputs / "model" / "schema.json", described)
        shown = examples(held_out, schema, names, evaluation)
        write_json(outputs / "model" / "examples.json", shown)

    estimator = resolve_estimator(settings["estimator"], task)
    training = {
        "task": task,
        "why": why,
        "estimator": estimator,
        "parameters": plain_parameters(pipeline[-1]),
        "notes": notes,
        "seconds": log.seconds,
    }
    record = {
        "task": task,
        "metrics": evaluation.metrics,
        "chance": chance,
        "rows": rows,
        "champion": champion,
        "holdout": identity,
        "training": training,
        "serving": serving,
    }
    write_json(outputs / "metrics.json", record)  # the last of the outputs: all others are there

    parameters = {**settings, "task": task, "estimator": estimator, "target": schema.target}
    tags = {"holdout": identity, "rows_train": str(rows["train"]), "rows_test": str(rows["test"])}
    log.say(track(parameters, evaluation.metrics, tags, outputs))


def fit(pipeline: Pipeline, X: pd.DataFrame, y: NDArray[Any]) -> None:
    """Fit, and put a parameter's wrong value in one line; any other failure keeps its traceback."""
    try:
        pipeline.fit(X, y)
    except ValueError as error:
        if type(error).__name__ != "InvalidParameterError":  # scikit-learn's, not public
            raise
        raise TableError(f"training.parameters: {error}") from error


if __name__ == "__main__":
    sys.exit(main())
