"""The official schema of Azure Pipelines, on the expanded pipeline."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.pipelines.runner.values import to_string

from .expanded import Expanded

# Tasks that the schema names and whose inputs it refuses, having none written down: left out here,
# and held to their page by the runner.
UNLISTED = ("PublishCodeCoverageResults@2",)


def schema(expanded: Expanded) -> list[str]:
    """What check-jsonschema says of the pipeline without its template expressions."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / Path(expanded.file).name
        file.write_text(yaml.safe_dump(_plain(expanded.document), sort_keys=False))
        done = subprocess.run(
            [
                *("check-jsonschema", "--builtin-schema", "vendor.azure-pipelines"),
                *("--regex-variant", "nonunicode", "--output-format", "json", str(file)),
            ],
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
    if done.returncode == 0:
        return []
    found = json.loads(done.stdout)
    errors = [error["best_deep_match"] or error for error in found["errors"]]
    return [f"{expanded.file}: {error['path']}: {error['message']}" for error in errors]


def _plain(node: Any, key: str = "") -> Any:
    """Without places. The schema has every scalar as text, but the switches of tasks."""
    if isinstance(node, Mapping):
        return {str(name): _plain(value, key or name) for name, value in node.items()}
    if isinstance(node, list):
        return [_plain(item) for item in node if not _unlisted(item)]
    text = str(to_string(node))
    return text == "true" if key == "inputs" and text in ("true", "false") else text


def _unlisted(item: Any) -> bool:
    return isinstance(item, Mapping) and item.get("task") in UNLISTED
