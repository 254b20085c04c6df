"""Azure Monitor's autoscale settings of online deployments.

Shape: Microsoft.Insights, autoscale_API.json 2022-10-01. The bounds of a setting count: a
deployment's instances are brought between them. Its rules are kept and never fire: one process
has no load that they could go by.
"""

from __future__ import annotations

import re
import threading
import time
from typing import TYPE_CHECKING

from ..routing import ARM, Answer, AzureError, Json, Request, route
from .system import system_data

if TYPE_CHECKING:
    from ..standin import Azure
    from .online_deployments import Deployment

KIND = "Microsoft.Insights/autoscaleSettings"
_GROUP = "/subscriptions/{subscription}/resourceGroups/{group}/providers/microsoft.insights"
_TARGET = re.compile(
    r"(.*/workspaces/[^/]+)/onlineEndpoints/([^/]+)/deployments/([^/]+)/?", re.IGNORECASE
)
MOST_PROFILES = 20


class Autoscale:
    """The autoscale settings of the subscription."""

    def __init__(self, azure: Azure) -> None:
        self.azure = azure
        self._lock = threading.RLock()
        self._settings: dict[str, Json] = {}

    def _check(self, request: Request, subscription: str, group: str, verb: str) -> None:
        account = self.azure.account
        account.check_group(subscription, group)
        self.azure.access.check(request, f"{KIND}/{verb}", account.group_path_of(group))

    def _target(self, uri: str) -> Deployment:
        """The deployment that a setting names, in any workspace. AzureError 400, 501."""
        found = _TARGET.fullmatch(uri)
        if found is None:
            raise AzureError(501, "StandInUnhandled", f"Autoscale of {uri} is not played")
        for azure in (self.azure, *self.azure.neighbours):
            if azure.account.workspace_path.lower() == found[1].lower():
                deployment: Deployment = azure.v2.online_deployments.find(found[2], found[3])
                return deployment
        raise AzureError(404, "ResourceNotFound", f"The resource '{uri}' was not found.")

    @route("PUT", ARM, _GROUP + "/autoscaleSettings/{name}")
    def put(self, request: Request, subscription: str, group: str, name: str) -> Answer:
        """Make a setting (201) or change it (200). AzureError 400, 403, 404."""
        self._check(request, subscription, group, "write")
        body = request.json()
        given: Json = body.get("properties") or {}
        deployment = self._target(str(given.get("targetResourceUri") or ""))
        bounds = [_bounds(one) for one in given.get("profiles") or []]
        if not 1 <= len(bounds) <= MOST_PROFILES:
            raise _wrong(f"A setting has from 1 to {MOST_PROFILES} profiles.")
        path = f"{self.azure.account.group_path_of(group)}/providers/{KIND}/{name}"
        with self._lock:
            known = self._settings.get(path.lower())
            now = time.time()
            who = request.principal
            made: Json = {
                "id": path,
                "name": name,
                "type": KIND,
                "location": body.get("location") or self.azure.account.location,
                "tags": body.get("tags") or {},
                "properties": {
                    "enabled": False,
                    "notifications": [],
                    "name": name,
                    "targetResourceLocation": "",
                    **given,
                },
                "systemData": system_data(who, now, who, now),
            }
            self._settings[path.lower()] = made
        if made["properties"]["enabled"]:
            least, most = bounds[0]
            count = int(deployment.sku["capacity"])
            deployment.sku = {"capacity": min(max(count, least), most)}
        return Answer(200 if known else 201, made)

    @route("GET", ARM, _GROUP + "/autoscaleSettings")
    def list(self, request: Request, subscription: str, group: str) -> Json:
        """The settings of a resource group."""
        self._check(request, subscription, group, "read")
        above = f"{self.azure.account.group_path_of(group)}/".lower()
        return {"value": [one for key, one in self._settings.items() if key.startswith(above)]}

    @route("GET", ARM, _GROUP + "/autoscaleSettings/{name}")
    def get(self, request: Request, subscription: str, group: str, name: str) -> Json:
        """One setting. 404."""
        self._check(request, subscription, group, "read")
        path = f"{self.azure.account.group_path_of(group)}/providers/{KIND}/{name}"
        found = self._settings.get(path.lower())
        if found is None:
            raise self.azure.resources.not_found(path)
        return found

    @route("DELETE", ARM, _GROUP + "/autoscaleSettings/{name}")
    def delete(self, request: Request, subscription: str, group: str, name: str) -> Answer:
        """Delete a setting (200); 204 without one."""
        self._check(request, subscription, group, "delete")
        path = f"{self.azure.account.group_path_of(group)}/providers/{KIND}/{name}"
        return Answer(200 if self._settings.pop(path.lower(), None) else 204)


def _wrong(message: str) -> AzureError:
    return AzureError(400, "BadRequest", message)


def _bounds(profile: Json) -> tuple[int, int]:
    """The least and the most instances of a profile. AzureError 400."""
    told: Json = profile.get("capacity") or {}
    try:
        least, default, most = (int(told[key]) for key in ("minimum", "default", "maximum"))
    except (KeyError, TypeError, ValueError):
        raise _wrong("A profile's capacity needs minimum, maximum and default.") from None
    if not 1 <= least <= default <= most:
        raise _wrong(f"The capacity {least} to {most}, {default} by default, cannot be.")
    return least, most
