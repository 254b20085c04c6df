"""The first steps: `az` and its login, subscription, resource providers, group, storage."""

from __future__ import annotations

import re
from typing import Any

from amlkit.provision.failures import Kind, advice
from amlkit.provision.names import Names
from amlkit.provision.records import Look, Step, arm_get, az
from amlkit.settings.azure import Bootstrap

OLDEST_AZ = (2, 61)  # the first whose `az keyvault create` takes roles rather than access policies
PROVIDERS = (
    "Microsoft.MachineLearningServices",
    "Microsoft.Storage",
    "Microsoft.KeyVault",
    "Microsoft.Insights",
    "Microsoft.OperationalInsights",
    "Microsoft.ContainerRegistry",
)
CONTRIBUTOR = "Contributor"
STORAGE_VERSION = "2023-05-01"


def prerequisites(names: Names) -> list[Step]:
    """What must be there before anything can be looked for; nothing of it is made."""
    accounts = az("account", "list")
    return [
        Step(
            key="az",
            title="the Azure CLI",
            mode="existing",
            essential=True,
            looks=(Look(az("version")),),
            create=(),
            misfit=_too_old,
            reason="every step is a command of `az`",
        ),
        Step(
            key="login",
            title="a login",
            mode="existing",
            essential=True,
            looks=(Look(accounts, lambda found: found or None),),
            create=(az("login"),),
            missing=advice(Kind.NOT_LOGGED_IN),
            reason="the steps are made in your name",
        ),
        Step(
            key="subscription",
            title=f"subscription {names.subscription}",
            mode="existing",
            essential=True,
            looks=(Look(accounts, lambda found: _subscription(found, names.subscription)),),
            create=(az("account", "set", "--subscription", names.subscription),),
            missing=advice(Kind.WRONG_SUBSCRIPTION),
            misfit=_unusable,
            learns=_caller,
            reason="everything is made in it",
        ),
    ]


def foundation(names: Names, group_mode: str) -> list[Step]:
    """What the other resources stand on."""
    return [
        Step(
            key="providers",
            title="resource providers",
            mode="create",
            looks=(Look(az("provider", "list", "--query", _STATES), _registered),),
            create=tuple(az("provider", "register", "--namespace", name) for name in PROVIDERS),
            ready=lambda found: set(found.values()) == {"Registered"},
            actions=tuple(f"{name}/register/action" for name in PROVIDERS),
            scope=names.scope,
            role=CONTRIBUTOR,
            reason="a subscription has to know a kind of resource before one can be made",
            limit=900,
            unseen="trust",
            look_after=True,
        ),
        Step(
            key="resource_group",
            title=f"resource group {names.resource_group}",
            mode=group_mode,
            looks=(Look(arm_get(names.group_id, "2021-04-01")),),
            create=(az("group", "create", "-n", names.resource_group, "-l", names.location),),
            remove=(az("group", "delete", "-n", names.resource_group, "--yes"),),
            actions=("Microsoft.Resources/subscriptions/resourceGroups/write",),
            scope=names.scope,
            role=CONTRIBUTOR,
            reason="holds everything of this repository, and goes with it",
        ),
    ]


_STATES = "[].{namespace: namespace, state: registrationState}"


def _registered(answer: list[dict[str, str]]) -> dict[str, str] | None:
    """The states of the providers that are needed; None unless all are registered or on the way."""
    wanted = {name.lower(): name for name in PROVIDERS}
    states = {
        wanted[each["namespace"].lower()]: each["state"]
        for each in answer
        if each["namespace"].lower() in wanted
    }
    under_way = [state for state in states.values() if state in ("Registered", "Registering")]
    return states if len(under_way) == len(PROVIDERS) else None


def _too_old(found: dict[str, Any]) -> str:
    """Why this version of az will not do."""
    version = str(found.get("azure-cli", ""))
    numbers = tuple(int(number) for number in re.findall(r"\d+", version)[:2])
    if numbers >= OLDEST_AZ:
        return ""
    oldest = ".".join(map(str, OLDEST_AZ))
    return f"az {version or 'of an unknown version'} is older than {oldest}; run `az upgrade`"


def _subscription(answer: list[dict[str, Any]], wanted: str) -> dict[str, Any] | None:
    """The subscription of config.yml, and what the login uses by itself beside it."""
    for each in answer:
        if each["id"].lower() == wanted.lower():
            default = next((other for other in answer if other.get("isDefault")), each)
            return {**each, "defaultTenantId": default["tenantId"]}
    return None


def _caller(found: dict[str, Any]) -> dict[str, str]:
    """The tenant, and who is logged in, as Microsoft Graph is asked for it."""
    user = found.get("user") or {}
    if user.get("type") == "servicePrincipal":
        who = {"caller": f"servicePrincipals(appId='{user['name']}')"}
        return {"tenant_id": found["tenantId"], "caller_type": "ServicePrincipal", **who}
    return {"tenant_id": found["tenantId"], "caller_type": "User", "caller": "me"}


def _unusable(found: dict[str, Any]) -> str:
    """Why nothing can be made in this subscription now."""
    if found.get("state", "Enabled") != "Enabled":
        return f"subscription {found['id']} is {found['state']}: ask whoever pays for it"
    if found["tenantId"] != found["defaultTenantId"]:
        # Microsoft Graph is asked in the tenant of the default subscription.
        return (
            f"subscription {found['id']} is in another tenant than the one `az` uses now: run"
            f" `az account set --subscription {found['id']}`"
        )
    return ""


def storage(names: Names, modes: Bootstrap) -> list[Step]:
    """The storage account, and the container in it."""
    account, group = names.storage_account, names.resource_group
    place = ("--storage-account", account, "-g", group)
    return [
        Step(
            key="storage_account",
            title=f"storage account {account}",
            mode=modes.storage_account,
            looks=(Look(arm_get(names.storage_id, STORAGE_VERSION)),),
            create=(
                az(
                    *("storage", "account", "create", "-n", account, "-g", group),
                    *("-l", names.location, "--sku", "Standard_LRS", "--kind", "StorageV2"),
                    *("--min-tls-version", "TLS1_2", "--allow-blob-public-access", "false"),
                ),
            ),
            remove=(az("storage", "account", "delete", "-n", account, "-g", group, "--yes"),),
            misfit=_no_home_for_a_workspace,
            inside="resource_group",
            actions=("Microsoft.Storage/storageAccounts/write",),
            scope=names.group_id,
            role=CONTRIBUTOR,
            cost="storage by what lies in it",
            reason="tables, models and the logs of runs lie there",
        ),
        Step(
            key="container",
            title=f"container {names.container}",
            mode=modes.container,
            looks=(Look(arm_get(names.container_id, STORAGE_VERSION)),),
            create=(az("storage", "container-rm", "create", "-n", names.container, *place),),
            remove=(
                az("storage", "container-rm", "delete", "-n", names.container, *place, "--yes"),
            ),
            inside="storage_account",
            proves=("storage_account", "resource_group"),
            actions=("Microsoft.Storage/storageAccounts/blobServices/containers/write",),
            scope=names.group_id,
            role=CONTRIBUTOR,
            reason="your own tables, apart from what the workspace writes",
        ),
    ]


def _no_home_for_a_workspace(found: dict[str, Any]) -> str:
    """Why a workspace cannot live on this account."""
    if (found.get("properties") or {}).get("isHnsEnabled"):
        return (
            f"storage account {found.get('name')} has a hierarchical namespace, on which no"
            " workspace can be made: name another in config.yml"
            " (azure.bootstrap.storage_account_name)"
        )
    return ""
