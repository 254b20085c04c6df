"""Roles: what the service principal may do, what a person needs, and a table of one's own.

A role assignment has a name that follows from scope, principal and role, so that any clone finds it
by its path.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from amlkit.content import file_hash
from amlkit.provision.directory import REPLICATION, answered, directory
from amlkit.provision.facts import (
    ASSIGNMENT,
    BLOB_WRITER,
    CONTRIBUTOR,
    METRICS_READER,
    OPERATOR,
    READER,
    ROLE_GIVER,
    ROLES,
    SCIENTIST,
    VERSIONS,
)
from amlkit.provision.failures import Kind
from amlkit.provision.names import Names
from amlkit.provision.placeholders import fact
from amlkit.provision.records import (
    Look,
    Put,
    Resource,
    Right,
    arm_delete,
    arm_get,
    az,
)
from amlkit.settings.azure import Azure

KNOWN_TO_STORAGE = 900  # how long storage may need until it knows a role (s)


def assignment(scope: str, principal: str, role: str) -> str:
    """The name of a role assignment: the same on every machine."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{scope}/{principal}/{ROLES[role]}".lower()))


def wanted_roles(names: Names, azure: Azure) -> list[tuple[str, str, str, str]]:
    """What the service principal may do, and no more: key, role, scope, what for."""
    role, traffic = azure.bootstrap.role, azure.traffic
    judged = azure.sdk == "v2" and bool(traffic.steps or traffic.mirror)
    needed = {
        "role_compute": azure.compute.create and role != CONTRIBUTOR,
        # The endpoints are below the workspace, and come and go.
        "role_metrics": judged and role != CONTRIBUTOR,
    }
    wanted = [
        (
            *("role_workspace", role, names.workspace_id),
            "the drivers register data, environments and models, and start runs",
        ),
        (
            *("role_compute", OPERATOR, names.workspace_id),
            "azure.compute.create lets the drivers make the cluster",
        ),
        (
            *("role_metrics", METRICS_READER, names.workspace_id),
            "azure.traffic: a new deployment is judged by what Azure Monitor counts",
        ),
        (
            *("role_data", BLOB_WRITER, names.storage_id),
            "the drivers upload tables and read what runs have written",
        ),
    ]
    return [each for each in wanted if needed.get(each[0], True)]


def roles(names: Names, azure: Azure) -> list[Resource]:
    """The service principal's roles."""
    return [
        role_of(
            names,
            key,
            role,
            scope,
            "service_principal",
            (fact("principal_id"), "ServicePrincipal"),
            mode=azure.bootstrap.roles,
            reason=reason,
        )
        for key, role, scope, reason in wanted_roles(names, azure)
    ]


def role_of(
    names: Names, key: str, role: str, scope: str, inside: str, who: tuple[str, str], **more: Any
) -> Resource:
    """A role assignment: by the name that follows from it, or whatever gives the same right."""
    name, (principal, kind) = fact(f"{key}_name"), who
    place = f"{scope}/providers/{ASSIGNMENT}"
    version, built_in = VERSIONS[ASSIGNMENT], "/providers/Microsoft.Authorization/roleDefinitions"
    given = {
        "roleDefinitionId": f"{names.scope}{built_in}/{ROLES[role]}",
        "principalId": principal,
        "principalType": kind,
    }
    around = f"{names.group_id}/providers/{ASSIGNMENT}"
    return Resource(
        key=key,
        title=more.pop("title", f"role {role} on {scope.rpartition('/')[2]}"),
        looks=(
            Look(arm_get(f"{place}/{name}", version)),
            Look(
                arm_get(around, version, f"$filter=principalId eq '{principal}'"),
                _assigned(role, scope),
            ),
        ),
        make=(
            az(
                *("role", "assignment", "create", "--role", role, "--scope", scope),
                *("--assignee-object-id", principal, "--assignee-principal-type", kind),
                *("--name", name),
            ),
        ),
        put=Put(f"{place}/{name}", version, {"properties": given}),
        remove=(arm_delete(f"{place}/{name}", version),),
        ours=lambda found: (
            found["name"] == assignment(scope, found["properties"]["principalId"], role)
        ),
        right=Right(ROLE_GIVER, scope, (f"{ASSIGNMENT}/write",)),
        inside=inside,
        heals=(Kind.PRINCIPAL_UNKNOWN,),
        limit=REPLICATION,
        blind="make",
        **more,
    )


