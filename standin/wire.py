"""The body of a request as it arrives: by length or in chunks, read whole or passed on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from email.message import Message
from io import BufferedIOBase

PIECE = 256 * 1024


class Headers(Mapping[str, str]):
    """The headers of a request; names in any case."""

    def __init__(self, message: Message) -> None:
        self._message = message

    def __getitem__(self, name: str) -> str:
        value = self._message[name]
        if value is None:
            raise KeyError(name)
        return str(value)

    def __iter__(self) -> Iterator[str]:
        return iter(self._message.keys())

    def __len__(self) -> int:
        return len(self._message)


class Body:
    """The body behind a request's head. `count` is how many bytes of it were read so far."""

    def __init__(self, stream: BufferedIOBase, headers: Mapping[str, str]) -> None:
        self._stream = stream
        self.chunked = (headers.get("Transfer-Encoding") or "").lower() == "chunked"
        self.length = 0 if self.chunked else int(headers.get("Content-Length") or 0)
        self.count = 0
        self._done = not self.chunked and not self.length

    @property
    def waiting(self) -> bool:
        """Whether there is something left to read."""
        return not self._done

    def pieces(self) -> Iterator[bytes]:
        """The body in pieces of moderate size. ConnectionError when the client stops midway."""
        if self.chunked:
            while not self._done:
                size = int(self._stream.readline().split(b";")[0] or b"0", 16)
                yield from self._take(size)
                self._stream.readline()
                self._done = not size
        elif not self._done:
            yield from self._take(self.length - self.count)
            self._done = True

    def _take(self, size: int) -> Iterator[bytes]:
        while size:
            piece = self._stream.read(min(size, PIECE))
            if not piece:
                self._done = True
                raise ConnectionResetError("the client stopped in the middle of a body")
            size -= len(piece)
            self.count += len(piece)
            yield piece

    def read(self) -> bytes:
        """The whole body."""
        return b"".join(self.pieces())

    def drain(self) -> None:
        """Read to the end, keeping nothing, so that the next request can follow."""
        for _ in self.pieces():
            pass
