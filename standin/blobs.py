"""Blob storage: the real Azurite behind the account's public host name.

The proxy passes requests on as they are, so that signatures hold; all answers are Azurite's own,
but those of a bearer token's rights and of an account that allows no shared key.
"""

from __future__ import annotations

import base64
import contextlib
import datetime
import logging
import secrets
import threading
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError
from azure.storage.blob import BlobSasPermissions, BlobServiceClient, generate_blob_sas

from .emulator import Emulator

if TYPE_CHECKING:
    from .standin import Azure

_APPEND = 4 * 1024 * 1024  # the largest block that every version of the service appends

logging.getLogger("azure").setLevel(logging.ERROR)


class Blobs:
    """One storage account. Its Azurite starts when it is first needed."""

    def __init__(self, azure: Azure, account: str) -> None:
        self.azure = azure
        self.account = account
        self.host = f"{self.account}.blob.core.windows.net"
        self.key = base64.b64encode(secrets.token_bytes(64)).decode()
        self.container = f"azureml-blobstore-{azure.account.workspace_id}"
        self.shared_key_allowed = True
        self._emulator: Emulator | None = None
        self._service: BlobServiceClient | None = None
        self._wanted: set[str] = set()  # the containers that there are once Azurite runs
        self._port = 0
        self._closed = False
        self._lock = threading.Lock()

    def start(self) -> None:
        """Start Azurite if it does not run. RuntimeError when it cannot start."""
        with self._lock:
            if self._emulator is None and not self._closed:
                self._start()

    def _start(self) -> None:
        folder = self.azure.folder / "azurite" / self.account
        folder.mkdir(parents=True, exist_ok=True)
        leaf = self.azure.proxy.ca.issue_cert("127.0.0.1")
        certificate, private = folder / "cert.pem", folder / "key.pem"
        leaf.cert_chain_pems[0].write_to_path(certificate)
        leaf.private_key_pem.write_to_path(private)
        private.chmod(0o600)
        emulator = Emulator(folder, self.account, self.key, certificate, private)
        self._port = emulator.wait()
        self._emulator = emulator
        self._service = BlobServiceClient(
            f"https://127.0.0.1:{self._port}/{self.account}",
            credential={"account_name": self.account, "account_key": self.key},
            connection_verify=str(self.azure.proxy.bundle),
            use_env_settings=False,
        )
        for name in self._wanted:
            with contextlib.suppress(ResourceExistsError):
                self._service.create_container(name)

    def open_workspace(self) -> None:
        """Make the containers of the workspace that stands on this account."""
        for name in ("azureml", "snapshots", self.container):
            self.make_container(name)

    @property
    def port(self) -> int:
        """Where Azurite listens; it is started for it."""
        self.start()
        return self._port

    def close(self) -> None:
        """End Azurite."""
        with self._lock:
            self._closed = True
            if self._emulator is not None:
                self._emulator.stop()

    @property
    def service(self) -> BlobServiceClient:
        """A client with the account's key, not through the proxy."""
        self.start()
        if self._service is None:
            raise RuntimeError(f"the storage of {self.account} has ended")
        return self._service

    def forbid_shared_key(self, forbidden: bool = True) -> None:
        """Refuse the account's key and what it signed, as with allowSharedKeyAccess=false."""
        self.shared_key_allowed = not forbidden

    # What other parts use. Containers alone start no Azurite: most accounts hold nothing else.

    def make_container(self, name: str) -> None:
        """Make a container unless it is there."""
        with self._lock:
            if self._service is None:
                self._wanted.add(name)
                return
        with contextlib.suppress(ResourceExistsError):
            self.service.create_container(name)

    def has_container(self, name: str) -> bool:
        """Whether there is such a container."""
        with self._lock:
            if self._service is None:
                return name in self._wanted
        return bool(self.service.get_container_client(name).exists())

    def delete_container(self, name: str) -> None:
        """Delete a container that is there."""
        with self._lock:
            if self._service is None:
                self._wanted.discard(name)
                return
        self.service.delete_container(name)

    def put(self, container: str, name: str, data: bytes) -> None:
        """Write a blob, over an old one."""
        self.service.get_blob_client(container, name).upload_blob(data, overwrite=True)

    def get(self, container: str, name: str) -> bytes | None:
        """The content of a blob, None when there is none."""
        try:
            data = self.service.get_blob_client(container, name).download_blob().readall()
        except ResourceNotFoundError:
            return None
        return bytes(data)

    def download(self, container: str, name: str, target: Path) -> None:
        """Write a blob to a file, in pieces. azure.core's ResourceNotFoundError without one."""
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("wb") as file:
            self.service.get_blob_client(container, name).download_blob().readinto(file)

    def exists(self, container: str, name: str) -> bool:
        """Whether there is such a blob."""
        return bool(self.service.get_blob_client(container, name).exists())

    def list(self, container: str, prefix: str = "") -> list[str]:
        """The names of the blobs with a prefix, sorted."""
        client = self.service.get_container_client(container)
        return sorted(client.list_blob_names(name_starts_with=prefix or None))

    def append(self, container: str, name: str, data: bytes) -> None:
        """Add to the end of a blob that grows, made on first use."""
        client = self.service.get_blob_client(container, name)
        for start in range(0, max(len(data), 1), _APPEND):
            piece = data[start : start + _APPEND]
            try:
                if piece:
                    client.append_block(piece)
                elif not client.exists():
                    client.create_append_blob()
            except ResourceNotFoundError:
                client.create_append_blob()
                client.append_block(piece)

    def delete(self, container: str, name: str) -> None:
        """Delete a blob if it is there."""
        with contextlib.suppress(ResourceNotFoundError):
            self.service.get_blob_client(container, name).delete_blob()

    def url(self, container: str, name: str) -> str:
        """The public address of a blob, without a signature.

        Only what would end the path is quoted: azureml-core quotes what it gets once more.
        """
        safe = "".join(c if c not in "%?#" else quote(c) for c in name)
        return f"https://{self.host}/{container}/{safe}"

    def sas(self, container: str, name: str, permission: str = "r", hours: float = 24) -> str:
        """The public address of a blob with a signature that gives `permission` on it."""
        now = datetime.datetime.now(datetime.UTC)
        signature = generate_blob_sas(
            account_name=self.account,
            container_name=container,
            blob_name=name,
            account_key=self.key,
            permission=BlobSasPermissions.from_string(permission),
            start=now - datetime.timedelta(minutes=10),
            expiry=now + datetime.timedelta(hours=hours),
        )
        return f"{self.url(container, name)}?{signature}"
