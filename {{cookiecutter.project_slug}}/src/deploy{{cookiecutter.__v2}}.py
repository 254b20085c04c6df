"""Serves the registered model: new beside old, a smoke test, the switch; or scores a table.

`python src/deploy.py --local`, then `--status`, `--rollback` or `--delete`; `--due` deploys only
what is due, as pipelines do; `--batch customers.csv --out scored.parquet` scores a table. Without
--local in the workspace of config.yml, behind a managed online endpoint.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from environment import environment  # the other driver: what an endpoint runs in

try:
    from amlkit.calls import Calls, DeploymentParts, EndpointParts
    from amlkit.flow import deploy as flow
except ModuleNotFoundError as missing:
    sys.exit(f"error: no {missing.name} in {sys.executable}: activate .venv; `make setup` makes it")

if TYPE_CHECKING:
    from azure.ai.ml.entities import ManagedOnlineDeployment, ManagedOnlineEndpoint


def endpoint(parts: EndpointParts) -> ManagedOnlineEndpoint:
    """What clients call; it shares the traffic between its deployments."""
    from azure.ai.ml.entities import ManagedOnlineEndpoint

    return ManagedOnlineEndpoint(name=parts.name, auth_mode=parts.auth_mode)


def deployment(parts: DeploymentParts) -> ManagedOnlineDeployment:
    """What serves the model, and on what: the machines are `azure.online` of config.yml."""
    from azure.ai.ml.entities import CodeConfiguration, ManagedOnlineDeployment

    return ManagedOnlineDeployment(
        name=parts.name,
        endpoint_name=parts.endpoint,
        model=parts.model,
        code_configuration=CodeConfiguration(code=parts.code, scoring_script=parts.entry_script),
        environment=parts.environment,
        instance_type=parts.instance_type,
        instance_count=parts.instance_count,
    )


if __name__ == "__main__":
    calls = Calls(environment, deployment=deployment, endpoint=endpoint)
    sys.exit(flow.main(__file__, calls))
