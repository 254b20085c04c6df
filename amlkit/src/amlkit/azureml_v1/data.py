"""Data assets of a workspace by SDK v1: a Dataset names the files of a datastore.

The tags of the newest Dataset describe the asset that is current, which an older one may hold.
"""

from __future__ import annotations

import re
from typing import Any

from amlkit.azure import blobs
from amlkit.azure.connection import on_azure
from amlkit.azure.data import TAGS, Record, StoredTables, blob_storage, foreign, place
from amlkit.azure.errors import words_of
from amlkit.azureml_v1.connection import Connection
from amlkit.records import DataAsset, WorkError


class AzureData(StoredTables):
    """`workspace.Data`, by the SDK's `Dataset` and its datastores."""

    connection: Connection

    @on_azure
    def get(self, name: str, version: str | None = None) -> DataAsset | None:
        """See `Data.get`."""
        newest = self.dataset(name)
        tags = (newest.tags or {}) if newest is not None else {}
        if newest is not None and tags.get("content") is None:
            if version is not None:
                return None
            raise foreign(name)
        record: Record | None
        if newest is None or version not in (None, tags["content"]):
            record = self.recorded(name, version)
        else:
            record = {"number": str(newest.version), **tags}
            if version is None:
                record = self.newer(name, tags["content"]) or record
        return self.asset(name, record) if record else None

    def register(self, name: str, record: Record) -> str:
        """See `StoredTables.register`: a Dataset over files of a datastore."""
        tags = {key: record[key] for key in TAGS}
        self.connection.forget("dataset")
        dataset = self.files(self.asset(name, record))
        try:
            done = dataset.register(
                self.connection.workspace, name, tags=tags, create_new_version=True
            )
        except Exception as error:
            # The service knows this very definition under an older version.
            found = re.search(rf'name="{re.escape(name)}", version=(\d+)', words_of(error))
            if found is None:
                raise
            self.make_current(name, {**record, "number": found[1]})
            return found[1]
        return str(done.version)

    def files(self, asset: DataAsset) -> Any:
        """The SDK's `FileDataset` of what lies at an asset's place: a file, or all of a folder."""
        store, path = place(asset.source)
        pattern = path if asset.type == "uri_file" else f"{path}/**"
        return sdk_dataset().File.from_files((self.datastore(store), pattern), validate=False)

    def make_current(self, name: str, record: Record) -> Record:
        """See `StoredTables.make_current`: by the tags of the newest Dataset."""
        if not record.get("number"):
            return {**record, "number": self.register(name, record)}
        newest = self.dataset(name)
        if newest is not None and (newest.tags or {}).get("content") != record["content"]:
            newest.update(tags={key: record[key] for key in (*TAGS, "number")})
            self.connection.forget("dataset")
        return record

    def dataset(self, name: str, number: str = "latest") -> Any:
        """The SDK's Dataset, asked for once in a command; None if there is none of that name."""

        def ask() -> Any:
            try:
                return sdk_dataset().get_by_name(self.connection.workspace, name, version=number)
            except Exception as error:
                if not re.search(r"Cannot find dataset registered", words_of(error)):
                    raise
                return None

        found = self.connection.kept(("dataset", name, number), ask)
        if found is not None:
            self.connection.kept(("dataset", name, str(found.version)), lambda: found)
        return found

    def datastore(self, name: str = "") -> Any:
        """A datastore by its name; by default that of config.yml, else the workspace's own.

        Raises:
            SettingsError: it is no blob storage.
        """
        from azureml.core import Datastore

        connection = self.connection
        name = name or connection.settings.azure.datastore

        def ask() -> Any:
            if name:
                return Datastore.get(connection.workspace, name)
            return connection.workspace.get_default_datastore()

        found = connection.kept(("datastore", name), ask)
        connection.kept(("datastore", found.name), lambda: found)
        blob_storage(found.name, found.datastore_type)
        return found

    def default_datastore(self) -> str:
        """See `StoredTables.default_datastore`."""
        return str(self.datastore().name)

    def container(self, datastore: str = "") -> Any:
        """See `StoredTables.container`."""

        def ask() -> Any:
            found = self.datastore(datastore)
            url = f"{found.protocol}://{found.account_name}.blob.{found.endpoint}"
            secret = found.account_key or found.sas_token or self.connection.credential
            return blobs.container_of(url, found.container_name, secret)

        return self.connection.kept(("container", datastore), ask)


def sdk_dataset() -> Any:
    """The SDK's Dataset, its data engine told to send no telemetry.

    The engine would hold each command for seconds where the telemetry's host is out of reach.

    Raises:
        WorkError: the engine is not installed; it is not there for Apple's own processors.
    """
    try:
        from azureml.dataprep.api import _rslex_executor
    except ImportError as error:
        raise WorkError(
            "the SDK's data engine (azureml-dataset-runtime) is not installed: run `make "
            "setup-azure`; on a Mac with Apple's own processor, with a Python for x86_64"
        ) from error
    from azureml.core import Dataset

    _rslex_executor.HBI_MODE = True  # "high business impact": nothing leaves
    return Dataset
