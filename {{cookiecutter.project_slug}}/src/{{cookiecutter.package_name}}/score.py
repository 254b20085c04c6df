"""The endpoint's entry script: Azure ML's inference server calls init() once, run() per request.

The server loads this file by its path, and knows nothing of the package that it belongs to.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

# A model may be saved by the name of a class or function of this package, and is loaded by it.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from amlkit.serving.service import start
from azureml_inference_server_http.api.aml_request import rawhttp
from azureml_inference_server_http.api.aml_response import AMLResponse

model: dict[str, Any] = {}


def init() -> None:
    """Loads the model of the folder AZUREML_MODEL_DIR, and describes it for /swagger.json."""
    model["answer"] = start()


@rawhttp
def run(request: Any) -> AMLResponse:
    """The answer to {"data": [{column: value, …}, …]}: predictions, or what is wrong in a line."""
    status, body, headers = model["answer"](request.method, request.headers, request.stream)
    return AMLResponse(body, status, headers)