def _assigned(role: str, scope: str) -> Callable[[Any], Any]:
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


def right_to_upload(names: Names, mode: str) -> Resource:
    """Owning a storage account lets nobody write into it: the caller gets the role for that."""
    return _own_role(names, "role_upload", "container", mode)


def caller(names: Names) -> Resource:
    """Whoever is logged in."""
    return Resource(
        key="caller",
        title="whoever is logged in",
        mode="existing",
        looks=(Look(directory(names, client=False), lambda answer: answered(answer, "caller")),),
        make=(),
        learns=lambda found: {
            "caller_id": found["id"],
            **{
                f"{key}_name": assignment(scope, found["id"], role)
                for key, role, scope, _ in _own_roles(names)
            },
        },
        reason="it is made in your name",
    )


def _own_roles(names: Names) -> list[tuple[str, str, str, str]]:
    """What a person may need for themselves: key, role, scope, what for."""
    return [
        ("role_upload", BLOB_WRITER, names.container_id, "your own table is uploaded"),
        ("role_reader", READER, names.group_id, "to look at what there is"),
        ("role_scientist", SCIENTIST, names.workspace_id, "to work in it by hand"),
        ("role_writer", BLOB_WRITER, names.storage_id, "to upload tables by hand"),
    ]


def _own_role(names: Names, wanted: str, inside: str, mode: str = "create") -> Resource:
    """A role for whoever is logged in."""
    [(key, role, scope, reason)] = [each for each in _own_roles(names) if each[0] == wanted]
    title = f"role {role} on {scope.rpartition('/')[2]}, for you"
    who = (fact("caller_id"), fact("caller_type"))
    return role_of(names, key, role, scope, inside, who, mode=mode, title=title, reason=reason)


def requested(names: Names) -> list[Resource]:
    """What whoever asks an administrator needs for themselves, beside what is made."""
    roles = ("role_reader", "role_scientist", "role_writer")
    return [
        caller(names),
        *(_own_role(names, key, "caller") for key in roles),
        Resource(
            key="owner",
            title=f"you as an owner of the application {names.service_principal}",
            mode="create",
            looks=(),
            make=(
                az(
                    *("ad", "app", "owner", "add", "--id", fact("client_id")),
                    *("--owner-object-id", fact("caller_id")),
                ),
            ),
            inside="service_principal",
            right=Right("an owner of the application"),
            reason="to renew its secret: nobody else may",
        ),
    ]


def own_table(names: Names, path: Path) -> list[Resource]:
    """A table of one's own; a blob says by its metadata what its content is."""
    place = ("--account-name", names.storage_account, "--container-name", names.container)
    blob = (*place, "--name", path.name, "--auth-mode", "login")
    sha256 = file_hash(path)
    table = Resource(
        key="data",
        title=f"{path.name} in container {names.container}",
        mode="create",
        looks=(Look(az("storage", "blob", "show", *blob), lambda found: _same(found, sha256)),),
        make=(
            az(
                *("storage", "blob", "upload", *blob, "--file", str(path)),
                *("--overwrite", "true", "--metadata", f"sha256={sha256}", "--no-progress"),
            ),
        ),
        inside="role_upload",
        right=Right(BLOB_WRITER, names.container_id),
        cost="storage by what lies in it",
        reason="the table that models are trained on",
        heals=(Kind.FORBIDDEN,),
        limit=KNOWN_TO_STORAGE,
        blind="make",
    )
    return [caller(names), right_to_upload(names, "create"), table]


def _same(found: dict[str, Any], sha256: str) -> Any:
    """The blob, if it has the file's content."""
    return found if (found.get("metadata") or {}).get("sha256") == sha256 else None
