"""Steps for the service principal that pipelines sign in as, and for what it may do.

It is made without a password: `az ad sp create-for-rbac` would remove all those of an application
that has the name already. The application is made by its unique name, which Microsoft Graph keeps
as a key, so that a try whose answer was lost makes no second one.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from amlkit.provision.failures import Kind
from amlkit.provision.names import Names
from amlkit.provision.records import Command, Kept, Look, Refused, Step, arm_get, az
from amlkit.settings.azure import Azure

GRAPH = "https://graph.microsoft.com/v1.0"
# Built-in roles have the same ids in every tenant.
ROLES = {
    "AzureML Data Scientist": "f6c7c914-8db3-469d-8ca1-694a8f32e121",
    "AzureML Compute Operator": "e503ece1-11d0-4e8e-824c-7a6c3bf38815",
    "Contributor": "b24988ac-6180-42a0-ab88-20f7382dd24c",
    "Storage Blob Data Contributor": "ba92f5b4-2d11-453d-a403-e96b0029c9fe",
}
ASSIGN = "Microsoft.Authorization/roleAssignments/write"
# How long the directory may need until all of Azure knows a new principal (s).
REPLICATION = 180


def principal(names: Names, azure: Azure, unique_name: str, made: str) -> list[Step]:
    """The application and its service principal; only the latter where it was handed out.

    Args:
        names: of the resources.
        azure: modes, and the id of a principal that is known.
        unique_name: the application's key.
        made: the id of the one that was made here, if one was.
    """
    mode, name = azure.bootstrap.service_principal, names.service_principal
    if azure.client_id not in ("", made) and mode == "create":
        mode = "existing"  # it is known by its id: another one would be another principal
    by_name = az("ad", "sp", "list", "--filter", f"displayName eq {_quoted(name)}")
    looks = [Look(graph_get("servicePrincipals(appId='{client_id}')"))]
    if mode == "existing" and not azure.client_id:
        looks.append(Look(by_name, _only("service principals", name)))
    application = _application(name, unique_name, "create" if mode == "create" else "skip")
    create = (az("ad", "sp", "create", "--id", "{client_id}"),)
    step = Step(
        key="service_principal",
        title=f"service principal {name}",
        mode=mode,
        looks=tuple(looks),
        # Where it is to be handed out, an administrator begins with the application.
        create=create if mode == "create" else (*application.create, *create),
        remove=(az("ad", "sp", "delete", "--id", "{principal_id}"),),
        missing="check azure.client_id and azure.service_principal_name in config.yml",
        learns=lambda found: {"client_id": found["appId"], "principal_id": found["id"]},
        proves=("application",),
        again_on=(Kind.INVALID, Kind.NOT_FOUND),  # the application is not known everywhere yet
        role="Application Developer in Entra ID (most tenants let every member do it)",
        reason="the pipelines sign in as it, so that nobody's own account is used",
        limit=REPLICATION,
    )
    return [application, step]


def _application(name: str, unique_name: str, mode: str) -> Step:
    """The application behind the principal, found before one is made."""
    keyed = f"applications(uniqueName='{unique_name}')"
    by_name = az("ad", "app", "list", "--filter", f"displayName eq {_quoted(name)}")
    return Step(
        key="application",
        title=f"application {name} in Entra ID",
        mode=mode,
        looks=(
            Look(graph_get("applications/{application_id}")),
            Look(graph_get(keyed)),
            Look(by_name, _only("applications", name)),
        ),
        create=(
            az(
                *("rest", "--method", "patch", "--url", f"{GRAPH}/{keyed}"),
                *("--headers", "Prefer=create-if-missing", "--body", "@-"),
                body={"displayName": name, "signInAudience": "AzureADMyOrg"},
            ),
        ),
        remove=(az("ad", "app", "delete", "--id", "{application_id}"),),
        learns=lambda found: {"client_id": found["appId"], "application_id": found["id"]},
        role="Application Developer in Entra ID (most tenants let every member do it)",
        reason="the service principal belongs to it, and so will its secrets",
        kept=Kept(
            f"the deleted application {name}",
            30,
            az(
                *("rest", "--method", "delete", "--url"),
                f"{GRAPH}/directory/deletedItems/{{application_id}}",
            ),
        ),
        limit=REPLICATION,
    )


def roles(names: Names, azure: Azure) -> list[Step]:
    """What the service principal may do, and no more."""
    wanted = [
        (
            "role_workspace",
            azure.bootstrap.role,
            names.workspace_id,
            "the drivers register data, environments and models, and start runs",
        ),
        (
            "role_data",
            "Storage Blob Data Contributor",
            names.storage_id,
            "the drivers upload tables and read what runs have written",
        ),
    ]
    if azure.compute.create and azure.bootstrap.role != "Contributor":
        wanted.insert(
            1,
            (
                "role_compute",
                "AzureML Compute Operator",
                names.workspace_id,
                "azure.compute.create lets the drivers make the cluster",
            ),
        )
    return [
        Step(
            key=key,
            title=f"role {role} on {_last(scope)}",
            mode=azure.bootstrap.roles,
            looks=(Look(assignments_of(names, "principal_id"), assigned(role, scope)),),
            create=(
                az(
                    *("role", "assignment", "create", "--role", role, "--scope", scope),
                    *("--assignee-object-id", "{principal_id}"),
                    *("--assignee-principal-type", "ServicePrincipal"),
                ),
            ),
            remove=(az("role", "assignment", "delete", "--ids", f"{{{key}_id}}"),),
            learns=_id_as(f"{key}_id"),
            missing="ask who handed out the principal for it",
            actions=(ASSIGN,),
            scope=scope,
            role="Owner or User Access Administrator",
            reason=reason,
            inside="service_principal",
            again_on=(Kind.PRINCIPAL_UNKNOWN,),
            unseen="make",
            limit=REPLICATION,
        )
        for key, role, scope, reason in wanted
    ]


def graph_get(path: str) -> Command:
    """Reads an object of the directory by a key of its own, not by an index, which lags behind."""
    return az("rest", "--method", "get", "--url", f"{GRAPH}/{path}")


def assignments_of(names: Names, principal: str) -> Command:
    """Reads a principal's role assignments on the group, in it and around it, in one call."""
    path = f"{names.group_id}/providers/Microsoft.Authorization/roleAssignments"
    return arm_get(path, "2022-04-01", f"$filter=principalId eq '{{{principal}}}'")


