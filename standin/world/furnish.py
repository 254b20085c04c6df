"""What is there before anybody comes: a workspace and what it stands on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .directory_objects import application_body
from .providers import TYPES
from .state import STORAGE, VAULT, WORKSPACE, Application, Resource

if TYPE_CHECKING:
    from ..standin import Azure


def furnish(azure: Azure) -> None:
    """The resources of a subscription in which a workspace was made long ago."""
    account, world = azure.account, azure.world
    group, place = account.group_path, account.location
    parts = {
        "storageAccount": (STORAGE, account.storage_account),
        "keyVault": (VAULT, "standinvault"),
        "applicationInsights": ("Microsoft.Insights/components", "standininsights"),
        "containerRegistry": ("Microsoft.ContainerRegistry/registries", "standinregistry"),
    }
    for key, (kind, name) in parts.items():
        path = f"{group}/providers/{kind}/{name}"
        made = world.add(Resource(path, kind, place, created=0.0))
        account.dependencies[key] = path
        if kind == STORAGE:
            azure.storage_accounts.keep(made, azure.blobs)
    path = account.workspace_path
    world.add(Resource(path, WORKSPACE, place, dict(account.dependencies), created=0.0))
    who = account.service_principal
    registered = application_body({"displayName": who.name, "appId": who.client_id})
    world.applications[registered["id"]] = Application(registered, created=0.0)
    for name in TYPES:
        world.providers[name.lower()] = "Registered"


def register_administrator(azure: Azure) -> None:
    """The principal as which the administrator signs in; its application is another tenant's."""
    who = azure.account.administrator
    body = application_body({"displayName": who.name, "appId": who.client_id})
    azure.service_principals.add(body, who.object_id, 0.0)


def settle(azure: Azure) -> None:
    """Start the storage of the workspace that is there, with a cluster."""
    azure.blobs.start()
    azure.blobs.open_workspace()
    azure.computes.add("cpu-cluster")
