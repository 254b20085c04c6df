"""Roles at Resource Manager: definitions, assignments, and what the caller may do.

Shapes: Microsoft.Authorization, 2022-04-01.
"""

from __future__ import annotations

import re
import time
import uuid
from typing import TYPE_CHECKING

from ..account import Assignment, Principal, timestamp
from ..routing import ARM, Answer, AzureError, Json, Request, route
from .roles import DEFINITIONS

if TYPE_CHECKING:
    from ..standin import Azure

_PROVIDER = "{scope:path}/providers/Microsoft.Authorization"
_ASSIGNMENT = _PROVIDER + "/roleAssignments/{name}"
_KIND = "Microsoft.Authorization/roleAssignments"
_BY_NUMBER = {role.number: name for name, role in DEFINITIONS.items()}
# When built-in roles were made and last changed, as recorded of Reader.
_MADE = {
    "createdOn": "2015-02-02T21:55:09.8806423Z",
    "updatedOn": "2021-11-11T20:13:47.8628684Z",
    "createdBy": None,
    "updatedBy": None,
}
# Assignments over the whole subscription that were there before have ids that do not change.
_SPACE = uuid.UUID("6ba7b811-9dad-11d1-80b4-00c04fd430c8")


class Authorization:
    """Shows roles, and assigns them."""

    def __init__(self, azure: Azure) -> None:
        self.azure = azure
        self.account = azure.account
        self.world = azure.world

    # Definitions.

    def _definition(self, name: str) -> Json:
        role = DEFINITIONS[name]
        root = f"/subscriptions/{self.account.subscription_id}"
        return {
            "id": f"{root}/providers/Microsoft.Authorization/roleDefinitions/{role.number}",
            "name": role.number,
            "type": "Microsoft.Authorization/roleDefinitions",
            "properties": {
                "roleName": name,
                "type": "BuiltInRole",
                "description": role.description,
                "assignableScopes": ["/"],
                "permissions": [
                    {
                        "actions": list(role.actions),
                        "notActions": list(role.not_actions),
                        "dataActions": list(role.data_actions),
                        "notDataActions": [],
                    }
                ],
                **_MADE,
            },
        }

    @route("GET", ARM, _PROVIDER + "/roleDefinitions")
    def definitions(self, request: Request, scope: str) -> Json:
        """The built-in roles; `$filter=roleName eq '...'` is known."""
        found = re.search(r"roleName eq '([^']*)'", request.query.get("$filter", ""), re.I)
        names = [n for n in DEFINITIONS if not found or n.lower() == found[1].lower()]
        return {"value": [self._definition(name) for name in names]}

    @route("GET", ARM, _PROVIDER + "/roleDefinitions/{number}")
    def definition(self, request: Request, scope: str, number: str) -> Json:
        """One role. 404 RoleDefinitionDoesNotExist."""
        return self._definition(self._role(number))

    def _role(self, number: str) -> str:
        """The name of a role by the number at the end of its id."""
        if number.lower() not in _BY_NUMBER:
            raise AzureError(
                404,
                "RoleDefinitionDoesNotExist",
                f"The specified role definition with ID '{number.replace('-', '')}' does not "
                "exist.",
            )
        return _BY_NUMBER[number.lower()]

    @route("GET", ARM, _PROVIDER + "/permissions")
    def permissions(self, request: Request, scope: str) -> Json:
        """What the caller may do over a scope."""
        assert request.principal is not None
        self._check_scope(request, scope)
        return {
            "value": [
                {
                    "actions": list(role.actions),
                    "notActions": list(role.not_actions),
                    "dataActions": list(role.data_actions),
                    "notDataActions": [],
                }
                for role in self.azure.access.definitions(request.principal, scope)
            ]
        }

    # Assignments.

    def _check_scope(self, request: Request, scope: str) -> None:
        """AzureError 404 for a scope that is not there."""
        parts = scope.strip("/").split("/")
        if parts[0].lower() != "subscriptions":
            return
        self.account.check_subscription(parts[1])
        if len(parts) > 3:
            self.account.check_group(parts[1], parts[3])
        if len(parts) > 4 and not self._exists(scope):
            raise self.azure.resources.not_found(scope)

    def _exists(self, scope: str) -> bool:
        """Whether a resource is there; containers and blobs are taken as they are named."""
        account = scope.partition("/blobServices/")[0]
        computes = account.partition("/computes/")[0]
        return self.world.get(computes) is not None

    def _all(self) -> list[Assignment]:
        """The assignments, and those over the subscription that were there before."""
        root = f"/subscriptions/{self.account.subscription_id}"
        first = []
        for who in list(self.account.principals.values()):
            for role in sorted(who.roles):
                number = uuid.uuid5(_SPACE, f"{who.object_id}/{role}")
                path = f"{root}/providers/{_KIND}/{number}"
                first.append(Assignment(path, root, who.object_id, role, created=who.created))
        return first + list(self.account.assignments.values())

    def _body(self, one: Assignment) -> Json:
        number = DEFINITIONS[one.role].number
        root = f"/subscriptions/{self.account.subscription_id}"
        made = timestamp(one.created)
        return {
            "id": one.id,
            "name": one.name,
            "type": _KIND,
            "properties": {
                "roleDefinitionId": f"{root}/providers/Microsoft.Authorization/roleDefinitions/"
                f"{number}",
                "principalId": one.principal_id,
                "principalType": one.principal_type,
                "scope": one.scope,
                "condition": None,
                "conditionVersion": None,
                "createdOn": made,
                "updatedOn": made,
                "createdBy": one.created_by,
                "updatedBy": one.created_by,
                "delegatedManagedIdentityResourceId": None,
                "description": one.description,
            },
        }

    @route("GET", ARM, _PROVIDER + "/roleAssignments")
    def assignments(self, request: Request, scope: str) -> Json:
        """The assignments at a scope, above it (`atScope()`), and below it.

        `principalId eq '...'` and `assignedTo('...')` are known.
        """
        self._check_scope(request, scope)
        self.azure.access.check(request, f"{_KIND}/read", scope)
        asked = request.query.get("$filter", "")
        who = re.search(r"(?:principalId eq |assignedTo\()'([^']*)'", asked, re.I)
        only_here = "atscope()" in asked.lower()
        here = Assignment("", scope or "/", "", "")
        found = [
            one
            for one in self._all()
            if (one.covers(scope) or (not only_here and here.covers(one.scope)))
            and (not who or one.principal_id.lower() == who[1].lower())
        ]
        return {"value": [self._body(one) for one in found]}

    @route("GET", ARM, _ASSIGNMENT)
    def assignment(self, request: Request, scope: str, name: str) -> Json:
        """One assignment. 404 RoleAssignmentNotFound."""
        self.azure.access.check(request, f"{_KIND}/read", scope)
        for one in self._all():
            if one.id.lower() == request.path.lower().rstrip("/"):
                return self._body(one)
        raise AzureError(
            404, "RoleAssignmentNotFound", f"The role assignment '{name}' is not found."
        )

    @route("PUT", ARM, _ASSIGNMENT)
    def assign(self, request: Request, scope: str, name: str) -> Answer:
        """Assign a role (201). 400 for a principal that is not known yet, 409 for a second one."""
        self._check_scope(request, scope)
        self.azure.access.check(request, f"{_KIND}/write", scope)
        body = request.json()
        given = body.get("properties") or body
        role = self._role(str(given.get("roleDefinitionId") or "").rsplit("/", 1)[-1])
        who = self._principal(str(given.get("principalId") or ""))
        assert request.principal is not None
        with self.account.lock:
            for one in self._all():
                same = (one.principal_id, one.role, one.scope.lower())
                if same == (who.object_id, role, scope.lower()):
                    if one.id.lower() == request.path.lower().rstrip("/"):
                        return Answer(200, self._body(one))
                    raise AzureError(
                        409,
                        "RoleAssignmentExists",
                        "The role assignment already exists. The ID of the existing role "
                        f"assignment is {one.name.replace('-', '')}.",
                    )
            made = Assignment(
                request.path.rstrip("/"),
                scope,
                who.object_id,
                role,
                str(given.get("principalType") or "ServicePrincipal"),
                given.get("description"),
                created_by=request.principal.object_id,
            )
            self.account.assignments[made.id.lower()] = made
        body = self._body(made)
        body["properties"]["createdBy"] = None  # known from the next answer on, as recorded
        return Answer(201, body)

    def _principal(self, number: str) -> Principal:
        """AzureError 400 PrincipalNotFound while Resource Manager does not know a principal."""
        found = self.account.principals.get(number)
        if found is None or time.time() - found.created < self.world.replication:
            raise AzureError(
                400,
                "PrincipalNotFound",
                f"Principal {number.replace('-', '')} does not exist in the directory "
                f"{self.account.tenant_id}. Check that you have the correct principal ID. If you "
                "are creating this principal and then immediately assigning a role, this error "
                "might be related to a replication delay. In this case, set the role assignment "
                "principalType property to a value, such as ServicePrincipal, User, or Group.  "
                "See https://aka.ms/docs-principaltype",
            )
        return found

    @route("DELETE", ARM, _ASSIGNMENT)
    def unassign(self, request: Request, scope: str, name: str) -> Answer:
        """Take a role away (200); 204 when it was not assigned."""
        self.azure.access.check(request, f"{_KIND}/delete", scope)
        gone = self.account.assignments.pop(request.path.lower().rstrip("/"), None)
        return Answer(200, self._body(gone)) if gone else Answer(204)
