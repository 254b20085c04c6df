"""Azure DevOps: projects, variable groups, and which pipelines may use them.

Shapes: distributedTask/7.1/taskAgent.json, core/7.1/core.json and
approvalsAndChecks/7.1/pipelinePermissions.json of MicrosoftDocs/vsts-rest-api-specs.
"""

from __future__ import annotations

import fnmatch
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import wraps
from typing import TYPE_CHECKING, Any, Protocol

from ..account import Principal
from ..routing import DEVOPS, Answer, AzureError, Json, Request, route
from .directory_objects import moment

if TYPE_CHECKING:
    from ..standin import Azure
    from .state import World

RESOURCE = "499b84ac-1321-427f-aa17-267ca6975798"
_GROUPS = "/_apis/distributedtask/variablegroups"
_PERMISSIONS = "/{organization}/{project}/_apis/pipelines/pipelinepermissions"
_SIGN_IN = (
    b"<!DOCTYPE html>\n<html><head><title>Azure DevOps Services | Sign In</title></head></html>"
)


@dataclass
class VariableGroup:
    """A variable group with all its values; what is answered hides the secret ones."""

    id: int
    organization: str
    body: Json
    variables: dict[str, Json]
    created: str = field(default_factory=moment)
    modified: str = field(default_factory=moment)
    authorized: bool = False  # for all pipelines of the project

    @property
    def projects(self) -> set[str]:
        """The ids of the projects that see it."""
        references = self.body["variableGroupProjectReferences"]
        return {one["projectReference"]["id"] for one in references}


class _Part(Protocol):
    """A part of Azure DevOps."""

    azure: Azure
    world: World


def signed_in(function: Callable[..., Any]) -> Callable[..., Any]:
    """A page to sign in at for whoever has no token for Azure DevOps; 401 for a stranger."""

    @wraps(function)
    def handler(self: _Part, request: Request, organization: str, **values: str) -> Any:
        try:
            who = self.azure.identity.who(request)
        except AzureError:
            return Answer(203, _SIGN_IN, {"Content-Type": "text/html; charset=utf-8"})
        if self.azure.identity.audience(request).rstrip("/") != RESOURCE:
            return Answer(203, _SIGN_IN, {"Content-Type": "text/html; charset=utf-8"})
        if organization.lower() not in self.world.projects:
            raise AzureError(404, "HostNotFoundException", f"{organization} was not found.")
        if who.object_id in self.world.strangers:
            raise AzureError(
                401,
                "UnauthorizedRequestException",
                f"TF400813: The user '{who.object_id}' is not authorized to access this resource.",
            )
        request.principal = who
        return function(self, request, organization=organization.lower(), **values)

    return handler


def project_of(world: World, organization: str, name: str) -> Json:
    """A project by its name or id. AzureError 404."""
    for project, number in world.projects[organization].items():
        if name.lower() in (project.lower(), number):
            return {"id": number, "name": project}
    raise AzureError(
        404,
        "ProjectDoesNotExistWithNameException",
        f"TF200016: The following project does not exist: {name}. Verify that the name of the "
        "project is correct and that the project exists on the specified Azure DevOps Server.",
    )


