"""The variable group of Azure DevOps that the pipelines read, through `az rest`: no extension.

Azure DevOps takes a group as a whole. A secret is given back as null, and null leaves it as it is:
so what others keep in the group stays.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from amlkit.provision.az import Az, AzFailure
from amlkit.provision.failures import Kind
from amlkit.provision.records import Refused
from amlkit.provision.rotation import NotStored

# Azure DevOps, as Entra ID knows it: whom a token is for.
RESOURCE = "499b84ac-1321-427f-aa17-267ca6975798"
VERSION = "7.1"
PERMISSIONS_VERSION = "7.1-preview.1"
_GROUPS = "/_apis/distributedtask/variablegroups"
_ORGANIZATION = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,48}[A-Za-z0-9])?")


class VariableGroup:
    """A variable group of a project; that it can be reached is sure once this is made.

    Args:
        az: runs the commands.
        organization: its name or address.
        project: its name or id.
        name: the group's.
    """

    def __init__(self, az: Az, organization: str, project: str, name: str) -> None:
        self._az, self.name = az, name
        self.organization = organization_name(organization)
        self._root = f"https://dev.azure.com/{self.organization}"
        try:
            found = self._call("get", f"/_apis/projects/{quote(project, safe='')}")
        except AzFailure as failure:
            if failure.kind is not Kind.NOT_FOUND:
                raise
            raise Refused(
                f"Azure DevOps knows no project {project!r} in {self.organization} that this login"
                f" may see: look at {self._root}"
            ) from None
        self._project = {"id": found["id"], "name": found["name"]}
        self._groups = f"/{found['id']}{_GROUPS}"
        self._id = self._listed().get("id")

    @property
    def place(self) -> str:
        """What it is called in the state file."""
        return f"azure-devops {self.organization}/{self._project['name']}/{self.name}"

    @property
    def url(self) -> str:
        """Where a person looks at it."""
        number = f"&variableGroupId={self._id}" if self._id else ""
        library = f"{self._root}/{quote(self._project['name'])}/_library"
        return f"{library}?itemType=VariableGroups&view=VariableGroupView{number}"

    def store(self, values: Mapping[str, str], secrets: Mapping[str, str]) -> None:
        """Writes these variables; what else is in the group stays.

        Raises:
            NotStored: Azure DevOps would show a secret to readers.
        """
        given: dict[str, Any] = {name: {"value": value} for name, value in values.items()}
        given |= {name: {"value": value, "isSecret": True} for name, value in secrets.items()}
        ours = {name.lower() for name in given}
        group = self._whole()  # as it is by now: others may be at work on it
        kept = {
            name: value
            for name, value in (group.get("variables") or {}).items()
            if name.lower() not in ours
        }
        reference = {"name": self.name, "description": "", "projectReference": self._project}
        body = {
            "type": "Vsts",
            "name": group.get("name") or self.name,
            "description": group.get("description") or "",
            "variables": kept | given,
            "variableGroupProjectReferences": group.get("variableGroupProjectReferences")
            or [reference],
        }
        method, path = "post", _GROUPS
        if group:
            method, path = "put", f"{path}/{group['id']}"
        answer = self._call(method, path, body, hide=tuple(secrets.values()))
        self._id = answer["id"]
        if any(not answer["variables"][name].get("isSecret") for name in secrets):
            raise NotStored(
                f"Azure DevOps shows the secret to whoever may read: look at {self.url}"
            )

    def authorize(self) -> None:
        """Lets every pipeline of the project use the group, without asking at its first run."""
        path = f"/_apis/pipelines/pipelinepermissions/variablegroup/{self._id}"
        self._call(
            "patch",
            f"/{self._project['id']}{path}",
            {"allPipelines": {"authorized": True}},
            version=PERMISSIONS_VERSION,
        )

    def _listed(self) -> dict[str, Any]:
        """The group as the project lists it; {} where there is none."""
        found = self._call("get", self._groups, parameters=(f"groupName={self.name}",))["value"]
        same = [each for each in found if each["name"].lower() == self.name.lower()]
        group: dict[str, Any] = same[0] if same else {}
        if group.get("type", "Vsts") != "Vsts":
            raise Refused(
                f"the variable group {self.name} takes its values from a Key Vault: put the secret"
                " there, or name another group (variableGroup in pipelines/variables.yml)"
            )
        return group

    def _whole(self) -> dict[str, Any]:
        """The group with the projects that share it, which a list may leave out."""
        group = self._listed()
        if group and not group.get("variableGroupProjectReferences"):
            group = dict(self._call("get", f"{self._groups}/{group['id']}"))
        return group

    def _call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        parameters: tuple[str, ...] = (),
        version: str = VERSION,
        hide: tuple[str, ...] = (),
    ) -> Any:
        """One request to Azure DevOps."""
        return self._az.json(
            *("rest", "--method", method, "--url", self._root + path, "--resource", RESOURCE),
            *("--url-parameters", f"api-version={version}", *parameters),
            body=body,
            hide=hide,
        )


def organization_name(given: str) -> str:
    """The organization's name, from a name or either form of its address."""
    text = given.strip().rstrip("/")
    if found := re.fullmatch(
        r"https?://(?:dev\.azure\.com/([^/]+)|([^./]+)\.visualstudio\.com).*", text
    ):
        text = found.group(1) or found.group(2)
    if not _ORGANIZATION.fullmatch(text):
        raise Refused(
            f"--organization {given}: give the NAME of https://dev.azure.com/NAME",
            code=2,
        )
    return text
