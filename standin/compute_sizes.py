"""The sizes of virtual machines that clusters can have.

Shape: VirtualMachineSizes in the published specification. The list is a selection; a size that is
not in it is taken when its name has the form of one.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .routing import ARM, Json, Request, route

if TYPE_CHECKING:
    from .standin import Azure

SIZE = re.compile(r"^STANDARD_[A-Z]{1,3}\d+[A-Z\d-]*(_[A-Z\d]+)*$", re.I)

#: Name, family, cores, gigabytes of memory, GPUs.
SIZES = (
    ("Standard_D2_v2", "standardDv2Family", 2, 7.0, 0),
    ("Standard_DS2_v2", "standardDSv2Family", 2, 7.0, 0),
    ("Standard_DS3_v2", "standardDSv2Family", 4, 14.0, 0),
    ("Standard_DS4_v2", "standardDSv2Family", 8, 28.0, 0),
    ("Standard_F4s_v2", "standardFSv2Family", 4, 8.0, 0),
    ("Standard_NC6s_v3", "standardNCSv3Family", 6, 112.0, 1),
)


class ComputeSizes:
    """The sizes to be had in a location."""

    def __init__(self, azure: Azure) -> None:
        self.azure = azure

    @route(
        "GET",
        ARM,
        "/subscriptions/{subscription}/providers/Microsoft.MachineLearningServices"
        "/locations/{location}/vmSizes",
    )
    def list(self, request: Request, subscription: str, location: str) -> Json:
        """All sizes; the same in every location. azureml-core asks an old version of the API."""
        self.azure.account.check_subscription(subscription)
        old = request.query.get("api-version", "") < "2020-08-01"
        return {
            "amlCompute" if old else "value": [
                {
                    "name": name,
                    "family": family,
                    "vCPUs": cores,
                    "gpus": gpus,
                    "osVhdSizeMB": 1047552,
                    "maxResourceVolumeMB": cores * 7168,
                    "memoryGB": memory,
                    "lowPriorityCapable": True,
                    "premiumIO": "s" in name.split("_")[1].lower(),
                    "supportedComputeTypes": ["AmlCompute"],
                }
                for name, family, cores, memory, gpus in SIZES
            ]
        }
