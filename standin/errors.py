"""The refusal of a service."""

from __future__ import annotations

from collections.abc import Mapping


class AzureError(Exception):
    """A refusal: answered with `status` and an error body in the shape of the host asked."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        headers: Mapping[str, str] | None = None,
        target: str = "",
        details: list[dict[str, str]] | None = None,
    ) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status, self.code, self.message = status, code, message
        self.headers = dict(headers or {})
        self.details = details or []  # of a deployment: what was wrong, one by one
        self.target = target  # what it is about, where Resource Manager says that besides


def not_played(what: str) -> AzureError:
    """The refusal of what Azure would do and the stand-in does not."""
    return AzureError(501, "StandInUnhandled", f"The stand-in does not play {what}")
