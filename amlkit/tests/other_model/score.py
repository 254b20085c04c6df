"""Answers requests with the rule, in the form that Azure ML documents: `init` once, `run` each."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

RULE: dict[str, str] = {}


def init() -> None:
    """Reads the rule, wherever it lies in the model's folder."""
    path = next(Path(os.environ["AZUREML_MODEL_DIR"]).rglob("rule.json"))
    RULE.update(json.loads(path.read_text(encoding="utf-8")))


def run(raw_data: str) -> dict[str, Any]:
    """The species of each row's island; null where the rule knows none."""
    return {"predictions": [RULE.get(row.get("Island")) for row in json.loads(raw_data)["data"]]}
