"""Files that a run wrote, by the addresses that one request lists."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

from amlkit.azure.jobs import OUTPUTS
from amlkit.azureml_v1.connection import Connection


def outputs(connection: Connection, run_id: str) -> dict[str, str]:
    """What a finished run wrote below `outputs/`: address by name, asked for once in a command."""

    def ask() -> dict[str, str]:
        return listed(connection.run(run_id), OUTPUTS)

    return dict(connection.kept(("outputs", run_id), ask))


def listed(run: Any, folder: str) -> dict[str, str]:
    """A run's files below a folder: address, good for some hours, by name.

    The SDK's public `download_file` asks for each file's address, its `get_file_names` gives none.
    """
    prefix = f"ExperimentRun/{run._container}/{folder.rstrip('/')}"
    found = run._client.artifacts.get_files_by_artifact_prefix_id(prefix)
    return {name: address for name, address in found if name.startswith(folder)}


def download(address: str, path: Path) -> None:
    """Writes the file at an address to a path of this machine, whole or not at all."""
    from azure.storage.blob import BlobClient

    half = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    half.parent.mkdir(parents=True, exist_ok=True)
    try:
        with half.open("wb") as file:
            BlobClient.from_blob_url(address).download_blob().readinto(file)
        half.replace(path)
    finally:
        half.unlink(missing_ok=True)
