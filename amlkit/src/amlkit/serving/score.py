"""The entry script of the endpoint, for Azure ML's inference server: `init` once, `run` for each.

The server loads this file by its path, so that the package it belongs to is found from there.
"""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path
from typing import Any

from azureml_inference_server_http.api.aml_request import rawhttp
from azureml_inference_server_http.api.aml_response import AMLResponse

PACKAGE = Path(__file__).resolve().parent
sys.path.insert(0, str(PACKAGE.parent))

state: dict[str, Any] = {}


def init() -> None:
    """Load the model of `AZUREML_MODEL_DIR`, and describe it where the server looks for that."""
    serving = importlib.import_module(f"{PACKAGE.name}.serving.service")
    root = Path(os.environ["AZUREML_MODEL_DIR"])
    state["answer"] = serving.start(root, Path(os.environ.get("AML_APP_ROOT", ".")))


@rawhttp
def run(request: Any) -> AMLResponse:
    """Answer one request; see `serving.answer`."""
    status, body, headers = state["answer"](request.method, request.headers, request.stream)
    return AMLResponse(body, status, headers)
