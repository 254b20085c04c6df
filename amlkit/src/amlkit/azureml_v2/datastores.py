"""Blob containers of a workspace's datastores."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from amlkit.azure import blobs
from amlkit.azure.data import blob_storage
from amlkit.azure.errors import status_of
from amlkit.azureml_v2.connection import Connection, if_there
from amlkit.records import WorkError
from amlkit.settings import SettingsError

# The datastore of every workspace where outputs of jobs and private wheels lie.
ARTIFACT_STORE = "workspaceartifactstore"
SENDERS = 6


def datastore(connection: Connection, name: str = "") -> Any:
    """The SDK's datastore with its secrets; by default that of config.yml, else the workspace's.

    Raises:
        SettingsError: there is none of that name, or it is no blob storage.
    """
    name = name or connection.settings.azure.datastore

    def ask() -> Any:
        stores = connection.client.datastores
        try:
            if name:
                return if_there(lambda: stores.get(name, include_secrets=True))
            return stores.get_default(include_secrets=True)
        except Exception as error:
            if status_of(error) != 403:
                raise
            # Who may not read secrets may have rights on the storage itself, as the SDK assumes.
            return stores.get(name) if name else stores.get_default()

    found = connection.kept(("datastore", name), ask)
    if found is None:
        where = connection.settings.azure.workspace_name
        raise SettingsError(
            f"there is no datastore '{name}' in workspace {where!r}; its studio lists them under "
            "Data"
        )
    connection.kept(("datastore", found.name), lambda: found)
    blob_storage(found.name, str(getattr(found.type, "value", found.type)))
    return found


def container(connection: Connection, name: str = "") -> Any:
    """The client of a datastore's container: by its signature or key, else by the caller."""

    def ask() -> Any:
        found = datastore(connection, name)
        url = f"{found.protocol}://{found.account_name}.blob.{found.endpoint}"
        given = found.credentials
        secret = getattr(given, "sas_token", None) or getattr(given, "account_key", None)
        return blobs.container_of(url, found.container_name, secret or connection.credential)

    return connection.kept(("container", name), ask)


def place(address: str) -> tuple[str, str]:
    """(datastore, path) of an address in a datastore, as the SDK has it, short or long."""
    found = re.search(r"/datastores/([^/]+)/(?:paths/)?(.+)$", address)
    if found is None:
        raise WorkError(f"{address} is no place in a datastore")
    return found[1], found[2].rstrip("/")


def download(container: Any, path: str, folder: Path) -> None:
    """Writes what lies at a path, a file or all below it, into a folder."""
    found = [blob.name for blob in container.list_blobs(name_starts_with=path) if blob.size]
    inside = [name for name in found if name == path or name.startswith(f"{path}/")]

    def fetch(name: str) -> None:
        target = folder / (name[len(path) :].lstrip("/") or Path(name).name)
        target.parent.mkdir(parents=True, exist_ok=True)
        blobs.download(container, name, target, lambda done, total: None)

    with ThreadPoolExecutor(SENDERS) as pool:
        list(pool.map(fetch, inside))
