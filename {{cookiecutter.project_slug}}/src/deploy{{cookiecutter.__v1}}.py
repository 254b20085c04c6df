"""Serves the registered model: new beside old, a smoke test, the switch; or scores a table.

`python src/deploy.py --local`, then `--status`, `--rollback` or `--delete`; `--due` deploys only
what is due, as pipelines do; `--batch customers.csv --out scored.parquet` scores a table. Without
--local in the workspace of config.yml, as a test deployment on Azure Container Instances.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from environment import environment, private_wheel  # the other driver: what an endpoint runs in

try:
    from amlkit.calls import Calls, DeploymentParts
    from amlkit.flow import deploy as flow
except ModuleNotFoundError as missing:
    sys.exit(f"error: no {missing.name} in {sys.executable}: activate .venv; `make setup` makes it")

if TYPE_CHECKING:
    from azureml.core.model import InferenceConfig
    from azureml.core.webservice.aci import AciServiceDeploymentConfiguration


def deployment(parts: DeploymentParts) -> tuple[InferenceConfig, AciServiceDeploymentConfiguration]:
    """What serves the model, and on what: the size is `azure.service` of config.yml."""
    from azureml.core.model import InferenceConfig
    from azureml.core.webservice import AciWebservice

    inference = InferenceConfig(
        entry_script=parts.entry_script,
        source_directory=parts.code,
        environment=parts.environment,
    )
    container = AciWebservice.deploy_configuration(
        cpu_cores=parts.cpu_cores,
        memory_gb=parts.memory_gb,
        auth_enabled=True,
    )
    return inference, container


if __name__ == "__main__":
    calls = Calls(environment, private_wheel, deployment=deployment)
    sys.exit(flow.main(__file__, calls))
