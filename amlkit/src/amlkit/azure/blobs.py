"""Files to and from a datastore: each block once, so that an upload goes on where it ended."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

BLOCK = 8 * 2**20
SENDERS = 4
SMALL = 2 * BLOCK


def container_of(account: str, name: str, secret: Any) -> Any:
    """The client of a container, by a key, a signature or the caller's identity.

    Args:
        account: the address of the storage account's blobs.
        name: of the container.
        secret: an account's key, a signature (SAS), or a credential.
    """
    from azure.storage.blob import ContainerClient

    return ContainerClient(account, name, credential=secret)


def upload(
    container: Any, name: str, path: Path, sha256: str, progress: Callable[[int, int], None]
) -> bool:
    """Sends a file unless the blob has this content; False if it was there already.

    A blob appears when its last block is there, so what is found under the name is whole. Blocks
    are named by their content: those of an interrupted upload are not sent again.

    Args:
        container: the client of the container.
        name: the blob's.
        path: the file.
        sha256: of the file's bytes, hex; kept as the blob's metadata.
        progress: called with (bytes done, bytes in all).
    """
    from azure.core.exceptions import ResourceNotFoundError
    from azure.storage.blob import BlobBlock

    blob, total = container.get_blob_client(name), path.stat().st_size
    try:
        if blob.get_blob_properties().metadata.get("sha256") == sha256:
            progress(total, total)
            return False
    except ResourceNotFoundError:
        pass
    if total <= SMALL:
        blob.upload_blob(path.read_bytes(), overwrite=True, metadata={"sha256": sha256})
        progress(total, total)
        return True
    there = _sent_before(blob)
    done, names = 0, []

    def send(part: tuple[str, bytes]) -> int:
        block_id, data = part
        if there.get(block_id) != len(data):
            blob.stage_block(block_id, data, length=len(data))
        return len(data)

    with ThreadPoolExecutor(SENDERS) as pool:
        # A few blocks at a time: the file is not held in memory.
        for batch in _batches(path):
            names += [block_id for block_id, _ in batch]
            for size in pool.map(send, batch):
                done += size
                progress(done, total)
    blob.commit_block_list([BlobBlock(block_id) for block_id in names], metadata={"sha256": sha256})
    return True


def download(container: Any, name: str, path: Path, progress: Callable[[int, int], None]) -> None:
    """Writes a blob to a file, whole or not at all."""
    half = path.with_name(f".{path.name}.{uuid.uuid4().hex}")  # another process may fetch it, too
    stream, done = container.get_blob_client(name).download_blob(), 0
    try:
        with half.open("wb") as file:
            for chunk in stream.chunks():
                file.write(chunk)
                done += len(chunk)
                progress(done, stream.size)
        half.replace(path)
    finally:
        half.unlink(missing_ok=True)


def read(container: Any, name: str) -> bytes | None:
    """A small blob's bytes; None if there is none."""
    from azure.core.exceptions import ResourceNotFoundError

    try:
        return bytes(container.get_blob_client(name).download_blob().readall())
    except ResourceNotFoundError:
        return None


def _sent_before(blob: Any) -> dict[str, int]:
    """The blocks that an interrupted upload left: size in bytes by id."""
    from azure.core.exceptions import ResourceNotFoundError

    try:
        _, uncommitted = blob.get_block_list("uncommitted")
    except ResourceNotFoundError:
        return {}
    return {block.id: block.size for block in uncommitted}


def _batches(path: Path) -> Iterator[list[tuple[str, bytes]]]:
    """The file's blocks, a few at a time, with ids of one length (Azure asks for that)."""
    with path.open("rb") as file:
        place = 0
        while True:
            batch: list[tuple[str, bytes]] = []
            while len(batch) < SENDERS and (data := file.read(BLOCK)):
                batch.append((f"{place:08x}-{hashlib.sha256(data).hexdigest()[:32]}", data))
                place += 1
            if not batch:
                return
            yield batch
