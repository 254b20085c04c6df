"""Azure ML registries: made, shown and deleted at Resource Manager, and found by discovery.

Shapes: Registry (machineLearningServices), and the recordings of azure-ai-ml: registry
test_registry_operations, model test_create_get_download_model_registry.
"""

from __future__ import annotations

import re
import time
import uuid
from typing import TYPE_CHECKING

from ..account import Group
from ..blobs import Blobs
from ..routing import API, ARM, Answer, AzureError, Json, Request, route
from ..world.operations import SECONDS, WAIT, Operation
from ..world.state import REGISTRY, STORAGE, Resource
from .assets import page

if TYPE_CHECKING:
    from ..standin import Azure

TYPE = REGISTRY
#: Source: "Manage Azure Machine Learning registries", Choose a name: 2 to 32 characters.
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{1,31}")
_SUBSCRIPTION = "/subscriptions/{subscription}/providers/" + TYPE
_GROUP = "/subscriptions/{subscription}/resourceGroups/{group}/providers/" + TYPE
_DISCOVERY = "/registrymanagement/v1.0/registries/{name}/discovery"
_STATUS = (
    "/subscriptions/{subscription}/providers/Microsoft.MachineLearningServices"
    "/locations/{location}/registryOperationsStatus/{operation}"
)


