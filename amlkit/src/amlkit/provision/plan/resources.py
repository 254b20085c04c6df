"""The plan: every thing in Azure that this repository may make, one entry each, in order.

An entry says what decides whether it is wanted (its mode), where it is looked for (its path), how
it is made (what is PUT there, or az's own command), what it is tagged with, how it is removed and
what right that takes. What is tagged with this target's key, or has a name that follows from it, is
ours: Azure itself tells, whichever machine asks.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from amlkit.provision.cloud.arm import Put, arm, arm_get, type_of
from amlkit.provision.cloud.client import az, part
from amlkit.provision.cloud.facts import CONTRIBUTOR, OPERATOR, VAULT_KEPT, WORKSPACE_KEPT
from amlkit.provision.cloud.placeholders import fact
from amlkit.provision.plan.acting import acting, identity_id, kind_of_workspace
from amlkit.provision.plan.caller import own_table
from amlkit.provision.plan.directory import principal
from amlkit.provision.plan.names import Names
from amlkit.provision.plan.providers import providers
from amlkit.provision.plan.records import Kept, Look, Resource, Right, put
from amlkit.provision.plan.roles import own_role, roles
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
    own = own_table(names, data) if data else [own_role(names, "role_upload", "container", "skip")]
    return [
        # First: whether one may register applications Entra ID tells only when it is asked to.
        *principal(names, azure),
        *providers(names, azure),
        group(names, azure),
        storage(names, azure),
        container(names, azure),
        key_vault(names, azure, recover=recover),
        *insights(names, azure),
        workspace(names, azure),
        *acting(names, azure),
        cluster(names, azure),
        *roles(names, azure),
        *own,
    ]


def group(names: Names, azure: Azure) -> Resource:
    """Holds everything of this repository."""
    named = ("-n", names.resource_group)
    actions = ("Microsoft.Resources/subscriptions/resourceGroups/write",)
    return Resource(
        key="resource_group",
        title=f"resource group {names.resource_group}",
        mode=azure.bootstrap.resource_group,
        looks=(Look(arm_get(names.group_id)),),
        make=(az("group", "create", *named, "-l", names.location, *names.tag_words),),
        remove=az("group", "delete", *named, "--yes"),
        ours=names.made,
        right=Right(CONTRIBUTOR, names.scope, actions),
        reason="holds everything of this repository, and goes with it",
    )


def storage(names: Names, azure: Azure) -> Resource:
    """Where data, models and logs lie."""
    wanted = azure.bootstrap
    properties = {
        "minimumTlsVersion": "TLS1_2",
        "allowBlobPublicAccess": False,
        "supportsHttpsTrafficOnly": True,
        "allowSharedKeyAccess": wanted.storage_shared_keys,
        "publicNetworkAccess": _network(wanted.public_network),
    }

    def misfit(found: dict[str, Any]) -> str:
        if not part(found, "properties", "isHnsEnabled"):
            return ""
        return (
            f"storage account {found.get('name')} has a hierarchical namespace, on which no"
            " workspace can be made: name another in config.yml"
            " (azure.bootstrap.storage_account_name)"
        )

    return put(
        names,
        ("storage_account", wanted.storage_account, f"storage account {names.storage_account}"),
        names.storage_id,
        {"sku": {"name": "Standard_LRS"}, "kind": "StorageV2", "properties": properties},
        misfit=misfit,
        cost="storage by what lies in it",
        reason="tables, models and the logs of runs lie there",
    )


def container(names: Names, azure: Azure) -> Resource:
    """Holds tables of one's own; it has no location and no tags."""
    path, body = names.container_id, {"properties": {"metadata": names.mark_of_container}}
    return put(
        names,
        ("container", azure.bootstrap.container, f"container {names.container}"),
        path,
        body,
        # Not by `az resource create`, which wants a location.
        make=(arm("put", path, body=body),),
        put=Put(path, body, (names.storage_id,)),
        ours=names.made_container,
        inside="storage_account",
        reason="your own tables, apart from what the workspace writes",
    )


def key_vault(names: Names, azure: Azure, *, recover: bool) -> Resource:
    """Where the workspace keeps secrets; rights by roles, as in the extension's own template."""
    wanted, vault = azure.bootstrap, names.key_vault
    properties = {
        "tenantId": fact("tenant_id"),
        "sku": {"family": "A", "name": "standard"},
        "enableRbacAuthorization": True,
        "softDeleteRetentionInDays": wanted.key_vault_retention_days,
        "publicNetworkAccess": _network(wanted.public_network),
        # Azure takes no false here: it can be switched on alone.
        **({"enablePurgeProtection": True} if wanted.key_vault_purge_protection else {}),
        **({"createMode": "recover"} if recover else {}),
    }
    return put(
        names,
        ("key_vault", wanted.key_vault, f"Key Vault {vault}"),
        names.vault_id,
        {"properties": properties},
        kept=Kept(VAULT_KEPT, az("keyvault", "purge", "-n", vault, "-l", names.location)),
        cost="Key Vault by the number of calls: next to nothing while idle",
        reason="the workspace keeps the keys of its datastores and connections there",
    )