class DevOps:
    """The part of Azure DevOps that gives pipelines their secrets."""

    def __init__(self, azure: Azure) -> None:
        self.azure = azure
        self.account = azure.account
        self.world = azure.world

    def _project(self, organization: str, name: str) -> Json:
        """A project by its name or id. AzureError 404."""
        return project_of(self.world, organization, name)

    @route("GET", DEVOPS, "/{organization}/_apis/projects/{name}", auth=False)
    @signed_in
    def project(self, request: Request, organization: str, name: str) -> Json:
        """One project. 404 ProjectDoesNotExistWithNameException."""
        found = self._project(organization, name)
        return {
            **found,
            "url": f"https://dev.azure.com/{organization}/_apis/projects/{found['id']}",
            "state": "wellFormed",
            "revision": 11,
            "visibility": "private",
            "lastUpdateTime": moment(),
        }

    # Variable groups.

    def _body(self, one: VariableGroup, *, listed: bool = False) -> Json:
        who = self.account.administrator
        shown = {
            name: {"value": None, "isSecret": True} if value.get("isSecret") else value
            for name, value in one.variables.items()
        }
        return {
            "id": one.id,
            "type": "Vsts",
            "name": one.body["name"],
            "description": one.body.get("description"),
            "variables": shown,
            "createdBy": _identity(who),
            "createdOn": one.created,
            "modifiedBy": _identity(who),
            "modifiedOn": one.modified,
            "isShared": len(one.projects) > 1,
            # A list leaves out which projects see a group.
            "variableGroupProjectReferences": None
            if listed
            else one.body["variableGroupProjectReferences"],
        }

    @route("GET", DEVOPS, "/{organization}/{project}" + _GROUPS, auth=False)
    @signed_in
    def groups(self, request: Request, organization: str, project: str) -> Json:
        """The groups that a project sees, by `groupName`, in which `*` stands for anything."""
        number = self._project(organization, project)["id"]
        pattern = request.query.get("groupName") or "*"
        found = [
            self._body(one, listed=True)
            for one in self.world.variable_groups.values()
            if one.organization == organization
            and number in one.projects
            and fnmatch.fnmatch(one.body["name"].lower(), pattern.lower())
        ]
        return {"count": len(found), "value": found}

    def _find(self, organization: str, number: str) -> VariableGroup:
        found = self.world.variable_groups.get(int(number)) if number.isdigit() else None
        if found is None or found.organization != organization:
            raise AzureError(
                404,
                "VariableGroupNotFoundException",
                f"Variable group with ID {number} does not exist.",
            )
        return found

    @route("GET", DEVOPS, "/{organization}/{project}" + _GROUPS + "/{number}", auth=False)
    @signed_in
    def group(self, request: Request, organization: str, project: str, number: str) -> Json:
        """One group. 404 VariableGroupNotFoundException."""
        self._project(organization, project)
        return self._body(self._find(organization, number))

    def _given(self, request: Request, organization: str) -> Json:
        """The body of a group that can be stored. AzureError 400."""
        given = request.json()
        if not given.get("name"):
            raise _invalid("The name of the variable group must not be empty.")
        if not given.get("variables"):
            raise _invalid("Variable group must have at least one variable defined.")
        references = given.get("variableGroupProjectReferences") or []
        if not references:
            raise _invalid("Variable group must have at least one project reference.")
        for one in references:
            wanted = one.get("projectReference") or {}
            project = self._project(organization, str(wanted.get("id") or wanted.get("name")))
            one["projectReference"] = project
            one.setdefault("description", None)
        return given

    def _check_name(self, organization: str, given: Json, but: int = 0) -> None:
        """AzureError 409 when another group of a project has the name."""
        numbers = {o["projectReference"]["id"] for o in given["variableGroupProjectReferences"]}
        for one in self.world.variable_groups.values():
            same = one.body["name"].lower() == given["name"].lower() and one.id != but
            if same and one.organization == organization and one.projects & numbers:
                raise AzureError(
                    409,
                    "VariableGroupExistsException",
                    f"Variable group with name {given['name']} already exists.",
                )

    @route("POST", DEVOPS, "/{organization}" + _GROUPS, auth=False)
    @signed_in
    def add(self, request: Request, organization: str) -> Json:
        """A new group. 409 VariableGroupExistsException."""
        given = self._given(request, organization)
        with self.account.lock:
            self._check_name(organization, given)
            number = max(self.world.variable_groups, default=0) + 1
            variables = {name: dict(value) for name, value in given["variables"].items()}
            made = VariableGroup(number, organization, given, variables)
            self.world.variable_groups[number] = made
        return self._body(made)

    @route("PUT", DEVOPS, "/{organization}" + _GROUPS + "/{number}", auth=False)
    @signed_in
    def update(self, request: Request, organization: str, number: str) -> Json:
        """All of a group anew; a secret whose value is null keeps its value. 404."""
        given = self._given(request, organization)
        with self.account.lock:
            found = self._find(organization, number)
            self._check_name(organization, given, found.id)
            old = found.variables
            found.variables = {
                name: old[name] if _kept(value) and name in old else dict(value)
                for name, value in given["variables"].items()
            }
            found.body, found.modified = given, moment()
        return self._body(found)

    @route("DELETE", DEVOPS, "/{organization}" + _GROUPS + "/{number}", auth=False)
    @signed_in
    def delete(self, request: Request, organization: str, number: str) -> Answer:
        """Delete a group (204)."""
        with self.account.lock:
            del self.world.variable_groups[self._find(organization, number).id]
        return Answer(204)

    # Which pipelines may use a group.

    def _permissions(self, found: VariableGroup) -> Json:
        body: Json = {"resource": {"type": "variablegroup", "id": str(found.id)}, "pipelines": []}
        if found.authorized:
            body["allPipelines"] = {
                "authorized": True,
                "authorizedBy": _identity(self.account.administrator),
                "authorizedOn": found.modified,
            }
        return body

    @route("GET", DEVOPS, _PERMISSIONS + "/variablegroup/{number}", auth=False)
    @signed_in
    def permissions(self, request: Request, organization: str, project: str, number: str) -> Json:
        """Which pipelines may use a group."""
        self._project(organization, project)
        return self._permissions(self._find(organization, number))

    @route("PATCH", DEVOPS, _PERMISSIONS + "/variablegroup/{number}", auth=False)
    @signed_in
    def authorize(self, request: Request, organization: str, project: str, number: str) -> Json:
        """Let all pipelines of the project use a group, or none."""
        self._project(organization, project)
        found = self._find(organization, number)
        found.authorized = bool((request.json().get("allPipelines") or {}).get("authorized"))
        return self._permissions(found)


def _kept(value: Json) -> bool:
    """Whether a secret is to stay: microsoft/terraform-provider-azuredevops#1433 reports it."""
    return bool(value.get("isSecret")) and value.get("value") is None


def _invalid(message: str) -> AzureError:
    return AzureError(400, "InvalidRequestException", message)


def _identity(who: Principal) -> Json:
    """A person as Azure DevOps shows one."""
    descriptor = f"aad.{uuid.UUID(who.object_id).hex}"
    return {
        "displayName": who.name,
        "id": who.object_id,
        "uniqueName": who.name,
        "descriptor": descriptor,
    }
