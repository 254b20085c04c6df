"""What the tests make in an empty subscription before they look at something."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from tests.az.world.caller import Answer, Caller

GROUP = "/resourceGroups/g"
ACCOUNT = GROUP + "/providers/Microsoft.Storage/storageAccounts/held01"
WORKSPACE = GROUP + "/providers/Microsoft.MachineLearningServices/workspaces/ws1"
PROVIDERS = (
    "Microsoft.Storage",
    "Microsoft.KeyVault",
    "Microsoft.Insights",
    "Microsoft.MachineLearningServices",
)
WEST = {"location": "westeurope"}
BLOB_ROLE = "ba92f5b4-2d11-453d-a403-e96b0029c9fe"
SCIENTIST = "f6c7c914-8db3-469d-8ca1-694a8f32e121"

TEMPLATE: dict[str, Any] = {
    "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
    "contentVersion": "1.0.0.0",
    "parameters": {
        "name": {"type": "string"},
        "storage": {"type": "string"},
        "kind": {"type": "string", "defaultValue": "Default", "allowedValues": ["Default", "Hub"]},
        "vault": {"type": "string", "defaultValue": "[concat('kv', uniqueString('a'))]"},
    },
    "variables": {
        "vault": "[resourceId('Microsoft.KeyVault/vaults', parameters('vault'))]",
        "insights": "[resourceId('Microsoft.Insights/components', parameters('name'))]",
    },
    "resources": [
        {
            "type": "Microsoft.MachineLearningServices/workspaces",
            "apiVersion": "2024-10-01",
            "name": "[parameters('name')]",
            "location": "[resourceGroup().location]",
            "identity": {"type": "SystemAssigned"},
            "dependsOn": ["[variables('vault')]", "[variables('insights')]"],
            "properties": {
                "friendlyName": "[toLower(parameters('name'))]",
                "storageAccount": "[resourceId('Microsoft.Storage/storageAccounts', "
                "parameters('storage'))]",
                "keyVault": "[variables('vault')]",
                "applicationInsights": "[variables('insights')]",
            },
        },
        {
            "type": "Microsoft.KeyVault/vaults",
            "apiVersion": "2023-07-01",
            "name": "[parameters('vault')]",
            "location": "[resourceGroup().location]",
            "properties": {"tenantId": "[subscription().tenantId]"},
        },
        {
            "type": "Microsoft.Insights/components",
            "apiVersion": "2020-02-02",
            "name": "[parameters('name')]",
            "location": "[resourceGroup().location]",
            "properties": {"Application_Type": "web"},
        },
        {
            "condition": "[equals(parameters('kind'), 'Hub')]",
            "type": "Microsoft.ContainerRegistry/registries",
            "apiVersion": "2023-07-01",
            "name": "never",
            "location": "[resourceGroup().location]",
        },
    ],
}


def eventually(ask: Callable[[], Any], seconds: float = 5) -> Any:
    """What `ask` gives once it gives something."""
    end = time.monotonic() + seconds
    while not (found := ask()):
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.05)
    return found


def assign(caller: Caller, scope: str, role: str, principal: str, name: str = "") -> Answer:
    """Assign a role at a scope that counts from the subscription."""
    root = f"/subscriptions/{caller.standin.account.subscription_id}/providers"
    definition = f"{root}/Microsoft.Authorization/roleDefinitions/{role}"
    number = name or f"00000000-0000-4000-8000-{abs(hash((scope, role, principal))) % 10**12:012}"
    path = f"{scope}/providers/Microsoft.Authorization/roleAssignments/{number}"
    given = {"roleDefinitionId": definition, "principalId": principal}
    return caller.arm("PUT", path, {"properties": given})


def new_principal(owner: Caller, name: str = "spn") -> tuple[Caller, str]:
    """A service principal with a secret, and its object id."""
    application = owner.graph("POST", "/applications", {"displayName": name}).body
    made = owner.graph("POST", "/servicePrincipals", {"appId": application["appId"]}).body
    secret = owner.graph("POST", f"/applications/{application['id']}/addPassword", {"x": 1}).body
    return Caller(owner.standin, application["appId"], secret["secretText"]), made["id"]


def with_account(owner: Caller) -> None:
    """A group with a storage account in it."""
    owner.register("Microsoft.Storage")
    assert owner.arm("PUT", GROUP, WEST).status == 201
    assert owner.wait(owner.arm("PUT", ACCOUNT, WEST)).status == 200


def deploy(caller: Caller, deployment: str, **values: str | None) -> Answer:
    """Begin to deploy the template with these parameters."""
    given = {"name": "WS1", "storage": "held01", **values}
    parameters = {key: {"value": value} for key, value in given.items()}
    body = {"mode": "Incremental", "template": TEMPLATE, "parameters": parameters}
    path = f"{GROUP}/providers/Microsoft.Resources/deployments/{deployment}"
    return caller.arm("PUT", path, {"properties": body})


def with_workspace(owner: Caller) -> None:
    """A workspace, by a deployment."""
    with_account(owner)
    owner.register(*PROVIDERS)
    assert owner.wait(deploy(owner, "first", kind=None)).body["status"] == "Succeeded"
