"""The artifact service: files of runs, models and private wheels, and where their bytes lie.

Shapes: `artifact_operations.py` and the Artifact*Dto models in
azureml-core's `_restclient`; no public specification exists.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from .account import timestamp
from .refusals import data_plane_error
from .routing import API, Answer, AzureError, Json, Request, route

if TYPE_CHECKING:
    from .standin import Azure

CONTAINER = "azureml"  # the blob container in which Azure ML keeps artifacts
_BASE = "/artifact/v2.0{workspace}/artifacts"
_PAGE = 500


class Artifacts:
    """Names of artifacts; the content is in blob storage. An artifact may have none yet."""

    def __init__(self, azure: Azure) -> None:
        self.azure = azure
        self._known: dict[tuple[str, str], dict[str, float]] = {}
        self._lock = threading.RLock()

    # What other parts use.

    def blob_name(self, origin: str, container: str, path: str) -> str:
        """The name of an artifact's blob in the container `azureml`."""
        return f"{origin}/{container}/{path}"

    def store(self, origin: str, container: str, path: str, data: bytes) -> None:
        """Write an artifact, over an old one."""
        self.azure.blobs.put(CONTAINER, self.blob_name(origin, container, path), data)
        self.create(origin, container, path)

    def create(self, origin: str, container: str, path: str) -> bool:
        """Note an artifact, with or without content. False when it was known."""
        with self._lock:
            known = self._known.setdefault((origin, container), {})
            new = path not in known
            known.setdefault(path, time.time())
            return new

    def read(self, origin: str, container: str, path: str) -> bytes | None:
        """The content of an artifact, None when there is none."""
        return self.azure.blobs.get(CONTAINER, self.blob_name(origin, container, path))

    def list(self, origin: str, container: str, prefix: str = "") -> list[str]:
        """The paths of a container's artifacts that begin with `prefix`."""
        with self._lock:
            known = self._known.get((origin, container), {})
            return sorted(path for path in known if path.startswith(prefix))

    # Answers.

    def _artifact(self, origin: str, container: str, path: str) -> Json:
        with self._lock:
            created = self._known.get((origin, container), {}).get(path, 0.0)
        return {
            "artifactId": f"{origin}/{container}/{path}",
            "origin": origin,
            "container": container,
            "path": path,
            "etag": None,
            "createdTime": timestamp(created),
            "dataPath": {
                "dataStoreName": "workspaceartifactstore",
                "relativePath": self.blob_name(origin, container, path),
                "sqlDataPath": None,
            },
        }

    def _content(self, origin: str, container: str, path: str, permission: str = "r") -> Json:
        name = self.blob_name(origin, container, path)
        return {
            "contentUri": self.azure.blobs.sas(CONTAINER, name, permission),
            "origin": origin,
            "container": container,
            "path": path,
        }

    def _check(self, origin: str, container: str, path: str) -> None:
        """AzureError 404 unless there is such an artifact."""
        with self._lock:
            if path in self._known.get((origin, container), {}):
                return
        raise AzureError(404, "UserError", f"Artifact {origin}/{container}/{path} was not found.")

    def _page(self, request: Request, values: Sequence[Json]) -> Json:
        """One page of a list, with a token for the next where there is one."""
        start = int(request.query.get("continuationToken") or 0)
        more = start + _PAGE < len(values)
        return {
            "value": [*values[start : start + _PAGE]],
            "continuationToken": str(start + _PAGE) if more else None,
        }

    @route("POST", API, _BASE + "/batch/metadata/{origin}/{container}")
    def create_many(self, request: Request, origin: str, container: str) -> Json:
        """Make empty artifacts and say where their bytes go; those that exist are errors."""
        artifacts: Json = {}
        contents: Json = {}
        errors: Json = {}
        for given in request.json().get("paths") or []:
            path = given["path"]
            if not self.create(origin, container, path):
                message = (
                    f"Resource Conflict: ArtifactId {origin}/{container}/{path} already exists."
                )
                errors[path] = data_plane_error(AzureError(409, "UserError", message))
                continue
            artifacts[path] = self._artifact(origin, container, path)
            contents[path] = self._content(origin, container, path, "rcw")
        return {
            "artifacts": artifacts,
            "artifactContentInformation": contents,
            "errors": errors,
        }

    @route("POST", API, _BASE + "/metadata")
    def register(self, request: Request) -> Json:
        """Make one empty artifact. 409 when it exists."""
        body = request.json()
        origin, container, path = (body[key] for key in ("origin", "container", "path"))
        if not self.create(origin, container, path):
            raise AzureError(
                409,
                "UserError",
                f"Resource Conflict: ArtifactId {origin}/{container}/{path} already exists.",
            )
        return self._artifact(origin, container, path)

    @route("GET", API, _BASE + "/metadata/{origin}/{container}/{path:path}")
    def metadata(self, request: Request, origin: str, container: str, path: str) -> Json:
        """What is known of an artifact. 404."""
        self._check(origin, container, path)
        return self._artifact(origin, container, path)

    @route("DELETE", API, _BASE + "/metadata/{origin}/{container}/{path:path}")
    def forget(self, request: Request, origin: str, container: str, path: str) -> None:
        """Delete an artifact. 404."""
        self._check(origin, container, path)
        with self._lock:
            del self._known[origin, container][path]
        self.azure.blobs.delete(CONTAINER, self.blob_name(origin, container, path))

    @route("GET", API, _BASE + "/contentinfo/{origin}/{container}/{path:path}")
    def content(self, request: Request, origin: str, container: str, path: str) -> Json:
        """Where the bytes of an artifact are, for reading. 404."""
        self._check(origin, container, path)
        return self._content(origin, container, path)

    @route("GET", API, _BASE + "/write/{origin}/{container}/{path:path}")
    def writable(self, request: Request, origin: str, container: str, path: str) -> Json:
        """Where the bytes of an artifact go; made when it is new."""
        self.create(origin, container, path)
        return self._content(origin, container, path, "rcw")

    @route("GET", API, _BASE + "/prefix/contentinfo/{origin}/{container}/{path:path}")
    def contents(self, request: Request, origin: str, container: str, path: str) -> Json:
        """Where the bytes of all artifacts below a prefix are."""
        paths = self.list(origin, container, path)
        return self._page(request, [self._content(origin, container, one) for one in paths])

    @route("GET", API, _BASE + "/content/{origin}/{container}/{path:path}")
    def download(self, request: Request, origin: str, container: str, path: str) -> Answer:
        """The bytes of an artifact. 404."""
        self._check(origin, container, path)
        data = self.read(origin, container, path) or b""
        return Answer(200, data, {"Content-Type": "application/octet-stream"})

    @route("POST", API, _BASE + "/content/{origin}/{container}/{path:path}")
    def upload(self, request: Request, origin: str, container: str, path: str) -> Json:
        """Write an artifact through the service (small ones: a few lines of a log)."""
        if request.query.get("append", "").lower() == "true":
            name = self.blob_name(origin, container, path)
            self.azure.blobs.append(CONTAINER, name, request.body)
            self.create(origin, container, path)
        else:
            self.store(origin, container, path, request.body)
        return self._artifact(origin, container, path)

    @route("GET", API, _BASE + "/{origin}/{container}")
    @route("GET", API, _BASE + "/{origin}/{container}/{path:path}")
    def in_container(self, request: Request, origin: str, container: str, path: str = "") -> Json:
        """The artifacts of a container, below a path where one is given."""
        paths = self.list(origin, container, path)
        return self._page(request, [self._artifact(origin, container, one) for one in paths])
