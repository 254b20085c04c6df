"""Roles: what the service principal may do, and what a person needs for themselves.

A role assignment has a name that follows from scope, principal and role, so that any clone finds it
by its path.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from amlkit.provision.cloud.arm import Put, arm_delete, arm_get
from amlkit.provision.cloud.client import Pick, az, first
from amlkit.provision.cloud.facts import (
    ASSIGNMENT,
    BLOB_WRITER,
    CONTRIBUTOR,
    METRICS_READER,
    OPERATOR,
    READER,
    REPLICATION,
    ROLE_GIVER,
    ROLES,
    SCIENTIST,
)
from amlkit.provision.cloud.failures import Kind
from amlkit.provision.cloud.placeholders import Facts, fact
from amlkit.provision.plan.names import Names
from amlkit.provision.plan.records import Look, Resource, Right
from amlkit.settings.azure import Azure

_DEFINITIONS = "providers/Microsoft.Authorization/roleDefinitions"


@dataclass(frozen=True)
class Grant:
    """A role on a scope, and what it is needed for."""

    key: str
    role: str
    scope: str
    reason: str

    def name(self, principal: str) -> str:
        """The name that its assignment to a principal has: the same on every machine."""
        place = f"{self.scope}/{principal}/{ROLES[self.role]}"
        return str(uuid.uuid5(uuid.NAMESPACE_URL, place.lower()))


def names_of_assignments(grants: list[Grant], principal: str) -> dict[str, str]:
    """The facts by which the assignments of these to a principal are found and made."""
    return {f"{grant.key}_name": grant.name(principal) for grant in grants}


def wanted(names: Names, azure: Azure) -> list[Grant]:
    """What the service principal may do, and no more."""
    role, traffic = azure.bootstrap.role, azure.traffic
    judged = azure.sdk == "v2" and bool(traffic.steps or traffic.mirror)
    limited, inside = role != CONTRIBUTOR, names.workspace_id
    register = "the drivers register data, environments and models, and start runs"
    make = "azure.compute.create lets the drivers make the cluster"
    judge = "azure.traffic: a new deployment is judged by what Azure Monitor counts"
    upload = "the drivers upload tables and read what runs have written"
    table = [
        (True, Grant("role_workspace", role, inside, register)),
        (azure.compute.create and limited, Grant("role_compute", OPERATOR, inside, make)),
        # On the workspace: the endpoints below it come and go.
        (judged and limited, Grant("role_metrics", METRICS_READER, inside, judge)),
        (True, Grant("role_data", BLOB_WRITER, names.storage_id, upload)),
    ]
    return [grant for needed, grant in table if needed]


def own(names: Names) -> dict[str, Grant]:
    """What a person may need for themselves, by key."""
    grants = [
        Grant("role_upload", BLOB_WRITER, names.container_id, "your own table is uploaded"),
        Grant("role_reader", READER, names.group_id, "to look at what there is"),
        Grant("role_scientist", SCIENTIST, names.workspace_id, "to work in it by hand"),
        Grant("role_writer", BLOB_WRITER, names.storage_id, "to upload tables by hand"),
    ]
    return {grant.key: grant for grant in grants}


def roles(names: Names, azure: Azure) -> list[Resource]:
    """The service principal's roles."""
    who, mode = (fact("principal_id"), "ServicePrincipal"), azure.bootstrap.roles
    return [given(names, grant, "service_principal", mode, who) for grant in wanted(names, azure)]


def own_role(names: Names, key: str, inside: str, mode: str = "create") -> Resource:
    """A role for whoever is logged in."""
    who = (fact("caller_id"), fact("caller_type"))
    return given(names, own(names)[key], inside, mode, who, ", for you")


def given(
    names: Names, grant: Grant, inside: str, mode: str, who: tuple[str, str], whose: str = ""
) -> Resource:
    """A role assignment: by the name that follows from it, or whatever gives the same right."""
    (principal, kind), name = who, fact(f"{grant.key}_name")
    path = f"{grant.scope}/providers/{ASSIGNMENT}/{name}"
    around = f"{names.group_id}/providers/{ASSIGNMENT}"
    given = {
        "roleDefinitionId": f"{names.scope}/{_DEFINITIONS}/{ROLES[grant.role]}",
        "principalId": principal,
        "principalType": kind,
    }
    return Resource(
        key=grant.key,
        title=f"role {grant.role} on {grant.scope.rpartition('/')[2]}{whose}",
        mode=mode,
        looks=(
            Look(arm_get(path)),
            Look(arm_get(around, f"$filter=principalId eq '{principal}'"), _same(grant)),
        ),
        make=(
            az(
                *("role", "assignment", "create", "--role", grant.role, "--scope", grant.scope),
                *("--assignee-object-id", principal, "--assignee-principal-type", kind),
                *("--name", name),
            ),
        ),
        put=Put(path, {"properties": given}),
        remove=arm_delete(path),
        ours=lambda found: found["name"] == grant.name(found["properties"]["principalId"]),
        right=Right(ROLE_GIVER, grant.scope, (f"{ASSIGNMENT}/write",)),
        inside=inside,
        heals=(Kind.PRINCIPAL_UNKNOWN,),
        limit=REPLICATION,
        blind="make",
        reason=grant.reason,
        missing="ask who handed out the principal for it",
    )


def _same(grant: Grant) -> Pick:
    """Picks the assignment of the role on its scope, or on one around it."""

    def is_it(assignment: dict[str, Any], facts: Facts) -> bool:
        given = assignment["properties"]
        above = given["scope"].lower().rstrip("/")
        role = given["roleDefinitionId"].lower().endswith(ROLES[grant.role])
        return role and f"{grant.scope.lower()}/".startswith(f"{above}/")

    return first(is_it)
