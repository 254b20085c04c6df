"""The variables that the service sets in a job, as its client library reads them."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from .processes import bare_environment
from .runs import Run

if TYPE_CHECKING:
    from .standin import Azure

TOKEN_SECONDS = 86400


def job_environment(azure: Azure, run: Run, python: Path, folder: Path) -> dict[str, str]:
    """All variables of a job.

    The names are those read by `Run._load_scope` (azureml-core) and `_internal/constants.py`
    (azureml-mlflow); those of the definition come in between, ours win.
    """
    account = azure.account
    definition = run.definition or {}
    home = folder / "home"
    home.mkdir(parents=True, exist_ok=True)
    token = azure.jobs.run_token(run, TOKEN_SECONDS)
    scope = account.workspace_path
    tracking = f"azureml://{account.location}.api.azureml.ms/mlflow/v2.0{scope}?"
    base = bare_environment()
    given = {
        **((definition.get("environment") or {}).get("environmentVariables") or {}),
        **(definition.get("environmentVariables") or {}),
    }
    return {
        **base,
        **{str(name): str(value) for name, value in given.items()},
        **azure.client_environment(),
        "PATH": os.pathsep.join([str(python.parent), base.get("PATH", os.defpath)]),
        "HOME": str(home),
        "USERPROFILE": str(home),
        "PYTHONUNBUFFERED": "1",
        "MLFLOW_DISABLE_TELEMETRY": "true",  # it would ask a host that is not Azure's
        "AZUREML_RUN_ID": run.id,
        "AZUREML_ROOT_RUN_ID": run.root or run.id,
        "AZUREML_RUN_TOKEN": token,
        "AZUREML_RUN_TOKEN_EXPIRY": str(int(time.time()) + TOKEN_SECONDS),
        "AZUREML_ARM_SUBSCRIPTION": account.subscription_id,
        "AZUREML_ARM_RESOURCEGROUP": account.resource_group,
        "AZUREML_ARM_WORKSPACE_NAME": account.workspace_name,
        "AZUREML_ARM_PROJECT_NAME": run.experiment.name,
        "AZUREML_WORKSPACE_ID": account.workspace_id,
        "AZUREML_WORKSPACE_SCOPE": scope,
        "AZUREML_EXPERIMENT_ID": run.experiment.id,
        "AZUREML_EXPERIMENT_SCOPE": f"{scope}/experiments/{run.experiment.name}",
        "AZUREML_SERVICE_ENDPOINT": account.api,
        "AZUREML_DISCOVERY_SERVICE_ENDPOINT": f"{account.api}/discovery",
        "AZUREML_DATA_CONTAINER_ID": run.container,
        "MLFLOW_TRACKING_URI": tracking,
        "MLFLOW_TRACKING_TOKEN": token,
        "MLFLOW_EXPERIMENT_ID": run.experiment.id,
        "MLFLOW_EXPERIMENT_NAME": run.experiment.name,
        "MLFLOW_RUN_ID": run.id,
    }
