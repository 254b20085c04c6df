"""A deployment of SDK v2 as a record: its tags say what it serves and what it was made of."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from amlkit.azure.owners import called, plain, refused, without
from amlkit.calls import DeploymentParts, EndpointParts
from amlkit.records import Deployment, DeploymentDefinition, WorkError

STATES = {"Succeeded": "Ready", "Failed": "Failed", "Canceled": "Failed", "Deleting": "Stopped"}
OVER = ("Succeeded", "Failed", "Canceled")
# What they are called and what is said of them, which decides nothing; shares are the traffic's.
_WORDS = ("name", "endpoint_name", "description", "tags", "properties", "id")
_SHARES = ("traffic", "mirror_traffic")
STORAGE_LINES = 8  # of the log of what fetches model and code, beside the server's


def now() -> str:
    """This moment: ISO 8601, UTC."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def name_for(definition: DeploymentDefinition) -> str:
    """A new name: 3 to 32 lower-case letters, digits and hyphens, unlike any one before."""
    version = re.sub(r"[^a-z0-9]+", "-", definition.model.version.lower()).strip("-")[:12]
    return f"v{version}-{definition.identity[:6]}-{uuid.uuid4().hex[:6]}"


def tags_of(deployment: Deployment) -> dict[str, str]:
    """What a deployment is tagged with."""
    return {
        "model": deployment.model,
        "model_version": deployment.model_version,
        "code_version": deployment.code_version,
        "environment_version": deployment.environment_version,
        "identity": deployment.identity,
        "created": deployment.created,
        "commit_time": str(deployment.commit_time),
    }


def record_of(made: Any, uri: str, retired: str = "") -> Deployment:
    """The SDK's deployment as a record; of one that others made what can be told."""
    tags: dict[str, str] = made.tags or {}
    model, version = _model_of(made.model)
    commit_time = tags.get("commit_time", "")
    return Deployment(
        name=made.name,
        model=tags.get("model", model),
        model_version=tags.get("model_version", version),
        code_version=tags.get("code_version", ""),
        environment_version=tags.get("environment_version", ""),
        identity=tags.get("identity", ""),
        created=tags.get("created", ""),
        status=STATES.get(made.provisioning_state or "", "Starting"),
        uri=uri,
        reason="it was not made" if made.provisioning_state == "Failed" else "",
        commit_time=int(commit_time) if commit_time.isdecimal() else 0,
        instance_type=made.instance_type or "",
        instance_count=made.instance_count or 0,
        retired=retired,
    )


def _model_of(address: Any) -> tuple[str, str]:
    """Name and version that an asset's id ends with."""
    found = re.search(r"([^/:]+)(?:/versions/|:)([^/:]+)$", str(address or ""))
    return (found[1], found[2]) if found else ("", "")


def deployment_function(definition: DeploymentDefinition) -> Callable[[DeploymentParts], Any]:
    """The owner's."""
    if definition.definition is None:
        raise WorkError("this driver hands over no deployment function: see src/deploy.py")
    return definition.definition


def parts_of(
    definition: DeploymentDefinition, name: str, code: str, environment: str
) -> DeploymentParts:
    """What the owner's function is given; `environment` is an id, as the model's is."""
    return DeploymentParts(
        code=code,
        entry_script=f"{definition.package}/score.py",
        environment=environment,
        cpu_cores=0.0,
        memory_gb=0.0,
        name=name,
        endpoint=definition.endpoint,
        model=f"azureml:{definition.model.name}:{definition.model.version}",
        instance_type=definition.scale.instance_type,
        instance_count=definition.scale.instance_count,
    )


def deployment_of(definition: DeploymentDefinition, parts: DeploymentParts, root: Path) -> Any:
    """The owner's `deployment(parts)`, managed or on Kubernetes.

    Raises:
        WorkError: it returns no online deployment of the name and endpoint that it was given.
    """
    from azure.ai.ml.entities import OnlineDeployment

    function = deployment_function(definition)
    made = function(parts)
    if not isinstance(made, OnlineDeployment):
        raise refused(function, root, made, "an azure.ai.ml.entities.ManagedOnlineDeployment")
    for what, given in (("name", parts.name), ("endpoint_name", parts.endpoint)):
        if getattr(made, what) != given:
            raise WorkError(
                f"{called(function, root)} returns a deployment whose {what} is "
                f"{getattr(made, what)!r}: it is given as parts.{what.partition('_')[0]}, "
                f"{given!r} here"
            )
    if definition.scale.workers > 1:
        variables = made.environment_variables or {}
        made.environment_variables = {"WORKER_COUNT": str(definition.scale.workers)} | variables
    return made


def shape_of(made: Any, names: Mapping[str, str]) -> dict[str, Any]:
    """An SDK's deployment as JSON; `names` stand for paths of this machine."""
    return dict(plain(without(made._to_dict(), _WORDS), names))


def endpoint_of(
    function: Callable[[EndpointParts], Any] | None, parts: EndpointParts, root: Path
) -> Any:
    """The owner's `endpoint(parts)`; without one a managed endpoint.

    Raises:
        WorkError: it returns no online endpoint of the name that it was given.
    """
    from azure.ai.ml.entities import ManagedOnlineEndpoint, OnlineEndpoint

    if function is None:
        return ManagedOnlineEndpoint(name=parts.name, auth_mode=parts.auth_mode)
    made = function(parts)
    if not isinstance(made, OnlineEndpoint):
        raise refused(function, root, made, "an azure.ai.ml.entities.ManagedOnlineEndpoint")
    if made.name != parts.name:
        raise WorkError(
            f"{called(function, root)} returns an endpoint named {made.name!r}: "
            f"name it parts.name, which is {parts.name!r} here"
        )
    return made


def endpoint_shape(made: Any) -> dict[str, Any]:
    """An SDK's endpoint as JSON."""
    return dict(plain(without(made._to_dict(), (*_WORDS, *_SHARES)), {}))


def log_of(deployments: Any, endpoint: str, name: str, lines: int) -> list[str]:
    """The last lines of both containers: the server, then what fetches model and code."""
    found: list[str] = []
    for kind, count in (("inference-server", lines), ("storage-initializer", STORAGE_LINES)):
        text = ""
        with suppress(Exception):  # one of them may not have been started
            text = deployments.get_logs(name, endpoint, count, container_type=kind)
        ended = text.strip().splitlines()[-count:]
        found += [f"container {kind}:", *ended] if ended else [f"container {kind}: no log"]
    return found
