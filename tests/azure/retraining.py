"""The cluster on which a training pipeline runs, and the identity that its steps act as."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from standin import StandIn
from standin.account import Principal
from standin.computes import principal_of

IDENTITY = (
    "/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity"
    "/userAssignedIdentities/retraining"
)
ROLE = "AzureML Data Scientist"
CLUSTER = (
    "azure.compute.name=retraining",
    "azure.compute.create=true",
    f"azure.compute.identity={IDENTITY}",
)
"""Settings of the driver."""


@contextmanager
def let_in(standin: StandIn) -> Iterator[Principal]:
    """The identity with the role that steps need, for a while; it may be known already."""
    new = principal_of(IDENTITY)
    who = standin.account.principals.setdefault(new.object_id, new)
    before = set(who.roles)
    who.roles.add(ROLE)
    try:
        yield who
    finally:
        who.roles.clear()
        who.roles |= before


@contextmanager
def given(standin: StandIn) -> Iterator[None]:
    """The workspace has the identity for a while, of its steps on serverless compute."""
    held = standin.account.workspace_identities
    before = dict(held)
    held[IDENTITY] = {}
    try:
        yield
    finally:
        standin.account.workspace_identities = before
