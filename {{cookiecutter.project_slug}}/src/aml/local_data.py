"""Data assets and environments of this machine."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from . import lockfile
from .content import file_hash, new_folder, read_json, write_json, write_text
from .records import (
    DataAsset,
    DataDefinition,
    Environment,
    EnvironmentDefinition,
    WorkError,
)


class LocalData:
    """The part of `LocalPlatform` that keeps tables and knows what is installed."""

    folder: Path

    def find_data(self, name: str, version: str | None = None) -> DataAsset | None:
        """See `Platform.find_data`."""
        home = self.folder / "data" / name
        if version is None:
            latest = home / "latest"
            version = latest.read_text(encoding="utf-8").strip() if latest.is_file() else ""
        record = read_json(home / version / "asset.json") if version else None
        if record is None:
            return None
        source = home / version / "content"
        return DataAsset(**record, source=str(source), profile=read_json(source / "profile.json"))

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
