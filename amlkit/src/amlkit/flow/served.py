"""What `src/deploy.py` answers of an endpoint: lines for a person, and the record of `--json`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from amlkit.flow import due, traffic
from amlkit.records import Endpoint, Model


@dataclass(frozen=True)
class Served:
    """An endpoint as it is now, and what was done to it."""

    name: str
    endpoint: Endpoint | None
    model: Model | None = None
    """Named in the record where another one than the serving one is meant."""
    switched: bool = False
    rolled_back: bool = False
    reason: str = ""
    lines: tuple[str, ...] = ()
    due: due.Due | None = None
    """Where it was asked for."""
    log: tuple[str, ...] = ()
    """The last lines of a failed deployment's server."""
    more: Mapping[str, Any] = field(default_factory=dict)
    """What the record holds beside."""

    @property
    def failure(self) -> str:
        """A deployment that was taken back is a failure; what served before serves on."""
        return self.reason if self.rolled_back else ""

    def words(self) -> Sequence[str]:
        """Lines for a person."""
        return self.lines

    def record(self) -> dict[str, Any]:
        """The JSON object."""
        endpoint, serving_one = self.endpoint, self.endpoint and self.endpoint.serving
        previous = endpoint.previous if endpoint else None
        status = endpoint.status if endpoint else "NotDeployed"
        model: dict[str, Any] = {"name": None, "version": None}
        if self.model:
            model = {"name": self.model.name, "version": self.model.version}
        elif serving_one:
            model = {"name": serving_one.model, "version": serving_one.model_version}
        done: dict[str, Any] = {
            "endpoint": {
                "name": self.name,
                "uri": endpoint.uri if endpoint else None,
                "status": status,
                "reason": endpoint.reason if endpoint else "",
                "notes": list(endpoint.notes) if endpoint else [],
            },
            "status": "Failed" if self.rolled_back else status,
            "model": model,
            "deployment": serving_one.name if serving_one else None,
            "previous": previous and {"name": previous.model, "version": previous.model_version},
            "switched": self.switched,
            "rolled_back": self.rolled_back,
        }
        if endpoint and (listed := traffic.record_of(endpoint)):
            done["deployments"] = listed
        if self.reason:
            done["reason"] = self.reason
        if self.due:
            done["due"] = self.due.record()
        if self.log:
            done["log"] = list(self.log)
        return done | dict(self.more)


@dataclass(frozen=True)
class Key:
    """An endpoint's key: printed alone, and nowhere else."""

    endpoint: str
    key: str = field(repr=False)
    token_command: str = ""
    """The command that prints a token, where requests need one and no key."""
    failure: str = ""

    def words(self) -> Sequence[str]:
        """The key."""
        none = f"endpoint {self.endpoint} asks for no key: it is reached from this machine alone"
        if self.token_command:
            none = f"endpoint {self.endpoint} takes no key but tokens: {self.token_command}"
        return (self.key or none,)

    def record(self) -> dict[str, Any]:
        """The JSON object."""
        found: dict[str, Any] = {"endpoint": {"name": self.endpoint}, "key": self.key or None}
        return found | ({"token_command": self.token_command} if self.token_command else {})
