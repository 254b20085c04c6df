"""Data assets of a workspace by SDK v2: a `uri_folder` or `mltable` for each content of a table.

The version is the content. The tags of the newest asset describe the one that is current, which
an older one may hold.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from typing import Any

from amlkit.azure.connection import on_azure
from amlkit.azure.data import TAGS, Record, StoredTables, foreign, kind_of
from amlkit.azureml_v2 import datastores
from amlkit.azureml_v2.connection import Connection, if_there
from amlkit.records import DataAsset
from amlkit.settings import SettingsError

KINDS = ("uri_folder", "uri_file")
# A version of ours; SDK v1 counts.
_CONTENT = re.compile("[0-9a-f]{12}")


class AzureData(StoredTables):
    """`workspace.Data`, by the SDK's `Data` and its datastores."""

    connection: Connection

    @on_azure
    def get(self, name: str, version: str | None = None) -> DataAsset | None:
        """See `Data.get`: what SDK v1 registered is found by its record."""
        if version is None:
            newest = self._newest(name)
            tags = dict(newest.tags or {}) if newest is not None else {}
            if newest is not None and not tags.get("content") and newest.type in KINDS:
                raise foreign(name)
            record: Record | None = tags if tags.get("content") else None
            record = record and (self.newer(name, record["content"]) or record)
        else:
            known = self.sdk(name, version)
            record = self._own(known, version)
        record = record or self.recorded(name, version)
        return self.asset(name, self._with_kind(name, record)) if record else None

    def register(self, name: str, record: Record) -> str:
        """See `StoredTables.register`: the versions are contents, and have no number.

        Where SDK v1 holds the name with a Dataset of ours, whose kind is another, there is none
        either: a job then finds the table by its path.
        """
        from azure.ai.ml.entities import Data

        made, tags = self.asset(name, record), {key: record[key] for key in TAGS}
        asset = Data(
            name=name, version=made.version, type=made.type, path=_address(made), tags=tags
        )
        try:
            kept = self._sent(asset)
        except Exception:
            newest = self._newest(name)
            if newest is None or not self._is_of_v1(name, newest):
                raise
            self.connection.say(
                f"{name} is held by a Dataset of SDK v1 ({newest.type}) in this workspace: jobs "
                "find the table by its path"
            )
            return ""
        self.connection.forget("data", name)
        self.connection.kept(("data", name, made.version), lambda: kept)
        return ""

    def _sent(self, asset: Any) -> Any:
        """What Azure ML keeps of an asset, without the SDK's own look at an MLTable."""
        data = self.connection.client.data
        with _without_download(data):
            return data.create_or_update(asset)

    def check_type(self, name: str, type_: str) -> None:
        """See `StoredTables.check_type`: a name keeps the type of its first version."""
        newest = self._newest(name)
        if newest is None or newest.type == type_ or self._is_of_v1(name, newest):
            return
        ours = _CONTENT.fullmatch(str(newest.version))
        which = name if ours else f"{name}, which data.py did not register,"
        raise SettingsError(
            f"the data asset {which} is of type {newest.type} in this workspace, and Azure ML "
            f"gives a name one type: register this {type_} under another, --name NAME"
        )

    def make_current(self, name: str, record: Record) -> Record:
        """See `StoredTables.make_current`: by the tags of the newest asset."""
        content = record["content"]
        if self.sdk(name, content) is None:
            self.register(name, record)
        newest = self._newest(name)
        if newest is not None and (newest.tags or {}).get("content") != content:
            newest.tags = {**(newest.tags or {}), **{key: record[key] for key in TAGS}}
            self._sent(newest)
            self.connection.forget("data", name, "latest")
        return record

    def reference(self, asset: DataAsset) -> tuple[str, str]:
        """(kind, address) of a job's input: the asset's id, else where its table lies."""
        known = self.sdk(asset.name, asset.version)
        if known is None:
            return asset.type, _address(asset)
        return str(known.type), f"azureml:{asset.name}:{asset.version}"

    def sdk(self, name: str, version: str) -> Any:
        """The SDK's asset of a content, asked for once in a command; None if there is none."""
        return self.connection.kept(
            ("data", name, version),
            lambda: if_there(lambda: self.connection.client.data.get(name, version)),
        )

    def container(self, datastore: str = "") -> Any:
        """See `StoredTables.container`."""
        return datastores.container(self.connection, datastore)

    def default_datastore(self) -> str:
        """See `StoredTables.default_datastore`."""
        return str(datastores.datastore(self.connection).name)

    def _newest(self, name: str) -> Any:
        """The asset that was registered last; None if there is none."""

        def ask() -> Any:
            return if_there(lambda: self.connection.client.data.get(name, label="latest"))

        found = self.connection.kept(("data", name, "latest"), ask)
        if found is not None:
            self.connection.kept(("data", name, str(found.version)), lambda: found)
        return found

    def _with_kind(self, name: str, record: Record) -> Record:
        """A record with the kind of its asset, which tags do not say."""
        known = None if "kind" in record else self.sdk(name, record["content"])
        return {**record, "kind": kind_of(known.type)} if known is not None else record

    def _is_of_v1(self, name: str, asset: Any) -> bool:
        """Whether an asset is a Dataset that amlkit registered by SDK v1.

        Azure ML shows Datasets as an mltable, as what `az ml data create` makes of an MLTable, and
        says nothing else of them: only a record of the name tells that it is ours.
        """
        if asset.type in KINDS or _CONTENT.fullmatch(str(asset.version)):
            return False
        return bool((asset.tags or {}).get("content")) or self.recorded(name) is not None

    def _own(self, known: Any, version: str) -> Record | None:
        """An asset's record; its tags describe another one where it is the newest."""
        tags = dict(known.tags or {}) if known is not None else {}
        return tags if tags.get("content") == version else None


@contextlib.contextmanager
def _without_download(data: Any) -> Iterator[None]:
    """The SDK fetches no schema to check an MLTable by, which was read and checked here.

    Where that host is out of reach it would try for minutes, and then go on without it.
    """
    data._try_get_mltable_metadata_jsonschema = lambda url: None
    try:
        yield
    finally:
        del data._try_get_mltable_metadata_jsonschema


def _address(asset: DataAsset) -> str:
    """Where an asset's table lies, as the SDK takes it."""
    return asset.source if asset.type == "uri_file" else f"{asset.source}/"