class Registries:
    """The registries of the tenant: each has a storage account in a group of its own."""

    def __init__(self, azure: Azure) -> None:
        self.azure = azure
        self.account = azure.account
        self.world = azure.world
        self.numbers: dict[str, str] = {}  # the id of each, by its ARM id in lower case

    # What other parts and tests use.

    def add(self, name: str, group: str = "") -> Resource:
        """A registry that exists already."""
        place = self.account.group_path_of(group or self.account.resource_group)
        made = self._make(f"{place}/providers/{TYPE}/{name}", {}, self.account.location)
        made.ready = made.created
        return made

    def find(self, name: str) -> Resource | None:
        """The registry of a name, which no other in the tenant has; None without one."""
        there = self.world.of_type(TYPE)
        return next((one for one in there if one.name.lower() == name.lower()), None)

    def may(self, request: Request, registry: Resource, verb: str) -> bool:
        """Whether the caller may do something with a registry, such as `read`."""
        who = request.principal
        action = f"{TYPE}/{verb}"
        return who is not None and self.azure.access.may(who, action, registry.id)

    def storage(self, registry: Resource) -> tuple[str, Blobs]:
        """The ARM id of a registry's storage account, and what is in it."""
        path = str(_storage_details(registry)["armResourceId"]["resourceId"])
        found = self.world.get(path)
        if found is None:
            raise AzureError(404, "UserError", f"The storage of {registry.name} is gone.")
        return path, self.azure.storage_accounts.open(found)

    # Making and deleting.

    def _make(self, path: str, body: Json, location: str) -> Resource:
        """A new registry, with the storage account that the service makes for it."""
        name, properties = path.rsplit("/", 1)[-1], body.get("properties") or {}
        number, short = str(uuid.uuid4()), uuid.uuid4().hex[:11]
        wanted = _wanted_storage(properties)
        managed = f"azureml-rg-{name}_{number}"
        tags = properties.get("managedResourceGroupTags")
        self.world.groups[managed.lower()] = Group(managed, location, tags)
        place = self.account.group_path_of(managed)
        storage = f"{place}/providers/{STORAGE}/{short}"
        images = f"{place}/providers/Microsoft.ContainerRegistry/registries/{uuid.uuid4().hex[:11]}"
        self.azure.storage_accounts.make(
            Request("PUT", "", storage, {}, {}), storage, {"location": location}
        )
        made = Resource(path, TYPE, location, ready=time.time() + SECONDS)
        made.more = {"tags": body.get("tags") or {}}
        made.properties = {
            "regionDetails": [
                {
                    "location": location,
                    "storageAccountDetails": [
                        {
                            "userCreatedStorageAccount": None,
                            "systemCreatedStorageAccount": {
                                "storageAccountName": short,
                                "storageAccountType": wanted["storageAccountType"],
                                "storageAccountHnsEnabled": False,
                                "armResourceId": {"resourceId": storage},
                            },
                        }
                    ],
                    "acrDetails": [
                        {
                            "userCreatedAcrAccount": None,
                            "systemCreatedAcrAccount": {
                                "acrAccountName": images.rsplit("/", 1)[-1],
                                "acrAccountSku": "Premium",
                                "armResourceId": {"resourceId": images},
                            },
                        }
                    ],
                }
            ],
            "intellectualPropertyPublisher": None,
            "publicNetworkAccess": properties.get("publicNetworkAccess") or "Enabled",
            "discoveryUrl": self.account.api + _DISCOVERY.format(name=name),
            "managedResourceGroup": {"resourceId": place},
            "mlFlowRegistryUri": f"azureml://{self.account.api.removeprefix('https://')}"
            f"/mlflow/v1.0{path}",
            "privateEndpointConnections": [],
        }
        self.numbers[path.lower()] = number
        return self.world.add(made)

    def forget(self, registry: Resource) -> None:
        """Take away what stands behind a registry: what is in it, the group made for it."""
        self.azure.v2.registry_assets.forget(registry)
        managed = str(registry.properties["managedResourceGroup"]["resourceId"])
        for one in self.world.within(managed):
            self.azure.resources.remove(one)
        self.world.groups.pop(managed.rsplit("/", 1)[-1].lower(), None)

    def _body(self, registry: Resource) -> Json:
        number = self.numbers[registry.id.lower()]
        return {
            "id": registry.id,
            "name": registry.name,
            "type": TYPE,
            "location": registry.location,
            "tags": registry.more["tags"],
            "identity": {
                "type": "SystemAssigned",
                "principalId": str(uuid.uuid5(uuid.UUID(number), "identity")),
                "tenantId": self.account.tenant_id,
            },
            "properties": registry.properties,
            "systemData": None,
        }

    def _begun(self, request: Request, operation: Operation, location: str) -> Answer:
        """The answer of a long operation: where to ask how far it is."""
        path = _STATUS.format(
            subscription=self.account.subscription_id, location=location, operation=operation.name
        )
        version = request.query.get("api-version") or ""
        address = f"https://management.azure.com{path}?api-version={version}&type="
        ways = {"Azure-AsyncOperation": f"{address}async", "Location": f"{address}location"}
        return Answer(202, None, {**ways, **WAIT})

    # Answers of Resource Manager.

    @route("PUT", ARM, _GROUP + "/{name}")
    def put(self, request: Request, subscription: str, group: str, name: str) -> Answer:
        """Make a registry, or change the tags of the one there is: 202. 400 for a bad name."""
        path, body = request.path.rstrip("/"), request.json()
        self.azure.resources.may_make(request, path)
        if not NAME.fullmatch(name):
            raise AzureError(400, "UserError", f"'{name}' is no valid name of a registry.")
        location = re.sub(r"\s", "", str(body.get("location") or "")).lower()
        if location != self.account.location:
            raise AzureError(
                501, "StandInUnhandled", "Registries in other regions than the workspace's"
            )
        known, there = self.world.get(path), self.find(name)
        if known is None and there is not None:
            raise AzureError(409, "UserError", f"A registry named {name} exists in the tenant.")
        with self.account.lock:
            if known is None:
                known = self._make(path, body, location)
            known.more["tags"] = body.get("tags") or {}
        return self._begun(request, self.azure.operations.begin(known.ready), location)

    @route("GET", ARM, _GROUP + "/{name}")
    def get(self, request: Request, subscription: str, group: str, name: str) -> Json:
        """One registry. 404, also while it is made."""
        return self._body(self._open(request, "read"))

    @route("DELETE", ARM, _GROUP + "/{name}")
    def delete(self, request: Request, subscription: str, group: str, name: str) -> Answer:
        """Delete a registry with all that is in it: 202; 204 when there is none."""
        try:
            found = self._open(request, "delete")
        except AzureError as error:
            if error.code == "ResourceNotFound":
                return Answer(204)
            raise
        self.azure.resources.remove(found)
        return self._begun(request, self.azure.operations.begin(), found.location)

    def _open(self, request: Request, verb: str) -> Resource:
        """The registry of a request's path. AzureError 403, 404."""
        path = request.path.rstrip("/")
        _, _, subscription, _, group = path.split("/")[:5]
        self.account.check_subscription(subscription)
        self.azure.access.check(request, f"{TYPE}/{verb}", path)
        self.account.check_group(subscription, group)
        found = self.world.get(path)
        if found is None or time.time() < found.ready:
            raise self.azure.resources.not_found(path)
        return found

    @route("GET", ARM, _GROUP)
    @route("GET", ARM, _SUBSCRIPTION)
    def list(self, request: Request, subscription: str, group: str = "") -> Json:
        """The registries of a group or of the subscription that the caller may read, in pages."""
        self.account.check_subscription(subscription)
        if group:
            self.account.check_group(subscription, group)
        there = [one for one in self.world.of_type(TYPE, group) if self.azure.listed(one.ready)]
        return page(request, [self._body(one) for one in there if self.may(request, one, "read")])

    @route("GET", ARM, _STATUS)
    def status(self, request: Request, subscription: str, location: str, operation: str) -> Answer:
        """How far an operation is, as `type=async` asks for it."""
        if request.query.get("type") != "async":
            raise AzureError(501, "StandInUnhandled", "An operation's result, by type=location")
        if not self.azure.operations.get(operation).done:
            return Answer(200, {"status": "InProgress"}, dict(WAIT))
        return Answer(200, {"status": "Succeeded", "percentComplete": 100.0})

    # Discovery.

    @route("GET", API, _DISCOVERY)
    def discovery(self, request: Request, name: str) -> Json:
        """Where a registry's own host is. 403, with the same words for one that is not there.

        The words: MicrosoftDocs/azure-docs #122537 (no right), and reports of `az ml model create
        --registry-name` with the name of no registry.
        """
        found = self.find(name)
        if found is None or time.time() < found.ready or not self.may(request, found, "read"):
            raise AzureError(
                403,
                "UnAuthorizedRegistryAccess",
                f"User/tenant/subscription is not allowed to access registry {name}",
            )
        return {
            "registryId": self.numbers[found.id.lower()],
            "registryName": found.name,
            "tenantId": self.account.tenant_id,
            "primaryRegion": found.location,
            "regions": [found.location],
            "subscriptionId": self.account.subscription_id,
            "resourceGroup": found.id.split("/")[4],
            "workspaceName": None,
            "primaryRegionResourceProviderUri": f"https://{host_of(found)}/",
            "registryFqdns": {found.location: {"uri": self.account.api}},
            "intellectualPropertyPublisher": None,
        }


def host_of(registry: Resource) -> str:
    """The host that answers for what is in a registry."""
    return f"cert-{registry.location}.experiments.azureml.net"


def _storage_details(registry: Resource) -> Json:
    region = registry.properties["regionDetails"][0]
    details: Json = region["storageAccountDetails"][0]["systemCreatedStorageAccount"]
    return details


def _wanted_storage(properties: Json) -> Json:
    """What a request says of the storage. AzureError 400 for one's own, 501 for several."""
    regions = properties.get("regionDetails") or [{}]
    accounts = regions[0].get("storageAccountDetails") or [{}]
    if accounts[0].get("userCreatedStorageAccount"):
        # The words: Azure/bicep-types-az #1805.
        message = "Creating registry using an existing storage account is not permitted"
        raise AzureError(400, "UserError", f"Invalid registry request: {message}")
    wanted = accounts[0].get("systemCreatedStorageAccount") or {}
    several = len(regions) > 1 or len(accounts) > 1 or wanted.get("storageAccountHnsEnabled")
    if several:
        raise AzureError(
            501, "StandInUnhandled", "Registries in more regions than one, or with another storage"
        )
    return {"storageAccountType": wanted.get("storageAccountType") or "Standard_LRS"}
