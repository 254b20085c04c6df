"""The service principal that pipelines sign in as, what it may do, and a table of one's own.

The directory is asked once for all, in a batch; roles have names that follow from scope, principal
and role, so that any clone finds them by their path.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from amlkit.content import file_hash
from amlkit.provision.az import failure_of
from amlkit.provision.facts import (
    APP_MAKER,
    ASSIGNMENT,
    BLOB_WRITER,
    CONTRIBUTOR,
    GRAPH,
    OPERATOR,
    READER,
    ROLE_GIVER,
    ROLES,
    SCIENTIST,
    VERSIONS,
)
from amlkit.provision.failures import Kind
from amlkit.provision.names import Names
from amlkit.provision.records import (
    Command,
    Look,
    Put,
    Refused,
    Resource,
    Right,
    arm_delete,
    arm_get,
    az,
)
from amlkit.settings.azure import Azure

# How long the directory may need until all of Azure knows a new principal, and storage a role (s).
REPLICATION, KNOWN_TO_STORAGE = 180, 900


def principal(names: Names, azure: Azure) -> list[Resource]:
    """What pipelines sign in as: an application and its principal, made without a password.

    `az ad sp create-for-rbac` would remove all passwords of an application that has the name. It
    is made by its unique name, which Microsoft Graph keeps as a key, so that a try whose answer was
    lost makes no second one; Entra keeps the name of a deleted one for a month, and so there are
    several in turn.
    """
    name, mode = names.service_principal, azure.bootstrap.service_principal
    if azure.client_id and mode == "create":
        mode = "existing"  # it is known by its id: another one would be another principal
    known, unknown = _directory(names, client=True), _directory(names, client=False)
    keyed, named = _keyed(names.application_keys), _only("applications", name)
    body = {"displayName": name, "signInAudience": "AzureADMyOrg"}
    prefer = ("--headers", "Prefer=create-if-missing", "--body", "@-")
    application = Resource(
        key="application",
        title=f"application {name} in Entra ID",
        mode="create" if mode == "create" else "skip",
        looks=tuple(Look(read, pick) for read in (known, unknown) for pick in (keyed, named)),
        make=tuple(
            az("rest", "--method", "patch", "--url", f"{GRAPH}/{_key(key)}", *prefer, body=body)
            for key in names.application_keys
        ),
        first_suffices=True,
        remove=(az("ad", "app", "delete", "--id", "{application_id}"),),
        purge=(
            az("ad", "app", "delete", "--id", "{application_id}"),
            az(
                *("rest", "--method", "delete", "--url"),
                f"{GRAPH}/directory/deletedItems/{{application_id}}",
            ),
        ),
        ours=lambda found: found.get("uniqueName") in names.application_keys,
        right=Right(APP_MAKER),
        learns=lambda found: {"client_id": found["appId"], "application_id": found["id"]},
        reason="the service principal belongs to it, and so will its secrets",
        limit=REPLICATION,
    )
    looks = [
        Look(known, lambda answer: _answered(answer, "principal")),
        Look(az("rest", "--method", "get", "--url", f"{GRAPH}/{_CLIENT}")),
    ]
    if mode == "existing" and not azure.client_id:
        looks.append(Look(unknown, _only("servicePrincipals", name)))
    create = az("ad", "sp", "create", "--id", "{client_id}")
    return [
        application,
        Resource(
            key="service_principal",
            title=f"service principal {name}",
            mode=mode,
            looks=tuple(looks),
            # Where it is to be handed out, an administrator begins with the application.
            make=(create,) if mode == "create" else (application.make[0], create),
            right=Right(APP_MAKER),
            inside="application",
            learns=lambda found: _principal(names, azure, found),
            heals=(Kind.INVALID, Kind.NOT_FOUND),  # the application is not known everywhere yet
            reason="the pipelines sign in as it, so that nobody's own account is used",
            limit=REPLICATION,
        ),
    ]


_CLIENT = "servicePrincipals(appId='{client_id}')"


def _key(name: str) -> str:
    """An application by its unique name."""
    return f"applications(uniqueName='{name}')"


def _directory(names: Names, *, client: bool) -> Command:
    """All that is asked of the directory, in one request (JSON batching of Microsoft Graph)."""
    named = f"?$filter=displayName eq {_quoted(names.service_principal)}"
    asked = {key: _key(key) for key in names.application_keys}
    asked |= {"applications": f"applications{named}", "caller": "{caller}"}
    asked |= {"servicePrincipals": f"servicePrincipals{named}"}
    asked |= {"principal": _CLIENT} if client else {}
    requests = [{"id": k, "method": "GET", "url": f"/{url}"} for k, url in asked.items()]
    return az(
        *("rest", "--method", "post", "--url", f"{GRAPH}/$batch", "--body", "@-"),
        body={"requests": requests},
    )


def _answered(answer: Any, key: str) -> Any:
    """What the directory answered to one request of a batch; None where there is no such thing.

    Raises:
        AzFailure: it refused.
    """
    [said] = [each for each in answer["responses"] if each["id"] == key]
    if said["status"] < 400:
        return said["body"]
    if said["status"] == 404:
        return None
    error = said["body"]["error"]
    raise failure_of(said["status"], error.get("code", ""), error.get("message", ""))


def _keyed(keys: tuple[str, ...]) -> Callable[[Any], Any]:
    """Picks the application that this repository made."""

    def pick(answer: Any) -> Any:
        for key in keys:
            if found := _answered(answer, key):
                return {**found, "uniqueName": key}
        return None

    return pick


def _only(kind: str, name: str) -> Callable[[Any], Any]:
    """Picks the one of this name; which of several is meant cannot be told."""

    def pick(answer: Any) -> Any:
        found = (_answered(answer, kind) or {}).get("value") or []
        if len(found) > 1:
            ids = ", ".join(each["appId"] for each in found)
            what = "applications" if kind == "applications" else "service principals"
            raise Refused(
                f"there are {len(found)} {what} of the name {name!r} ({ids}): put the id of the"
                " right one into config.yml (azure.client_id)",
                code=2,
            )
        return found[0] if found else None

    return pick


def _principal(names: Names, azure: Azure, found: dict[str, Any]) -> dict[str, str]:
    """Ids of a service principal, and the names that its role assignments have by that."""
    facts = {"client_id": found["appId"], "principal_id": found["id"]}
    return facts | {
        f"{key}_name": assignment(scope, found["id"], role)
        for key, role, scope, _ in _wanted_roles(names, azure)
    }


def assignment(scope: str, principal: str, role: str) -> str:
    """The name of a role assignment: the same on every machine."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{scope}/{principal}/{ROLES[role]}".lower()))


