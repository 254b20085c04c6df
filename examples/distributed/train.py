"""Trains LightGBM over Dask on as many nodes as the job has; in place of `src/<package>/train.py`.

Each node's worker reads its own share of the table, block by block: no node holds the whole of it.
On a machine by itself the same code runs with two processes as its workers.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from amlkit.tabular.asset import Asset, drop_missing_target, open_asset, resolve_task, target_values
from amlkit.tabular.holdout import holdout_identity, holdout_mask
from amlkit.tabular.table.reading import iter_tables, to_frame
from dask import delayed
from dask.distributed import Client

from .cluster import workers
from .evaluate import classification_metrics, regression_metrics
from .features import matrix, places

CATEGORIES = 254  # of a column; rarer ones count as missing

Share = dict[str, Any]


def main() -> int:
    """The job; on all nodes but the first it ends with the first one's."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--target")
    parser.add_argument("--settings", type=json.loads, default={})
    args, _ = parser.parse_known_args()
    settings = {"holdout": 0.2, "seed": 0, "task": "auto", "parameters": {}, **args.settings}
    own = {"workers": 2, "block_rows": 100_000}  # the other parameters are LightGBM's
    own = {name: settings["parameters"].pop(name, value) for name, value in own.items()}
    with workers(own["workers"]) as client:
        if client is not None:
            settings |= own
            train(client, open_asset(args.data, args.target), settings)
    return 0


def train(client: Client, asset: Asset, settings: dict[str, Any]) -> None:
    """Reads, fits, measures on the held-out rows, writes `outputs/`."""
    import lightgbm

    task, _ = resolve_task(asset.profile, settings["task"], min_class_rows=1)
    names = list(client.scheduler_info(n_workers=-1)["workers"])
    shares = [
        client.submit(
            *(read_share, asset, task, settings, number, len(names)),
            workers=[worker],
            pure=False,
        )
        for number, worker in enumerate(names)
    ]
    sizes = client.gather([client.submit(size_of, share) for share in shares])
    for number, (rows, blocks) in enumerate(sizes):
        print(f"worker {number} holds {rows} rows, read in {blocks} blocks", flush=True)
    columns = features(client, asset, shares)
    classes = classes_in(client, shares) if task == "classification" else None
    parts = [
        client.submit(encode, share, columns, classes, workers=[worker])
        for share, worker in zip(shares, names, strict=True)
    ]
    X, y = collections_of(parts, len(columns))
    kind = lightgbm.DaskLGBMRegressor if classes is None else lightgbm.DaskLGBMClassifier
    parameters = {"random_state": settings["seed"], "verbose": -1, **settings["parameters"]}
    model = kind(client=client, tree_learner="data", **parameters).fit(
        X, y, categorical_feature=[n for n, column in enumerate(columns) if column["categories"]]
    )
    held = client.gather([client.submit(held_out, share, columns, classes) for share in shares])
    X_test, y_test = (np.concatenate([part[place] for part in held]) for place in (0, 1))
    metrics = measure(model.booster_, X_test, y_test, classes)
    hashes = np.concatenate([part[2] for part in held])
    labels = pa.chunked_array([pa.array(y_test)])
    write(model.booster_, columns, classes, task, metrics, holdout_identity(hashes, labels))


def read_share(asset: Asset, task: str, settings: dict[str, Any], number: int, of: int) -> Share:
    """The blocks of the table that are this worker's: every `of`-th, its held-out rows marked."""
    target, rows = asset.schema.target, settings["block_rows"]
    frames, labels, tests, hashes = [], [], [], []
    for place, table in enumerate(iter_tables(asset.path, asset.schema, rows)):
        if place % of != number:
            continue
        table, _ = drop_missing_target(table, target)
        mask, found = holdout_mask(table, target, settings["holdout"])
        frames.append(to_frame(table.drop_columns([target])))
        labels.append(target_values(table, target, task))
        tests.append(mask)
        hashes.append(found)
    if not frames:
        raise ValueError(f"the table has fewer than {of} blocks of {rows} rows: use fewer nodes")
    return {
        "X": pd.concat(frames, ignore_index=True),
        "y": np.concatenate(labels),
        "test": np.concatenate(tests),
        "hashes": np.concatenate(hashes),
        "blocks": len(frames),
    }


