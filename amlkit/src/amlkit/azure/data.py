"""Data assets of a workspace: tables in a datastore; either SDK finds what the other put there.

A table lies at `data/<name>/<version>/`, the version being its content, with what is known of it.
`<version>.json` beside the folder is its record, so that content which was registered before is
found again, by the other SDK too. The newest record is the asset that is current.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from amlkit.azure import blobs
from amlkit.azure.connection import SharedConnection, on_azure
from amlkit.azure.errors import status_of
from amlkit.content import identity, one_of, write_json
from amlkit.records import DataAsset, DataDefinition, StoredData, WorkError
from amlkit.settings import SettingsError
from amlkit.tabular.parts import MLTABLE, PARQUET, is_hidden, table_size
from amlkit.workspace import Progress

# What the tags of an asset of ours say.
TAGS = ("content", "target", "rows", "datastore", "path")
# The metadata of a record's blob: when it was written, in Unix seconds.
WRITTEN = "written"
Record = Mapping[str, str]
"""What is written down of an asset: `TAGS`, where it is known the `number` of v1's Dataset, and the
`kind`: "file" or "folder" of what was registered where it lies, "mltable" of a folder with such
a file, uploaded or not. Of another folder that was uploaded nothing is said."""
_TYPES = {"file": "uri_file", "folder": "uri_folder", "mltable": "mltable"}


class StoredTables:
    """What `workspace.Data` does with blobs; an SDK's own class registers and finds assets."""

    def __init__(self, connection: SharedConnection) -> None:
        self.connection = connection
        self._unrecorded: set[tuple[str, str]] = set()

    # What an SDK's own class says.

    def register(self, name: str, record: Record) -> str:
        """Registers what lies at a record's place; returns its number."""
        raise NotImplementedError

    def make_current(self, name: str, record: Record) -> Record:
        """Lets an asset that has a record be the one that is current; returns its record.

        The other SDK may have registered it.
        """
        raise NotImplementedError

    def check_type(self, name: str, type_: str) -> None:
        """Raises `SettingsError` where an asset of this name cannot be of this type."""

    def container(self, datastore: str = "") -> Any:
        """The client of a datastore's blob container; by default that of `default_datastore`."""
        raise NotImplementedError

    def default_datastore(self) -> str:
        """The name of the datastore of config.yml, else of the workspace's own."""
        raise NotImplementedError

    @on_azure
    def create(self, definition: DataDefinition, progress: Progress) -> DataAsset:
        """See `Data.create`: the table, what is known of it, and last the asset and its record."""
        folder = place_of(definition.name, definition.version)
        record = {
            "content": definition.version,
            "target": definition.target,
            "rows": str(definition.profile["rows"]),
            "datastore": self.default_datastore(),
            "path": folder,
            **({"kind": "mltable"} if definition.mltable else {}),
        }
        self.check_type(definition.name, type_of(record))
        known = self.recorded(definition.name, definition.version)
        if known:
            kept = self.make_current(definition.name, {**known, **record})
            if kept.get("number") != known.get("number"):
                self.write_if_allowed(definition.name, kept)
            elif self.newer(definition.name, definition.version):
                self.write_record(definition.name, kept)
            return self.asset(definition.name, kept)
        container = self.container()
        before, total = 0, table_size(definition.path)
        for name, sha256 in definition.files.items():
            path = definition.path.parent / name
            step = one_of(progress, before, total)
            blobs.upload(container, f"{folder}/{definition.place(name)}", path, sha256, step)
            before += path.stat().st_size
        known_of_it = {
            "schema.json": definition.profile["schema"],
            "profile.json": dict(definition.profile),
        }
        for file, value in known_of_it.items():
            text = json.dumps(value, ensure_ascii=False, sort_keys=True)
            container.upload_blob(f"{folder}/{file}", text.encode(), overwrite=True)
        record["number"] = self.register(definition.name, record)
        self.write_record(definition.name, record)
        return self.asset(definition.name, record)

    @on_azure
    def find_stored(self, datastore: str, path: str) -> StoredData:
        """See `Data.find_stored`."""
        path = path.strip("/")
        tables = [
            blob
            for blob in self.container(datastore).list_blobs(name_starts_with=path)
            if blob.size and _is_part(blob.name, path)
        ]
        parts = all(blob.name.lower().endswith(PARQUET) for blob in tables)
        described = any(blob.name == f"{path}/{MLTABLE}" for blob in tables)
        if not tables or (len(tables) > 1 and not parts and not described):
            found = ", ".join(blob.name for blob in tables[:5]) or "nothing"
            raise SettingsError(
                f"--datastore-path {path}: one table is expected in datastore {datastore}, a "
                f"file, a folder of Parquet parts or one with a file {MLTABLE}; found: {found}"
            )
        files = sorted([blob.name, blob.size, _state(blob)] for blob in tables)
        names, size = tuple(file[0] for file in files), sum(file[1] for file in files)
        if (
            described or len(files) > 1 or "=" in names[0][len(path) :]
        ):  # a partition is a folder though it is one
            return StoredData(datastore, path, names, size, identity(files))
        return StoredData(datastore, names[0], names, size, identity(files[0]))

    @on_azure
    def download_stored(self, stored: StoredData, folder: Path, progress: Progress) -> Path:
        """See `Data.download_stored`."""
        container, done = self.container(stored.datastore), 0
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
        """See `Data.create_stored`: an asset that names the files, and its record."""
        record = {
            "content": version,
            "target": target,
            "rows": str(rows),
            "datastore": stored.datastore,
            "path": stored.path,
            "kind": kind_of(stored.type),
        }
        self.check_type(name, stored.type)
        known = self.recorded(name, version)
        if known:
            record = dict(self.make_current(name, {**known, **record}))
        else:
            record["number"] = self.register(name, record)
        self.write_if_allowed(name, record)
        return self.asset(name, record)

    def write_if_allowed(self, name: str, record: Record) -> None:
        """Writes a record where the caller may write; to register, reading is enough."""
        try:
            self.write_record(name, record)
        except Exception as error:
            if status_of(error) != 403:
                raise
            self.connection.say(
                f"{name}: its record may not be written to datastore {self.default_datastore()}, "
                "so only this SDK will find it"
            )

    @on_azure
    def profile(self, asset: DataAsset) -> Mapping[str, Any]:
        """See `Data.profile`."""
        kept = self._home(asset) / "profile.json"
        if kept.is_file():  # of this content, which is the version
            return dict(json.loads(kept.read_bytes()))
        datastore, path = place(asset.source)
        raw = blobs.read(self.container(datastore), f"{path}/profile.json")
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
        datastore, path = place(asset.source)
        container = self.container(datastore)
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

    def asset(self, name: str, record: Record) -> DataAsset:
        """A data asset from what its tags or its record say."""
        rows = record.get("rows", "")
        return DataAsset(
            name,
            record["content"],
            record["target"],
            int(rows) if rows.isdigit() else 0,
            f"azureml://datastores/{record['datastore']}/paths/{record['path']}",
            number=record.get("number", ""),
            type=type_of(record),
        )

    def write_record(self, name: str, record: Record) -> None:
        """Writes an asset's record beside its folder."""
        text = json.dumps(record, ensure_ascii=False, sort_keys=True)
        path = f"{place_of(name, record['content'])}.json"
        written = {WRITTEN: f"{time.time():.6f}"}  # Azure tells whole seconds apart
        self.container().upload_blob(path, text.encode(), overwrite=True, metadata=written)
        self.connection.forget("records", name)

    def recorded(self, name: str, version: str | None = None) -> Record | None:
        """The record of a version, by default of the newest; None if there is none."""
        if version is not None:
            if (name, version) in self._unrecorded:  # it was looked for in this command
                return None
            raw = blobs.read(self.container(), f"{place_of(name, version)}.json")
            if raw is None:
                self._unrecorded.add((name, version))
            return dict(json.loads(raw)) if raw else None
        newest = self._records(name)[-1:]
        return self._read(newest[0]) if newest else None

    def newer(self, name: str, content: str) -> Record | None:
        """The record that was written after that of a content, if there is one of either.

        The other SDK registered that table, and this one's newest asset is not current.
        """
        records = self._records(name)
        own = f"{place_of(name, content)}.json"
        return self._read(records[-1]) if own in records[:-1] else None

    def _records(self, name: str) -> list[str]:
        """The blobs of all records of a name, the one that was written last at the end.

        They are listed once in a command, until one is written.
        """
        record = re.compile(re.escape(f"data/{name}/") + r"[0-9a-f]{12}\.json")

        def ask() -> list[str]:
            found = self.container().walk_blobs(f"data/{name}/", include=["metadata"])
            records = [blob for blob in found if record.fullmatch(blob.name)]
            return [blob.name for blob in sorted(records, key=_written)]

        return list(self.connection.kept(("records", name), ask))

    def _read(self, record: str) -> Record:
        return dict(json.loads(blobs.read(self.container(), record) or b"{}"))


