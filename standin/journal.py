"""The journal: every request that reached the stand-in, in order."""

from __future__ import annotations

import json
import re
import threading
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path


@dataclass
class Entry:
    """One request. `route` names its handler ("" if none was called), `fault` what struck it."""

    number: int
    time: float
    method: str
    host: str
    path: str
    query: str = ""
    status: int = 0
    seconds: float = 0.0
    route: str = ""
    request_bytes: int = 0
    response_bytes: int = 0
    fault: str = ""
    client: str = ""
    refused: bool = False
    error: str = field(default="", repr=False)  # what went wrong inside the stand-in itself


# Signatures and keys in a query would be secrets in a transcript.
_SECRET = re.compile(r"(?i)\b(sig|skoid|sktid|code|token|client_secret)=[^&]*")


class Journal:
    """A list of entries that threads append to."""

    def __init__(self) -> None:
        self._entries: list[Entry] = []
        self._lock = threading.Lock()

    def begin(self, method: str, host: str, path: str, query: str, client: str) -> Entry:
        """A new entry, at the place where its request arrived."""
        query = _SECRET.sub(r"\1=REDACTED", query)
        with self._lock:
            entry = Entry(len(self._entries), time.time(), method, host, path, query, client=client)
            self._entries.append(entry)
        return entry

    def mark(self) -> int:
        """A place in the journal, for `since`."""
        with self._lock:
            return len(self._entries)

    def since(self, mark: int = 0) -> list[Entry]:
        """The entries from `mark` on."""
        with self._lock:
            return self._entries[mark:]

    @property
    def entries(self) -> list[Entry]:
        """All entries."""
        return self.since(0)

    def find(
        self,
        *,
        method: str | None = None,
        path_regex: str = "",
        host: str | None = None,
        since: int = 0,
    ) -> list[Entry]:
        """The entries of a method whose path, or host and path, contains the expression."""
        pattern = re.compile(path_regex, re.I)
        return [
            entry
            for entry in self.since(since)
            if (method is None or entry.method == method)
            and (host is None or re.search(host, entry.host))
            and pattern.search(entry.path)
        ]

    def refused(self) -> list[Entry]:
        """Requests to hosts that are not played."""
        return [entry for entry in self.entries if entry.refused]

    def unhandled(self) -> list[Entry]:
        """Requests to a played host that no part answers, or that a part broke on."""
        return [e for e in self.entries if e.error or (e.status == 501 and not e.fault)]

    def write(self, path: Path | str) -> None:
        """Write the journal as JSON lines."""
        lines = [json.dumps(asdict(entry)) for entry in self.entries]
        Path(path).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
