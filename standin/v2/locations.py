"""Where the bytes behind a URI of Azure ML lie: a storage account, a container, a path.

Source: "Access data from Azure cloud storage" (datastore URIs) and the forms azure-ai-ml writes
(`constants/_common.py`: SHORT_URI_FORMAT, LONG_URI_FORMAT, REGISTRY_URI_FORMAT).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from ..artifacts import CONTAINER
from ..routing import AzureError
from ..runs import ORIGIN

if TYPE_CHECKING:
    from ..blobs import Blobs
    from ..standin import Azure

_LONG = r"(?:subscriptions/.+?/workspaces/[^/]+/)?"
_DATASTORE = re.compile(r"azureml:/{2,3}" + _LONG + r"datastores/([^/]+)/(?:paths/)?(.*)", re.I)
_JOB = re.compile(r"azureml:/{2,3}(?:.+?/)?jobs/([^/]+)/outputs/([^/]+)(?:/paths/?(.*))?", re.I)
_WASBS = re.compile(r"wasbs?://([^@]+)@([^/]+)/?(.*)", re.I)
_BLOB = re.compile(r"https://([a-z0-9]+\.blob\.core\.windows\.net)(?::443)?/([^/]+)/?(.*)", re.I)


@dataclass(frozen=True)
class Location:
    """A blob, or all blobs below a path."""

    blobs: Blobs
    container: str
    path: str

    def names(self) -> Iterator[str]:
        """The blobs that are there: the one of this name, or those below."""
        stem = self.path.strip("/")
        for name in self.blobs.list(self.container, stem):
            if not stem or name == stem or name.startswith(stem + "/"):
                yield name

    def name_of(self, file: str) -> str:
        """The blob of a file's name, wherever it lies below; "" without one."""
        found = (one for one in self.names() if one.rpartition("/")[2] == file)
        return next(found, "")

    def find(self, file: str) -> bytes | None:
        """The content of a file of that name, wherever it lies below."""
        name = self.name_of(file)
        return self.blobs.get(self.container, name) if name else None

    def is_file(self) -> bool:
        """Whether it is one blob."""
        stem = self.path.strip("/")
        return bool(stem) and self.blobs.exists(self.container, stem)

    def download(self, folder: Path) -> Path:
        """Write what is there below `folder`; the file, or the folder. AzureError 404: nothing."""
        stem = self.path.strip("/")
        names = list(self.names())
        if not names:
            raise AzureError(404, "UserError", f"No data was found at {self.container}/{stem}.")
        if names == [stem]:
            target = folder / PurePosixPath(stem).name
            self.blobs.download(self.container, stem, target)
            return target
        folder.mkdir(parents=True, exist_ok=True)

        def write(name: str) -> None:
            inner = PurePosixPath(name).relative_to(stem) if stem else PurePosixPath(name)
            if ".." not in inner.parts:
                self.blobs.download(self.container, name, folder / inner)

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(write, names))
        return folder


def locate(azure: Azure, uri: str) -> Location:
    """Where a URI points. AzureError 400 for what is no URI of storage, 404, 501 if not played."""
    if found := _DATASTORE.fullmatch(uri):
        store, path = found.groups()
        return Location(azure.blobs, azure.datastores.container_of(store), path)
    if found := _JOB.fullmatch(uri):
        job, output, path = found.groups()
        return output_of(azure, job, output, path or "")
    if found := _WASBS.fullmatch(uri):
        container, host, path = found.groups()
        return _stored(azure, host.lower(), container, path)
    if found := _BLOB.fullmatch(uri):
        host, container, path = found.groups()
        return _stored(azure, host.lower(), container, path)
    if re.match(r"https?://", uri):
        return _public(azure, uri)
    raise AzureError(400, "UserError", f"'{uri}' is not a valid URI of a datastore or of storage.")


def _stored(azure: Azure, host: str, container: str, path: str) -> Location:
    if not azure.storage_accounts.plays(host):
        return _public(azure, f"https://{host}/{container}/{path}")
    return Location(azure.storage_accounts.blobs_of(host), container, path)


def _public(azure: Azure, url: str) -> Location:
    """What lies at a public address, if a test put it there. AzureError 501 for another one."""
    found = azure.v2.public.get(url)
    if found is None:
        raise AzureError(501, "StandInUnhandled", f"The stand-in does not read {url}")
    name = re.sub(r"^https?://", "", url)
    azure.blobs.make_container("public")
    azure.blobs.put("public", name, found.read_bytes())
    return Location(azure.blobs, "public", name)


def output_of(azure: Azure, job: str, output: str, path: str) -> Location:
    """Where an output of a job lies. AzureError 404 without the job, 400 without the output."""
    run = azure.runs.get(job)
    if output in ("artifacts", "default"):
        stem = azure.artifacts.blob_name(ORIGIN, run.container, path)
        return Location(azure.blobs, CONTAINER, stem)
    known = azure.v2.run_outputs.uri(job, output)
    if known is None:
        raise AzureError(400, "UserError", f"Job {job} has no output '{output}'.")
    at = locate(azure, known)
    return Location(at.blobs, at.container, f"{at.path.strip('/')}/{path}".strip("/"))


def datastore_uri(azure: Azure, store: str, path: str) -> str:
    """The long URI of a path on a datastore, as the service writes it."""
    account = azure.account
    return (
        f"azureml://subscriptions/{account.subscription_id}/resourceGroups/"
        f"{account.resource_group}/workspaces/{account.workspace_name}/datastores/{store}"
        f"/paths/{path}"
    )
