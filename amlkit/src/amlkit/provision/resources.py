"""The plan: every thing in Azure that this repository may make, one entry each, in order.

An entry says what decides whether it is wanted (its mode), where it is looked for (its path), how
it is made (what is PUT there, or az's own command), what it is tagged with, how it is removed and
what right that takes. What is tagged with this target's key, or has a name that follows from it, is
ours: Azure itself tells, whichever machine asks.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from amlkit.provision.acting import acting, identity_id
from amlkit.provision.facts import (
    CONTRIBUTOR,
    INSIGHTS,
    LOGS,
    OPERATOR,
    STORAGE,
    VAULT,
    VERSIONS,
    WORKSPACE,
)
from amlkit.provision.failures import Kind
from amlkit.provision.making import group, made_by_put, network, providers, tagged
from amlkit.provision.names import Names
from amlkit.provision.placeholders import fact
from amlkit.provision.principal import principal
from amlkit.provision.records import Look, Put, Resource, Right, arm_delete, arm_get, az
from amlkit.provision.roles import own_table, right_to_upload, roles
from amlkit.settings.azure import Azure


def resources(
    names: Names, azure: Azure, data: Path | None = None, recover: bool = False
) -> list[Resource]:
    """All of the plan, what is left alone included, in the order in which it is made.

    Args:
        names: of the resources.
        azure: what is wanted.
        data: a file to upload.
        recover: bring back a deleted Key Vault of ours.
    """
    return [
        # First: whether one may register applications Entra ID tells only when it is asked to.
        *principal(names, azure),
        providers(names, azure),
        group(names, azure),
        *storage(names, azure),
        key_vault(names, azure, recover=recover),
        *insights(names, azure),
        workspace(names, azure),
        *acting(names, azure),
        cluster(names, azure),
        *roles(names, azure),
        *(own_table(names, data) if data else [right_to_upload(names, "skip")]),
    ]


def storage(names: Names, azure: Azure) -> list[Resource]:
    """The storage account, and the container in it."""
    wanted, marked = azure.bootstrap, {"properties": {"metadata": names.mark_of_container}}
    return [
        made_by_put(
            names,
            "storage_account",
            f"storage account {names.storage_account}",
            wanted.storage_account,
            names.storage_id,
            STORAGE,
            {
                "sku": {"name": "Standard_LRS"},
                "kind": "StorageV2",
                "properties": {
                    "minimumTlsVersion": "TLS1_2",
                    "allowBlobPublicAccess": False,
                    "supportsHttpsTrafficOnly": True,
                    "allowSharedKeyAccess": wanted.storage_shared_keys,
                    "publicNetworkAccess": network(wanted.public_network),
                },
            },
            misfit=_no_home_for_a_workspace,
            cost="storage by what lies in it",
            reason="tables, models and the logs of runs lie there",
        ),
        Resource(
            key="container",
            title=f"container {names.container}",
            mode=wanted.container,
            looks=(Look(arm_get(names.container_id, VERSIONS[STORAGE])),),
            make=(
                # Not by `az resource create`, which wants a location: it has none, nor tags.
                az(
                    *("rest", "--method", "put", "--url", names.container_id, "--url-parameters"),
                    *(f"api-version={VERSIONS[STORAGE]}", "--body", "@-"),
                    body=marked,
                ),
            ),
            put=Put(names.container_id, VERSIONS[STORAGE], marked, (names.storage_id,)),
            remove=(arm_delete(names.container_id, VERSIONS[STORAGE]),),
            ours=names.made_container,
            inside="storage_account",
            right=Right(CONTRIBUTOR, names.group_id, (f"{STORAGE}/blobServices/containers/write",)),
            reason="your own tables, apart from what the workspace writes",
        ),
    ]


def key_vault(names: Names, azure: Azure, *, recover: bool) -> Resource:
    """Where the workspace keeps secrets; rights by roles, as in the extension's own template."""
    wanted, vault = azure.bootstrap, names.key_vault
    properties = {
        "tenantId": fact("tenant_id"),
        "sku": {"family": "A", "name": "standard"},
        "enableRbacAuthorization": True,
        "softDeleteRetentionInDays": wanted.key_vault_retention_days,
        "publicNetworkAccess": network(wanted.public_network),
        # Azure takes no false here: it can be switched on alone.
        **({"enablePurgeProtection": True} if wanted.key_vault_purge_protection else {}),
        **({"createMode": "recover"} if recover else {}),
    }
    return made_by_put(
        names,
        "key_vault",
        f"Key Vault {vault}",
        wanted.key_vault,
        names.vault_id,
        VAULT,
        {"properties": properties},
        purge=(
            arm_delete(names.vault_id, VERSIONS[VAULT]),
            az("keyvault", "purge", "-n", vault, "-l", names.location),
        ),
        cost="Key Vault by the number of calls: next to nothing while idle",
        reason="the workspace keeps the keys of its datastores and connections there",
    )