def unique_name(names: Names, generation: int) -> str:
    """The application's key in the tenant; another after each destroy, as Entra keeps the old."""
    words = re.sub(r"[^A-Za-z0-9]+", "-", names.service_principal).strip("-")
    return "-".join([words, names.key, *([str(generation)] if generation else [])])


def _id_as(name: str) -> Callable[[Any], dict[str, str]]:
    """Learns the id of what was found, under a name."""
    return lambda found: {name: found["id"]}


def assigned(role: str, scope: str) -> Callable[[Any], Any]:
    """Picks the assignment of a role on a scope, or on one around it."""

    def pick(answer: dict[str, Any]) -> Any:
        for each in answer["value"]:
            given = each["properties"]
            above = given["scope"].lower().rstrip("/")
            if given["roleDefinitionId"].lower().endswith(ROLES[role]) and (
                f"{scope.lower()}/".startswith(f"{above}/")
            ):
                return each
        return None

    return pick


def _only(what: str, name: str) -> Callable[[Any], Any]:
    """Picks the one of this name; which of several is meant cannot be told."""

    def pick(answer: list[dict[str, Any]]) -> Any:
        if len(answer) > 1:
            ids = ", ".join(each["appId"] for each in answer)
            raise Refused(
                f"there are {len(answer)} {what} of the name {name!r} ({ids}): put the id of the"
                " right one into config.yml (azure.client_id)",
                code=2,
            )
        return answer[0] if answer else None

    return pick


def _quoted(text: str) -> str:
    """A text in a filter of Microsoft Graph."""
    return "'" + text.replace("'", "''") + "'"


def _last(path: str) -> str:
    """The end of a path: a resource's own name."""
    return path.rpartition("/")[2]