def insights(names: Names, azure: Azure) -> list[Resource]:
    """Where deployments log. Left to itself the workspace makes one of a new name at each try."""
    wanted = azure.bootstrap
    closed = not wanted.local_auth
    logs = {"sku": {"name": "PerGB2018"}, "features": {"disableLocalAuth": closed}}
    web = {
        "Application_Type": "web",
        "WorkspaceResourceId": names.logs_id,
        "DisableLocalAuth": closed,
    }
    return [
        put(
            names,
            ("log_analytics", wanted.app_insights, f"Log Analytics {names.log_analytics}"),
            names.logs_id,
            {"properties": logs},
            remove=az(
                *("monitor", "log-analytics", "workspace", "delete", "-n", names.log_analytics),
                *("-g", names.resource_group, "--force", "true", "--yes"),
            ),
            cost="Log Analytics by what is logged: nothing while idle",
            reason="Application Insights writes there",
        ),
        put(
            names,
            ("app_insights", wanted.app_insights, f"Application Insights {names.app_insights}"),
            names.insights_id,
            {"kind": "web", "properties": web},
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
    body = {
        "identity": {"type": "SystemAssigned"},
        "properties": {
            "storageAccount": names.storage_id,
            "keyVault": names.vault_id,
            "applicationInsights": names.insights_id,
            "publicNetworkAccess": _network(wanted.public_network),
        },
    }
    delete = az("ml", "workspace", "delete", *here, "--yes")
    actions = (f"{type_of(names.workspace_id)}/write", "Microsoft.Resources/deployments/write")
    return put(
        names,
        ("workspace", wanted.workspace, f"workspace {names.workspace}"),
        names.workspace_id,
        body,
        # Its PUT is for checks beforehand: the extension makes it, by the deployment of a template.
        alone=True,
        make=(
            az("ml", "workspace", "create", *here, "-l", names.location, *given, *names.tag_words),
        ),
        after=(names.storage_id, names.vault_id, names.insights_id),
        remove=delete,
        kept=Kept(
            WORKSPACE_KEPT,
            arm("delete", names.workspace_id, "forceToPurge=true"),  # where its group is there
            at_once=az(*delete.words, "--permanently-delete"),
        ),
        uses=("providers", "storage_account", "key_vault", "log_analytics", "app_insights"),
        learns=kind_of_workspace if azure.steps_act and not azure.compute.name else None,
        right=Right(CONTRIBUTOR, names.group_id, actions),
        cost="the container registry that the workspace makes for its images, by the day",
        reason="data, environments, runs, models and services are kept in it",
        limit=1800,
    )


def cluster(names: Names, azure: Azure) -> Resource:
    """What jobs run on."""
    compute, wanted = azure.compute, azure.bootstrap
    mode = wanted.compute if compute.name else "skip"
    title = f"cluster {names.compute} ({compute.size}, up to {compute.max_nodes} nodes)"
    scale = {
        "vmSize": compute.size,
        "vmPriority": "LowPriority" if compute.low_priority else "Dedicated",
        "remoteLoginPortPublicAccess": "Disabled",  # nobody has an account on the nodes
        "scaleSettings": {
            "minNodeCount": compute.min_nodes,
            "maxNodeCount": compute.max_nodes,
            "nodeIdleTimeBeforeScaleDown": f"PT{compute.idle_seconds}S",
        },
    }
    body: dict[str, Any] = {
        "tags": {**names.tags, **compute.tags},
        "properties": {
            "computeType": "AmlCompute",
            "disableLocalAuth": not wanted.local_auth,
            "properties": scale,
        },
    }
    if identity := identity_id(names, azure):
        body["identity"] = {"type": "UserAssigned", "userAssignedIdentities": {identity: {}}}
    never_stop = f"{compute.min_nodes} machines {compute.size} that never stop"

    def misfit(found: dict[str, Any]) -> str:
        kind = part(found, "properties", "computeType") or "AmlCompute"
        other = "name another in config.yml (azure.compute.name)"
        named = f"compute {found.get('name')} is of the kind {kind}"
        return "" if kind == "AmlCompute" else f"{named}: {other}"

    return put(
        names,
        ("compute", mode, title),
        names.compute_id,
        body,
        inside="workspace",
        after=(names.workspace_id,),
        right=Right(OPERATOR, names.workspace_id, (f"{type_of(names.compute_id)}/write",)),
        misfit=misfit,
        cost=never_stop if compute.min_nodes else "",
        reason="training jobs run on it",
        limit=900,
    )


def _network(public: bool) -> str:
    """Whether a resource can be reached from everywhere, as Azure writes it."""
    return "Enabled" if public else "Disabled"
