"""Azure DevOps: projects and variable groups.

Shapes: distributedTask/7.1/taskAgent.json and core/7.1/core.json of
MicrosoftDocs/vsts-rest-api-specs.
"""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..routing import DEVOPS, Answer, AzureError, Json, Request, route
from .devops_calls import identity, project_of, signed_in
from .directory_objects import moment

if TYPE_CHECKING:
    from ..standin import Azure

_GROUPS = "/_apis/distributedtask/variablegroups"


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
            "createdBy": identity(who),
            "createdOn": one.created,
            "modifiedBy": identity(who),
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


def _kept(value: Json) -> bool:
    """Whether a secret is to stay: microsoft/terraform-provider-azuredevops#1433 reports it."""
    return bool(value.get("isSecret")) and value.get("value") is None


def _invalid(message: str) -> AzureError:
    return AzureError(400, "InvalidRequestException", message)
