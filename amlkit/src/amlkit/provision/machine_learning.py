"""Steps for the workspace, what it needs, and the cluster.

Left to itself, `az ml workspace create` makes a key vault and an Application Insights of a new
random name at each try. Made here by names that do not change, none is left over by a try that was
interrupted.
"""

from __future__ import annotations

from typing import Any

from amlkit.provision.foundation import CONTRIBUTOR
from amlkit.provision.names import Names
from amlkit.provision.records import Kept, Look, Step, arm_get, az
from amlkit.settings.azure import Bootstrap, Compute

WORKSPACE_VERSION = "2024-04-01"
VAULT_VERSION = "2023-07-01"
LOGS_VERSION = "2022-10-01"
INSIGHTS_VERSION = "2020-02-02"


def companions(names: Names, modes: Bootstrap) -> list[Step]:
    """What a workspace cannot be without, beside storage; not looked at where there is one."""
    group, vault = names.resource_group, names.key_vault
    vault_id = names.resource("Microsoft.KeyVault/vaults", vault)
    logs_id = names.resource("Microsoft.OperationalInsights/workspaces", names.log_analytics)
    insights_id = names.resource("Microsoft.Insights/components", names.app_insights)
    purge = az("keyvault", "purge", "-n", vault, "-l", names.location)
    return [
        Step(
            key="key_vault",
            title=f"Key Vault {vault}",
            mode=modes.key_vault,
            looks=(Look(arm_get(vault_id, VAULT_VERSION)),),
            # Rights by roles, as in the template of the extension itself.
            create=(
                az(
                    *("keyvault", "create", "-n", vault, "-g", group, "-l", names.location),
                    *("--enable-rbac-authorization", "true"),
                ),
            ),
            remove=(az("keyvault", "delete", "-n", vault, "-g", group),),
            inside="resource_group",
            actions=("Microsoft.KeyVault/vaults/write",),
            scope=names.group_id,
            role=CONTRIBUTOR,
            cost="Key Vault by the number of calls: next to nothing while idle",
            reason="the workspace keeps the keys of its datastores and connections there",
            kept=Kept(f"the deleted Key Vault {vault} and its name", 90, purge),
        ),
        Step(
            key="log_analytics",
            title=f"Log Analytics {names.log_analytics}",
            mode=modes.app_insights,
            looks=(Look(arm_get(logs_id, LOGS_VERSION)),),
            create=(
                az(
                    *("monitor", "log-analytics", "workspace", "create"),
                    *("-n", names.log_analytics, "-g", group, "-l", names.location),
                ),
            ),
            remove=(
                az(
                    *("monitor", "log-analytics", "workspace", "delete"),
                    *("-n", names.log_analytics, "-g", group, "--force", "true", "--yes"),
                ),
            ),
            inside="resource_group",
            actions=("Microsoft.OperationalInsights/workspaces/write",),
            scope=names.group_id,
            role=CONTRIBUTOR,
            cost="Log Analytics by what is logged: nothing while idle",
            reason="Application Insights writes there",
        ),
        Step(
            key="app_insights",
            title=f"Application Insights {names.app_insights}",
            mode=modes.app_insights,
            looks=(Look(arm_get(insights_id, INSIGHTS_VERSION)),),
            create=(
                az(
                    *("resource", "create", "--id", insights_id),
                    *("--api-version", INSIGHTS_VERSION, "--is-full-object", "--properties", "@-"),
                    body={
                        "location": names.location,
                        "kind": "web",
                        "properties": {
                            "Application_Type": "web",
                            "WorkspaceResourceId": logs_id,
                        },
                    },
                ),
            ),
            remove=(
                az("resource", "delete", "--ids", insights_id, "--api-version", INSIGHTS_VERSION),
            ),
            inside="resource_group",
            actions=("Microsoft.Insights/components/write",),
            scope=names.group_id,
            role=CONTRIBUTOR,
            reason="the logs of deployments",
        ),
    ]


