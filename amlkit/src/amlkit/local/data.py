"""Data assets of this machine: one copy of a table for each content."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from amlkit.content import new_folder, read_json, table_hash, table_hashes, write_json, write_text
from amlkit.records import DataAsset, DataDefinition, StoredData, WorkError
from amlkit.settings import SettingsError
from amlkit.workspace import Progress


class LocalData:
    """`workspace.Data`, below the folder of the workspace."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "data"

    def get(self, name: str, version: str | None = None) -> DataAsset | None:
        """See `Data.get`."""
        home = self._folder / name
        if version is None:
            latest = home / "latest"
            version = latest.read_text(encoding="utf-8").strip() if latest.is_file() else ""
        record = read_json(home / version / "asset.json") if version else None
        if record is None:
            return None
        return DataAsset(**record, source=str(home / version / "content"))

    def create(self, definition: DataDefinition, progress: Progress) -> DataAsset:
        """See `Data.create`."""
        home = self._folder / definition.name
        target = home / definition.version
        if not target.is_dir():
            with new_folder(target) as half:
                source = half / "content"
                for name in definition.files:
                    copy = source / definition.place(name)
                    copy.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(definition.path.parent / name, copy)
                # The table may have been written to since it was hashed and profiled.
                table = source if definition.mltable else source / definition.path.name
                if table_hash(table_hashes(table, progress)) != table_hash(definition.files):
                    raise WorkError(f"{definition.path} changed while it was read; run this again")
                write_json(source / "schema.json", definition.profile["schema"])
                write_json(source / "profile.json", definition.profile)
                record = {
                    "name": definition.name,
                    "version": definition.version,
                    "target": definition.target,
                    "rows": definition.profile["rows"],
                }
                if definition.mltable:
                    record["type"] = "mltable"
                write_json(half / "asset.json", record)
        write_text(home / "latest", definition.version)
        asset = self.get(definition.name, definition.version)
        if asset is None:
            raise WorkError(f"{target} holds no asset.json; delete that folder and run this again")
        return asset

    def profile(self, asset: DataAsset) -> Mapping[str, Any]:
        """See `Data.profile`."""
        return dict(read_json(Path(asset.source, "profile.json")) or {})

    def download(self, asset: DataAsset) -> Path:
        """See `Data.download`: it is here."""
        return Path(asset.source)

    def find_stored(self, datastore: str, path: str) -> StoredData:
        """See `Data.find_stored`."""
        _no_datastores()

    def download_stored(self, stored: StoredData, folder: Path, progress: Progress) -> Path:
        """See `Data.download_stored`."""
        _no_datastores()

    def create_stored(
        self, stored: StoredData, name: str, version: str, target: str, rows: int
    ) -> DataAsset:
        """See `Data.create_stored`."""
        _no_datastores()


def _no_datastores() -> NoReturn:
    raise SettingsError("this machine has no datastores; with --local a table comes by --path")
