"""What may go wrong with a request, and faults that strike each request of a bootstrap in turn."""

from __future__ import annotations

import itertools
import re
from typing import Any

from standin.faults import Fault
from standin.standin import StandIn

# What the services say, as az shows it; Microsoft Graph's codes it does not show.
DENIED = "Insufficient privileges to complete the operation: the client does not have authorization"
BUSY = "Another operation is in progress on the resource; it conflicts with this one"
SOON = {"Retry-After": "1"}
KINDS: dict[str, dict[str, Any]] = {
    "drop": {"drop": True},
    "drop after": {"drop": "after"},
    "403": {"status": 403, "code": "AuthorizationFailed", "message": DENIED},
    "409": {"status": 409, "code": "Conflict", "message": BUSY},
    "429": {
        "status": 429,
        "code": "TooManyRequests",
        "message": "Too many requests",
        "headers": SOON,
    },
    "503": {
        "status": 503,
        "code": "ServiceUnavailable",
        "message": "The service is unavailable",
        "headers": SOON,
    },
    "kill": {"delay": 0.3},  # every process is gone by then; Azure does what it was asked for
}
# What is another each time, in a path.
RANDOM = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|\d{4,}")


class InTurn(Fault):
    """One of a row of faults: the first that has not struck strikes one of the requests to come."""

    def __init__(self, row: list[InTurn], met: set[str], every: int, kind: str) -> None:
        super().__init__(**KINDS[kind])
        self.row, self.met, self.every, self.kind = row, met, every, kind
        self.what = ""

    def concerns(self, method: str, host: str, path: str) -> bool:
        """Whether it is this fault's turn, and that of a request like none that was met before."""
        what = f"{method} {host}{RANDOM.sub('#', path)}"
        if method == "CONNECT" or self.row[0] is not self or what in self.met:
            return False
        self.met.add(what)
        if len(self.met) % self.every:
            return False
        self.row.pop(0)
        self.what = what
        return True


def lay(standin: StandIn, first: int, every: int = 1, count: int = 1000) -> list[InTurn]:
    """Faults in wait for requests to come, of each kind in turn, from that number on.

    Of requests that are met for the first time, one in `every` is struck.
    """
    kinds = itertools.islice(itertools.cycle(KINDS), first, first + count)
    row: list[InTurn] = []
    met: set[str] = set()
    row += [InTurn(row, met, every, kind) for kind in kinds]
    for fault in row:
        standin.azure.faults.add(fault)
    return list(row)
