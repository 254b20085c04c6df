"""Where a model errs: by segment, in its worst rows, at each threshold; and how its rows differ.

`analyse` gives what `outputs/analysis.json` holds. It is for people: no decision rests on it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from decimal import Decimal
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import ks_2samp

from amlkit.tabular.data_checks import DataCheck
from amlkit.tabular.estimators import plain_value
from amlkit.tabular.evaluation import Array, Evaluation, encode
from amlkit.tabular.judgement import Judgement
from amlkit.tabular.numbers import are_years
from amlkit.tabular.rows import Rows
from amlkit.tabular.table import shorten

SECONDS = 5.0  # for the segments, and for the drift; columns beyond it are named
SEGMENT_ROWS = 20  # fewer say little of a segment
CATEGORIES = 20  # of a column with more, the most frequent are looked at
SEGMENTS = 20  # of the worst, that are kept
WORST_ROWS = 10
WORST_COLUMNS = 12  # of a worst row, that are kept
SAMPLE = 5_000  # rows of each side that are compared for drift
DRIFT = 0.15  # largest distance between two distributions, from 0 to 1, that is nothing
SURE = 0.001  # probability of a distance by chance, over all columns
LOST = 1 / 3  # share of the gain over the baseline that new rows may cost


def analyse(rows: Rows, evaluation: Evaluation, judgement: Judgement) -> dict[str, Any]:
    """What analysis.json holds of an evaluation on the measured rows: plain values.

    `segments` and `worst_rows` go by a row's loss: log loss where there are probabilities, else 1
    for a wrong class; for a regression the squared error, whose root is shown. `thresholds` are of
    two classes with probabilities; a row belongs to the second where its own is at least that.
    """
    name, losses = _losses(rows, evaluation)
    segments, notes = _segments(rows, name, losses)
    checks = [DataCheck(**check) for check in rows.record.get("data_checks", ())]
    checks = [*_overfitting(rows, evaluation, judgement), *checks, *_drift(rows)]
    found: dict[str, Any] = {
        "data_checks": [asdict(check) for check in checks],
        "loss": {"name": name, "value": _shown(name, losses)[0]},
        "segments": segments,
        "worst_rows": _worst_rows(rows, evaluation, losses),
        "notes": notes,
    }
    if rows.classes and len(rows.classes) == 2 and evaluation.probability is not None:
        found["positive"] = plain_value(rows.classes[1])
        found["thresholds"] = _thresholds(rows, evaluation.probability[:, 1])
    return found


def _losses(rows: Rows, evaluation: Evaluation) -> tuple[str, Array]:
    """The name of a loss, and that of each measured row, (rows,)."""
    if not rows.classes:
        return "rmse", (rows.y_test - evaluation.prediction) ** 2
    codes, probability = encode(rows.y_test, rows.classes), evaluation.probability
    if probability is None:
        return "error rate", (codes != encode(evaluation.prediction, rows.classes)).astype(float)
    share = np.where(codes < 0, 0.0, probability[np.arange(len(codes)), codes])
    return "log_loss", -np.log(share.clip(1e-15))


def _shown(name: str, losses: Array) -> tuple[float, tuple[float, float]]:
    """The mean loss and its 95 % interval, in the unit of the loss's name."""
    mean, half = losses.mean(), 1.96 * losses.std() / np.sqrt(len(losses))
    low, high = max(mean - half, 0.0), mean + half
    if name == "rmse":
        mean, low, high = np.sqrt([mean, low, high])
    return float(mean), (float(low), float(high))


