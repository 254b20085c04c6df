"""What a person would write for each table instead of the template: plain pandas and scikit-learn.

Run by the rendered repository's interpreter: `by_hand.py NAME FILE ASSET_FOLDER`. Only the held-out
rows are amlkit's, so that both are scored on the same ones. Prints the score.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pandas as pd
from amlkit.tabular.holdout import holdout_mask
from amlkit.tabular.table import Schema, read_table
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.metrics import r2_score, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder


def cars(path: str) -> tuple[pd.DataFrame, pd.Series, list[str]]:
    """Year and maker as features; the rest as it is."""
    frame = pd.read_csv(path)
    frame["Year"] = pd.to_datetime(frame["Year"]).dt.year
    frame["Maker"] = frame.pop("Name").str.split().str[0]
    return frame, frame.pop("Miles_per_Gallon"), ["Maker", "Origin"]


def weather(path: str) -> tuple[pd.DataFrame, pd.Series, list[str]]:
    """Month and day of the year; the rest as it is."""
    frame = pd.read_csv(path)
    day = pd.to_datetime(frame.pop("date"))
    frame["month"], frame["day"] = day.dt.month, day.dt.dayofyear
    return frame, frame.pop("weather"), []


def subscriptions(path: str) -> tuple[pd.DataFrame, pd.Series, list[str]]:
    """The age of the contract; plan and town one-hot."""
    frame = pd.read_csv(path, sep=";", decimal=",", encoding="latin-1").drop(columns="Kunde")
    since = pd.to_datetime(frame.pop("Vertrag seit"), format="%d.%m.%Y")
    frame["Jahr"], frame["Tage"] = since.dt.year, (since - since.min()).dt.days
    return frame, frame.pop("gekündigt"), ["Tarif", "Stadt"]


def main() -> None:
    """Fit on the rows that are not held out, score on those that are."""
    name, path, asset = sys.argv[1:]
    X, y, texts = {"cars": cars, "weather": weather, "subscriptions": subscriptions}[name](path)
    schema = Schema.from_dict(json.loads(Path(asset, "schema.json").read_text(encoding="utf-8")))
    table = read_table(Path(path), schema)
    mask, _ = holdout_mask(table, schema.target, 0.2)
    encode = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore", sparse_output=False), texts),
        remainder="passthrough",
    )
    if name == "cars":
        model = make_pipeline(encode, HistGradientBoostingRegressor(random_state=0))
        score = r2_score(y[mask], model.fit(X[~mask], y[~mask]).predict(X[mask]))
    else:
        model = make_pipeline(encode, HistGradientBoostingClassifier(random_state=0))
        probability = model.fit(X[~mask], y[~mask]).predict_proba(X[mask])
        if len(model.classes_) == 2:
            score = roc_auc_score(y[mask] == model.classes_[1], probability[:, 1])
        else:
            score = roc_auc_score(y[mask], probability, multi_class="ovr", average="macro")
    print(score)


if __name__ == "__main__":
    main()
