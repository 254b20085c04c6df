"""A client of the stand-in that is not of this project: scripts on the unmodified azure-ai-ml."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from typing import Any

from standin import StandIn

HEAD = """
import json, logging, os, sys, time, warnings
warnings.simplefilter("ignore")
logging.disable(logging.WARNING)
from azure.ai.ml import Input, MLClient, Output, command
from azure.ai.ml.entities import (
    AzureBlobDatastore, BuildContext, Data, Environment, Model, NoneCredentialConfiguration
)
from azure.core.exceptions import HttpResponseError
from azure.identity import ClientSecretCredential
e = os.environ
credential = ClientSecretCredential(e["TENANT_ID"], e["SPN_ID"], e["SPN_PASSWORD"])
ml = MLClient(
    credential,
    e["SUBSCRIPTION_ID"],
    e["RESOURCE_GROUP"],
    e["AML_WORKSPACE_NAME"],
    enable_telemetry=False,
    show_progress=False,
)
IMAGE = "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04"

def conda(*packages):
    wanted = ["python=3.11", "pip", {"pip": [*packages]}]
    return {"channels": ["conda-forge"], "dependencies": wanted}

def write(path, text):
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    with open(path, "w") as file:
        file.write(text)

def refused(call):
    try:
        call()
    except HttpResponseError as error:
        return [error.status_code, error.error.message]
    return [200, ""]
"""


@dataclass(frozen=True)
class ClientV2:
    """Runs scripts in a folder of its own; each begins with `ml` and the helpers above."""

    standin: StandIn
    python: str
    folder: Path

    def run(self, script: str, **more: str) -> Any:
        """The JSON of the last line that a script prints."""
        done = subprocess.run(
            [self.python, "-c", HEAD + dedent(script)],
            cwd=self.folder,
            env={
                **self.standin.caller,
                "AZUREML_RUN_POLLING_INTERVAL_MIN": "1",
                "AZUREML_RUN_POLLING_INTERVAL_MAX": "1",
                **more,
            },
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout.splitlines()[-1])
