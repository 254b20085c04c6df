"""Key vaults: made, and softly deleted. Nothing is kept in them.

Shapes: Microsoft.KeyVault, keyvault.json 2023-07-01.
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

from ..account import timestamp
from ..routing import ARM, Answer, AzureError, Json, Request, route
from .state import VAULT, Resource

if TYPE_CHECKING:
    from ..standin import Azure

_PROVIDER = "/subscriptions/{subscription}/providers/Microsoft.KeyVault"
_DELETED = _PROVIDER + "/locations/{location}/deletedVaults/{name}"
_NAME = re.compile(r"(?!.*--)[A-Za-z][A-Za-z0-9-]{1,22}[A-Za-z0-9]")
_KEPT_SECONDS = 90 * 24 * 3600


class Vaults:
    """The key vaults of the subscription."""

    def __init__(self, azure: Azure) -> None:
        self.azure = azure
        self.account = azure.account
        self.world = azure.world

    def _deleted(self, name: str) -> Resource | None:
        for one in self.world.deleted.values():
            if one.type == VAULT and one.name.lower() == name.lower():
                return one
        return None

    def make(self, request: Request, path: str, body: Json) -> Resource:
        """Make a vault, or change the one of this id. AzureError 400 and 409 for its name."""
        name, known = path.rsplit("/", 1)[-1], self.world.get(path)
        if not _NAME.fullmatch(name):
            raise AzureError(
                400,
                "VaultNameNotValid",
                f"The vault name '{name}' is invalid. A vault's name must be between 3-24 "
                "alphanumeric characters. The name must begin with a letter, end with a letter or "
                "digit, and not contain consecutive hyphens.",
            )
        recover = (body.get("properties") or {}).get("createMode") == "recover"
        if known is None and self._deleted(name) and not recover:
            raise AzureError(
                409,
                "ConflictError",
                "A vault with the same name already exists in deleted state. You need to either "
                "recover or purge existing key vault. Follow this link "
                "https://go.microsoft.com/fwlink/?linkid=2149745 for more information on soft "
                "delete.",
            )
        if known is None and recover and not self._deleted(name):  # OmniVec #24, azurerm #12972
            raise AzureError(
                404,
                "SoftDeletedVaultDoesNotExist",
                "A soft deleted vault with the given name does not exist. Ensure that the name for "
                "the vault that is being attempted to recover is in a recoverable state.",
            )
        if known is None and any(o.name.lower() == name.lower() for o in self._all()):
            raise AzureError(
                409,
                "VaultAlreadyExists",
                f"The vault name '{name}' is already in use. Vault names are globaly unique so it "
                "is possible that the name is already taken. If you are sure that the vault name "
                "was not taken then it is possible that a vault with the same name was recently "
                "deleted but not purged after being placed in a recoverable state.",
            )
        made = known or Resource(path, VAULT, str(body.get("location") or self.account.location))
        given = body.get("properties") or {}
        made.properties |= {
            "sku": given.get("sku") or {"family": "A", "name": "standard"},
            "tenantId": self.account.tenant_id,
            "accessPolicies": given.get("accessPolicies") or [],
            "enabledForDeployment": False,
            "enableSoftDelete": True,
            "softDeleteRetentionInDays": given.get("softDeleteRetentionInDays", 90),
            "enableRbacAuthorization": bool(given.get("enableRbacAuthorization")),
            "vaultUri": f"https://{name.lower()}.vault.azure.net/",
            "publicNetworkAccess": given.get("publicNetworkAccess") or "Enabled",
            **({"enablePurgeProtection": True} if given.get("enablePurgeProtection") else {}),
        }
        made.more = {"tags": body.get("tags") or {}}
        self.world.deleted = {k: v for k, v in self.world.deleted.items() if k != path.lower()}
        return self.world.add(made)

    def _all(self) -> list[Resource]:
        return self.world.of_type(VAULT)

    def _body(self, one: Resource) -> Json:
        location = one.location
        path = f"/subscriptions/{self.account.subscription_id}/providers/Microsoft.KeyVault"
        return {
            "id": f"{path}/locations/{location}/deletedVaults/{one.name}",
            "name": one.name,
            "type": "Microsoft.KeyVault/deletedVaults",
            "properties": {
                "vaultId": one.id,
                "location": location,
                "tags": one.more.get("tags") or {},
                "deletionDate": timestamp(),
                "purgeProtectionEnabled": bool(one.properties.get("enablePurgeProtection")),
                "scheduledPurgeDate": timestamp(time.time() + _KEPT_SECONDS),
            },
        }

    @route("GET", ARM, _PROVIDER + "/deletedVaults")
    def list_deleted(self, request: Request, subscription: str) -> Json:
        """The vaults that are softly deleted."""
        self.account.check_subscription(subscription)
        action = "Microsoft.KeyVault/deletedVaults/read"
        self.azure.access.check(request, action, f"/subscriptions/{subscription}")
        return {"value": [self._body(o) for o in self.world.deleted.values() if o.type == VAULT]}

    @route("GET", ARM, _PROVIDER + "/deletedManagedHSMs")
    def list_deleted_modules(self, request: Request, subscription: str) -> Json:
        """`az keyvault list-deleted` asks for these too; none is played."""
        self.account.check_subscription(subscription)
        return {"value": []}

    @route("GET", ARM, _DELETED)
    def get_deleted(self, request: Request, subscription: str, location: str, name: str) -> Json:
        """One vault that is softly deleted. 404 DeletedVaultNotFound."""
        self.account.check_subscription(subscription)
        action = "Microsoft.KeyVault/locations/deletedVaults/read"
        self.azure.access.check(request, action, f"/subscriptions/{subscription}")
        found = self._deleted(name)
        if found is None or found.location != location:
            raise AzureError(
                404,
                "DeletedVaultNotFound",
                f"The specified deleted vault '{name}' does not exist.",
            )
        return self._body(found)

    @route("POST", ARM, _DELETED + "/purge")
    def purge(self, request: Request, subscription: str, location: str, name: str) -> Answer:
        """Forget a deleted vault: its name is free again."""
        action = "Microsoft.KeyVault/locations/deletedVaults/purge/action"
        self.azure.access.check(request, action, f"/subscriptions/{subscription}")
        self.get_deleted(request, subscription, location, name)
        gone = self._deleted(name)
        assert gone is not None
        if gone.properties.get("enablePurgeProtection"):
            raise AzureError(
                400,
                "MethodNotAllowed",
                "Operation 'DeletedVaultPurge' is not allowed on a vault with purge protection.",
            )
        with self.account.lock:
            del self.world.deleted[gone.id.lower()]
        operations = self.azure.operations
        begun = operations.begin()
        return operations.accepted(
            f"https://{request.host}/subscriptions/{subscription}/operationresults/{begun.name}"
            "?api-version=2023-07-01"
        )

    @route("POST", ARM, _PROVIDER + "/checkNameAvailability")
    def available(self, request: Request, subscription: str) -> Json:
        """Whether the name of a vault can be had anywhere in Azure."""
        self.account.check_subscription(subscription)
        name = str(request.json().get("name") or "")
        taken = any(one.name.lower() == name.lower() for one in self._all())
        if not taken and self._deleted(name) is None:
            return {"nameAvailable": True}
        return {
            "nameAvailable": False,
            "reason": "AlreadyExists",
            "message": f"The vault name '{name}' is already in use. Vault names are globally unique"
            " so it is possible that the name is already taken.",
        }
