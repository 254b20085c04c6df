"""Quotas of virtual machines, of the subscription and of Azure ML.

Shapes: Microsoft.Compute, usages 2024-07-01; Microsoft.MachineLearningServices, usages 2024-10-01.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..routing import ARM, Json, Request, route

if TYPE_CHECKING:
    from ..standin import Azure

_PLACE = "/subscriptions/{subscription}/providers/{provider}/locations/{location}/usages"
# A family of machines as Azure names it → its words.
FAMILIES = {
    "standardDSv2Family": "Standard DSv2 Family vCPUs",
    "standardDSv3Family": "Standard DSv3 Family vCPUs",
    "standardDv2Family": "Standard Dv2 Family vCPUs",
    "standardFSv2Family": "Standard FSv2 Family vCPUs",
    "standardNCSv3Family": "Standard NCSv3 Family vCPUs",
}
#: The quota of a family where a test sets no other.
CORES = 100


class Quotas:
    """How many cores may be used, and how many are."""

    def __init__(self, azure: Azure) -> None:
        self.azure = azure
        self.account = azure.account
        self.world = azure.world

    def _limit(self, family: str) -> int:
        return self.world.core_limits.get(family, CORES)

    @route("GET", ARM, _PLACE.replace("{provider}", "Microsoft.Compute"))
    def of_compute(self, request: Request, subscription: str, location: str) -> Json:
        """The quotas of the subscription in a region."""
        self._check(request, subscription, f"Microsoft.Compute/locations/{location}/usages/read")
        names = {"cores": "Total Regional vCPUs", **FAMILIES}
        return {
            "value": [
                {
                    "currentValue": 0,
                    "limit": self._limit(name),
                    "unit": "Count",
                    "name": {"value": name, "localizedValue": words},
                }
                for name, words in names.items()
            ]
        }

    @route("GET", ARM, _PLACE.replace("{provider}", "Microsoft.MachineLearningServices"))
    def of_machine_learning(self, request: Request, subscription: str, location: str) -> Json:
        """The quotas of Azure ML's clusters in a region; it keeps cores of its own."""
        action = f"Microsoft.MachineLearningServices/locations/{location}/usages/read"
        self._check(request, subscription, action)
        usages = f"/subscriptions/{subscription}/usages"
        kind = "Microsoft.MachineLearningServices"
        total = "Total Cluster Dedicated Regional vCPUs"
        value = [_usage(usages, f"{kind}/dedicatedCores/usages", total, self._limit("cores"))]
        for family, words in FAMILIES.items():
            name = words.replace("vCPUs", "Cluster Dedicated vCPUs")
            path = f"{usages}/{name.replace(' ', '_')}"
            value.append(_usage(path, f"{kind}/vmFamily/usages", name, self._limit(family)))
        return {"value": value}

    def _check(self, request: Request, subscription: str, action: str) -> None:
        self.account.check_subscription(subscription)
        self.azure.access.check(request, action, f"/subscriptions/{subscription}")


def _usage(path: str, kind: str, name: str, limit: int) -> Json:
    """One quota of Azure ML, with none of it in use."""
    return {
        "id": path,
        "type": kind,
        "currentValue": 0,
        "limit": limit,
        "unit": "Count",
        "name": {"value": name, "localizedValue": name},
    }
