"""The cluster on which a training pipeline runs, and the identity that its steps act as."""

from __future__ import annotations

from standin import StandIn
from standin.account import Principal
from standin.computes import ids_of

IDENTITY = (
    "/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/r"
)
ROLE = "AzureML Data Scientist"
CLUSTER = (
    "azure.compute.name=retraining",
    "azure.compute.create=true",
    f"azure.compute.identity={IDENTITY}",
)
"""Settings of the driver."""


def let_in(standin: StandIn) -> Principal:
    """The identity, with the role that steps need."""
    ids = ids_of(IDENTITY)
    who = Principal(ids["principalId"], ids["clientId"], "retraining", {ROLE})
    return standin.account.principals.setdefault(who.object_id, who)
