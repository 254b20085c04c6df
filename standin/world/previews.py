"""Azure DevOps: the pipelines of a project, and previews of what they would run.

Shapes: build/7.1/build.json and pipelines/7.1/pipelines.json of MicrosoftDocs/vsts-rest-api-specs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..routing import DEVOPS, AzureError, Json, Request, route
from .devops_calls import project_of, signed_in
from .directory_objects import moment

if TYPE_CHECKING:
    from ..standin import Azure


@dataclass(frozen=True)
class Registered:
    """A pipeline of a repository. `compile` turns a YAML text into the final one, templates being
    those of a branch; ValueError in the compiler's words."""

    organization: str
    project: str
    repository: str
    compile: Callable[[str, str], str]


class Previews:
    """The part of Azure DevOps that knows pipelines, and compiles without running them."""

    def __init__(self, azure: Azure) -> None:
        self.azure = azure
        self.world = azure.world
        self.registered: dict[int, Registered] = {}

    def register(
        self, organization: str, project: str, repository: str, compile: Callable[[str, str], str]
    ) -> int:
        """A new pipeline; its number."""
        number = len(self.registered) + 1
        self.registered[number] = Registered(organization.lower(), project, repository, compile)
        return number

    @route("GET", DEVOPS, "/{organization}/{project}/_apis/build/definitions", auth=False)
    @signed_in
    def definitions(self, request: Request, organization: str, project: str) -> Json:
        """The pipelines of a project; `includeAllProperties` adds their repositories."""
        found = project_of(self.world, organization, project)
        listed = [
            self._definition(number, one, found, request.query.get("includeAllProperties"))
            for number, one in self.registered.items()
            if (one.organization, one.project) == (organization, found["name"])
        ]
        made = self.azure.devops_pipelines.of(organization, project).pipelines.values()
        listed += [{**one, "project": found} for one in made]
        return {"count": len(listed), "value": listed}

    def _definition(self, number: int, one: Registered, project: Json, more: str | None) -> Json:
        shown: Json = {
            "id": number,
            "name": f"{one.repository} {number}",
            "path": "\\",
            "project": project,
            "type": "build",
            "queueStatus": "enabled",
            "revision": 1,
            "createdDate": moment(),
        }
        if (more or "").lower() == "true":
            shown["repository"] = {"id": "1", "name": one.repository, "type": "TfsGit"}
            shown["process"] = {"type": 2}
        return shown

    @route("POST", DEVOPS, "/{organization}/{project}/_apis/pipelines/{number}/preview", auth=False)
    @signed_in
    def preview(self, request: Request, organization: str, project: str, number: str) -> Json:
        """What a run would run. 400 PipelineValidationException, 404 PipelineNotFoundException."""
        project_of(self.world, organization, project)
        one = self.registered.get(int(number)) if number.isdigit() else None
        if one is None or one.organization != organization:
            raise AzureError(
                404, "PipelineNotFoundException", f"Could not find pipeline with id {number}."
            )
        given = request.json()
        repositories = (given.get("resources") or {}).get("repositories") or {}
        branch = repositories.get("self", {}).get("refName", "refs/heads/main")
        try:
            return {"finalYaml": one.compile(given["yamlOverride"], branch)}
        except ValueError as error:
            raise AzureError(400, "PipelineValidationException", str(error)) from None
