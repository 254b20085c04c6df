"""Faults on demand: what a network and a service do on a bad day, by pattern and count."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass
class Fault:
    """Strikes `count` requests that match, after `after` of them went well.

    `drop=True` closes the connection before answering, `drop="after"` does the work first. With
    `method="CONNECT"` the tunnel to a host is refused: what a company's proxy or a host name that
    is not known looks like. `expire_token` makes the bearer token of the request an expired one,
    from then on.
    """

    path: str = ".*"
    method: str | None = None
    host: str | None = None
    status: int | None = None
    code: str = ""
    message: str = ""
    delay: float = 0.0
    drop: bool | Literal["after"] = False
    expire_token: bool = False
    count: int = 1
    after: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    hits: int = 0
    seen: int = 0

    def __post_init__(self) -> None:
        re.compile(self.path)
        if self.host is not None:
            re.compile(self.host)

    def concerns(self, method: str, host: str, path: str) -> bool:
        """Whether a request is of the kind that this fault strikes."""
        return (
            (self.method == method or (self.method is None and method != "CONNECT"))
            and (self.host is None or re.search(self.host, host) is not None)
            and re.search(self.path, path) is not None
        )

    def __str__(self) -> str:
        said = [f"status {self.status}"] if self.status else []
        said += [f"delay {self.delay:g} s"] if self.delay else []
        said += [f"drop {'after' if self.drop == 'after' else 'before'}"] if self.drop else []
        said += ["expired token"] if self.expire_token else []
        return ", ".join(said)


class Faults:
    """The faults that wait for their request."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._lock = threading.Lock()

    def add(self, fault: Fault) -> Fault:
        """Put a fault in wait."""
        with self._lock:
            self._faults.append(fault)
        return fault

    def all(self) -> list[Fault]:
        """The faults, those that struck often enough too."""
        with self._lock:
            return list(self._faults)

    def clear(self) -> None:
        """Take all faults away."""
        with self._lock:
            self._faults.clear()

    def take(self, method: str, host: str, path: str) -> Fault | None:
        """The fault that strikes this request, counted, or None."""
        with self._lock:
            for fault in self._faults:
                if fault.hits >= fault.count or not fault.concerns(method, host, path):
                    continue
                fault.seen += 1
                if fault.seen > fault.after:
                    fault.hits += 1
                    return fault
        return None
