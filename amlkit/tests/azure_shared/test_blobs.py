"""Files of a datastore on their way here; the container is a double."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from amlkit.azure import blobs


class Container:
    """A double of a container client, its one blob and its download stream."""

    size = 4

    def __init__(self, *chunks: bytes, broken: bool = False) -> None:
        self.sent, self.broken = chunks, broken

    def get_blob_client(self, name: str) -> Container:
        """The one blob."""
        return self

    def download_blob(self) -> Container:
        """Its stream."""
        return self

    def chunks(self) -> Iterator[bytes]:
        """What arrives."""
        yield from self.sent
        if self.broken:
            raise ConnectionError("cut off")


def test_blob_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    heard: list[Any] = []
    path = tmp_path / "table.csv"
    with pytest.raises(ConnectionError):
        blobs.download(Container(b"ab", broken=True), "x", path, lambda *said: heard.append(said))
    assert list(tmp_path.iterdir()) == []
    blobs.download(Container(b"ab", b"cd"), "x", path, lambda *said: heard.append(said))
    assert path.read_bytes() == b"abcd"
    assert list(tmp_path.iterdir()) == [path]
    assert heard == [(2, 4), (2, 4), (4, 4)]