def _wanted_roles(names: Names, azure: Azure) -> list[tuple[str, str, str, str]]:
    """What the service principal may do, and no more: key, role, scope, what for."""
    role = azure.bootstrap.role
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
            *("role_data", BLOB_WRITER, names.storage_id),
            "the drivers upload tables and read what runs have written",
        ),
    ]
    if not azure.compute.create or role == CONTRIBUTOR:
        del wanted[1]
    return wanted


def roles(names: Names, azure: Azure) -> list[Resource]:
    """The service principal's roles."""
    return [
        _role(
            names,
            key,
            role,
            scope,
            "service_principal",
            ("{principal_id}", "ServicePrincipal"),
            mode=azure.bootstrap.roles,
            reason=reason,
        )
        for key, role, scope, reason in _wanted_roles(names, azure)
    ]


def _role(
    names: Names, key: str, role: str, scope: str, inside: str, who: tuple[str, str], **more: Any
) -> Resource:
    """A role assignment: by the name that follows from it, or whatever gives the same right."""
    name, (principal, kind) = f"{{{key}_name}}", who
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
        looks=(Look(_directory(names, client=False), lambda answer: _answered(answer, "caller")),),
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
    who = ("{caller_id}", "{caller_type}")
    return _role(names, key, role, scope, inside, who, mode=mode, title=title, reason=reason)


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
                    *("ad", "app", "owner", "add", "--id", "{client_id}"),
                    *("--owner-object-id", "{caller_id}"),
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


def _quoted(text: str) -> str:
    """A text in a filter of Microsoft Graph."""
    return "'" + text.replace("'", "''") + "'"
