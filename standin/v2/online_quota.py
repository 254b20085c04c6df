"""The cores that managed online deployments take of the subscription's quota.

Source: "Manage and increase quotas": a fifth more than the instances need is kept for upgrades. The
words of a refusal are those of public reports.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ..compute_sizes import SIZES
from ..world.quotas import CORES
from .online_rules import invalid

if TYPE_CHECKING:
    from ..standin import Azure

TROUBLE = "available here: https://aka.ms/oe-tsg#error-outofquota"


def needed(size: str, count: int) -> tuple[str, int]:
    """The family of a size and the cores of so many instances; "" for one that is not listed."""
    for name, family, cores, *_ in SIZES:
        if name.lower() == size.lower():
            return family, math.ceil(1.2 * count) * cores
    return "", 0


def check(azure: Azure, size: str, count: int, instead_of: int = 0) -> None:
    """AzureError 400 where `count` instances are too many; `instead_of`: how many are there."""
    family, cores = needed(size, count)
    if not family:
        return
    used = 0
    first = azure.first or azure
    for one in (first, *first.neighbours):
        for endpoint in one.v2.online_endpoints.endpoints.values():
            for deployment in endpoint.deployments.values():
                kind, taken = needed(
                    deployment.properties.get("instanceType") or "",
                    int(deployment.sku.get("capacity") or 0),
                )
                used += taken if kind == family else 0
    used -= needed(size, instead_of)[1] if instead_of else 0
    limit = first.world.core_limits.get(family, CORES)
    if used + cores > limit:
        raise invalid(
            f"Not enough quota available for {size} in SubscriptionId "
            f"{azure.account.subscription_id}. Current usage/limit: {used}/{limit}. Additional "
            f"needed: {cores} Please see troubleshooting guide, {TROUBLE}",
            "VmSize",
        )
