"""Where pipelines read their secrets: a variable group of Azure DevOps, or GitHub.

Azure DevOps takes a group as a whole. A secret is given back as null, and null leaves it as it is:
so what others keep in the group stays.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from amlkit.provision.cloud.client import ABSENT_IS_NONE, Client, devops, github_secret
from amlkit.provision.cloud.facts import DEVOPS_PREVIEW
from amlkit.provision.cloud.failures import Failure, Kind, Refused
from amlkit.provision.cloud.gh import gh
from amlkit.provision.pipelines.names import PIPELINE_NAMES, SECRET

_GROUPS = "/_apis/distributedtask/variablegroups"
_ORGANIZATION = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,48}[A-Za-z0-9])?")
_ADDRESS = re.compile(r"https?://(?:dev\.azure\.com/([^/]+)|([^./]+)\.visualstudio\.com).*")


class VariableGroup:
    """A variable group of a project; that it can be reached is sure once this is made.

    Args:
        client: asks.
        organization: its name or address.
        project: its name or id.
        name: the group's.
    """

    def __init__(self, client: Client, organization: str, project: str, name: str) -> None:
        self._client, self.name, self.title = client, name, f"variable group {name}"
        self.organization = organization_name(organization)
        self._root = f"https://dev.azure.com/{self.organization}"
        place = f"/_apis/projects/{quote(project, safe='')}"
        found = self._call("get", place, instead=ABSENT_IS_NONE)
        if found is None:
            raise Refused(
                f"Azure DevOps knows no project {project!r} in {self.organization} that this login"
                f" may see: look at {self._root}"
            )
        self._project = {"id": found["id"], "name": found["name"]}
        self._groups = f"/{found['id']}{_GROUPS}"
        self._id = self._listed().get("id")

    @property
    def place(self) -> str:
        """What it is called in a secret's name."""
        return f"azure-devops {self.organization}/{self._project['name']}/{self.name}"

    @property
    def url(self) -> str:
        """Where a person looks at it."""
        number = f"&variableGroupId={self._id}" if self._id else ""
        library = f"{self._root}/{quote(self._project['name'])}/_library"
        return f"{library}?itemType=VariableGroups&view=VariableGroupView{number}"

    def store(self, values: Mapping[str, str], secret: str) -> None:
        """Writes these variables by the pipelines' names; what else is in the group stays.

        Raises:
            Failure: it failed, or Azure DevOps would show a secret to readers.
        """
        hidden = PIPELINE_NAMES[SECRET]
        given: dict[str, Any] = {PIPELINE_NAMES[key]: {"value": values[key]} for key in values}
        given[hidden] = {"value": secret, "isSecret": True}
        ours = {name.lower() for name in given}
        group = self._listed()  # as it is by now: others may be at work on it
        if group and not group.get("variableGroupProjectReferences"):
            group = self._call("get", f"{self._groups}/{group['id']}")  # a list may leave them out
        there = group.get("variables") or {}
        kept = {name: value for name, value in there.items() if name.lower() not in ours}
        reference = {"name": self.name, "description": "", "projectReference": self._project}
        body = {
            "type": "Vsts",
            "name": group.get("name") or self.name,
            "description": group.get("description") or "",
            "variables": kept | given,
            "variableGroupProjectReferences": group.get("variableGroupProjectReferences")
            or [reference],
        }
        method, path = ("put", f"{_GROUPS}/{group['id']}") if group else ("post", _GROUPS)
        answer = self._call(method, path, body=body, hide=(secret,))
        self._id = answer["id"]
        if not answer["variables"][hidden].get("isSecret"):
            said = "Azure DevOps shows the secret to whoever may read"
            raise Failure(Kind.INVALID, "", said, f"look at {self.url}")

    def authorize(self) -> None:
        """Lets every pipeline of the project use the group, without asking at its first run."""
        place = f"{self._root}/{self._project['id']}/_apis/pipelines/pipelinepermissions"
        url, body = f"{place}/variablegroup/{self._id}", {"allPipelines": {"authorized": True}}
        self._client.send(devops("patch", url, body=body, version=DEVOPS_PREVIEW, right=""))

    def _listed(self) -> dict[str, Any]:
        """The group as the project lists it; {} where there is none."""
        found = self._call("get", self._groups, f"groupName={self.name}")["value"]
        same = [each for each in found if each["name"].lower() == self.name.lower()]
        group: dict[str, Any] = same[0] if same else {}
        if group.get("type", "Vsts") != "Vsts":
            raise Refused(
                f"the variable group {self.name} takes its values from a Key Vault: put the secret"
                " there, or name another group (variableGroup in pipelines/variables.yml)"
            )
        return group

    def _call(self, method: str, path: str, *parameters: str, body: Any = None, **more: Any) -> Any:
        """One request to Azure DevOps."""
        command = devops(method, self._root + path, *parameters, body=body, right="")
        return self._client.send(command, **more)


class GitHub:
    """A deployment environment of a repository on GitHub.

    Args:
        client: asks.
        repository: OWNER/NAME; empty: the one that the git remote of this folder names.
        environment: its name.
    """

    def __init__(self, client: Client, repository: str, environment: str) -> None:
        chosen = [repository] if repository else []
        asked = ("--json", "nameWithOwner", "--jq", ".nameWithOwner")
        name = gh("repo", "view", *chosen, *asked).strip()
        self._client, self._where = client, ("--repo", name, "--env", environment)
        self.title = self.place = f"github {name} {environment}"
        self.url = f"https://github.com/{name}/settings/secrets/actions"

    def store(self, values: Mapping[str, str], secret: str) -> None:
        """Writes all of them as secrets, which is where the workflows read them.

        Raises:
            Failure: `gh` failed.
        """
        for name, value in {**values, SECRET: secret}.items():
            self._client.send(github_secret(name, self._where, value))


def organization_name(given: str) -> str:
    """The organization's name, from a name or either form of its address."""
    text = given.strip().rstrip("/")
    if found := _ADDRESS.fullmatch(text):
        text = found.group(1) or found.group(2)
    if not _ORGANIZATION.fullmatch(text):
        raise Refused(
            f"--organization {given}: give the NAME of https://dev.azure.com/NAME", code=2
        )
    return text