def workspace(names: Names, modes: Bootstrap, compute: Compute) -> list[Step]:
    """The extension of az, the workspace, and the cluster that jobs run on."""
    here = ("-g", names.resource_group)
    named = ("-n", names.workspace)
    return [
        Step(
            key="ml_extension",
            title="the extension `ml` of az",
            mode="create",
            looks=(Look(az("version"), lambda found: (found.get("extensions") or {}).get("ml")),),
            create=(az("extension", "add", "-n", "ml", "-y"),),
            only_for=("workspace", "compute"),
            reason="it has the commands for workspaces and clusters",
            look_after=True,
        ),
        Step(
            key="workspace",
            title=f"workspace {names.workspace}",
            mode=modes.workspace,
            looks=(Look(arm_get(names.workspace_id, WORKSPACE_VERSION)),),
            create=(
                az(
                    *("ml", "workspace", "create", *named, *here, "-l", names.location),
                    *_given("--storage-account", names.storage_id, modes.storage_account),
                    *_given(
                        "--key-vault",
                        names.resource("Microsoft.KeyVault/vaults", names.key_vault),
                        modes.key_vault,
                    ),
                    *_given(
                        "--application-insights",
                        names.resource("Microsoft.Insights/components", names.app_insights),
                        modes.app_insights,
                    ),
                ),
            ),
            remove=(az("ml", "workspace", "delete", *named, *here, "--yes"),),
            inside="resource_group",
            proves=(
                *("providers", "resource_group", "key_vault", "log_analytics", "app_insights"),
            ),
            actions=("Microsoft.MachineLearningServices/workspaces/write",),
            scope=names.group_id,
            role=CONTRIBUTOR,
            cost="the container registry that the workspace makes for its images, by the day",
            reason="data, environments, runs, models and services are kept in it",
            kept=Kept(
                f"the deleted workspace {names.workspace} and its name",
                14,
                az(
                    *("rest", "--method", "delete", "--url", names.workspace_id),
                    *("--url-parameters", f"api-version={WORKSPACE_VERSION}", "forceToPurge=true"),
                ),
            ),
            limit=1800,
            look_after=True,
        ),
        Step(
            key="compute",
            title=f"cluster {names.compute} ({compute.size}, up to {compute.max_nodes} nodes)",
            mode=modes.compute,
            looks=(Look(arm_get(names.compute_id, WORKSPACE_VERSION)),),
            create=(
                az(
                    *("ml", "compute", "create", "-n", names.compute, *here),
                    *("-w", names.workspace, "--type", "AmlCompute", "--size", compute.size),
                    *("--min-instances", str(compute.min_nodes)),
                    *("--max-instances", str(compute.max_nodes)),
                    *("--idle-time-before-scale-down", str(compute.idle_seconds)),
                    *("--tier", "low_priority" if compute.low_priority else "dedicated"),
                ),
            ),
            remove=(
                az(
                    *("ml", "compute", "delete", "-n", names.compute, *here),
                    *("-w", names.workspace, "--yes"),
                ),
            ),
            misfit=_no_cluster,
            inside="workspace",
            actions=("Microsoft.MachineLearningServices/workspaces/computes/write",),
            scope=names.group_id,
            role="AzureML Compute Operator",
            cost=(
                f"{compute.min_nodes} machines {compute.size} that never stop"
                if compute.min_nodes
                else ""
            ),
            reason="training jobs run on it",
            limit=900,
            look_after=True,
        ),
    ]


def _given(flag: str, path: str, mode: str) -> tuple[str, ...]:
    """A flag for what the workspace is to use; without it, it makes one of its own."""
    return () if mode == "skip" else (flag, path)


def _no_cluster(found: dict[str, Any]) -> str:
    """Why jobs cannot run on what has the cluster's name."""
    kind = (found.get("properties") or {}).get("computeType", "AmlCompute")
    if kind == "AmlCompute":
        return ""
    return (
        f"compute {found.get('name')} is of the kind {kind}: name another in config.yml"
        " (azure.compute.name)"
    )
