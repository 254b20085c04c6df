"""Data assets and environments of this machine."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from amlkit import lockfile
from amlkit.content import file_hash, new_folder, read_json, write_json, write_text
from amlkit.records import (
    DataAsset,
    DataDefinition,
    Environment,
    EnvironmentDefinition,
    StoredData,
    WorkError,
)
from amlkit.settings import SettingsError


class LocalData:
    """The part of `LocalPlatform` that keeps tables and knows what is installed."""

    folder: Path
    builds_ahead = False

    def find_data(self, name: str, version: str | None = None) -> DataAsset | None:
        """See `Platform.find_data`."""
        home = self.folder / "data" / name
        if version is None:
            latest = home / "latest"
            version = latest.read_text(encoding="utf-8").strip() if latest.is_file() else ""
        record = read_json(home / version / "asset.json") if version else None
        if record is None:
            return None
        return DataAsset(**record, source=str(home / version / "content"))

    def register_data(
        self, definition: DataDefinition, progress: Callable[[int, int], None]
    ) -> DataAsset:
        """See `Platform.register_data`: one copy per content."""
        home = self.folder / "data" / definition.name
        target = home / definition.version
        if not target.is_dir():
            with new_folder(target) as half:
                source = half / "content"
                source.mkdir()
                copy = source / definition.path.name
                shutil.copyfile(definition.path, copy)
                # The file may have been written to since it was hashed and profiled.
                if file_hash(copy, progress) != definition.profile["sha256"]:
                    raise WorkError(f"{definition.path} changed while it was read; run this again")
                write_json(source / "schema.json", definition.profile["schema"])
                write_json(source / "profile.json", definition.profile)
                write_json(
                    half / "asset.json",
                    {
                        "name": definition.name,
                        "version": definition.version,
                        "target": definition.target,
                        "rows": definition.profile["rows"],
                    },
                )
        write_text(home / "latest", definition.version)
        asset = self.find_data(definition.name, definition.version)
        if asset is None:
            raise WorkError(f"{target} holds no asset.json; delete that folder and run this again")
        return asset

    def read_profile(self, asset: DataAsset) -> Mapping[str, Any]:
        """See `Platform.read_profile`."""
        return dict(read_json(Path(asset.source, "profile.json")))

    def open_data(self, asset: DataAsset) -> Path:
        """See `Platform.open_data`."""
        return Path(asset.source)

    def find_stored(self, datastore: str, path: str) -> StoredData:
        """See `Platform.find_stored`."""
        raise SettingsError("this machine has no datastores; with --local a table comes by --path")

    def fetch_stored(
        self, stored: StoredData, folder: Path, progress: Callable[[int, int], None]
    ) -> Path:
        """See `Platform.fetch_stored`."""
        raise NotImplementedError("nothing is found to be stored on this machine")

    def register_stored(
        self, stored: StoredData, name: str, version: str, target: str, rows: int
    ) -> DataAsset:
        """See `Platform.register_stored`."""
        raise NotImplementedError("nothing is found to be stored on this machine")

    def serving_version(self, definition: EnvironmentDefinition) -> str:
        """See `Platform.serving_version`: an environment of its own, whatever runs this."""
        return definition.version

    def find_environment(self, definition: EnvironmentDefinition) -> Environment:
        """See `Platform.find_environment`: here it is the interpreter that runs this."""
        differences = tuple(lockfile.differences(definition.lock, definition.wheels))
        version = definition.version
        if differences:
            # What runs is not what the lock says: it must not pass for it.
            version += f".differs-{lockfile.identity_of(differences)}"
        created = not self._environment_record(definition.name, version).is_file()
        return Environment(definition.name, version, created, differences)

    def ensure_environment(self, definition: EnvironmentDefinition) -> Environment:
        """See `Platform.ensure_environment`: there is nothing to build, it is written down."""
        environment = self.find_environment(definition)
        if environment.created:
            record = self._environment_record(environment.name, environment.version)
            record.parent.mkdir(parents=True, exist_ok=True)
            known = {"name": environment.name, "version": environment.version}
            known["python"] = sys.version.split()[0]
            write_json(record, known | {"wheels": [wheel.name for wheel in definition.wheels]})
        return environment

    def _environment_record(self, name: str, version: str) -> Path:
        return self.folder / "environments" / f"{name}-{version}.json"