def _segments(rows: Rows, name: str, losses: Array) -> tuple[list[dict[str, Any]], list[str]]:
    """The segments of the worst loss, and a note where not all columns were looked at."""
    found: list[dict[str, Any]] = []
    began, looked = time.monotonic(), 0
    for column in rows.columns:
        if time.monotonic() - began > SECONDS:
            break
        looked += 1
        for segment, inside in _parts_of(rows.X_test[column.name], column.type):
            if SEGMENT_ROWS <= inside.sum() < len(losses):
                value, interval = _shown(name, losses[inside])
                found.append(
                    {
                        "column": column.name,
                        "segment": segment,
                        "rows": int(inside.sum()),
                        "metric": name,
                        "value": value,
                        "interval": interval,
                    }
                )
    found.sort(key=lambda segment: -segment["value"])
    notes = []
    if looked < len(rows.columns):
        notes.append(
            f"segments of {looked} of {len(rows.columns)} columns, after {SECONDS:.0f} s of looking"
        )
    return found[:SEGMENTS], notes


def _parts_of(values: pd.Series, type_: str) -> Iterator[tuple[str, Array]]:
    """Names and rows of a column's segments: categories, or quarters; those where it is missing."""
    missing = values.isna().to_numpy()
    if missing.any():
        yield "missing", missing
    if type_ == "text" or missing.all():
        return
    if type_ == "category":
        codes, names = pd.factorize(values)  # numbers are compared a hundred times as fast as texts
        counts = np.bincount(codes[codes >= 0], minlength=len(names))
        for code in np.argsort(-counts, kind="stable")[:CATEGORIES]:
            yield shorten(names[code], 40), codes == code
        return
    if values.nunique() <= 4:
        few = np.sort(values.dropna().unique())
        for value, text in zip(few, _texts(few, type_), strict=True):
            yield text, (values == value).to_numpy()
        return
    edges = values.quantile([0, 0.25, 0.5, 0.75, 1], interpolation="lower").unique()
    named = zip(edges, _texts(edges, type_), strict=True)
    for (low, start), (high, end) in pairwise(named):
        first = low == edges[0]
        inside = ((values >= low) if first else (values > low)) & (values <= high)
        yield f"{'from' if first else 'above'} {start} to {end}", inside.to_numpy()


def _texts(values: Any, type_: str) -> list[str]:
    """Different values as people read them, numbers with as many digits as tell them apart."""
    if type_ == "boolean":
        return ["true" if value else "false" for value in values]
    if type_ == "date":
        times = pd.DatetimeIndex(values)
        days = times.strftime("%Y-%m-%d").tolist()
        return days if len(set(days)) == len(days) else times.strftime("%Y-%m-%d %H:%M:%S").tolist()
    if are_years(map(float, values)):
        return [f"{value:.0f}" for value in values]
    texts: list[str] = []
    for digits in range(4, 18):
        texts = [_number(float(value), digits) for value in values]
        if len(set(texts)) == len(texts):
            break
    return texts


def _number(value: float, digits: int) -> str:
    """A number with its thousands apart and a real minus sign; powers of ten where it must be."""
    text = f"{value:.{digits}g}"
    if 1e-6 <= abs(value) < 1e15:
        text = f"{value:,.0f}" if abs(value) >= 10**digits else f"{Decimal(text):,f}"
    return text.replace("-", "\N{MINUS SIGN}")


def _worst_rows(rows: Rows, evaluation: Evaluation, losses: Array) -> list[dict[str, Any]]:
    """The rows of the largest loss: what they hold, what is true, and what was said of them."""
    names = [column.name for column in rows.columns][:WORST_COLUMNS]
    worst = []
    for place in np.argsort(-losses, kind="stable")[:WORST_ROWS]:
        row = rows.X_test[names].iloc[int(place)]
        truth, said = rows.y_test[place], evaluation.prediction[place]
        entry: dict[str, Any] = {
            "row": {name: _plain(value) for name, value in row.items()},
            "truth": _plain(truth),
            "prediction": _plain(said),
        }
        if not rows.classes:
            entry["error"] = float(said - truth)
        elif evaluation.probability is not None:
            code = encode(np.array([truth]), rows.classes)[0]
            entry["probability"] = float(evaluation.probability[place, code]) if code >= 0 else 0.0
        worst.append(entry)
    return worst


