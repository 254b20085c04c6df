"""Steps for a table of one's own: the caller's right to write, and the upload."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from amlkit.content import file_hash
from amlkit.provision.failures import Kind
from amlkit.provision.identity import ASSIGN, assigned, assignments_of, graph_get
from amlkit.provision.names import Names
from amlkit.provision.records import Look, Step, az

WRITER = "Storage Blob Data Contributor"
# How long a new role may take until storage knows it (s).
KNOWN_TO_STORAGE = 900


def right_to_upload(names: Names) -> list[Step]:
    """Owning a storage account lets nobody write into it: the caller gets the role for that."""
    return [
        Step(
            key="caller",
            title="whoever is logged in",
            mode="existing",
            looks=(Look(graph_get("{caller}")),),
            create=(),
            learns=lambda found: {"caller_id": found["id"]},
            missing="log in as a user or a service principal, or upload in the portal",
            reason="the upload is made in your name",
        ),
        Step(
            key="role_upload",
            title=f"role {WRITER} on {names.container}, for you",
            mode="create",
            looks=(Look(assignments_of(names, "caller_id"), assigned(WRITER, names.container_id)),),
            create=(
                az(
                    *("role", "assignment", "create", "--role", WRITER),
                    *("--scope", names.container_id, "--assignee-object-id", "{caller_id}"),
                    *("--assignee-principal-type", "{caller_type}"),
                ),
            ),
            remove=(az("role", "assignment", "delete", "--ids", "{role_upload_id}"),),
            learns=lambda found: {"role_upload_id": found["id"]},
            inside="container",
            actions=(ASSIGN,),
            scope=names.container_id,
            role="Owner or User Access Administrator",
            reason="your own table is uploaded",
        ),
    ]


def upload(names: Names, path: Path) -> list[Step]:
    """The table itself; a blob says by its metadata what its content is."""
    place = ("--account-name", names.storage_account, "--container-name", names.container)
    blob = (*place, "--name", path.name, "--auth-mode", "login")
    sha256 = file_hash(path)
    return [
        Step(
            key="data",
            title=f"{path.name} in container {names.container}",
            mode="create",
            looks=(Look(az("storage", "blob", "show", *blob), lambda found: _same(found, sha256)),),
            create=(
                az(
                    *("storage", "blob", "upload", *blob, "--file", str(path)),
                    *("--overwrite", "true", "--metadata", f"sha256={sha256}", "--no-progress"),
                ),
            ),
            inside="role_upload",
            role=WRITER,
            scope=names.container_id,
            cost="storage by what lies in it",
            reason="the table that models are trained on",
            again_on=(Kind.FORBIDDEN,),
            limit=KNOWN_TO_STORAGE,
            unseen="make",
            look_after=True,
        ),
    ]


def _same(found: dict[str, Any], sha256: str) -> Any:
    """The blob, if it has the file's content."""
    return found if (found.get("metadata") or {}).get("sha256") == sha256 else None
