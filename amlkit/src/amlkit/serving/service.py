"""What happens once before the first request: the model is loaded, tried and described."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from amlkit.serving.answer import Answer, Answerer, Stream
from amlkit.serving.model_folder import model_folder, name_and_version
from amlkit.serving.openapi import describe
from amlkit.serving.predictor import Predictor
from amlkit.tabular.outputs import write_json

log = logging.getLogger("azmlinfsrv.model")

FILES = {"2": "swagger2.json", "3": "swagger3.json", "3.1": "swagger3.1.json"}


def start(root: Path, app_root: Path) -> Callable[[str, Mapping[str, str], Stream], Answer]:
    """Return what answers a request (method, headers, stream) with the model below `root`.

    Its description is put into `app_root`, where the server reads it to serve /swagger.json.
    Raises OSError or ValueError if there is no model.
    """
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


def _examples(folder: Path) -> dict[str, Any] | None:
    """What examples.json holds, if there is one."""
    try:
        content: dict[str, Any] = json.loads((folder / "examples.json").read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return content
