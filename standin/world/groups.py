"""Resource groups, and the list of what lies in them.

Shapes: Microsoft.Resources, resource groups 2025-04-01.
"""

from __future__ import annotations

import re
import threading
from typing import TYPE_CHECKING

from ..account import Group, timestamp
from ..routing import ARM, Answer, AzureError, Json, Request, route
from .operations import SECONDS
from .state import VAULT, WORKSPACE, Resource

if TYPE_CHECKING:
    from ..standin import Azure

_NAME = re.compile(r"[-\w.()]{0,89}[-\w()]")
_ACTION = "Microsoft.Resources/subscriptions/resourceGroups"
_GROUP = "/subscriptions/{subscription}/resourceGroups/{group}"
#: What a deleted resource leaves behind under its name.
SOFT = (WORKSPACE.lower(), VAULT.lower())


class Groups:
    """Creates, shows, lists and deletes resource groups."""

    def __init__(self, azure: Azure) -> None:
        self.azure = azure
        self.account = azure.account
        self.world = azure.world

    def _body(self, group: Group) -> Json:
        return {
            "id": self.account.group_path_of(group.name),
            "name": group.name,
            "type": "Microsoft.Resources/resourceGroups",
            "location": group.location,
            **({"tags": group.tags} if group.tags is not None else {}),
            "properties": {"provisioningState": "Deleting" if group.deleting else "Succeeded"},
        }

    def _check(self, request: Request, subscription: str, group: str, verb: str) -> None:
        self.account.check_subscription(subscription)
        scope = self.account.group_path_of(group)
        self.azure.access.check(request, f"{_ACTION}/{verb}", scope)

    @route("GET", ARM, _GROUP)
    def get(self, request: Request, subscription: str, group: str) -> Json:
        """One resource group. 404 ResourceGroupNotFound."""
        self._check(request, subscription, group, "read")
        self.account.check_group(subscription, group)
        return self._body(self.world.groups[group.lower()])

    @route("HEAD", ARM, _GROUP)
    def exists(self, request: Request, subscription: str, group: str) -> Answer:
        """204 when there is such a group, 404 when there is none."""
        self._check(request, subscription, group, "read")
        if group.lower() in self.world.groups:
            return Answer(204)
        return Answer(404, None, {"x-ms-failure-cause": "gateway"})

    @route("PUT", ARM, _GROUP)
    def put(self, request: Request, subscription: str, group: str) -> Answer:
        """Create a group (201) or change its tags (200). 409 for another location."""
        self._check(request, subscription, group, "write")
        if not _NAME.fullmatch(group):
            wrong = re.sub(r"[-\w.()]", "", group)
            raise AzureError(
                400,
                "InvalidResourceGroup",
                "The provided resource group name has these invalid characters: "
                f"'{wrong}'. The name can only be a letter, digit, "
                "'-', '.', '(', ')' or '_'.",
            )
        body = request.json()
        location = re.sub(r"\s", "", str(body.get("location") or "")).lower()
        if not location:
            raise AzureError(400, "LocationRequired", "The location property is required.")
        with self.account.lock:
            old = self.world.groups.get(group.lower())
            if old is not None and old.deleting:
                raise AzureError(
                    409,
                    "ResourceGroupBeingDeleted",
                    f"The resource group '{group}' is in deprovisioning state and cannot perform "
                    "this operation.",
                )
            if old is not None and old.location != location:
                raise AzureError(
                    409,
                    "InvalidResourceGroupLocation",
                    f"Invalid resource group location '{location}'. The Resource group already "
                    f"exists in location '{old.location}'.",
                )
            made = old or Group(group, location)
            made.tags = body.get("tags", made.tags)
            self.world.groups[group.lower()] = made
        return Answer(200 if old else 201, self._body(made))

    @route("DELETE", ARM, _GROUP)
    def delete(self, request: Request, subscription: str, group: str) -> Answer:
        """Delete a group and all in it, behind a 202. 404 when there is none."""
        self._check(request, subscription, group, "delete")
        self.account.check_group(subscription, group)
        self.world.groups[group.lower()].deleting = True
        operation = self.azure.operations.begin()
        ending = threading.Timer(SECONDS, self._forget, (group,))  # whoever asks, or nobody
        ending.daemon = True
        ending.start()
        return self.azure.operations.accepted(
            f"https://{request.host}/subscriptions/{subscription}/operationresults/"
            f"{operation.name}?api-version=2025-04-01"
        )

    def _forget(self, group: str) -> None:
        path = self.account.group_path_of(group)
        with self.account.lock:
            self.world.groups.pop(group.lower(), None)
            for one in self.world.within(path):
                self.azure.resources.remove(one, softly=one.type.lower() in SOFT)
            self.world.forget_assignments(path)
            self.azure.deployments.forget(path)

    @route("GET", ARM, "/subscriptions/{subscription}/resourceGroups")
    def list(self, request: Request, subscription: str) -> Json:
        """The resource groups that the caller may read, a little late."""
        self.account.check_subscription(subscription)
        return {
            "value": [
                self._body(one)
                for one in self.world.groups.values()
                if self.azure.listed(one.created) and self._reads(request, one.name)
            ]
        }

    def _reads(self, request: Request, group: str) -> bool:
        who = request.principal
        scope = self.account.group_path_of(group)
        return who is not None and self.azure.access.may(who, f"{_ACTION}/read", scope)

    @route("GET", ARM, "/subscriptions/{subscription}/resources")
    @route("GET", ARM, _GROUP + "/resources")
    def resources(self, request: Request, subscription: str, group: str = "") -> Json:
        """The resources in short, a little late; `$filter=resourceType eq '...'` is known."""
        self.account.check_subscription(subscription)
        if group:
            self.account.check_group(subscription, group)
        found = re.search(r"resourceType eq '([^']*)'", request.query.get("$filter", ""), re.I)
        who = request.principal
        return {
            "value": [
                self._short(one)
                for one in self.world.resources.values()
                if (not found or one.type.lower() == found[1].lower())
                and (not group or f"/resourcegroups/{group}/".lower() in one.id.lower())
                and self.azure.listed(one.created)
                and who is not None
                and self.azure.access.may(who, f"{one.type}/read", one.id)
            ]
        }

    def _short(self, one: Resource) -> Json:
        body = one.body()
        short = ("id", "name", "type", "location", "tags", "kind", "sku", "identity")
        times = {"createdTime": timestamp(one.created), "changedTime": timestamp(one.created)}
        return {key: body[key] for key in short if key in body} | times
