"""What the parts of Azure DevOps share: who asks, which project, what a request may hold."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from functools import wraps
from typing import TYPE_CHECKING, Any, Protocol

from ..account import Principal
from ..routing import Answer, AzureError, Json, Request

if TYPE_CHECKING:
    from ..standin import Azure
    from .state import World

RESOURCE = "499b84ac-1321-427f-aa17-267ca6975798"
_SIGN_IN = (
    b"<!DOCTYPE html>\n<html><head><title>Azure DevOps Services | Sign In</title></head></html>"
)


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


def identity(who: Principal) -> Json:
    """A person as Azure DevOps shows one."""
    descriptor = f"aad.{uuid.UUID(who.object_id).hex}"
    return {
        "displayName": who.name,
        "id": who.object_id,
        "uniqueName": who.name,
        "descriptor": descriptor,
    }


def held(kind: str, given: object) -> None:
    """AzureError 400 where a request is not of the shape that was published."""
    from ..specifications import notation  # the stand-in starts without jsonschema

    if wrong := notation.violations("devops", kind, given):
        raise AzureError(400, "InvalidRequestContentException", f"{kind}: {'; '.join(wrong)}")


def listed(found: Iterable[Json]) -> Json:
    """A list as Azure DevOps answers one."""
    value = list(found)
    return {"count": len(value), "value": value}
