"""Company policies that deny what is not as they ask for.

Names, ids and conditions: the built-in definitions in Azure/azure-policy (MIT),
built-in-policies/policyDefinitions. How a denial is worded: Azure/azure-cli #6075 and
Azure-Samples/azure-search-openai-demo #120.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..routing import AzureError, Json
from .state import STORAGE, VAULT, WORKSPACE

if TYPE_CHECKING:
    from ..standin import Azure

_COMPUTES = f"{WORKSPACE}/computes"


@dataclass(frozen=True)
class Policy:
    """A definition that is assigned to the subscription; `forbids` tells for a type and a body."""

    name: str
    number: str
    forbids: Callable[[str, Json], bool]


def _is(kind: str, wanted: str) -> bool:
    return kind.lower() == wanted.lower()


def _property(body: Json, name: str) -> Any:
    return (body.get("properties") or {}).get(name)


def _public(wanted: str) -> Callable[[str, Json], bool]:
    return lambda kind, body: (
        _is(kind, wanted) and _property(body, "publicNetworkAccess") != "Disabled"
    )


def tag_policy(tag: str) -> Policy:
    """Require a tag on resources (those that can have tags)."""
    return Policy(
        "Require a tag on resources",
        "871b6d14-10aa-478d-b590-94f262ecfa99",
        lambda kind, body: "location" in body and tag not in (body.get("tags") or {}),
    )


BUILT_IN = [
    Policy(
        "Key vaults should have deletion protection enabled",
        "0b60c0b2-2dc2-4e1c-b5c9-abbed971de53",
        lambda kind, body: _is(kind, VAULT) and not _property(body, "enablePurgeProtection"),
    ),
    Policy(
        "Storage accounts should prevent shared key access",
        "8c6a50c6-9ffd-4ae7-986f-5fa6111f9a54",
        lambda kind, body: (
            _is(kind, STORAGE) and _property(body, "allowSharedKeyAccess") is not False
        ),
    ),
    Policy(
        "Storage accounts should disable public network access",
        "b2982f36-99f2-4db5-8eff-283140c09693",
        _public(STORAGE),
    ),
    Policy(
        "Azure Key Vault should disable public network access",
        "405c5871-3e91-4644-8a63-58e19d68ff5b",
        _public(VAULT),
    ),
    Policy(
        "Azure Machine Learning Workspaces should disable public network access",
        "438c38d2-3772-465a-a9cc-7a6666a275ce",
        _public(WORKSPACE),
    ),
    Policy(
        "Azure Machine Learning Computes should have local authentication methods disabled",
        "e96a9a5f-07ca-471b-9bc5-6a0f33cbd68f",
        lambda kind, body: _is(kind, _COMPUTES) and not _property(body, "disableLocalAuth"),
    ),
]


class Policies:
    """The policies of the subscription; tests put them into `assigned`."""

    def __init__(self, azure: Azure) -> None:
        self.azure = azure
        self.assigned: list[Policy] = []

    def refusal(self, path: str, kind: str, body: Json) -> AzureError | None:
        """The denial of a resource, as Resource Manager words it."""
        found = [each for each in self.assigned if each.forbids(kind, body)]
        if not found:
            return None
        root = f"/subscriptions/{self.azure.account.subscription_id}"
        listed = [
            {
                "policyAssignment": {
                    "name": each.name,
                    "id": f"{root}/providers/Microsoft.Authorization/policyAssignments/{n}",
                },
                "policyDefinition": {
                    "name": each.name,
                    "id": f"/providers/Microsoft.Authorization/policyDefinitions/{each.number}",
                },
            }
            for n, each in enumerate(found)
        ]
        return AzureError(
            403,
            "RequestDisallowedByPolicy",
            f"Resource '{path.rsplit('/', 1)[-1]}' was disallowed by policy. Policy identifiers: "
            f"'{json.dumps(listed, separators=(',', ':'))}'.",
        )
