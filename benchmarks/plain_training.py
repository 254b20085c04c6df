"""What a person would write instead of the driver: read the file, fit the same Pipeline, score it.

Run by the rendered repository's interpreter: `plain_training.py TABLE TARGET SCHEMA PACKAGE`.
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

import pandas as pd
from amlkit.tabular.auto import fit_best
from amlkit.tabular.estimators import make_estimators
from amlkit.tabular.table import Schema
from sklearn.metrics import accuracy_score, roc_auc_score
from sklearn.model_selection import train_test_split

package = sys.argv[4]
features = importlib.import_module(f"{package}.features")

table, target = sys.argv[1], sys.argv[2]
schema = Schema.from_dict(json.loads(Path(sys.argv[3]).read_text(encoding="utf-8")))
dates = [column.name for column in schema.features if column.type == "date"]
frame = pd.read_csv(table, parse_dates=dates)
X_train, X_test, y_train, y_test = train_test_split(
    frame.drop(columns=target), frame[target], test_size=0.2, random_state=0
)
del frame
names = [column.name for column in schema.features]
estimators = make_estimators("auto", {}, "classification", 0)
pipelines = [features.build_pipeline(schema.features, estimator) for estimator in estimators]
pipeline = fit_best(pipelines, X_train[names], y_train.to_numpy())
probability = pipeline.predict_proba(X_test[names])[:, 1]
print("roc_auc", roc_auc_score(y_test == pipeline.classes_[1], probability))
print("accuracy", accuracy_score(y_test, pipeline.predict(X_test[names])))
