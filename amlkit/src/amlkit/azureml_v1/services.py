"""A web service of SDK v1 as a deployment: its tags say what it serves, and for which endpoint."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from amlkit.calls import DeploymentParts
from amlkit.records import Deployment, DeploymentDefinition, Withdrawal, WorkError

STATES = {"Healthy": "Ready", "Unhealthy": "Failed", "Failed": "Failed"}
SWITCHED, WITHDRAWN = "switched", "withdrawn"  # tags, with the moment they were set


def tags_of(endpoint: str, deployment: Deployment) -> dict[str, str]:
    """What a service of a deployment is tagged with."""
    return {
        "endpoint": endpoint,
        "model": deployment.model,
        "model_version": deployment.model_version,
        "code_version": deployment.code_version,
        "environment_version": deployment.environment_version,
        "identity": deployment.identity,
        "created": deployment.created,
        "commit_time": str(deployment.commit_time),
    }


def deployment_of(service: Any) -> Deployment:
    """The SDK's service as a deployment."""
    tags = service.tags
    error = service.error or {}
    commit_time = tags.get("commit_time", "")
    return Deployment(
        name=service.name,
        model=tags.get("model", ""),
        model_version=tags.get("model_version", ""),
        code_version=tags.get("code_version", ""),
        environment_version=tags.get("environment_version", ""),
        identity=tags.get("identity", ""),
        created=tags.get("created", ""),
        status=STATES.get(service.state, "Starting"),
        uri=service.scoring_uri or "",
        reason=" ".join(str(error.get("message", "")).split()),
        commit_time=int(commit_time) if commit_time.isdecimal() else 0,
    )


def withdrawals_of(services: Iterable[Any]) -> tuple[Withdrawal, ...]:
    """Those that a rollback took away."""
    tags = (service.tags for service in services)
    return tuple(
        Withdrawal(each.get("model", ""), each.get("model_version", ""), each.get("identity", ""))
        for each in tags
        if each.get(WITHDRAWN)
    )


def log_of(service: Any, lines: int) -> list[str]:
    """The last lines of what a service's server wrote."""
    return (service.get_logs() or "").strip().splitlines()[-lines:]


def now(seconds: float = 0) -> str:
    """The moment in so many seconds: ISO 8601, UTC."""
    moment = datetime.now(UTC) + timedelta(seconds=seconds)
    return moment.isoformat(timespec="milliseconds")


def function_of(definition: DeploymentDefinition) -> Any:
    """The owner's."""
    if definition.definition is None:
        raise WorkError("this driver hands over no deployment function: see src/deploy.py")
    return definition.definition


def parts_of(
    definition: DeploymentDefinition, name: str, code: str, environment: Any
) -> DeploymentParts:
    """What the owner's function is given."""
    return DeploymentParts(
        name=name,
        code=code,
        entry_script=f"{definition.package}/score.py",
        environment=environment,
        cpu_cores=definition.scale.cpu_cores,
        memory_gb=definition.scale.memory_gb,
        endpoint=definition.endpoint,
        model=definition.model.name,
    )
