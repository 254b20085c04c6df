"""What reports are made of: small models with their figures, and the facts of a run."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.linear_model import LinearRegression, LogisticRegression

from amlkit.tabular.figures import write_figures

EVIL = ["<script>alert(1)</script>", "$x^2$ 🐧 \x07\n& line " + "é" * 300]
FIGURE = (
    '<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-labelledby="roc-title roc-desc" '
    'viewBox="0 0 9 9"><title id="roc-title">ROC</title><desc id="roc-desc">area 0.94</desc>'
    '<path d="M0 0L9 9" style="stroke:var(--series-1,#0b64b4)"/></svg>'
)
PROFILE: dict[str, Any] = {
    "rows": 1000,
    "columns": [
        {"name": "signal", "missing": 250},
        {"name": "<b>noise</b>", "missing": 10},
        {"name": "whole", "missing": 0},
    ],
    "target": {
        "name": "kind $y$",
        "classes": [["a", 750], [EVIL[0], 250]],
        "histogram": {"edges": [0.0, 1.0, 2.0], "counts": [300, 700]},
    },
}


@dataclass
class Case:
    """A fitted model with its held-out rows."""

    model: Any
    X: pd.DataFrame
    y: np.ndarray

    @property
    def probability(self) -> np.ndarray:
        """Shape (rows, classes)."""
        answer: np.ndarray = self.model.predict_proba(self.X)
        return answer

    def write(self, outputs: Path, **others: Any) -> dict[str, dict[str, str]]:
        """Draws the figures; returns their entries by name, the SVG's text among them."""
        classifies = hasattr(self.model, "classes_")
        given: dict[str, Any] = {
            "task": "classification" if classifies else "regression",
            "model": self.model,
            "X_test": self.X,
            "y_test": self.y,
            "prediction": self.model.predict(self.X),
            "probability": self.probability if hasattr(self.model, "predict_proba") else None,
            "classes": self.model.classes_.tolist() if classifies else None,
            **others,
        }
        write_figures(outputs, **given)
        entries = json.loads((outputs / "figures.json").read_text(encoding="utf-8"))
        read = {e["file"]: (outputs / e["file"]).read_text(encoding="utf-8") for e in entries}
        return {Path(e["file"]).stem: {**e, "svg": read[e["file"]]} for e in entries}


def classes_case(names: list[str], rows: int = 300) -> Case:
    """Classes that follow the sign and size of one column, and one column of noise."""
    random = np.random.default_rng(1)
    X = pd.DataFrame(random.normal(size=(rows, 2)), columns=["signal", "<b>noise</b>"])
    level = X["signal"].rank(pct=True) * len(names) + random.normal(scale=0.4, size=rows)
    y = np.array(names, dtype=object)[level.clip(0, len(names) - 1e-6).astype(int)]
    return Case(LogisticRegression().fit(X, y), X, y)


def line_case(rows: int) -> Case:
    """A number that follows one column, with noise."""
    random = np.random.default_rng(2)
    X = pd.DataFrame(random.normal(size=(rows, 2)), columns=["signal", "<b>noise</b>"])
    y = 1000 * X["signal"].to_numpy() + random.normal(scale=300, size=rows)
    return Case(LinearRegression().fit(X, y), X, y)


def check(kind: str, least: float, passed: bool, words: str) -> dict[str, Any]:
    """A check of roc_auc as the gate hands it over."""
    known = {"kind": kind, "metric": "roc_auc", "value": 0.94, "least": least, "most": None}
    return known | {"bound": f">= {least}", "passed": passed, "words": words}


