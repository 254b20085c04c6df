"""Who may do what: the roles held over a scope, against the actions of the role definitions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..account import Principal
from ..routing import AzureError, Request
from .roles import DEFINITIONS, Role

if TYPE_CHECKING:
    from ..standin import Azure


class Access:
    """Azure's role based access control."""

    def __init__(self, azure: Azure) -> None:
        self.account = azure.account

    def definitions(self, who: Principal, scope: str) -> list[Role]:
        """The roles that a principal holds over a scope, in the order of their names."""
        held = self.account.roles_over(who, scope)
        return [role for name, role in DEFINITIONS.items() if name in held]

    def may(self, who: Principal, action: str, scope: str, data: bool = False) -> bool:
        """Whether a principal may do an action, of the data plane with `data`."""
        return any(role.allows(action, data) for role in self.definitions(who, scope))

    def check(self, request: Request, action: str, scope: str) -> None:
        """AzureError 403 AuthorizationFailed unless the caller may do an action."""
        who = request.principal
        if who is None:
            raise self.account.no_token()
        if self.may(who, action, scope):
            return
        raise AzureError(
            403,
            "AuthorizationFailed",
            f"The client '{who.client_id or who.name}' with object id '{who.object_id}' does not "
            f"have authorization to perform action '{action}' over scope '{scope}' or the scope "
            "is invalid. If access was recently granted, please refresh your credentials.",
        )
