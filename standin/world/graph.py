"""Microsoft Graph: what its parts have in common.

A list is an index that lags; what is asked for by its id is there at once, unless
`world.directory_seconds` says otherwise.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..routing import AzureError, Json, Request
from .directory_objects import context, matches
from .state import Application, ServicePrincipal

if TYPE_CHECKING:
    from ..standin import Azure

_AUDIENCES = ("https://graph.microsoft.com", "00000003-0000-0000-c000-000000000000")


class GraphPart:
    """A part of the tenant's directory."""

    def __init__(self, azure: Azure) -> None:
        self.azure = azure
        self.account = azure.account
        self.world = azure.world

    def enter(self, request: Request, *, writes: bool = False) -> None:
        """AzureError 401 for a token that is not Graph's, 403 when the directory says no."""
        audience = self.azure.identity.audience(request)
        if audience.rstrip("/") not in _AUDIENCES:
            raise AzureError(
                401,
                "InvalidAuthenticationToken",
                "Access token validation failure. Invalid audience.",
            )
        if writes and not self.world.may_register_applications:
            raise AzureError(
                403,
                "Authorization_RequestDenied",
                "Insufficient privileges to complete the operation.",
            )

    def check_member(self, request: Request) -> None:
        """AzureError 403 for one who may not register applications."""
        who = request.principal
        if who is None or who.object_id in self.world.may_not_register:
            raise AzureError(
                403,
                "Authorization_RequestDenied",
                "Insufficient privileges to complete the operation.",
            )

    def check_owner(self, request: Request, application: Application) -> None:
        """AzureError 403 unless the caller owns an application, or has a directory role."""
        who = request.principal
        assert who is not None
        if who is self.account.administrator or who.object_id in application.owners:
            return
        raise AzureError(
            403,
            "Authorization_RequestDenied",
            "Insufficient privileges to complete the operation.",
        )

    def missing(self, key: str) -> AzureError:
        """The refusal of what is not there."""
        return AzureError(
            404,
            "Request_ResourceNotFound",
            f"Resource '{key}' does not exist or one of its queried reference-property objects are "
            "not present.",
        )

    def replicated(self, one: Application | ServicePrincipal) -> bool:
        """Whether an object is known by its id by now."""
        return time.time() - one.created >= self.world.directory_seconds

    def listed(
        self, request: Request, kind: str, items: Iterable[Application | ServicePrincipal]
    ) -> Json:
        """Those that the index knows by now and that fit the filter."""
        asked = request.query.get("$filter", "")
        found = [one.body for one in items if self.azure.listed(one.created)]
        return {"@odata.context": context(kind), "value": [o for o in found if matches(o, asked)]}
