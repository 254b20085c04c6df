"""What whoever is logged in gets for themselves: a table of their own, and roles to work with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from amlkit.content import file_hash
from amlkit.provision.cloud.client import az, part
from amlkit.provision.cloud.facts import BLOB_WRITER
from amlkit.provision.cloud.failures import Kind
from amlkit.provision.cloud.placeholders import Facts, fact
from amlkit.provision.plan.directory import answered, directory
from amlkit.provision.plan.names import Names
from amlkit.provision.plan.records import Look, Resource, Right
from amlkit.provision.plan.roles import names_of_assignments, own, own_role

KNOWN_TO_STORAGE = 900  # how long storage may need until it knows a role (s)


def caller(names: Names) -> Resource:
    """Whoever is logged in."""

    def learns(found: dict[str, Any]) -> dict[str, str]:
        assigned = names_of_assignments([*own(names).values()], found["id"])
        return {"caller_id": found["id"], **assigned}

    return Resource(
        key="caller",
        title="whoever is logged in",
        mode="existing",
        looks=(Look(directory(names, client=False), answered("caller")),),
        make=(),
        learns=learns,
        reason="it is made in your name",
        missing="log in as a user or a service principal, or upload in the portal",
    )


def requested(names: Names) -> list[Resource]:
    """What whoever asks an administrator needs for themselves, beside what is made."""
    owner = az(
        *("ad", "app", "owner", "add", "--id", fact("client_id")),
        *("--owner-object-id", fact("caller_id")),
    )
    return [
        caller(names),
        *(own_role(names, f"role_{key}", "caller") for key in ("reader", "scientist", "writer")),
        Resource(
            key="owner",
            title=f"you as an owner of the application {names.service_principal}",
            mode="create",
            make=(owner,),
            inside="service_principal",
            right=Right("an owner of the application"),
            reason="to renew its secret: nobody else may",
        ),
    ]


def own_table(names: Names, path: Path) -> list[Resource]:
    """A table of one's own; a blob says by its metadata what its content is.

    Owning a storage account lets nobody write into it: the caller gets the role for that.
    """
    place = ("--account-name", names.storage_account, "--container-name", names.container)
    blob = (*place, "--name", path.name, "--auth-mode", "login")
    sha256 = file_hash(path)

    def same(found: dict[str, Any], facts: Facts) -> Any:
        return found if part(found, "metadata", "sha256") == sha256 else None

    table = Resource(
        key="data",
        title=f"{path.name} in container {names.container}",
        mode="create",
        looks=(Look(az("storage", "blob", "show", *blob), same),),
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
    return [caller(names), own_role(names, "role_upload", "container"), table]
