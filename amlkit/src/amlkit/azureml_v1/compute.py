"""The compute target that jobs run on."""

from __future__ import annotations

from functools import partial
from typing import Any

from amlkit.azure.compute import check_may_create, check_size
from amlkit.azure.errors import status_of, words_of
from amlkit.azureml_v1.connection import Connection
from amlkit.records import WorkError


def find(connection: Connection) -> Any:
    """The SDK's compute target of config.yml; None if there is none of that name."""
    from azureml.core.compute import ComputeTarget
    from azureml.core.compute_target import ComputeTargetException

    try:
        return ComputeTarget(connection.workspace, connection.settings.azure.compute.name)
    except ComputeTargetException as error:
        if "ComputeTargetNotFound" not in words_of(error) and status_of(error) != 404:
            raise
        return None


def ensure(connection: Connection) -> Any:
    """The SDK's compute target of config.yml, made if it may be.

    Raises:
        SettingsError: there is none of that name, and config.yml does not let it be made.
        WorkError: it was not made.
    """
    from azureml.core.compute import AmlCompute, ComputeTarget

    found, wanted = find(connection), connection.settings.azure.compute
    if found is None:
        check_may_create(connection.settings)
    size = wanted.size if found is None else str(getattr(found, "vm_size", None) or "")
    known = partial(AmlCompute.supported_vmsizes, connection.workspace)
    check_size(connection.settings, size, lambda: [each["name"] for each in known()])
    if found is not None:
        return found
    connection.say(
        f"creating compute target {wanted.name}: {wanted.size}, up to {wanted.max_nodes}"
    )
    target = ComputeTarget.create(
        connection.workspace,
        wanted.name,
        AmlCompute.provisioning_configuration(
            vm_size=wanted.size,
            vm_priority="lowpriority" if wanted.low_priority else "dedicated",
            min_nodes=wanted.min_nodes,
            max_nodes=wanted.max_nodes,
            idle_seconds_before_scaledown=wanted.idle_seconds,
            tags=wanted.tags or None,
        ),
    )
    target.wait_for_completion(show_output=False)
    if target.provisioning_state != "Succeeded":
        said = "; ".join(str(error) for error in target.provisioning_errors or [])
        raise WorkError(f"compute target {wanted.name} was not made: {said or 'see the studio'}")
    return target