def _plain(value: Any) -> Any:
    """A cell as JSON has it; None where it is missing."""
    if pd.isna(value):
        return None
    if isinstance(value, pd.Timestamp | np.datetime64):
        return pd.Timestamp(value).isoformat(sep=" ").removesuffix(" 00:00:00")
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    return shorten(value, 80) if isinstance(value, str) else plain_value(value)


def _thresholds(rows: Rows, probability: Array) -> list[dict[str, float | None]]:
    """What comes of calling a row the second class from each of 19 probabilities on."""
    positive = encode(rows.y_test, rows.classes or []) == 1
    found = []
    for threshold in np.arange(1, 20) / 20:
        called = probability >= threshold
        hits = int((called & positive).sum())
        found.append(
            {
                "threshold": float(threshold),
                "precision": hits / called.sum() if called.any() else None,
                "recall": hits / positive.sum() if positive.any() else None,
                "share": float(called.mean()),
                "false_positives": int(called.sum()) - hits,
                "false_negatives": int(positive.sum()) - hits,
            }
        )
    return found


def _overfitting(rows: Rows, evaluation: Evaluation, judgement: Judgement) -> Iterator[DataCheck]:
    """Whether new rows cost much of what the model gains on its training rows."""
    name = "roc_auc" if rows.classes else "r2"
    values: list[Mapping[str, float]] = [evaluation.metrics, judgement.train_metrics]
    values.append((judgement.baseline or {}).get("metrics", {}))
    if not all(name in metrics for metrics in values) or name not in judgement.intervals:
        return
    new, known, trivial = (metrics[name] for metrics in values)
    if known > trivial and known > judgement.intervals[name][1]:
        lost = (known - new) / (known - trivial)
        if lost > LOST:
            yield DataCheck(
                "overfitting",
                None,
                f"{name} is {known:.4g} on the training rows and {new:.4g} on others: {lost:.0%} "
                "of what is gained over the baseline is lost on new rows; more rows, fewer columns "
                "or a simpler estimator may help",
                severity="warning",
            )


def _drift(rows: Rows) -> list[DataCheck]:
    """The columns whose measured values are distributed otherwise than those learned from."""
    if rows.split.folds:  # the same rows
        return []
    random, began, found = np.random.default_rng(0), time.monotonic(), []
    before, after = (_some(X, random) for X in (rows.X, rows.X_test))
    for column in rows.columns:
        if column.type == "text" or time.monotonic() - began > SECONDS:
            continue
        distance, chance = _distance(before[column.name], after[column.name], column.type)
        if distance > DRIFT and chance < SURE / len(rows.columns):
            found.append((distance, column.name))
    return [
        DataCheck(
            "drift",
            name,
            f"{name!r} is distributed otherwise in the measured rows than in those learned from "
            f"(distance {distance:.2f} of 1)",
        )
        for distance, name in sorted(found, reverse=True)
    ]


def _some(X: pd.DataFrame, random: np.random.Generator) -> pd.DataFrame:
    if len(X) <= SAMPLE:
        return X
    return X.iloc[np.sort(random.choice(len(X), SAMPLE, replace=False))]


def _distance(one: pd.Series, two: pd.Series, type_: str) -> tuple[float, float]:
    """How far two distributions are apart, and how likely they are as far by chance."""
    if type_ in ("category", "boolean"):
        codes, values = pd.factorize(pd.concat([one, two]), use_na_sentinel=False)
        counts = [np.bincount(part, minlength=len(values)) for part in np.split(codes, [len(one)])]
        shares = [count / max(1, count.sum()) for count in counts]
        distance = float(np.abs(shares[0] - shares[1]).sum() / 2)
        # What sampling alone brings, as a bound: the mean distance of two equal distributions.
        noise = float(np.sqrt(shares[0] * (1 / len(one) + 1 / len(two))).sum() / 2)
        return distance, 0.0 if distance > 3 * noise else 1.0
    known = [part.dropna().to_numpy().astype(float) for part in (one, two)]
    if min(map(len, known)) < SEGMENT_ROWS:
        return 0.0, 1.0
    test = ks_2samp(*known, method="asymp")
    return float(test.statistic), float(test.pvalue)
