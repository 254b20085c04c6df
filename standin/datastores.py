"""The datastore service: names for places where data lies, with their credentials.

Shapes: `data_stores_operations.py`, its models, and `datastore_client.py` in azureml-core; no
public specification of the v1 service exists.
"""

from __future__ import annotations

import re
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .routing import API, AzureError, Json, Request, route

if TYPE_CHECKING:
    from .standin import Azure

_BASE = "/datastore/v1.0{workspace}"
_NAME = re.compile(r"^[a-z0-9_]{1,255}$")
_SYSTEM = ("workspaceblobstore", "workspaceartifactstore", "workspacefilestore")
_SECRETS = ("accountKey", "sasToken", "credential", "clientCredentials")
_SECTIONS = {
    "AzureBlob": "azureStorageSection",
    "AzureFile": "azureStorageSection",
    "AzureDataLakeGen2": "azureStorageSection",
    "AzureDataLake": "azureDataLakeSection",
    "AzureSqlDatabase": "azureSqlDatabaseSection",
    "AzurePostgreSql": "azurePostgreSqlSection",
    "AzureMySql": "azureMySqlSection",
}


@dataclass
class Datastore:
    """One datastore: its body as the service answers it."""

    body: Json
    created: float = field(default_factory=time.time)


class Datastores:
    """The datastores of the workspace: three of its own, and what users register."""

    def __init__(self, azure: Azure) -> None:
        self.azure = azure
        self._lock = threading.RLock()
        self.open_workspace()

    def open_workspace(self) -> None:
        """Nothing but the datastores that every workspace has."""
        self._default = _SYSTEM[0]
        workspace = self.azure.account.workspace_id
        containers = (self.azure.blobs.container, "azureml", f"azureml-filestore-{workspace}")
        self._stores = {
            name: Datastore(self._own(name, container), 0.0)
            for name, container in zip(_SYSTEM, containers, strict=True)
        }

    def _own(self, name: str, container: str) -> Json:
        """A datastore on the workspace's storage account, with its key."""
        account, key = self.azure.account, self.azure.blobs.key
        return {
            "name": name,
            "dataStoreType": "AzureFile" if name == "workspacefilestore" else "AzureBlob",
            "hasBeenValidated": True,
            "tags": {},
            "azureStorageSection": {
                "accountName": account.storage_account,
                "containerName": container,
                "endpoint": "core.windows.net",
                "protocol": "https",
                "credentialType": "AccountKey",
                "credential": key,
                "accountKey": key,
                "isSas": False,
                "sasToken": None,
                "clientCredentials": None,
                "blobCacheTimeout": None,
                "areWorkspaceManagedIdentitiesAllowed": False,
                "serviceDataAccessAuthIdentity": "None",
                "subscriptionId": account.subscription_id,
                "resourceGroup": account.resource_group,
            },
        }

    def get(self, name: str) -> Datastore:
        """A datastore. AzureError 404 as the service words it."""
        with self._lock:
            if name.lower() in self._stores:
                return self._stores[name.lower()]
        raise AzureError(404, "UserError", f"Could not find datastore with name {name}")

    def all(self) -> list[Datastore]:
        """Those that a list shows by now."""
        with self._lock:
            return [one for one in self._stores.values() if self.azure.listed(one.created)]

    @property
    def default_name(self) -> str:
        """The name of the default datastore."""
        return self._default

    def keep(self, name: str, body: Json, request: Request) -> tuple[Datastore, bool]:
        """Make or change a datastore; whether it is new. AzureError 400."""
        with self._lock:
            old = self._stores.get(name.lower())
            if old is not None and name.lower() in _SYSTEM:
                raise AzureError(400, "UserError", f"Datastore {name} cannot be modified.")
            made = Datastore(self._checked(name.lower(), body, request))
            if old is not None:
                made.created = old.created
            self._stores[name.lower()] = made
            return made, old is None

    def container_of(self, name: str) -> str:
        """The blob container behind a datastore. AzureError 404, or 400 if it has none here."""
        section = self.get(name).body.get("azureStorageSection") or {}
        if section.get("accountName") != self.azure.account.storage_account:
            raise AzureError(400, "UserError", f"Datastore {name} is not on storage played here.")
        return str(section["containerName"])

    def _view(self, store: Datastore, request: Request) -> Json:
        """A datastore as this caller may see it: a reader sees no credential."""
        body = dict(store.body)
        if request.principal is not None and self.azure.account.may(request.principal, "write"):
            return body
        for key in set(_SECTIONS.values()) & set(body):
            body[key] = {k: None if k in _SECRETS else v for k, v in body[key].items()}
        return body

    @route("GET", API, _BASE + "/datastores")
    def list(self, request: Request) -> Json:
        """The datastores, a little late, in pages of `count`."""
        stores = self.all()
        start = int(request.query.get("continuationToken") or 0)
        end = start + int(request.query.get("count") or 100)
        page = [self._view(store, request) for store in stores[start:end]]
        return {"value": page, "continuationToken": str(end) if end < len(stores) else None}

    @route("GET", API, _BASE + "/datastores/{name}")
    def one(self, request: Request, name: str) -> Json:
        """One datastore. 404."""
        return self._view(self.get(name), request)

    @route("GET", API, _BASE + "/default")
    def default(self, request: Request) -> Json:
        """The default datastore."""
        return self._view(self.get(self._default), request)

    @route("PUT", API, _BASE + "/default/{name}")
    def set_default(self, request: Request, name: str) -> None:
        """Make another one the default. 404."""
        self._default = self.get(name).body["name"]

    @route("POST", API, _BASE + "/datastores")
    def create(self, request: Request) -> None:
        """Register a datastore. 400 for a bad name, an unknown type, or a name that is taken."""
        body = request.json()
        name = str(body.get("name") or "").lower()
        with self._lock:
            if name in self._stores:
                if request.query.get("createIfNotExists", "").lower() == "true":
                    return
                raise AzureError(
                    400,
                    "UserError",
                    "Another datastore with the same name already exists and it cannot be "
                    "modified.",
                )
            self._stores[name] = Datastore(self._checked(name, body, request))

    @route("PUT", API, _BASE + "/datastores/{name}")
    def update(self, request: Request, name: str) -> None:
        """Change a datastore's credentials. 404, 400 for one of the workspace's own."""
        with self._lock:
            store = self.get(name)
            if name.lower() in _SYSTEM:
                raise AzureError(400, "UserError", f"Datastore {name} cannot be modified.")
            store.body = self._checked(name.lower(), request.json(), request)

    @route("DELETE", API, _BASE + "/datastores/{name}")
    def delete(self, request: Request, name: str) -> None:
        """Unregister a datastore; the data stays. 404, 400 for the default and the own ones."""
        with self._lock:
            self.get(name)
            if name.lower() in _SYSTEM or name.lower() == self._default:
                raise AzureError(400, "UserError", f"Datastore {name} cannot be deleted.")
            del self._stores[name.lower()]

    def _checked(self, name: str, body: Json, request: Request) -> Json:
        """The body to keep. AzureError 400 unless the service would take it."""
        if not _NAME.match(name):
            raise AzureError(
                400,
                "UserError",
                f"Datastore name '{name}' is invalid. It can only contain letters, digits and "
                "underscores.",
            )
        kind = body.get("dataStoreType")
        section = _SECTIONS.get(str(kind))
        if section is None or not isinstance(body.get(section), dict):
            raise AzureError(400, "UserError", f"Datastore type '{kind}' is invalid.")
        kept = {"tags": {}, **body, "name": name, "hasBeenValidated": True}
        if section == "azureStorageSection":
            kept[section] = self._storage(body[section])
        if kind == "AzureBlob" and request.query.get("createIfNotExists", "").lower() == "true":
            self._make_container(kept[section])
        if kind == "AzureBlob" and request.query.get("skipValidation", "").lower() != "true":
            self._validate(kept[section])
        return kept

    def _storage(self, given: Json) -> Json:
        """A storage section with the deprecated fields that azureml-core still reads."""
        kind, credential = given.get("credentialType"), given.get("credential")
        return {
            **given,
            "protocol": given.get("protocol") or "https",
            "endpoint": given.get("endpoint") or "core.windows.net",
            "accountKey": credential if kind == "AccountKey" else None,
            "sasToken": credential if kind == "Sas" else None,
            "isSas": kind == "Sas",
        }

    def _make_container(self, section: Json) -> None:
        """Makes the container, for whoever has the account's key."""
        account, key = self.azure.account.storage_account, self.azure.blobs.key
        if (section.get("accountName"), section.get("accountKey")) == (account, key):
            self.azure.blobs.make_container(str(section.get("containerName")))

    def _validate(self, section: Json) -> None:
        """AzureError 400 when account, container or key are wrong, as far as that is played."""
        account, container = section.get("accountName"), section.get("containerName")
        key = section.get("accountKey")
        wrong = (
            account != self.azure.account.storage_account
            or (key and key != self.azure.blobs.key)
            or not self.azure.blobs.has_container(str(container))
        )
        if wrong:
            raise AzureError(
                400,
                "UserError",
                "Failed to validate the credentials for specified Azure Blob container "
                f"'{container}' in account '{account}'.",
            )