def _written(record: Any) -> tuple[Any, str]:
    """When a record was written: by Azure's clock, within a second by the writer's."""
    return record.last_modified, (record.metadata or {}).get(WRITTEN, "")


def type_of(record: Record) -> str:
    """The type of a record's asset, as Azure ML calls it."""
    return _TYPES.get(record.get("kind", ""), "uri_folder")


def kind_of(type_: str) -> str:
    """What a record says of that type."""
    return next(kind for kind, known in _TYPES.items() if known == type_)


def place_of(name: str, version: str) -> str:
    """The folder of an asset's table in its datastore."""
    return f"data/{name}/{version}"


def foreign(name: str) -> WorkError:
    """What is said of an asset that amlkit did not register."""
    return WorkError(
        f"the data asset {name} was not registered by src/data.py: nothing says which "
        "column is its target; register it by its path with --datastore-path"
    )


def blob_storage(name: str, kind: str) -> None:
    """Raises `SettingsError` for a datastore that is no blob storage."""
    if kind.lower().replace("_", "") != "azureblob":
        raise SettingsError(
            f"datastore {name} is of type {kind}; only blob storage is read and written here"
        )


def _is_part(name: str, path: str) -> bool:
    """Whether a blob is what lies at a path, or one of the files below it that count."""
    inside = name.removeprefix(path)
    below = inside.startswith("/") and not is_hidden(Path(inside.strip("/")))
    return name.startswith(path) and (not inside or below)


def _state(blob: Any) -> str:
    """What tells a blob's content from another."""
    digest = blob.content_settings.content_md5
    return bytes(digest).hex() if digest else blob.etag


def place(source: str) -> tuple[str, str]:
    """(datastore, path) of an asset's source."""
    found = re.fullmatch(r"azureml://datastores/([^/]+)/paths/(.+)", source)
    if found is None:
        raise WorkError(f"{source} is no place in a datastore")
    return found[1], found[2]
