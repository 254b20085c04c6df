"""The content service: snapshots of source folders, of which only changed files are sent.

Shapes: `snapshots_client.py`, `merkle_tree.py` and `project_snapshot_cache.py` in azureml-core; no
public specification exists.
"""

from __future__ import annotations

import io
import threading
import uuid
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from .routing import API, AzureError, Json, Request, route

if TYPE_CHECKING:
    from .standin import Azure

CONTAINER = "snapshots"
NONE = "00000000-0000-0000-0000-000000000000"


@dataclass
class Snapshot:
    """A tree of names and hashes, and the blob of each file. `sent`: files that came with it."""

    id: str
    root: Json
    files: dict[str, str]
    parent: str | None = None
    sent: list[str] = field(default_factory=list)
    properties: Json = field(default_factory=dict)


def _files(node: Json, above: str = "") -> Iterator[str]:
    """The paths of all files in a tree. AzureError 400 for one that leads out of it."""
    for name, child in (node.get("children") or {}).items():
        path = f"{above}{name}"
        parts = PurePosixPath(path.replace("\\", "/")).parts
        if not name or ".." in parts or path.startswith("/"):
            raise AzureError(400, "UserError", f"The path '{path}' is not allowed in a snapshot.")
        if child.get("type") == "File":
            yield path
        else:
            yield from _files(child, f"{path}/")


class Snapshots:
    """The snapshots of the workspace."""

    def __init__(self, azure: Azure) -> None:
        self.azure = azure
        self._snapshots: dict[str, Snapshot] = {}
        self._latest = ""
        self._lock = threading.RLock()

    def get(self, snapshot_id: str) -> Snapshot:
        """A snapshot. AzureError 404."""
        with self._lock:
            if snapshot_id in self._snapshots:
                return self._snapshots[snapshot_id]
        raise AzureError(404, "UserError", f"Snapshot {snapshot_id} was not found.")

    def write_to(self, snapshot_id: str, folder: Path) -> None:
        """Write the files of a snapshot below `folder`. AzureError 404 when one is missing."""

        def write(item: tuple[str, str]) -> None:
            path, blob = item
            data = self.azure.blobs.get(CONTAINER, blob)
            if data is None:
                raise AzureError(404, "UserError", f"The content of {path} was never uploaded.")
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)

        folder.mkdir(parents=True, exist_ok=True)
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(write, self.get(snapshot_id).files.items()))

    @route("GET", API, "/content/v1.0{workspace}/snapshots/latest/metadata")
    def latest(self, request: Request) -> Json:
        """The newest snapshot of the workspace; an empty tree before there is one."""
        with self._lock:
            if not self._latest:
                return {"id": NONE, "root": {}}
            return self.metadata(request, self._latest)

    @route("GET", API, "/content/v1.0{workspace}/snapshots/{snapshot}/metadata")
    def metadata(self, request: Request, snapshot: str) -> Json:
        """The tree of a snapshot. 404."""
        found = self.get(snapshot)
        return {"id": found.id, "root": found.root}

    @route("POST", API, "/content/v2.0{workspace}/snapshots/getblob")
    def blobs(self, request: Request) -> Json:
        """Addresses to upload files to. Numbers, for the SDK quotes a quoted name once more."""
        folder = uuid.uuid4().hex
        names = request.json().get("FileNames") or []
        return {
            "fileNodes": [
                {
                    "fullName": name,
                    "blobUri": self.azure.blobs.sas(CONTAINER, f"{folder}/{number}", "rcw"),
                }
                for number, name in enumerate(names)
            ]
        }

    @route("POST", API, "/content/v2.0{workspace}/snapshots/{snapshot}")
    def create(self, request: Request, snapshot: str) -> Json:
        """Make a snapshot from its parent's files and those that were sent. 400, 409."""
        body = request.json()
        try:
            snapshot = str(uuid.UUID(snapshot))
        except ValueError:
            raise AzureError(400, "UserError", f"'{snapshot}' is no snapshot id.") from None
        with self._lock:
            if snapshot in self._snapshots:
                raise AzureError(409, "UserError", f"Snapshot {snapshot} already exists.")
            parent = body.get("ParentSnapshotId")
            known = {} if parent in (None, "", NONE) else dict(self.get(parent).files)
            sent: list[str] = []
            for node in (body.get("FileRevisionList") or {}).get("FileNodes") or []:
                path = unquote(urlsplit(node["BlobUri"]).path)
                known[node["FullName"]] = path.removeprefix(f"/{CONTAINER}/")
                sent.append(node["FullName"])
            root = body["DirTreeNode"]
            files: dict[str, str] = {}
            for path in _files(root):
                if path not in known:
                    raise AzureError(400, "UserError", f"There is no content for file '{path}'.")
                files[path] = known[path]
            self._snapshots[snapshot] = Snapshot(
                snapshot, root, files, parent, sent, body.get("Properties") or {}
            )
            self._latest = snapshot
        return {"id": snapshot, "root": root}

    @route("POST", API, "/content/v2.0{workspace}/snapshots/{snapshot}/zip")
    def zip(self, request: Request, snapshot: str) -> Json:
        """The address of a zip file with the snapshot's files. 404."""
        found = self.get(snapshot)
        name = f"zips/{snapshot}.zip"
        if not self.azure.blobs.exists(CONTAINER, name):
            buffer = io.BytesIO()
            with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
                for path, blob in found.files.items():
                    archive.writestr(path, self.azure.blobs.get(CONTAINER, blob) or b"")
            self.azure.blobs.put(CONTAINER, name, buffer.getvalue())
        return {"zipSasUri": self.azure.blobs.sas(CONTAINER, name)}