def insights(names: Names, azure: Azure) -> list[Resource]:
    """Where deployments log. Left to itself the workspace makes one of a new name at each try."""
    wanted = azure.bootstrap
    return [
        made_by_put(
            names,
            "log_analytics",
            f"Log Analytics {names.log_analytics}",
            wanted.app_insights,
            names.logs_id,
            LOGS,
            {
                "properties": {
                    "sku": {"name": "PerGB2018"},
                    "features": {"disableLocalAuth": not wanted.local_auth},
                }
            },
            remove=(
                az(
                    *("monitor", "log-analytics", "workspace", "delete"),
                    *("-n", names.log_analytics, "-g", names.resource_group),
                    *("--force", "true", "--yes"),
                ),
            ),
            cost="Log Analytics by what is logged: nothing while idle",
            reason="Application Insights writes there",
        ),
        made_by_put(
            names,
            "app_insights",
            f"Application Insights {names.app_insights}",
            wanted.app_insights,
            names.insights_id,
            INSIGHTS,
            {
                "kind": "web",
                "properties": {
                    "Application_Type": "web",
                    "WorkspaceResourceId": names.logs_id,
                    "DisableLocalAuth": not wanted.local_auth,
                },
            },
            after=(names.logs_id,),
            reason="the logs of deployments",
        ),
    ]


def workspace(names: Names, azure: Azure) -> Resource:
    """The workspace, by the extension `ml` of az, which is added where it is missing."""
    wanted, here = azure.bootstrap, ("-n", names.workspace, "-g", names.resource_group)
    parts = (
        ("--storage-account", names.storage_id, wanted.storage_account),
        ("--key-vault", names.vault_id, wanted.key_vault),
        ("--application-insights", names.insights_id, wanted.app_insights),
    )
    given = [word for flag, path, mode in parts if mode != "skip" for word in (flag, path)]
    if not wanted.storage_shared_keys:
        given += ["--system-datastores-auth-mode", "identity"]
    if not wanted.public_network:
        given += ["--public-network-access", "Disabled"]
    if wanted.managed_network != "off":
        given += ["--managed-network", wanted.managed_network]
    properties = {
        "storageAccount": names.storage_id,
        "keyVault": names.vault_id,
        "applicationInsights": names.insights_id,
        "publicNetworkAccess": network(wanted.public_network),
    }
    body = {
        "location": names.location,
        "tags": names.tags,
        "identity": {"type": "SystemAssigned"},
        "properties": properties,
    }
    needs = (names.storage_id, names.vault_id, names.insights_id)
    delete = ("ml", "workspace", "delete", *here, "--yes")
    return Resource(
        key="workspace",
        title=f"workspace {names.workspace}",
        mode=wanted.workspace,
        looks=(Look(arm_get(names.workspace_id, VERSIONS[WORKSPACE])),),
        make=(
            az("ml", "workspace", "create", *here, "-l", names.location, *given, *tagged(names)),
        ),
        put=Put(names.workspace_id, VERSIONS[WORKSPACE], body, needs),
        alone=True,
        remove=(az(*delete),),
        purge=(az(*delete, "--permanently-delete"),),
        ours=names.made,
        inside="resource_group",
        uses=("providers", "storage_account", "key_vault", "log_analytics", "app_insights"),
        # The extension makes it by the deployment of a template.
        right=Right(
            *(CONTRIBUTOR, names.group_id),
            (f"{WORKSPACE}/write", "Microsoft.Resources/deployments/write"),
        ),
        cost="the container registry that the workspace makes for its images, by the day",
        reason="data, environments, runs, models and services are kept in it",
        heals=(Kind.NOT_REGISTERED,),
        limit=1800,
    )


def cluster(names: Names, azure: Azure) -> Resource:
    """What jobs run on."""
    compute, wanted = azure.compute, azure.bootstrap
    body: dict[str, Any] = {
        "tags": {**names.tags, **compute.tags},
        "properties": {
            "computeType": "AmlCompute",
            "disableLocalAuth": not wanted.local_auth,
            "properties": {
                "vmSize": compute.size,
                "vmPriority": "LowPriority" if compute.low_priority else "Dedicated",
                "remoteLoginPortPublicAccess": "Disabled",  # nobody has an account on the nodes
                "scaleSettings": {
                    "minNodeCount": compute.min_nodes,
                    "maxNodeCount": compute.max_nodes,
                    "nodeIdleTimeBeforeScaleDown": f"PT{compute.idle_seconds}S",
                },
            },
        },
    }
    if identity := identity_id(names, azure):
        users: dict[str, dict[str, str]] = {identity: {}}
        body["identity"] = {"type": "UserAssigned", "userAssignedIdentities": users}
    return made_by_put(
        names,
        "compute",
        f"cluster {names.compute} ({compute.size}, up to {compute.max_nodes} nodes)",
        wanted.compute,
        names.compute_id,
        WORKSPACE,
        body,
        inside="workspace",
        after=(names.workspace_id,),
        right=Right(OPERATOR, names.workspace_id, (f"{WORKSPACE}/computes/write",)),
        misfit=_no_cluster,
        cost=(
            f"{compute.min_nodes} machines {compute.size} that never stop"
            if compute.min_nodes
            else ""
        ),
        reason="training jobs run on it",
        limit=900,
    )


def _no_home_for_a_workspace(found: dict[str, Any]) -> str:
    """Why a workspace cannot live on this account."""
    if (found.get("properties") or {}).get("isHnsEnabled"):
        return (
            f"storage account {found.get('name')} has a hierarchical namespace, on which no"
            " workspace can be made: name another in config.yml"
            " (azure.bootstrap.storage_account_name)"
        )
    return ""


def _no_cluster(found: dict[str, Any]) -> str:
    """Why jobs cannot run on what has the cluster's name."""
    kind = (found.get("properties") or {}).get("computeType", "AmlCompute")
    if kind == "AmlCompute":
        return ""
    return (
        f"compute {found.get('name')} is of the kind {kind}: name another in config.yml"
        " (azure.compute.name)"
    )
