"""Containers of storage accounts at Resource Manager. What is in them is Azurite's.

Shapes: Microsoft.Storage, blob.json 2023-05-01.
"""

from __future__ import annotations

import re
import uuid
from typing import TYPE_CHECKING

from ..account import timestamp
from ..routing import ARM, Answer, AzureError, Json, Request, route
from .state import STORAGE, Resource

if TYPE_CHECKING:
    from ..standin import Azure

_CONTAINERS = "/blobServices/default/containers"
_ROUTE = (
    "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Storage"
    "/storageAccounts/{name}" + _CONTAINERS + "/{container}"
)
_NAME = re.compile(r"(?!.*--)[a-z0-9][a-z0-9-]{1,61}[a-z0-9]")


class Containers:
    """Creates, shows and deletes containers."""

    def __init__(self, azure: Azure) -> None:
        self.azure = azure
        self.account = azure.account
        self._metadata: dict[tuple[str, float, str], dict[str, str]] = {}

    def _find(self, request: Request, verb: str) -> tuple[Resource, str]:
        """The account and the name of the container that a request is about."""
        path, _, container = request.path.rstrip("/").partition(_CONTAINERS)
        self.azure.access.check(request, f"{STORAGE}/blobServices/containers/{verb}", request.path)
        _, _, subscription, _, group = path.split("/")[:5]
        self.account.check_group(subscription, group)
        found = self.azure.world.get(path)
        if found is None:
            raise self.azure.resources.not_found(path)
        return found, container.strip("/")

    def _body(self, account: Resource, name: str, etag: str) -> Json:
        metadata = self._metadata.get((account.id, account.created, name))
        return {
            "id": f"{account.id}{_CONTAINERS}/{name}",
            "name": name,
            "type": f"{STORAGE}/blobServices/containers",
            "etag": etag,
            "properties": {
                "deleted": False,
                "remainingRetentionDays": 0,
                "defaultEncryptionScope": "$account-encryption-key",
                "denyEncryptionScopeOverride": False,
                "publicAccess": "None",
                "leaseStatus": "Unlocked",
                "leaseState": "Available",
                "lastModifiedTime": timestamp(),
                "hasImmutabilityPolicy": False,
                "hasLegalHold": False,
                **({"metadata": metadata} if metadata else {}),
            },
        }

    @route("PUT", ARM, _ROUTE)
    def put(
        self, request: Request, subscription: str, group: str, name: str, container: str
    ) -> Answer:
        """Create a container (201); 200 for one that is there. 400 for its name."""
        account, _ = self._find(request, "write")
        if not _NAME.fullmatch(container):
            raise AzureError(
                400,
                "InvalidResourceName",
                "The specified resource name contains invalid characters.",
            )
        blobs = self.azure.storage_accounts.open(account)
        known = blobs.has_container(container)
        blobs.make_container(container)
        given = (request.json().get("properties") or {}).get("metadata") or {}
        self._metadata[account.id, account.created, container] = dict(given)
        made = self._body(account, container, f'"0x{uuid.uuid4().hex[:15].upper()}"')
        short = made | {"properties": {}}
        return Answer(200 if known else 201, made if known else short)

    @route("GET", ARM, _ROUTE)
    def get(
        self, request: Request, subscription: str, group: str, name: str, container: str
    ) -> Json:
        """One container. 404 ContainerNotFound."""
        account, _ = self._find(request, "read")
        if not self.azure.storage_accounts.open(account).has_container(container):
            raise AzureError(404, "ContainerNotFound", "The specified container does not exist.")
        return self._body(account, container, f'"0x{uuid.uuid4().hex[:15].upper()}"')

    @route("DELETE", ARM, _ROUTE)
    def delete(
        self, request: Request, subscription: str, group: str, name: str, container: str
    ) -> Answer:
        """Delete a container (200); 204 when there is none."""
        account, _ = self._find(request, "delete")
        blobs = self.azure.storage_accounts.open(account)
        known = blobs.has_container(container)
        if known:
            blobs.delete_container(container)
        return Answer(200 if known else 204)
