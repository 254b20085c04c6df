"""The compute target that jobs run on: serverless, or a cluster."""

from __future__ import annotations

from typing import Any

from amlkit.azure.compute import check_may_create, check_size
from amlkit.azureml_v2.connection import Connection, if_there
from amlkit.records import WorkError


def find(connection: Connection) -> Any:
    """The SDK's compute target of config.yml; None if there is none of that name."""
    name = connection.settings.azure.compute.name
    return if_there(lambda: connection.client.compute.get(name))


def ensure(connection: Connection) -> str:
    """The name of the compute target of config.yml, made if it may be; empty: serverless.

    Raises:
        SettingsError: there is none of that name, and config.yml does not let it be made.
        WorkError: it was not made.
    """
    from azure.ai.ml.entities import (
        AmlCompute,
        IdentityConfiguration,
        ManagedIdentityConfiguration,
    )

    wanted = connection.settings.azure.compute
    found = find(connection) if wanted.name else None
    if wanted.name and found is None:
        check_may_create(connection.settings)
    size = wanted.size if found is None else str(getattr(found, "size", None) or "")
    if wanted.name:
        sizes = connection.client.compute.list_sizes
        check_size(connection.settings, size, lambda: [str(each.name) for each in sizes()])
    if found is not None or not wanted.name:
        return wanted.name
    connection.say(
        f"creating compute target {wanted.name}: {wanted.size}, up to {wanted.max_nodes}"
    )
    identity = None
    if wanted.identity:
        user = ManagedIdentityConfiguration(resource_id=wanted.identity)
        identity = IdentityConfiguration(type="user_assigned", user_assigned_identities=[user])
    cluster = AmlCompute(
        name=wanted.name,
        size=wanted.size,
        tier="low_priority" if wanted.low_priority else "dedicated",
        min_instances=wanted.min_nodes,
        max_instances=wanted.max_nodes,
        idle_time_before_scale_down=wanted.idle_seconds,
        tags=wanted.tags or None,
        identity=identity,
    )
    made = connection.client.compute.begin_create_or_update(cluster).result()
    if made.provisioning_state != "Succeeded":
        said = "; ".join(str(error) for error in made.provisioning_errors or [])
        raise WorkError(f"compute target {wanted.name} was not made: {said or 'see the studio'}")
    return wanted.name
