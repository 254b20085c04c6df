"""Resource providers: registered for a subscription, or not.

Shapes: Microsoft.Resources, providers 2022-09-01.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from ..routing import ARM, Answer, AzureError, Json, Request, route
from .operations import SECONDS

if TYPE_CHECKING:
    from ..standin import Azure

# The providers that are played → their resource types with an API version of each.
TYPES = {
    "Microsoft.Authorization": {"roleAssignments": "2022-04-01"},
    "Microsoft.Compute": {"virtualMachines": "2024-07-01"},
    "Microsoft.ContainerInstance": {"containerGroups": "2023-05-01"},
    "Microsoft.ContainerRegistry": {"registries": "2023-07-01"},
    "Microsoft.Insights": {"components": "2020-02-02"},
    "Microsoft.KeyVault": {"vaults": "2023-07-01", "deletedVaults": "2023-07-01"},
    "Microsoft.MachineLearningServices": {
        "workspaces": "2024-10-01",
        "workspaces/computes": "2024-10-01",
    },
    "Microsoft.ManagedIdentity": {"userAssignedIdentities": "2023-01-31"},
    "Microsoft.Management": {"managementGroups": "2023-04-01"},
    "Microsoft.Network": {"virtualNetworks": "2024-05-01"},
    "Microsoft.Notebooks": {"NotebookProxies": "2022-05-30"},
    "Microsoft.OperationalInsights": {"workspaces": "2023-09-01"},
    "Microsoft.PolicyInsights": {"policyStates": "2019-10-01"},
    "Microsoft.Resources": {"resourceGroups": "2025-04-01", "deployments": "2025-04-01"},
    "Microsoft.Storage": {"storageAccounts": "2023-05-01"},
    "Microsoft.Web": {"sites": "2023-12-01"},
}
_NAMES = {name.lower(): name for name in TYPES}


class Providers:
    """Shows and registers resource providers."""

    def __init__(self, azure: Azure) -> None:
        self.azure = azure
        self.account = azure.account
        self.world = azure.world
        self._ready: dict[str, float] = {}

    def state(self, namespace: str) -> str:
        """How far a provider is registered."""
        with self.account.lock:
            if time.time() >= self._ready.get(namespace.lower(), float("inf")):
                del self._ready[namespace.lower()]
                self.world.providers[namespace.lower()] = "Registered"
            return self.world.providers.get(namespace.lower(), "NotRegistered")

    def check(self, namespace: str) -> None:
        """AzureError 409 MissingSubscriptionRegistration unless a provider is registered."""
        if self.state(namespace) != "Registered":
            raise AzureError(
                409,
                "MissingSubscriptionRegistration",
                f"The subscription is not registered to use namespace '{namespace}'. See "
                "https://aka.ms/rps-not-found for how to register subscriptions.",
                target=namespace,
            )

    def _body(self, namespace: str) -> Json:
        return {
            "id": f"/subscriptions/{self.account.subscription_id}/providers/{namespace}",
            "namespace": namespace,
            "registrationPolicy": "RegistrationRequired",
            "registrationState": self.state(namespace),
            "resourceTypes": [
                {
                    "resourceType": kind,
                    "locations": ["West Europe", "North Europe", "East US"],
                    "apiVersions": [version],
                    "capabilities": "SupportsTags, SupportsLocation",
                }
                for kind, version in TYPES[namespace].items()
            ],
        }

    def _name(self, request: Request, subscription: str, namespace: str, action: str) -> str:
        """The provider's name as it is written. AzureError 404 for one that is not played."""
        self.account.check_subscription(subscription)
        scope = f"/subscriptions/{self.account.subscription_id}"
        self.azure.access.check(request, action.format(namespace), scope)
        if namespace.lower() not in _NAMES:
            raise AzureError(
                404,
                "InvalidResourceNamespace",
                f"The resource namespace '{namespace}' is invalid.",
            )
        return _NAMES[namespace.lower()]

    @route("GET", ARM, "/subscriptions/{subscription}/providers")
    def list(self, request: Request, subscription: str) -> Json:
        """All providers."""
        self._name(request, subscription, "Microsoft.Resources", "{}/subscriptions/providers/read")
        return {"value": [self._body(name) for name in TYPES]}

    @route("GET", ARM, "/subscriptions/{subscription}/providers/{namespace}")
    def get(self, request: Request, subscription: str, namespace: str) -> Json:
        """One provider. 404 InvalidResourceNamespace."""
        action = "Microsoft.Resources/subscriptions/providers/read"
        return self._body(self._name(request, subscription, namespace, action))

    @route("POST", ARM, "/subscriptions/{subscription}/providers/{namespace}/register")
    def register(self, request: Request, subscription: str, namespace: str) -> Answer:
        """Begin to register a provider; it takes a while."""
        name = self._name(request, subscription, namespace, "{}/register/action")
        with self.account.lock:
            if self.state(name) == "NotRegistered":
                self.world.providers[name.lower()] = "Registering"
                self._ready[name.lower()] = time.time() + SECONDS
        return Answer(200, self._body(name))
