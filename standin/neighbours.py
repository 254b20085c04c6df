"""A second workspace beside the first: another resource group, the same tenant and subscription.

Each workspace has the parts of its own data plane; who calls, what there is in the subscription,
journal, faults and storage are common to both.
"""

from __future__ import annotations

import re
import secrets
import uuid
from typing import TYPE_CHECKING

from .account import Account, Group
from .world.furnish import settle

if TYPE_CHECKING:
    from .standin import Azure

# What is common of two accounts is that of the tenant, the subscription and who calls.
_OWN = ("resource_group", "workspace_name", "workspace_id", "storage_account", "dependencies")


def beside(first: Account, group: str, workspace: str) -> Account:
    """The account of a second workspace of a subscription, in a resource group of its own."""
    second = Account(first.location)
    for name, value in vars(first).items():
        if name not in _OWN:
            setattr(second, name, value)
    second.resource_group, second.workspace_name = group, workspace
    second.workspace_id = str(uuid.uuid4())
    second.storage_account = "standin" + secrets.token_hex(6)
    second.dependencies = {}
    first.groups.setdefault(group.lower(), Group(group, first.location))
    return second


def owner(azure: Azure, host: str, path: str) -> Azure:
    """Who answers a request: the workspace that its path or its host names, else the first."""
    for other in azure.neighbours:
        account = other.account
        named = rf"/resourceGroups/{account.resource_group}/.*/workspaces/{account.workspace_name}"
        if re.search(rf"{named}(?![^/])|{account.workspace_id}", path, re.IGNORECASE):
            return other
        if other.services.at(host) or other.v2.serves(host):
            return other
    return azure


def open_beside(first: Azure, group: str, workspace: str) -> Azure:
    """A second workspace, with a cluster and storage of its own; it ends with the first."""
    account = beside(first.account, group, workspace)
    second = type(first)(first.folder / workspace, first.lag, first=first, account=account)
    first.neighbours.append(second)
    settle(second)
    return second
