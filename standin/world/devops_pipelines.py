"""Azure DevOps: repositories, pipelines, environments, branch policies, and who is a member.

Shapes: git, pipelines, build, distributedTask, policy and ims, all 7.1, of
MicrosoftDocs/vsts-rest-api-specs; a request with a field that they do not name is refused.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..routing import DEVOPS, AzureError, Json, Request, route
from .devops_calls import held, listed, project_of, signed_in
from .directory_objects import moment

if TYPE_CHECKING:
    from ..standin import Azure

_P = "/{organization}/{project}/_apis"
BUILD_VALIDATION = "0609b952-1397-4640-95ec-e00a01b2c241"
_KINDS = {"azureReposGit": "TfsGit", "gitHub": "GitHub"}


@dataclass
class Set:
    """What a project of Azure DevOps holds beside its variable groups, by the project's id."""

    repositories: dict[str, Json] = field(default_factory=dict)
    pipelines: dict[int, Json] = field(default_factory=dict)
    environments: dict[int, Json] = field(default_factory=dict)
    policies: dict[int, Json] = field(default_factory=dict)
    endpoints: dict[str, Json] = field(default_factory=dict)
    checks: dict[int, Json] = field(default_factory=dict)
    permissions: dict[tuple[str, str], set[int]] = field(default_factory=dict)


