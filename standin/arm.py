"""Azure Resource Manager: subscriptions, resource groups, the workspace, and service discovery.

Shapes: the published specifications of Microsoft.Resources (subscriptions 2016-06-01 and later)
and Microsoft.MachineLearningServices (workspaces).
"""

from __future__ import annotations

import copy
import time
from typing import TYPE_CHECKING

from .account import Principal, timestamp
from .computes import ids_of
from .routing import API, ARM, Answer, AzureError, Json, Request, route

if TYPE_CHECKING:
    from .standin import Azure
    from .world.state import Resource

KIND = "Microsoft.MachineLearningServices/workspaces"

# The services of a workspace; all are played on the region's one host, as Azure answers.
SERVICES = (
    "api",
    "catalog",
    "experimentation",
    "gallery",
    "history",
    "hyperdrive",
    "labeling",
    "modelmanagement",
    "pipelines",
    "studio",
    "inference",
    "data",
    "dataset",
    "metrics",
)
REGIONS = (
    ("westeurope", "West Europe", "Europe"),
    ("northeurope", "North Europe", "Europe"),
    ("eastus", "East US", "US"),
)
# What versions of the API from 2024-10-01-preview on say of a workspace beside, as recorded
# (online_services test_online_endpoint_e2e of azure-ai-ml).
_NEWER: Json = {
    "EnableSoftwareBillOfMaterials": False,
    "allowRoleAssignmentOnRG": True,
    "enableDataIsolation": False,
    "enableServiceSideCMKEncryption": False,
    "ipAllowlist": [],
    "managedNetwork": {
        "changeableIsolationModes": ["AllowInternetOutbound", "AllowOnlyApprovedOutbound"],
        "isolationMode": "Disabled",
        "enableNetworkMonitor": False,
        "enableFirewallLog": False,
    },
    "networkAcls": {
        "defaultAction": "Allow",
        "bypass": "",
        "ipRules": [],
        "resourceAccessRules": [],
    },
    "serverlessComputeSettings": None,
}


