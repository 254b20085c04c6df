"""What happens once before the first request: the model is found, loaded and described."""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from amlkit.serving.answer import Answer, Answerer, Stream
from amlkit.serving.openapi import describe
from amlkit.serving.predictor import Predictor
from amlkit.tabular.model_files import write_json

log = logging.getLogger("azmlinfsrv.model")

FILES = {"2": "swagger2.json", "3": "swagger3.json", "3.1": "swagger3.1.json"}
_PLACE = re.compile(r"azureml-models[/\\]([^/\\]+)[/\\]([^/\\]+)")


def start(
    root: Path | None = None, app_root: Path | None = None
) -> Callable[[str, Mapping[str, str], Stream], Answer]:
    """Loads a model; returns what answers a request: (method, headers, stream) → `Answer`.

    Args:
        root: the model's folder, or one above it; `AZUREML_MODEL_DIR` where the server says it.
        app_root: where the server reads what it returns at /swagger.json; `AML_APP_ROOT`.

    Raises:
        OSError: there is no model; KeyError: nor a variable that says where it is.
        ValueError: what lies there is no model of `train.py`.
    """
    root = root or Path(os.environ["AZUREML_MODEL_DIR"])
    app_root = app_root or Path(os.environ.get("AML_APP_ROOT", "."))
    folder = model_folder(root)
    name, version = name_and_version(root)
    predictor = Predictor(folder)
    answerer = Answerer(predictor, name, version)
    examples = _examples(folder)
    for key, document in describe(predictor.schema, name, version, examples).items():
        try:
            write_json(app_root / FILES[key], document)
        except OSError as error:  # a folder that may only be read: the server has one of its own
            log.warning("%s is not written: %s", FILES[key], error)
            break
    return answerer.answer


def model_folder(root: Path) -> Path:
    """The folder that holds schema.json: `root`, or the one folder below it that does.

    Raises:
        FileNotFoundError: there is none, or more than one.
    """
    if (root / "schema.json").is_file():
        return root
    found = sorted(path.parent for path in root.rglob("schema.json"))
    if len(found) != 1:
        said = ", ".join(map(str, found)) or "none"
        raise FileNotFoundError(f"{root} should hold one model with its schema.json; found: {said}")
    return found[0]


def name_and_version(root: Path) -> tuple[str | None, str | None]:
    """The model's name and version as the path `…/azureml-models/<name>/<version>` has them."""
    found = _PLACE.search(str(root))
    return (found[1], found[2]) if found else (None, None)


def _examples(folder: Path) -> dict[str, Any] | None:
    """What examples.json holds, if there is one."""
    try:
        content: dict[str, Any] = json.loads((folder / "examples.json").read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return content
