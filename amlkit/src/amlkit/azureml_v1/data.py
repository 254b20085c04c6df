"""Data assets of a workspace: files in a datastore, and a Dataset that names them.

A table lies at `data/<name>/<version>/`, the version being its content, with what is known of it.
The Dataset's tags describe the asset that is current; `<version>.json` beside the folder keeps the
number of the Dataset's version, so that content which was registered before is found again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from amlkit.azure import blobs
from amlkit.azure.connection import on_azure
from amlkit.azure.errors import words_of
from amlkit.azureml_v1.connection import Connection
from amlkit.content import identity, one_of, write_json
from amlkit.records import DataAsset, DataDefinition, StoredData, WorkError
from amlkit.settings import SettingsError
from amlkit.tabular.parts import PARQUET, is_hidden, table_size
from amlkit.workspace import Progress

# What the tags of a Dataset of ours say.
TAGS = ("content", "target", "rows", "datastore", "path")


class AzureData:
    """`workspace.Data`, by the SDK's `Dataset` and its datastores."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    @on_azure
    def get(self, name: str, version: str | None = None) -> DataAsset | None:
        """See `Data.get`."""
        newest = self.dataset(name)
        if newest is None:
            return None
        tags = newest.tags or {}
        if tags.get("content") is None:
            if version is not None:
                return None
            raise WorkError(
                f"the data asset {name} was not registered by src/data.py: nothing says which "
                "column is its target; register it by its path with --datastore-path"
            )
        if version not in (None, tags["content"]):
            path = f"data/{name}/{version}.json"
            raw = blobs.read(self._container(self.datastore().name), path)
            return self._asset(name, json.loads(raw)) if raw else None
        return self._asset(name, {"number": str(newest.version), **tags})

    @on_azure
    def create(self, definition: DataDefinition, progress: Progress) -> DataAsset:
        """See `Data.create`: the table, what is known of it, and last the Dataset."""
        datastore = self.datastore()
        folder = f"data/{definition.name}/{definition.version}"
        record = {
            "content": definition.version,
            "target": definition.target,
            "rows": str(definition.profile["rows"]),
            "datastore": datastore.name,
            "path": folder,
        }
        container = self._container(datastore.name)
        known = blobs.read(container, f"{folder}.json")
        if known:
            record |= {"number": json.loads(known)["number"]}
            self._make_current(definition.name, record)
            return self._asset(definition.name, record)
        before, total = 0, table_size(definition.path)
        for name, sha256 in definition.files.items():
            path = definition.path.parent / name
            step = one_of(progress, before, total)
            blobs.upload(container, f"{folder}/{name}", path, sha256, step)
            before += path.stat().st_size
        known_of_it = {
            "schema.json": definition.profile["schema"],
            "profile.json": dict(definition.profile),
        }
        for file, value in known_of_it.items():
            text = json.dumps(value, ensure_ascii=False, sort_keys=True)
            container.upload_blob(f"{folder}/{file}", text.encode(), overwrite=True)
        record["number"] = self._register(definition.name, datastore, f"{folder}/**", record)
        text = json.dumps(record, ensure_ascii=False, sort_keys=True)
        container.upload_blob(f"{folder}.json", text.encode(), overwrite=True)
        return self._asset(definition.name, record)

    @on_azure
    def find_stored(self, datastore: str, path: str) -> StoredData:
        """See `Data.find_stored`."""
        path = path.strip("/")
        tables = [
            blob
            for blob in self._container(datastore).list_blobs(name_starts_with=path)
            if blob.size and _is_part(blob.name, path)
        ]
        parts = all(blob.name.lower().endswith(PARQUET) for blob in tables)
        if not tables or (len(tables) > 1 and not parts):
            found = ", ".join(blob.name for blob in tables[:5]) or "nothing"
            raise SettingsError(
                f"--datastore-path {path}: one table is expected in datastore {datastore}, a file "
                f"or a folder of Parquet parts; found: {found}"
            )
        files = sorted([blob.name, blob.size, _state(blob)] for blob in tables)
        names, size = tuple(file[0] for file in files), sum(file[1] for file in files)
        if (
            len(files) > 1 or "=" in names[0][len(path) :]
        ):  # a partition is a folder though it is one
            return StoredData(datastore, path, names, size, identity(files))
        return StoredData(datastore, names[0], names, size, identity(files[0]))

    @on_azure
    def download_stored(self, stored: StoredData, folder: Path, progress: Progress) -> Path:
        """See `Data.download_stored`."""
        container, done = self._container(stored.datastore), 0
        table = folder / stored.path.rpartition("/")[2]
        for name in stored.files:
            path = table / name.removeprefix(stored.path).lstrip("/")
            path.parent.mkdir(parents=True, exist_ok=True)
            blobs.download(container, name, path, one_of(progress, done, stored.size))
            done += path.stat().st_size
        return table

    @on_azure
    def create_stored(
        self, stored: StoredData, name: str, version: str, target: str, rows: int
    ) -> DataAsset:
        """See `Data.create_stored`: a Dataset that names the files; nothing is sent."""
        record = {
            "content": version,
            "target": target,
            "rows": str(rows),
            "datastore": stored.datastore,
            "path": stored.path,
        }
        datastore = self.datastore(stored.datastore)
        one = stored.files == (stored.path,)
        pattern = stored.path if one else f"{stored.path}/**"
        record["number"] = self._register(name, datastore, pattern, record)
        return self._asset(name, record)

    @on_azure
    def profile(self, asset: DataAsset) -> Mapping[str, Any]:
        """See `Data.profile`."""
        kept = self._home(asset) / "profile.json"
        if kept.is_file():  # of this content, which is the version
            return dict(json.loads(kept.read_bytes()))
        datastore, path = _place(asset.source)
        raw = blobs.read(self._container(datastore), f"{path}/profile.json")
        if raw is None:
            return {}
        profile = dict(json.loads(raw))
        kept.parent.mkdir(parents=True, exist_ok=True)
        write_json(kept, profile)
        return profile

    @on_azure
    def download(self, asset: DataAsset) -> Path:
        """See `Data.download`: a copy below `folder`, made once."""
        home = self._home(asset)
        datastore, path = _place(asset.source)
        container = self._container(datastore)
        for blob in container.list_blobs(name_starts_with=path):
            if not _is_part(blob.name, path):
                continue
            target = home / (blob.name.removeprefix(path).lstrip("/") or Path(path).name)
            target.parent.mkdir(parents=True, exist_ok=True)
            if not target.exists():
                blobs.download(container, blob.name, target, lambda done, total: None)
        return home

    def _home(self, asset: DataAsset) -> Path:
        """Where what was read of a data asset is kept."""
        return self.connection.folder / "data" / asset.name / asset.version

    def _asset(self, name: str, record: Mapping[str, str]) -> DataAsset:
        """A data asset from what its tags or its record say."""
        rows = record.get("rows", "")
        return DataAsset(
            name,
            record["content"],
            record["target"],
            int(rows) if rows.isdigit() else 0,
            f"azureml://datastores/{record['datastore']}/paths/{record['path']}",
            number=record["number"],
        )

    def _register(self, name: str, datastore: Any, pattern: str, record: Mapping[str, str]) -> str:
        """Registers a Dataset over files of a datastore; returns its version's number."""
        tags = {key: record[key] for key in TAGS}
        self.connection.forget("dataset")
        dataset = sdk_dataset().File.from_files((datastore, pattern), validate=False)
        try:
            done = dataset.register(
                self.connection.workspace, name, tags=tags, create_new_version=True
            )
        except Exception as error:
            # The service knows this very definition under an older version.
            found = re.search(rf'name="{re.escape(name)}", version=(\d+)', words_of(error))
            if found is None:
                raise
            self._make_current(name, {**record, "number": found[1]})
            return found[1]
        return str(done.version)

    def _make_current(self, name: str, record: Mapping[str, str]) -> None:
        """Lets the tags of the newest Dataset describe this asset, which an older version holds."""
        newest = self.dataset(name)
        if newest is not None and (newest.tags or {}).get("content") != record["content"]:
            newest.update(tags={key: record[key] for key in (*TAGS, "number")})
            self.connection.forget("dataset")

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
        if found.datastore_type != "AzureBlob":
            raise SettingsError(
                f"datastore {found.name} is of type {found.datastore_type}; "
                "only blob storage is read and written here"
            )
        return found

    def _container(self, datastore: str) -> Any:
        """The client of a datastore's blob container."""

        def ask() -> Any:
            return blobs.container_of(self.datastore(datastore), lambda: self.connection.credential)

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


def _is_part(name: str, path: str) -> bool:
    """Whether a blob is what lies at a path, or one of the files below it that count."""
    inside = name.removeprefix(path)
    below = inside.startswith("/") and not is_hidden(Path(inside.strip("/")))
    return name.startswith(path) and (not inside or below)


def _state(blob: Any) -> str:
    """What tells a blob's content from another."""
    digest = blob.content_settings.content_md5
    return bytes(digest).hex() if digest else blob.etag


def _place(source: str) -> tuple[str, str]:
    """(datastore, path) of an asset's source."""
    found = re.fullmatch(r"azureml://datastores/([^/]+)/paths/(.+)", source)
    if found is None:
        raise WorkError(f"{source} is no place in a datastore")
    return found[1], found[2]