def size_of(share: Share) -> tuple[int, int]:
    """Rows and blocks of a share."""
    return len(share["y"]), share["blocks"]


def classes_of(share: Share) -> set[Any]:
    """The classes among a share's rows."""
    return set(np.unique(share["y"]).tolist())


def classes_in(client: Client, shares: list[Any]) -> list[Any]:
    """The classes among all rows."""
    found = client.gather([client.submit(classes_of, share) for share in shares])
    return sorted(set().union(*found))


def counts_of(share: Share, names: list[str]) -> dict[str, pd.Series]:
    """How often each category stands in a share's training rows."""
    return {name: share["X"].loc[~share["test"], name].value_counts() for name in names}


def features(client: Client, asset: Asset, shares: list[Any]) -> list[dict[str, Any]]:
    """The columns to learn from; of a category the values that are known, the frequent first."""
    named = [column.name for column in asset.schema.features if column.type == "category"]
    found = client.gather([client.submit(counts_of, share, named) for share in shares])
    columns = []
    for column in asset.schema.features:
        known: list[str] = []
        if column.type == "category":
            counts = pd.concat([part[column.name] for part in found]).groupby(level=0).sum()
            known = sorted(counts.nlargest(CATEGORIES).index)
        if column.type != "date" and (known or column.type != "category"):
            columns.append({"name": column.name, "categories": known})
    return columns


def encode(share: Share, columns: list[dict[str, Any]], classes: list[Any] | None) -> Any:
    """The training rows of a share: (features, target)."""
    train = ~share["test"]
    y = share["y"][train]
    return matrix(share["X"][train], columns), y if classes is None else places(y, classes)


def held_out(share: Share, columns: list[dict[str, Any]], classes: list[Any] | None) -> Any:
    """The held-out rows of a share: (features, target, hashes)."""
    test = share["test"]
    y = share["y"][test]
    y = y if classes is None else places(y, classes)
    return matrix(share["X"][test], columns), y, share["hashes"][test]


def collections_of(parts: list[Any], width: int) -> tuple[Any, Any]:
    """The workers' parts as one Dask array of features, and one of targets."""
    import dask.array as da

    X, y = [], []
    for part in parts:
        pair = delayed(part)
        X.append(da.from_delayed(pair[0], shape=(np.nan, width), dtype="float32"))
        y.append(da.from_delayed(pair[1], shape=(np.nan,), dtype="float64"))
    return da.concatenate(X, allow_unknown_chunksizes=True), da.concatenate(
        y, allow_unknown_chunksizes=True
    )


def measure(booster: Any, X: Any, y: Any, classes: list[Any] | None) -> dict[str, float]:
    """The metrics of `evaluate.py` on the held-out rows."""
    raw = booster.predict(X)
    if classes is None:
        found = regression_metrics(y, raw)
    else:
        probability = np.column_stack([1 - raw, raw]) if raw.ndim == 1 else raw
        codes = probability.argmax(axis=1)
        found = classification_metrics(y.astype(int), codes, probability, probability)
    return {name: float(value) for name, value in found.items()}


def write(
    booster: Any,
    columns: list[dict[str, Any]],
    classes: list[Any] | None,
    task: str,
    metrics: dict[str, float],
    holdout: str,
) -> None:
    """`outputs/model/`, which score.py reads, and `outputs/metrics.json`."""
    folder = Path("outputs/model")
    folder.mkdir(parents=True)
    booster.save_model(folder / "booster.txt")
    about = {"columns": columns, "classes": classes}
    (folder / "features.json").write_text(json.dumps(about), encoding="utf-8")
    told = {"task": task, "metrics": metrics, "holdout": holdout}
    Path("outputs/metrics.json").write_text(json.dumps(told), encoding="utf-8")
    print(json.dumps(metrics), flush=True)


if __name__ == "__main__":
    sys.exit(main())
