"""Resources of any provider: made by their ARM id, shown and removed.

What a provider does besides (storage accounts, workspaces) stands in a file of its own.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..computes import principal_of
from ..routing import ARM, Answer, AzureError, Json, Request, route
from .state import IDENTITY, REGISTRY, STORAGE, VAULT, WORKSPACE, Resource

if TYPE_CHECKING:
    from ..standin import Azure

# Written so that whatever says more of a path comes first.
_BELOW = "{scope:path}/resourceGroups/{group}/providers/{provider}/{rest:path}"
# These live in the group alone, with nothing behind them that a client could ask.
PLAIN = {
    "microsoft.insights/components",
    "microsoft.operationalinsights/workspaces",
    "microsoft.containerregistry/registries",
    IDENTITY.lower(),
}

Maker = Callable[[Request, str, Json], Resource]


def type_of(path: str) -> str:
    """The type that an ARM id names, such as Microsoft.KeyVault/vaults."""
    provider, *parts = path.rpartition("/providers/")[2].split("/")
    return "/".join([provider, *parts[::2]])


class Resources:
    """The resources of the subscription, whatever made them."""

    def __init__(self, azure: Azure) -> None:
        self.azure = azure
        self.account = azure.account
        self.world = azure.world

    def not_found(self, path: str) -> AzureError:
        """The refusal of what is not there, as ARM words it."""
        found = re.search(r"/resourceGroups/([^/]+)/providers/(.+)", path, re.I)
        group, rest = (found[1], found[2]) if found else ("", path)
        return AzureError(
            404,
            "ResourceNotFound",
            f"The Resource '{rest}' under resource group '{group}' was not found. For more "
            "details please go to https://aka.ms/ARMResourceNotFoundFix",
        )

    def find(self, request: Request, path: str, verb: str = "read") -> Resource:
        """A resource that the caller may read, or `verb`. AzureError 403, 404; 501: not played."""
        _, _, subscription, _, group = path.split("/")[:5]
        self.maker(type_of(path))  # what is not played is not there: 404 would say so
        self.account.check_subscription(subscription)
        self.azure.access.check(request, f"{type_of(path)}/{verb}", path)
        self.account.check_group(subscription, group)
        found = self.world.get(path)
        if found is None:
            raise self.not_found(path)
        return found

    def _as_named(self, path: str) -> str:
        """An ARM id with its group as that is named, however a client wrote it."""
        _, _, _, _, group, rest = path.split("/", 5)
        known = self.world.groups.get(group.lower())
        return f"{self.account.group_path_of(known.name if known else group)}/{rest}"

    def may_make(self, request: Request, path: str) -> None:
        """AzureError 403, 404 or 409 unless the caller may make a resource there by now."""
        _, _, subscription, _, group = path.split("/")[:5]
        self.account.check_subscription(subscription)
        self.azure.access.check(request, f"{type_of(path)}/write", path)
        self.account.check_group(subscription, group)
        if self.world.groups[group.lower()].deleting:
            raise AzureError(
                409,
                "ResourceGroupBeingDeleted",
                f"The resource group '{group}' is in deprovisioning state and cannot perform this "
                "operation.",
            )
        self.azure.providers.check(type_of(path).split("/")[0])

    def maker(self, kind: str) -> Maker:
        """What makes resources of a type. AzureError 501 where none does."""
        makers: dict[str, Maker] = {
            STORAGE.lower(): self.azure.storage_accounts.make,
            WORKSPACE.lower(): self.azure.workspaces.make,
            VAULT.lower(): self.azure.vaults.make,
            **dict.fromkeys(PLAIN, self._plain),
        }
        if kind.lower() not in makers:
            raise AzureError(501, "StandInUnhandled", f"The stand-in does not play {kind}")
        return makers[kind.lower()]

    def make(self, request: Request, path: str, body: Json) -> Resource:
        """Make a resource of a type that is played, or change it. AzureError as it refuses."""
        path, kind = self._as_named(path), type_of(path)
        maker = self.maker(kind)
        self.may_make(request, path)
        if denied := self.azure.policies.refusal(path, kind, body):
            raise denied
        with self.account.lock:
            return maker(request, path, body)

    def _plain(self, request: Request, path: str, body: Json) -> Resource:
        known = self.world.get(path)
        made = known or Resource(path, type_of(path), str(body.get("location") or ""))
        made.properties |= body.get("properties") or {}
        made.more |= {key: body[key] for key in ("tags", "sku", "kind", "identity") if key in body}
        if made.type.lower() == IDENTITY.lower():
            self._identity(made)
        return self.world.add(made)

    def _identity(self, made: Resource) -> None:
        """A user-assigned identity: a principal, whose ids are all that is said of it."""
        who = principal_of(made.id)
        made.properties = {
            "tenantId": self.azure.account.tenant_id,
            "principalId": who.object_id,
            "clientId": who.client_id,
        }
        self.azure.account.principals.setdefault(who.object_id, who)

    def remove(self, resource: Resource, softly: bool = False) -> None:
        """Take a resource away, with what stands behind it."""
        kind = resource.type.lower()
        if kind == WORKSPACE.lower():
            self.azure.workspaces.forget(resource)
        if kind == STORAGE.lower():
            self.azure.storage_accounts.shut(resource)
        if kind == REGISTRY.lower():
            self.azure.v2.registries.forget(resource)
        self.world.remove(resource, softly=softly)

    @route("GET", ARM, _BELOW)
    def get(self, request: Request, scope: str, group: str, provider: str, rest: str) -> Json:
        """One resource. 404 ResourceNotFound."""
        return self.find(request, request.path).body()

    @route("PUT", ARM, _BELOW)
    def put(self, request: Request, scope: str, group: str, provider: str, rest: str) -> Answer:
        """Create a resource (201) or change it (200)."""
        known = self.world.get(request.path)
        made = self.make(request, request.path.rstrip("/"), request.json())
        return Answer(200 if known else 201, made.body())

    @route("DELETE", ARM, _BELOW)
    def delete(self, request: Request, scope: str, group: str, provider: str, rest: str) -> Answer:
        """Delete a resource (200); 204 when there is none. A vault stays softly deleted."""
        try:
            found = self.find(request, request.path, "delete")
        except AzureError as error:
            if error.code != "ResourceNotFound":
                raise
            return Answer(204)
        self.remove(found, softly=found.type.lower() == VAULT.lower())
        return Answer(200)