class Arm:
    """What the drivers ask ARM, the computes left out (see computes.py)."""

    def __init__(self, azure: Azure) -> None:
        self.azure = azure
        self.account = azure.account
        self.created = timestamp()
        self.description: str | None = None
        self.friendly_name = self.account.workspace_name
        # When which identities are given: whether its own, and the others.
        self._coming: list[tuple[float, bool, list[str]]] = []

    def _subscription(self) -> Json:
        account = self.account
        return {
            "id": f"/subscriptions/{account.subscription_id}",
            "subscriptionId": account.subscription_id,
            "tenantId": account.tenant_id,
            "displayName": "stand-in",
            "state": "Enabled",
            "subscriptionPolicies": {
                "locationPlacementId": "Internal_2014-09-01",
                "quotaId": "Internal_2014-09-01",
                "spendingLimit": "Off",
            },
            "authorizationSource": "RoleBased",
        }

    @route("GET", ARM, "/subscriptions")
    def subscriptions(self, request: Request) -> Json:
        """The subscriptions in which the caller has any role."""
        who = request.principal
        return {
            "value": [self._subscription()] if who and self._has_role(who) else [],
            "nextLink": "",
        }

    def _has_role(self, who: Principal) -> bool:
        held = self.account.assignments.values()
        return bool(who.roles) or any(one.principal_id == who.object_id for one in held)

    @route("GET", ARM, "/subscriptions/{subscription}")
    def subscription(self, request: Request, subscription: str) -> Json:
        """One subscription. 404 SubscriptionNotFound."""
        self.account.check_subscription(subscription)
        return self._subscription()

    @route("GET", ARM, "/subscriptions/{subscription}/locations")
    def locations(self, request: Request, subscription: str) -> Json:
        """The regions in which something can be made."""
        self.account.check_subscription(subscription)
        place = f"/subscriptions/{self.account.subscription_id}/locations"
        return {
            "value": [
                {
                    "id": f"{place}/{name}",
                    "name": name,
                    "type": "Region",
                    "displayName": words,
                    "regionalDisplayName": f"({geography}) {words}",
                    "metadata": {
                        "regionType": "Physical",
                        "regionCategory": "Recommended",
                        "geographyGroup": geography,
                    },
                }
                for name, words, geography in REGIONS
            ]
        }

    @route("GET", ARM, "/tenants")
    def tenants(self, request: Request) -> Json:
        """The tenants of the caller."""
        tenant = self.account.tenant_id
        return {"value": [{"id": f"/tenants/{tenant}", "tenantId": tenant}], "nextLink": ""}

    def open(self, made: Resource) -> None:
        """Show the workspace that was made."""
        self.created = timestamp(made.created)
        self.description = made.properties.get("description")
        self.friendly_name = made.properties.get("friendlyName") or made.name

    def workspace_body(self) -> Json:
        """The workspace as ARM shows it (Workspace in machineLearningServices.json)."""
        self._settle()
        account, found = self.account, self.azure.world.get(self.account.workspace_path)
        return {
            "id": account.workspace_path,
            "name": account.workspace_name,
            "type": KIND,
            "location": account.location,
            "tags": dict(account.workspace_tags),
            "etag": None,
            "kind": "Default",
            "sku": {"name": "Basic", "tier": "Basic"},
            "identity": self._identity(),
            "properties": {
                "workspaceId": account.workspace_id,
                "description": self.description or "",
                "friendlyName": self.friendly_name,
                "creationTime": self.created,
                "provisioningState": found.state if found else "Succeeded",
                "discoveryUrl": f"{account.api}/discovery",
                "mlFlowTrackingUri": f"azureml://{account.api.removeprefix('https://')}"
                f"/mlflow/v1.0{account.workspace_path}",
                **account.dependencies,
                "hbiWorkspace": False,
                "tenantId": account.tenant_id,
                "softDeleteEnabled": True,
                "storageHnsEnabled": False,
                "linkedModelInventoryArmId": None,
                "privateLinkCount": 0,
                "sasGetterUri": "",
                "notebookInfo": {
                    "resourceId": account.workspace_id.replace("-", ""),
                    "fqdn": f"{account.workspace_id}.{account.location}.notebooks.azure.net",
                    "isPrivateLinkEnabled": False,
                    "notebookPreparationError": None,
                },
                "imageBuildCompute": account.image_build_compute,
                "publicNetworkAccess": "Enabled" if account.public_network_access else "Disabled",
                "v1LegacyMode": account.v1_legacy_mode,
                "systemDatastoresAuthMode": "accesskey",
                "privateEndpointConnections": [],
            },
            "systemData": {
                "createdAt": self.created,
                "createdBy": account.administrator.name,
                "createdByType": "Application",
                "lastModifiedAt": self.created,
                "lastModifiedBy": account.administrator.name,
                "lastModifiedByType": "Application",
            },
        }

    def _identity(self) -> Json:
        """The workspace's own identity where it has one, and those that it was given."""
        account = self.account
        kinds = ["SystemAssigned"] if account.workspace_own_identity else []
        kinds += ["UserAssigned"] if account.workspace_identities else []
        told: Json = {"type": ",".join(kinds) or "None"}
        if account.workspace_own_identity:
            told |= {"principalId": account.workspace_id, "tenantId": account.tenant_id}
        if account.workspace_identities:
            users = {path: ids_of(path) for path in account.workspace_identities}
            told |= {"userAssignedIdentities": users}
        return told

    @route("GET", ARM, "{workspace}")
    @route("GET", API, "/rp/workspaces{workspace}")
    def workspace(self, request: Request) -> Json:
        """The workspace. 404 ResourceNotFound or ResourceGroupNotFound, 403 without a role."""
        body = self.workspace_body()
        if request.query.get("api-version", "") >= "2024-10":
            body["properties"] |= copy.deepcopy(_NEWER)
            del body["properties"]["sasGetterUri"]
        return body

    @route("PATCH", ARM, "{workspace}", needs="workspace")
    def update(self, request: Request) -> Answer:
        """Change tags, names, the compute that builds images; give or take identities.

        The latter by an operation to poll (202): both answers are published.
        """
        body = request.json()
        properties = body.get("properties") or {}
        with self.account.lock:
            if body.get("tags") is not None:
                self.account.workspace_tags = dict(body["tags"])
            self.description = properties.get("description", self.description)
            self.friendly_name = properties.get("friendlyName") or self.friendly_name
            if "imageBuildCompute" in properties:
                self.account.image_build_compute = properties["imageBuildCompute"] or None
        if not body.get("identity"):
            return Answer(200, self.workspace_body())
        own, given = self._identities(body["identity"])
        operations, account = self.azure.operations, self.account
        begun = operations.begin()
        self._coming.append((begun.ready, own, given))
        polled = operations.polled("workspaceOperationsStatus", begun, account.location)
        results = f"https://{request.host}/subscriptions/{account.subscription_id}/operationresults"
        return Answer(202, None, {**polled, "Location": f"{results}/{begun.name}"})

    def _identities(self, sent: Json) -> tuple[bool, list[str]]:
        """Whether the workspace has its own, and which others, once that is changed.

        `type` says which kinds it has; of the others null takes one away (ManagedServiceIdentity of
        the common types, JSON merge patch). AzureError 400 where the two do not fit.
        """
        kinds = {kind.strip().lower() for kind in str(sent.get("type")).split(",")}
        self._settle()
        held = self._coming[-1][2] if self._coming else [*self.account.workspace_identities]
        users = {path.lower(): path for path in held}
        for path, each in (sent.get("userAssignedIdentities") or {}).items():
            users.pop(path.lower(), None)
            users |= {} if each is None else {path.lower(): path}
        known = kinds in ({"none"}, {"systemassigned"}) or "userassigned" in kinds
        if not known or not kinds <= {"none", "systemassigned", "userassigned"}:
            raise AzureError(
                400, "BadRequest", f"The identity type '{sent.get('type')}' is invalid."
            )
        if "userassigned" in kinds and not users:
            raise AzureError(400, "BadRequest", "A user-assigned identity is required.")
        return "systemassigned" in kinds, [*users.values()] if "userassigned" in kinds else []

    def _settle(self) -> None:
        """What has been given by now."""
        with self.account.lock:
            while self._coming and time.time() >= self._coming[0][0]:
                _, self.account.workspace_own_identity, given = self._coming.pop(0)
                self.account.workspace_identities = {path: {} for path in given}

    @route("GET", ARM, "/subscriptions/{subscription}/resourceGroups/{group}/providers/" + KIND)
    def in_group(self, request: Request, subscription: str, group: str) -> Json:
        """The workspaces of a resource group."""
        self.account.check_group(subscription, group)
        return self._list(request)

    @route("GET", ARM, "/subscriptions/{subscription}/providers/" + KIND)
    def in_subscription(self, request: Request, subscription: str) -> Json:
        """The workspaces of a subscription."""
        self.account.check_subscription(subscription)
        return self._list(request)

    def _list(self, request: Request) -> Json:
        who = request.principal
        there = self.account.workspace_exists and who is not None and self.account.may(who, "read")
        return {"value": [self.workspace_body()] if there else []}

    @route("POST", ARM, "{workspace}/listKeys", needs="workspace")
    def keys(self, request: Request) -> Json:
        """The keys of the workspace's storage."""
        return {
            "userStorageKey": self.azure.blobs.key,
            "userStorageResourceId": self.account.dependencies["storageAccount"],
        }

    @route("POST", ARM, "{workspace}/resynckeys", needs="workspace")
    def sync(self, request: Request) -> None:
        """Read the keys of the dependent resources again; they never change here."""

    @route("GET", API, "/discovery", auth=False)
    @route("GET", API, "/discovery/{rest:path}", auth=False)
    def discovery(self, request: Request, rest: str = "") -> Json:
        """Where the services of the workspace are."""
        if rest and rest.split("/")[-1] not in (self.account.workspace_id, ""):
            raise AzureError(404, "NotFound", f"Workspace {rest.split('/')[-1]} was not found.")
        # The studio's pages are not played, but a client names their address to people.
        return dict.fromkeys(SERVICES, self.account.api) | {"studio": "https://ml.azure.com"}
