"""What the double's commands do: the real azure-ai-ml, and what it answers as a dictionary."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from azure.cli.core.commands import LongRunningOperation
from azure.cli.core.commands.client_factory import get_mgmt_service_client, get_subscription_id
from azure.core.exceptions import AzureError, HttpResponseError
from azure.core.polling import LROPoller
from knack.util import CLIError


def _client(cmd: Any, group: str, workspace: str | None = None) -> Any:
    """The SDK's client, with the credentials of `az login`."""
    from azure.ai.ml import MLClient

    context = cmd.cli_ctx
    return get_mgmt_service_client(
        context,
        MLClient._ml_client_cli,
        subscription_id=get_subscription_id(context),
        resource_group_name=group,
        workspace_name=workspace,
        cloud=context.cloud.name,
    )


@contextlib.contextmanager
def _errors() -> Iterator[None]:
    """The SDK's failures as az shows them: Azure's own go through, all else is a CLIError."""
    try:
        yield
    except (HttpResponseError, AzureError, CLIError, KeyboardInterrupt):
        raise
    except Exception as error:
        raise CLIError(f"Met error {type(error)}:{error}") from error


def _answer(cmd: Any, made: Any, no_wait: bool) -> Any:
    """What a command prints: the finished thing, or nothing where nobody waits."""
    if isinstance(made, LROPoller):
        if no_wait:
            return None
        made = LongRunningOperation(cmd.cli_ctx)(made)
    return made if made is None or isinstance(made, dict) else made._to_dict()


def workspace_create(
    cmd: Any,
    resource_group_name: str,
    name: str | None = None,
    display_name: str | None = None,
    description: str | None = None,
    tags: dict[str, str] | None = None,
    storage_account: str | None = None,
    key_vault: str | None = None,
    application_insights: str | None = None,
    container_registry: str | None = None,
    location: str | None = None,
    public_network_access: str | None = None,
    managed_network: str | None = None,
    system_datastores_auth_mode: str | None = None,
    no_wait: bool = False,
) -> Any:
    """az ml workspace create"""
    from azure.ai.ml._version import VERSION
    from azure.ai.ml.entities._load_functions import load_workspace

    given = {
        "name": name,
        "display_name": display_name,
        "description": description,
        "tags": {"createdByToolkit": f"cli-v2-{VERSION}", **(tags or {})},
        "location": location,
        "storage_account": storage_account,
        "key_vault": key_vault,
        "application_insights": application_insights,
        "container_registry": container_registry,
        "public_network_access": public_network_access,
        "managed_network": {"isolation_mode": managed_network} if managed_network else None,
        "system_datastores_auth_mode": system_datastores_auth_mode,
    }
    with _errors():
        wanted = load_workspace(None, params_override=_override(given))
        client = _client(cmd, resource_group_name)
        return _answer(cmd, client.workspaces.begin_create(wanted), no_wait)


def workspace_show(cmd: Any, resource_group_name: str, name: str) -> Any:
    """az ml workspace show"""
    with _errors():
        return _answer(cmd, _client(cmd, resource_group_name).workspaces.get(name), False)


def workspace_delete(
    cmd: Any,
    resource_group_name: str,
    name: str,
    all_resources: bool = False,
    permanently_delete: bool = False,
    no_wait: bool = False,
) -> Any:
    """az ml workspace delete"""
    with _errors():
        gone = _client(cmd, resource_group_name).workspaces.begin_delete(
            name=name,
            delete_dependent_resources=all_resources,
            permanently_delete=permanently_delete,
        )
        return _answer(cmd, gone, no_wait)


def compute_create(
    cmd: Any,
    resource_group_name: str,
    workspace_name: str,
    name: str | None = None,
    type: str | None = None,
    size: str | None = None,
    min_instances: str | None = None,
    max_instances: str | None = None,
    idle_time_before_scale_down: str | None = None,
    tier: str | None = None,
    description: str | None = None,
    tags: dict[str, str] | None = None,
    location: str | None = None,
    no_wait: bool = False,
) -> Any:
    """az ml compute create"""
    from azure.ai.ml.entities._load_functions import load_compute

    given = {
        "name": name,
        "type": type.lower() if type else None,
        "size": size,
        "min_instances": min_instances,
        "max_instances": max_instances,
        "idle_time_before_scale_down": idle_time_before_scale_down,
        "tier": tier,
        "description": description,
        "tags": tags,
        "location": location,
    }
    with _errors():
        wanted = load_compute(None, params_override=_override(given))
        client = _client(cmd, resource_group_name, workspace_name)
        return _answer(cmd, client.begin_create_or_update(wanted), no_wait)


def compute_show(cmd: Any, resource_group_name: str, workspace_name: str, name: str) -> Any:
    """az ml compute show"""
    with _errors():
        client = _client(cmd, resource_group_name, workspace_name)
        return _answer(cmd, client.compute.get(name), False)


def compute_delete(
    cmd: Any, resource_group_name: str, workspace_name: str, name: str, no_wait: bool = False
) -> Any:
    """az ml compute delete"""
    with _errors():
        client = _client(cmd, resource_group_name, workspace_name)
        return _answer(cmd, client.compute.begin_delete(name=name), no_wait)


def _override(given: dict[str, Any]) -> list[dict[str, Any]]:
    """What was given, as the SDK's loaders take it."""
    return [{key: value} for key, value in given.items() if value]
