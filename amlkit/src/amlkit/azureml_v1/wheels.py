"""Private wheels as SDK v1 sends them to a workspace."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from amlkit.azure.owners import called
from amlkit.azure.wheels import CONTAINER, ORIGIN, content_name
from amlkit.azureml_v1.connection import Connection
from amlkit.records import WorkError


def send(connection: Connection, wheel: Path, private_wheel: Callable[[Any, Path], str]) -> str:
    """Has the owner's function send a wheel; returns its address, at which it is.

    Raises:
        WorkError: the function returns no address.
    """
    from azure.core.exceptions import ResourceExistsError

    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, content_name(wheel))
        shutil.copyfile(wheel, copy)
        try:
            address = private_wheel(connection.workspace, copy)
        except ResourceExistsError:  # SDK v2 sent these bytes; the SDK has them written down by now
            address = private_wheel(connection.workspace, copy)
        if not isinstance(address, str) or not address:
            where = called(private_wheel, connection.settings.root)
            kind = type(address).__name__
            raise WorkError(f"{where} must return the wheel's address; it returns {kind}")
        if address.endswith(f"/{ORIGIN}/{CONTAINER}/{copy.name}"):
            _mend(connection, copy)
    connection.say(f"private wheel {wheel.name} is at {address}")
    return address


def _mend(connection: Connection, wheel: Path) -> None:
    """Sends the bytes of a wheel whose upload was cut off.

    The SDK writes the artifact down before it sends the bytes, and takes one that is written down
    for one that is there.
    """
    import requests
    from azure.storage.blob import BlobClient
    from azureml._restclient.artifacts_client import ArtifactsClient

    client = ArtifactsClient(connection.workspace.service_context)
    address = client.get_file_uri(ORIGIN, CONTAINER, wheel.name)
    found = requests.head(address, timeout=60)
    size = wheel.stat().st_size
    if found.status_code == 200 and int(found.headers.get("Content-Length", -1)) == size:
        return
    if found.status_code not in (200, 404):
        found.raise_for_status()
    address = client.get_writeable_artifact_sas_uri(ORIGIN, CONTAINER, wheel.name)
    BlobClient.from_blob_url(address).upload_blob(wheel.read_bytes(), overwrite=True)
    connection.say(f"the upload of {wheel.name} had been cut off; it is sent again")
