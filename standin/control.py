"""The control door for users in another process: http://standin.invalid through the same proxy."""

from __future__ import annotations

import re
from dataclasses import asdict, fields
from typing import TYPE_CHECKING

from .faults import Fault
from .routing import CONTROL, AzureError, Json, Request, route

if TYPE_CHECKING:
    from .standin import Azure


class Control:
    """The journal, faults and roles, by HTTP. None of it is Azure's."""

    def __init__(self, azure: Azure) -> None:
        self.azure = azure

    @route("GET", CONTROL, "/journal", auth=False)
    def journal(self, request: Request) -> Json:
        """The entries, from `?since=MARK` on, and the mark for the next question."""
        journal = self.azure.journal
        mark = journal.mark()
        entries = journal.since(int(request.query.get("since") or 0))
        return {"mark": mark, "entries": [asdict(entry) for entry in entries]}

    @route("GET", CONTROL, "/faults", auth=False)
    def faults(self, request: Request) -> Json:
        """The faults in wait, with their hits."""
        return {"faults": [asdict(fault) for fault in self.azure.faults.all()]}

    @route("POST", CONTROL, "/faults", auth=False)
    def add(self, request: Request) -> Json:
        """Lay a fault in wait: the fields of `Fault` as JSON. 400 for others."""
        body = request.json()
        known = {field.name for field in fields(Fault)} - {"hits", "seen"}
        if unknown := set(body) - known:
            raise AzureError(400, "BadRequest", f"no such field: {', '.join(sorted(unknown))}")
        try:
            return asdict(self.azure.faults.add(Fault(**body)))
        except (TypeError, ValueError, re.error) as error:
            raise AzureError(400, "BadRequest", str(error)) from None

    @route("DELETE", CONTROL, "/faults", auth=False)
    def clear(self, request: Request) -> None:
        """Take all faults away."""
        self.azure.faults.clear()

    @route("POST", CONTROL, "/roles", auth=False)
    def roles(self, request: Request) -> Json:
        """Give the service principal exactly the roles of `{"roles": [...]}`."""
        account = self.azure.account
        try:
            wanted = list(request.json().get("roles") or [])
            account.set_roles(wanted)
        except ValueError as error:
            raise AzureError(400, "BadRequest", str(error)) from None
        return {"roles": sorted(account.roles)}
