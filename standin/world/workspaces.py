"""Azure ML workspaces made and deleted; what is in one is played by the other parts.

Shapes: Microsoft.MachineLearningServices, workspaces 2024-10-01. One workspace at a time is played.
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

from ..routing import ARM, Answer, AzureError, Json, Request, route
from .operations import SECONDS
from .state import WORKSPACE, Resource

if TYPE_CHECKING:
    from ..standin import Azure

_NAME = re.compile(r"[a-zA-Z0-9][\w-]{2,32}")
_WORKSPACE = (
    "/subscriptions/{subscription}/resourceGroups/{group}/providers/" + WORKSPACE + "/{name}"
)
#: What a workspace stands on; the registry is made when it is first needed.
_NEEDED = ("storageAccount", "keyVault", "applicationInsights")


class Workspaces:
    """Creates and deletes the workspace."""

    def __init__(self, azure: Azure) -> None:
        self.azure = azure
        self.account = azure.account
        self.world = azure.world

    def make(self, request: Request, path: str, body: Json) -> Resource:
        """Make the workspace, or change it. AzureError 400 and 409 as the service refuses."""
        name, known = path.rsplit("/", 1)[-1], self.world.get(path)
        if known is not None:
            return known
        if not _NAME.fullmatch(name):
            raise AzureError(
                400,
                "InvalidWorkspaceName",
                f"Workspace name '{name}' is invalid. It must be between 3 and 33 characters long, "
                "start with a letter or digit, and contain only letters, digits, '-' and '_'.",
            )
        if path.lower() in self.world.deleted:
            raise AzureError(  # as reported in Azure/ResourceModules#3596
                400,
                "BadRequest",
                "Soft-deleted workspace exists. Please purge or recover it. "
                "https://aka.ms/wsoftdelete",
            )
        if self.world.workspaces:
            raise AzureError(501, "StandInUnhandled", "The stand-in plays one workspace at a time")
        properties = body.get("properties") or {}
        self._check_dependencies(properties)
        location = str(body.get("location") or self.account.location)
        made = Resource(path, WORKSPACE, location, properties, ready=time.time() + SECONDS)
        made.more = {
            "tags": body.get("tags") or {},
            "kind": body.get("kind") or "Default",
            "sku": {"name": "Basic", "tier": "Basic"},
            "identity": {
                "type": "SystemAssigned",
                "principalId": self.account.workspace_id,
                "tenantId": self.account.tenant_id,
            },
        }
        self._open(made)
        return self.world.add(made)

    def _check_dependencies(self, properties: Json) -> None:
        for key in _NEEDED:
            path = properties.get(key)
            if path and self.world.get(path) is not None:
                continue
            raise AzureError(
                400,
                "ValidationError",
                f"Missing dependent resources in workspace json: {key} '{path or ''}' was not "
                "found.",
            )

    def _open(self, made: Resource) -> None:
        """Let the parts that play a workspace play this one."""
        account, properties = self.account, made.properties
        storage = self.world.get(properties["storageAccount"])
        assert storage is not None
        account.resource_group = made.id.split("/")[4]
        account.workspace_name = made.name
        account.location = made.location
        account.workspace_tags = dict(made.more["tags"])
        account.workspace_own_identity, account.workspace_identities = True, {}
        account.v1_legacy_mode = bool(properties.get("v1LegacyMode"))
        account.storage_account = storage.name
        account.dependencies = {key: properties[key] for key in _NEEDED}
        account.dependencies["containerRegistry"] = properties.get("containerRegistry") or ""
        account.workspace_exists = True
        self.azure.arm.open(made)
        self.azure.blobs = self.azure.storage_accounts.open(storage)
        self.azure.blobs.open_workspace()
        self.azure.datastores.open_workspace()

    def forget(self, resource: Resource) -> None:
        """The workspace is gone."""
        if resource.name == self.account.workspace_name:
            self.account.workspace_exists = False
            self.azure.computes.forget_all()

    @route("PUT", ARM, _WORKSPACE)
    def put(self, request: Request, subscription: str, group: str, name: str) -> Answer:
        """Create the workspace (201) or change it (200), behind an operation to poll."""
        known = self.world.get(request.path)
        made = self.azure.resources.make(request, request.path.rstrip("/"), request.json())
        body = self.azure.arm.workspace_body()
        return Answer(200 if known else 201, body, self._polled(made))

    def _polled(self, made: Resource) -> dict[str, str]:
        operations = self.azure.operations
        begun = operations.begin(made.ready)
        return operations.polled("workspaceOperationsStatus", begun, made.location)

    @route("DELETE", ARM, _WORKSPACE)
    def delete(self, request: Request, subscription: str, group: str, name: str) -> Answer:
        """Delete the workspace (202): softly, unless `forceToPurge=true`. 204 without one."""
        try:
            found = self.azure.resources.find(request, request.path, "delete")
        except AzureError as error:
            if error.code == "ResourceNotFound" and self._purge(request):
                return Answer(200)
            if error.code == "ResourceNotFound":
                return Answer(204)
            raise
        purge = request.query.get("forceToPurge", "").lower() == "true"
        with self.account.lock:
            self.azure.resources.remove(found, softly=not purge)
        found.ready = time.time() + SECONDS
        return Answer(202, None, self._polled(found))

    def _purge(self, request: Request) -> bool:
        """Forget a softly deleted workspace, when that was asked for."""
        if request.query.get("forceToPurge", "").lower() != "true":
            return False
        return self.world.deleted.pop(request.path.lower().rstrip("/"), None) is not None
