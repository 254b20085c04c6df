"""Steps for the storage account and the container for tables."""

from __future__ import annotations

from typing import Any

from amlkit.provision.foundation import CONTRIBUTOR
from amlkit.provision.names import Names
from amlkit.provision.records import Look, Step, arm_get, az
from amlkit.settings.azure import Bootstrap

VERSION = "2023-05-01"


def storage(names: Names, modes: Bootstrap) -> list[Step]:
    """The storage account, and the container in it."""
    account, group = names.storage_account, names.resource_group
    place = ("--storage-account", account, "-g", group)
    return [
        Step(
            key="storage_account",
            title=f"storage account {account}",
            mode=modes.storage_account,
            looks=(Look(arm_get(names.storage_id, VERSION)),),
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
            looks=(Look(arm_get(names.container_id, VERSION)),),
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