def run_facts() -> dict[str, Any]:
    """Everything that can be said of a run that was registered."""
    won = [
        check("threshold", 0.6, True, "roc_auc 0.94 meets the threshold >= 0.6"),
        check("champion", 0.91, True, "it is not worse than version 2; not at all"),
    ]
    return {
        "run_id": "penguins_1_abc",
        "experiment": "penguins",
        "status": "Completed",
        "created": "2025-06-03T10:12:01+00:00",
        "seconds": 72.4,
        "data": {"name": "penguins", "version": "5f0c9a7be21d", "rows": 12344, "target": "Sex"},
        "environment": {"name": "train", "version": "b19d2f6a03ce"},
        "code_version": "77aa01c4e9d0",
        "git": {"commit": "9fceb02d0ae598e95dc970b74767f19372d61af8", "dirty": True},
        "model": {"name": "penguins-sex", "version": "3"},
        "decision": {
            "registered": True,
            "reason": "registered: prose that is not taken apart; a word of its own",
            "checks": won,
            "notes": ["a word of its own; and another"],
            "champion": {"version": "2", "metrics": {"roc_auc": 0.92, "rmse": 1200.0}},
            "primary_metric": "roc_auc",
        },
        "metrics": {
            "task": "classification",
            "metrics": {"rmse": 1234.5678, "roc_auc": 0.94},
            "intervals": {"roc_auc": [0.93, 0.95]},
            "train_metrics": {"rmse": 900.0, "roc_auc": 0.99},
            "baseline": {
                "name": "class priors",
                "metrics": {"roc_auc": 0.5},
                "difference": {"roc_auc": [0.43, 0.45]},
            },
            "champion": {
                "version": "2",
                "metrics": {"roc_auc": 0.92, "rmse": 1200.0},
                "difference": {"roc_auc": [0.00002, 0.04], "rmse": [-8.5, 70.0]},
            },
            "rows": {"train": 9876, "test": 2468},
            "split": {"by": "row hash", "column": None, "folds": None},
            "training": {
                "estimator": "Ridge",
                "parameters": {"alpha": 1.0},
                "seconds": {"fit": 2},
                "notes": ["without 'id': it is different in every row"],
            },
            "search": {
                "metric": "roc_auc",
                "goal": "maximize",
                "trials": [
                    {"parameters": {"alpha": 9.5, "solver": "a long name of a way"}, "score": 0.9},
                    {"parameters": {"alpha": -1.0, "solver": None}, "error": "ValueError: no"},
                    {"parameters": {"alpha": 1.0, "solver": "svd"}, "score": 0.93},
                ],
            },
        },
        "figures": [(FIGURE, "ROC curve", "area 0.94", "Positive class: MALE.")],
        "profile": {
            "rows": 12344,
            "columns": [
                {"name": "Sex", "type": "date", "missing": 617, "min": "2007-11-09T00:00:00"},
                {"name": "Mass", "type": "number", "missing": 0, "distinct": 2, "mean": 4201.7},
                {"name": "Kind", "type": "category", "missing": 0, "top": [["A", 9], ["B", 3]]},
            ],
            "notes": ["read as day/month"],
            "target": {"name": "Sex"},
        },
        "analysis": {
            "loss": {"name": "log_loss", "value": 0.3},
            "segments": [
                {
                    "column": "Island",
                    "segment": "Dream",
                    "rows": 120,
                    "metric": "log_loss",
                    "value": 0.9,
                    "interval": [0.5, 1.3],
                },
                {
                    "column": "Mass",
                    "segment": "from 2700 to 3550",
                    "rows": 99,
                    "metric": "log_loss",
                    "value": 0.4,
                    "interval": [0.2, 0.6],
                },
            ],
            "worst_rows": [
                {
                    "row": {"Island": "Dream", "Mass": 4201.5},
                    "truth": "MALE",
                    "prediction": "FEMALE",
                    "probability": 0.0123,
                },
            ],
            "positive": "MALE",
            "thresholds": [
                {
                    "threshold": 0.05,
                    "precision": 0.6,
                    "recall": None,
                    "share": 0.9,
                    "false_positives": 1234,
                    "false_negatives": 3,
                },
            ],
            "data_checks": [
                {
                    "kind": "leak",
                    "column": "left",
                    "words": "'left' alone gives 'Sex' away",
                    "paste": 'training.drop_columns: ["left"]',
                    "severity": "warning",
                },
            ],
            "notes": ["segments of 2 of 9 columns"],
        },
        "data_changes": ["'Mass' has the mean 4,000, before 3,000, since the champion's data"],
        "log_tail": "[1/6] read\n\x1b[32m[2/6] fit\x1b[0m",
    }
