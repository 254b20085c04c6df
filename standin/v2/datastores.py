"""Datastores as resources below the workspace: the same that SDK v1's service keeps.

Shapes: Datastore, DatastoreSecrets (machineLearningServices 2023-04-01), and the recordings of
azure-sdk-for-python (datastore).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..datastores import Datastore
from ..routing import ARM, Answer, AzureError, Json, Request, route
from .assets import TYPE, page
from .system import system_data
from .uploads import signature

if TYPE_CHECKING:
    from ..standin import Azure

_PATH = "{workspace}/datastores/{name}"
_PLAYED = ("AzureBlob", "AzureFile", "AzureDataLakeGen2")
_CLIENT = ("clientId", "tenantId", "authorityUrl", "resourceUrl")


class DatastoreResources:
    """The workspace's datastores, as azure-ai-ml reads and makes them."""

    def __init__(self, azure: Azure) -> None:
        self.azure = azure

    def _body(self, store: Datastore) -> Json:
        kept, name = store.body, str(store.body["name"])
        section = kept.get("azureStorageSection")
        if kept["dataStoreType"] not in _PLAYED or section is None:
            raise AzureError(
                501,
                "StandInUnhandled",
                f"Datastores of type {kept['dataStoreType']} are not played",
            )
        file = kept["dataStoreType"] == "AzureFile"
        container = "fileShareName" if file else "containerName"
        if kept["dataStoreType"] == "AzureDataLakeGen2":
            container = "filesystem"
        return {
            "id": f"{self.azure.account.workspace_path}/datastores/{name}",
            "name": name,
            "type": f"{TYPE}/datastores",
            "properties": {
                "description": kept.get("description"),
                "tags": kept.get("tags"),
                "properties": kept.get("properties"),
                "isDefault": name == self.azure.datastores.default_name,
                "credentials": self._credentials(section),
                "datastoreType": kept["dataStoreType"],
                "accountName": section["accountName"],
                container: section["containerName"],
                "endpoint": section["endpoint"],
                "protocol": section["protocol"],
                "serviceDataAccessAuthIdentity": section.get("serviceDataAccessAuthIdentity")
                or "None",
                "subscriptionId": section.get("subscriptionId"),
                "resourceGroup": section.get("resourceGroup"),
            },
            "systemData": system_data(
                self.azure.account.administrator, store.created or 1.0, None, store.created or 1.0
            ),
        }

    def _kind(self, section: Json) -> str:
        """The kind of a datastore's credentials: none where the account allows no key."""
        own = section["accountName"] == self.azure.account.storage_account
        if own and not self.azure.blobs.shared_key_allowed:
            return "None"
        kind = str(section.get("credentialType") or "None")
        return "ServicePrincipal" if kind == "ClientCredentials" else kind

    def _credentials(self, section: Json) -> Json:
        """The kind of credentials, and who signs in with them; never what is secret of them."""
        kind = self._kind(section)
        client = section.get("clientCredentials") or {}
        shown = _CLIENT if kind == "ServicePrincipal" else ()
        return {"credentialsType": kind, **{key: client.get(key) for key in shown}}

    @route("GET", ARM, "{workspace}/datastores")
    def list(self, request: Request) -> Json:
        """The datastores, in pages; `isDefault=true`: the default one."""
        stores = [self._body(one) for one in self.azure.datastores.all()]
        if request.query.get("isDefault", "").lower() == "true":
            stores = [one for one in stores if one["properties"]["isDefault"]]
        return page(request, stores)

    @route("GET", ARM, _PATH)
    def get(self, request: Request, name: str) -> Json:
        """One datastore. 404."""
        return self._body(self.azure.datastores.get(name))

    @route("PUT", ARM, _PATH)
    def put(self, request: Request, name: str) -> Answer:
        """Make a datastore (201), or change one (200). 400 for a bad name or credentials."""
        given = request.json().get("properties") or {}
        kind, credentials = str(given.get("datastoreType")), given.get("credentials") or {}
        if kind not in _PLAYED:
            raise AzureError(501, "StandInUnhandled", f"Datastores of type {kind} are not played")
        secrets, client = credentials.get("secrets") or {}, None
        held = credentials.get("credentialsType") or "None"
        if held == "ServicePrincipal":  # the service of v1 knows it by another name
            held = "ClientCredentials"
            client = {key: credentials.get(key) for key in _CLIENT}
            client["clientSecret"] = secrets.get("clientSecret")
        kept = {
            "name": name,
            "dataStoreType": kind,
            "description": given.get("description"),
            "tags": given.get("tags") or {},
            "properties": given.get("properties"),
            "azureStorageSection": {
                "accountName": given.get("accountName"),
                "containerName": given.get("containerName")
                or given.get("filesystem")
                or given.get("fileShareName"),
                "endpoint": given.get("endpoint"),
                "protocol": given.get("protocol"),
                "credentialType": held,
                "clientCredentials": client,
                "credential": secrets.get("key") or secrets.get("sasToken"),
                "serviceDataAccessAuthIdentity": given.get("serviceDataAccessAuthIdentity"),
                "subscriptionId": given.get("subscriptionId"),
                "resourceGroup": given.get("resourceGroup"),
            },
        }
        store, new = self.azure.datastores.keep(name, kept, request)
        return Answer(201 if new else 200, self._body(store))

    @route("DELETE", ARM, _PATH)
    def delete(self, request: Request, name: str) -> Answer:
        """Forget a datastore; the data stays. 204 when there is none, 400 for the own ones."""
        try:
            self.azure.datastores.delete(request, name)
        except AzureError as error:
            if error.status == 404:
                return Answer(204)
            raise
        return Answer(200)

    @route("POST", ARM, _PATH + "/listSecrets")
    def secrets(self, request: Request, name: str) -> Json:
        """The credentials of a datastore; a signature where one that expires was asked for."""
        section = self.azure.datastores.get(name).body.get("azureStorageSection") or {}
        kind = self._kind(section)
        if kind == "None":
            raise AzureError(400, "UserError", f"Datastore {name} has no stored credentials.")
        # azure-ai-ml signs by itself what it reads of the artifact store, which takes the key.
        expirable = request.json().get("expirableSecret") and name != "workspaceartifactstore"
        if kind == "AccountKey" and not expirable:
            return {"secretsType": "AccountKey", "key": section["accountKey"]}
        if kind == "AccountKey":
            container = self.azure.datastores.container_of(name)
            hours = float(request.json().get("expireAfterHours") or 1)
            signed = signature(self.azure.blobs, container, "racwdl", hours)
            return {"secretsType": "Sas", "sasToken": signed}
        if kind == "ServicePrincipal":
            return {
                "secretsType": kind,
                "clientSecret": section["clientCredentials"]["clientSecret"],
            }
        return {"secretsType": kind, "sasToken": section.get("sasToken")}