class DevOpsPipelines:
    """The part of Azure DevOps that holds pipelines and where they deploy."""

    def __init__(self, azure: Azure) -> None:
        self.azure = azure
        self.world = azure.world
        self.projects: dict[str, Set] = {}
        self.members: dict[str, Json] = {}

    def of(self, organization: str, project: str) -> Set:
        """What a project holds. AzureError 404."""
        number = project_of(self.world, organization, project)["id"]
        return self.projects.setdefault(number, Set())

    def add_repository(self, organization: str, project: str, name: str) -> str:
        """A repository on Azure Repos; its id."""
        number = str(uuid.uuid4())
        shown = {"id": number, "name": name, "defaultBranch": "refs/heads/main"}
        self.of(organization, project).repositories[number] = shown
        return number

    def add_member(self, mail: str, name: str) -> str:
        """Somebody who is known to all organizations; their id."""
        number = str(uuid.uuid4())
        self.members[number] = {
            "id": number,
            "providerDisplayName": name,
            "isActive": True,
            "properties": {
                "Account": {"$type": "System.String", "$value": mail},
                "Mail": {"$type": "System.String", "$value": mail},
            },
        }
        return number

    @route("GET", DEVOPS, "/{organization}/_apis/identities", auth=False)
    @signed_in
    def identities(self, request: Request, organization: str) -> Json:
        """Those whose mail address or name begins with a text."""
        wanted = request.query.get("filterValue", "").lower()
        if request.query.get("searchFilter") != "General" or not wanted:
            raise AzureError(400, "ArgumentException", "searchFilter and filterValue are needed.")
        return listed(
            one
            for one in self.members.values()
            if one["properties"]["Account"]["$value"].lower().startswith(wanted)
            or one["providerDisplayName"].lower().startswith(wanted)
        )

    @route("GET", DEVOPS, _P + "/git/repositories", auth=False)
    @signed_in
    def repositories(self, request: Request, organization: str, project: str) -> Json:
        """The repositories of a project."""
        return listed(self.of(organization, project).repositories.values())

    @route("POST", DEVOPS, _P + "/pipelines", auth=False)
    @signed_in
    def make_pipeline(self, request: Request, organization: str, project: str) -> Json:
        """A new pipeline. 409 DefinitionExistsException."""
        given, held_in = request.json(), self.of(organization, project)
        held("CreatePipelineParameters", given)
        name, configuration = given["name"], given["configuration"]
        repository = configuration["repository"]
        if configuration["type"] != "yaml" or repository["type"] not in _KINDS:
            raise AzureError(400, "InvalidPipelineException", "Only YAML pipelines are played.")
        known = {"id": repository.get("id"), "name": repository.get("name")}
        if repository["type"] == "azureReposGit":
            if repository.get("id") not in held_in.repositories:
                raise AzureError(404, "GitRepositoryNotFoundException", "TF401019: no repository.")
            known["name"] = held_in.repositories[repository["id"]]["name"]
        else:
            if repository.get("connection", {}).get("id") not in held_in.endpoints:
                raise AzureError(400, "EndpointNotFoundException", "No such service connection.")
            known = {"id": repository["fullName"], "name": repository["fullName"]}
        if any(one["name"].lower() == name.lower() for one in held_in.pipelines.values()):
            raise AzureError(
                409, "DefinitionExistsException", f"A definition named {name} already exists."
            )
        number = 100 + len(held_in.pipelines) + 1
        held_in.pipelines[number] = {
            "id": number,
            "name": name,
            "path": given.get("folder") or "\\",
            "type": "build",
            "queueStatus": "enabled",
            "revision": 1,
            "createdDate": moment(),
            "repository": {**known, "type": _KINDS[repository["type"]]},
            "process": {"type": 2, "yamlFilename": configuration["path"]},
        }
        path = given.get("folder") or "\\"
        return {"id": number, "name": name, "folder": path, "revision": 1}

    @route("GET", DEVOPS, _P + "/distributedtask/environments", auth=False)
    @signed_in
    def environments(self, request: Request, organization: str, project: str) -> Json:
        """The environments of a project, by the beginning of their name."""
        wanted = request.query.get("name", "").lower()
        found = self.of(organization, project).environments.values()
        return listed(one for one in found if one["name"].lower().startswith(wanted))

    @route("POST", DEVOPS, _P + "/distributedtask/environments", auth=False)
    @signed_in
    def make_environment(self, request: Request, organization: str, project: str) -> Json:
        """A new environment. 409 EnvironmentExistsException."""
        given, held_in = request.json(), self.of(organization, project)
        held("EnvironmentCreateParameter", given)
        if any(o["name"].lower() == given["name"].lower() for o in held_in.environments.values()):
            raise AzureError(
                409,
                "EnvironmentExistsException",
                f"Environment with name {given['name']} already exists.",
            )
        number = len(held_in.environments) + 1
        now = {"createdOn": moment(), "lastModifiedOn": moment()}
        made = {"id": number, "description": "", **given, **now, "resources": []}
        return held_in.environments.setdefault(number, made)

    @route("GET", DEVOPS, _P + "/policy/configurations", auth=False)
    @signed_in
    def policies(self, request: Request, organization: str, project: str) -> Json:
        """The branch policies of a project, by their type."""
        wanted = request.query.get("policyType", "").lower()
        found = self.of(organization, project).policies.values()
        return listed(one for one in found if wanted in ("", one["type"]["id"].lower()))

    @route("POST", DEVOPS, _P + "/policy/configurations", auth=False)
    @signed_in
    def make_policy(self, request: Request, organization: str, project: str) -> Json:
        """A new branch policy; build validation alone is played."""
        given, held_in = request.json(), self.of(organization, project)
        held("PolicyConfiguration", given)
        if given["type"]["id"].lower() != BUILD_VALIDATION:
            raise AzureError(400, "PolicyTypeNotFoundException", "TF402455: unknown policy type.")
        settings = given["settings"]
        held("BuildValidation", settings)
        if settings["buildDefinitionId"] not in held_in.pipelines:
            raise AzureError(400, "PolicyImplementationException", "No such build definition.")
        for scope in settings["scope"]:
            if scope["repositoryId"] not in (None, *held_in.repositories):
                raise AzureError(400, "PolicyImplementationException", "No such repository.")
        number = len(held_in.policies) + 1
        made = {**given, "id": number, "isDeleted": False, "createdDate": moment(), "revision": 1}
        return held_in.policies.setdefault(number, made)
