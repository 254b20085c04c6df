"""Built-in roles: which actions each allows.

Source: "Azure built-in roles" in Microsoft's documentation, which gives each as JSON.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

_ML = "Microsoft.MachineLearningServices/workspaces"
_REGISTRIES = "Microsoft.MachineLearningServices/registries"
_CONTAINERS = "Microsoft.Storage/storageAccounts/blobServices/containers"
_DELEGATION = "Microsoft.Storage/storageAccounts/blobServices/generateUserDelegationKey/action"


@dataclass(frozen=True)
class Role:
    """One definition; `number` is the same in every tenant."""

    number: str
    description: str
    actions: tuple[str, ...]
    not_actions: tuple[str, ...] = ()
    data_actions: tuple[str, ...] = ()

    def allows(self, action: str, data: bool = False) -> bool:
        """Whether an action, of the data plane with `data`, is among those allowed."""
        if data:
            return _any(self.data_actions, action)
        return _any(self.actions, action) and not _any(self.not_actions, action)


def _any(patterns: Iterable[str], action: str) -> bool:
    return any(_pattern(one).fullmatch(action) for one in patterns)


@cache
def _pattern(text: str) -> re.Pattern[str]:
    """An action with wildcards; `computes/*/write` means `computes/write` too, as in Azure."""
    inner = re.escape(text).replace(r"/\*/", r"/(?:.*/)?").replace(r"\*", ".*")
    return re.compile(inner, re.I)


DEFINITIONS: dict[str, Role] = {
    "Owner": Role(
        "8e3af657-a8ff-443c-a75c-2fe8c4bcb635",
        "Grants full access to manage all resources, including the ability to assign roles in "
        "Azure RBAC.",
        ("*",),
    ),
    "Contributor": Role(
        "b24988ac-6180-42a0-ab88-20f7382dd24c",
        "Grants full access to manage all resources, but does not allow you to assign roles in "
        "Azure RBAC, manage assignments in Azure Blueprints, or share image galleries.",
        ("*",),
        (
            "Microsoft.Authorization/*/Delete",
            "Microsoft.Authorization/*/Write",
            "Microsoft.Authorization/elevateAccess/Action",
            "Microsoft.Blueprint/blueprintAssignments/write",
            "Microsoft.Blueprint/blueprintAssignments/delete",
            "Microsoft.Compute/galleries/share/action",
        ),
    ),
    "Reader": Role(
        "acdd72a7-3385-48ef-bd42-f606fba81ae7",
        "View all resources, but does not allow you to make any changes.",
        ("*/read",),
    ),
    "Monitoring Reader": Role(
        "43d0d8ad-25c7-4714-9337-8ba259a9fe05",
        "Can read all monitoring data.",
        ("*/read", "Microsoft.OperationalInsights/workspaces/search/action", "Microsoft.Support/*"),
    ),
    "User Access Administrator": Role(
        "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9",
        "Lets you manage user access to Azure resources.",
        ("*/read", "Microsoft.Authorization/*", "Microsoft.Support/*"),
    ),
    "Role Based Access Control Administrator": Role(
        "f58310d9-a9f6-439a-9e8d-f62e7b41a168",
        "Manage access to Azure resources by assigning roles using Azure RBAC.",
        (
            "Microsoft.Authorization/roleAssignments/write",
            "Microsoft.Authorization/roleAssignments/delete",
            "*/read",
            "Microsoft.Support/*",
        ),
    ),
    "AzureML Data Scientist": Role(
        "f6c7c914-8db3-469d-8ca1-694a8f32e121",
        "Can perform all actions within an Azure Machine Learning workspace, except for creating "
        "or deleting compute resources and modifying the workspace itself.",
        tuple(f"{_ML}/*/{verb}" for verb in ("read", "action", "delete", "write")),
        (
            f"{_ML}/delete",
            f"{_ML}/write",
            f"{_ML}/computes/*/write",
            f"{_ML}/computes/*/delete",
            f"{_ML}/computes/listKeys/action",
            f"{_ML}/listKeys/action",
            f"{_ML}/hubs/write",
            f"{_ML}/hubs/delete",
            f"{_ML}/featurestores/write",
            f"{_ML}/featurestores/delete",
        ),
    ),
    "AzureML Compute Operator": Role(
        "e503ece1-11d0-4e8e-8e2c-7a6c3bf38815",
        "Can access and perform CRUD operations on Machine Learning Services managed compute "
        "resources (including Notebook VMs).",
        (f"{_ML}/computes/*", f"{_ML}/notebooks/vm/*"),
    ),
    "AzureML Registry User": Role(
        "1823dd4f-9b8c-4ab6-ab4e-7397a3684615",
        "Can perform all actions on Machine Learning Services Registry assets as well as get "
        "Registry resources.",
        (f"{_REGISTRIES}/read", f"{_REGISTRIES}/assets/*"),
    ),
    "Storage Blob Data Owner": Role(
        "b7e6dc6d-f1e8-4753-8033-0f276bb0955b",
        "Allows for full access to Azure Storage blob containers and data, including assigning "
        "POSIX access control.",
        (f"{_CONTAINERS}/*", _DELEGATION),
        data_actions=(f"{_CONTAINERS}/blobs/*",),
    ),
    "Storage Blob Data Contributor": Role(
        "ba92f5b4-2d11-453d-a403-e96b0029c9fe",
        "Allows for read, write and delete access to Azure Storage blob containers and data",
        (*(f"{_CONTAINERS}/{verb}" for verb in ("delete", "read", "write")), _DELEGATION),
        data_actions=tuple(
            f"{_CONTAINERS}/blobs/{verb}"
            for verb in ("delete", "read", "write", "move/action", "add/action")
        ),
    ),
    "Storage Blob Data Reader": Role(
        "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1",
        "Allows for read access to Azure Storage blob containers and data",
        (f"{_CONTAINERS}/read", _DELEGATION),
        data_actions=(f"{_CONTAINERS}/blobs/read",),
    ),
}
