"""Application Insights: takes what the SDK's native data engine reports, and keeps nothing.

Shape: the answer of the ingestion endpoint ("Application Insights API", track).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .routing import TELEMETRY, Json, Request, route

if TYPE_CHECKING:
    from .standin import Azure


class Telemetry:
    """Accepts and forgets."""

    def __init__(self, azure: Azure) -> None:
        self.azure = azure

    @route("POST", TELEMETRY, "/v2/track", auth=False)
    @route("POST", TELEMETRY, "/v2.1/track", auth=False)
    def track(self, request: Request) -> Json:
        """Say that everything was taken."""
        return {"itemsReceived": 1, "itemsAccepted": 1, "errors": []}
