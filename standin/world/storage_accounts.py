"""Storage accounts at Resource Manager, and who may read what is in them.

Shapes: Microsoft.Storage, storage.json 2023-05-01. The blobs are Azurite's.
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

from ..account import timestamp
from ..blobs import Blobs
from ..routing import ARM, Answer, AzureError, Json, Request, route
from .operations import SECONDS
from .state import STORAGE, Resource

if TYPE_CHECKING:
    from ..standin import Azure

_PROVIDER = "/subscriptions/{subscription}/providers/Microsoft.Storage"
_GROUP = "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Storage"
_ACCOUNT = _GROUP + "/storageAccounts/{name}"
_ACTIONS = f"{STORAGE}/blobServices/containers"
_ENDPOINTS = {"dfs": "", "web": "z6.", "blob": "", "queue": "", "table": "", "file": ""}
_VERBS = {"GET": "read", "HEAD": "read", "DELETE": "delete"}


class StorageAccounts:
    """The storage accounts of the subscription, each with an Azurite of its own."""

    def __init__(self, azure: Azure) -> None:
        self.azure = azure
        self.account = azure.account
        self.world = azure.world
        self._blobs: dict[str, Blobs] = {}

    def close(self) -> None:
        """End every Azurite."""
        for one in self._blobs.values():
            one.close()

    # What other parts ask.

    def open(self, resource: Resource) -> Blobs:
        """The blobs of an account."""
        made = self._blobs.get(resource.name) or Blobs(self.azure, resource.name)
        return self._blobs.setdefault(resource.name, made)

    def keep(self, resource: Resource, blobs: Blobs) -> None:
        """Blobs for an account that is there already."""
        self._blobs[resource.name] = blobs
        resource.more = self._more({})
        resource.properties = self._properties(resource, {})

    def shut(self, resource: Resource) -> None:
        """End the Azurite of an account that is deleted."""
        blobs = self._blobs.pop(resource.name, None)
        if blobs is not None:
            blobs.close()

    def plays(self, host: str) -> bool:
        """Whether a host is that of an account that exists."""
        return host.partition(".")[0] in self._blobs

    def blobs_of(self, host: str) -> Blobs:
        """What stands behind the host of an account. AzureError 404 when it is gone."""
        found = self._blobs.get(host.partition(".")[0])
        if found is None:
            raise AzureError(404, "ResourceNotFound", "The specified resource does not exist.")
        return found

    def find(self, name: str) -> Resource | None:
        """The account of a name, wherever it is."""
        return next((one for one in self.world.of_type(STORAGE) if one.name == name), None)

    def allows(self, request: Request) -> bool:
        """Whether the caller of a blob request with a bearer token holds the role for it."""
        resource, who = self.find(request.host.partition(".")[0]), request.principal
        if resource is None or who is None:
            return False
        container = request.path.strip("/").partition("/")[0]
        scope = f"{resource.id}/blobServices/default/containers/{container}".rstrip("/")
        of_container = request.query.get("restype") == "container"
        if request.query.get("comp") == "userdelegationkey":
            action = f"{STORAGE}/blobServices/generateUserDelegationKey/action"
            return self.azure.access.may(who, action, resource.id)
        verb = _VERBS.get(request.method, "write")
        if not container or (of_container and request.query.get("comp") != "list"):
            return self.azure.access.may(who, f"{_ACTIONS}/{verb}", scope)
        return self.azure.access.may(who, f"{_ACTIONS}/blobs/{verb}", scope, data=True)

    # Making accounts.

    def _refusal(self, name: str) -> tuple[str, str] | None:
        """Why a name cannot be had: the reason and the sentence of checkNameAvailability."""
        if not re.fullmatch(r"[a-z0-9]{3,24}", name):
            return (
                "AccountNameInvalid",
                f"{name} is not a valid storage account name. Storage account name must be "
                "between 3 and 24 characters in length and use numbers and lower-case letters "
                "only.",
            )
        if name in self.world.taken_names or self.find(name) is not None:
            return "AlreadyExists", f"The storage account named {name} is already taken."
        return None

    def make(self, request: Request, path: str, body: Json) -> Resource:
        """Make an account, or change the one of this id. AzureError 400 and 409 for its name."""
        name, known = path.rsplit("/", 1)[-1], self.world.get(path)
        refused = None if known else self._refusal(name)
        if refused is not None:
            code, message = refused
            taken = code == "AlreadyExists"
            raise AzureError(
                409 if taken else 400, "StorageAccountAlreadyTaken" if taken else code, message
            )
        location = str(body.get("location") or self.account.location)
        made = known or Resource(path, STORAGE, location, ready=time.time() + SECONDS)
        made.more = self._more({**made.more, **body})
        made.properties = self._properties(made, body.get("properties") or {})
        self.world.add(made)
        self.open(made).forbid_shared_key(made.properties.get("allowSharedKeyAccess") is False)
        return made

    def _more(self, given: Json) -> Json:
        sku = str((given.get("sku") or {}).get("name") or "Standard_RAGRS")
        return {
            "tags": given.get("tags") or {},
            "sku": {"name": sku, "tier": sku.partition("_")[0]},
            "kind": given.get("kind") or "StorageV2",
        }

    def _properties(self, made: Resource, given: Json) -> Json:
        moment = timestamp(made.created)
        service = {"keyType": "Account", "enabled": True, "lastEnabledTime": moment}
        rules: Json = {"virtualNetworkRules": [], "ipRules": [], "defaultAction": "Allow"}
        kept = ("allowSharedKeyAccess", "isHnsEnabled", "publicNetworkAccess")
        return {
            "keyCreationTime": {"key1": moment, "key2": moment},
            "privateEndpointConnections": [],
            "minimumTlsVersion": given.get("minimumTlsVersion") or "TLS1_0",
            "allowBlobPublicAccess": bool(given.get("allowBlobPublicAccess")),
            "networkAcls": {"bypass": "AzureServices", **rules},
            "supportsHttpsTrafficOnly": given.get("supportsHttpsTrafficOnly", True),
            "encryption": {
                "services": {"file": service, "blob": service},
                "keySource": "Microsoft.Storage",
            },
            "accessTier": given.get("accessTier") or "Hot",
            "creationTime": moment,
            "primaryEndpoints": {
                kind: f"https://{made.name}.{zone}{kind}.core.windows.net/"
                for kind, zone in _ENDPOINTS.items()
            },
            "primaryLocation": made.location,
            "statusOfPrimary": "available",
            **{key: value for key, value in (made.properties | given).items() if key in kept},
        }

    @route("PUT", ARM, _ACCOUNT)
    def put(self, request: Request, subscription: str, group: str, name: str) -> Answer:
        """Create an account behind a 202, or change the one there is (200)."""
        known = self.world.get(request.path)
        made = self.azure.resources.make(request, request.path.rstrip("/"), request.json())
        if known is not None:
            return Answer(200, made.body())
        operations = self.azure.operations
        begun = operations.begin(made.ready, result=made.body)
        provider, kind = "Microsoft.Storage", "asyncoperations"
        return operations.accepted(operations.address(provider, kind, begun, made.location))

    @route("GET", ARM, _GROUP + "/storageAccounts")
    @route("GET", ARM, _PROVIDER + "/storageAccounts")
    def list(self, request: Request, subscription: str, group: str = "") -> Json:
        """The accounts of a group or of the subscription, a little late."""
        self.account.check_subscription(subscription)
        if group:
            self.account.check_group(subscription, group)
        scope = self.account.group_path_of(group) if group else f"/subscriptions/{subscription}"
        self.azure.access.check(request, f"{STORAGE}/read", scope)
        seen = [o for o in self.world.of_type(STORAGE, group) if self.azure.listed(o.created)]
        return {"value": [one.body() for one in seen]}

    @route("POST", ARM, _PROVIDER + "/checkNameAvailability")
    def available(self, request: Request, subscription: str) -> Json:
        """Whether the name of an account can be had anywhere in Azure."""
        self.account.check_subscription(subscription)
        action = "Microsoft.Storage/checkNameAvailability/read"
        self.azure.access.check(request, action, f"/subscriptions/{subscription}")
        refused = self._refusal(str(request.json().get("name") or ""))
        if refused is None:
            return {"nameAvailable": True}
        return {"nameAvailable": False, "reason": refused[0], "message": refused[1]}

    @route("POST", ARM, _ACCOUNT + "/listKeys")
    def keys(self, request: Request, subscription: str, group: str, name: str) -> Json:
        """The two keys of an account."""
        path = request.path.rpartition("/")[0]
        found = self.azure.resources.find(request, path, "listKeys/action")
        moment, key = timestamp(found.created), self.open(found).key
        return {
            "keys": [
                {"creationTime": moment, "keyName": name, "value": key, "permissions": "FULL"}
                for name in ("key1", "key2")
            ]
        }
