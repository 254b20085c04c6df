"""What steps of a training pipeline act as, with SDK v2: a user-assigned identity and its roles.

A cluster runs as it; on serverless compute a job has what its workspace was given ("Model training
on serverless compute" and "Set up authentication between Azure Machine Learning and other
services", Microsoft Learn).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from amlkit.provision.facts import (
    BLOB_WRITER,
    CONTRIBUTOR,
    IDENTITY,
    SCIENTIST,
    VERSIONS,
    WORKSPACE,
)
from amlkit.provision.making import made_by_put
from amlkit.provision.names import Names
from amlkit.provision.placeholders import fact
from amlkit.provision.records import Look, Resource, Right, arm_get, az
from amlkit.provision.roles import assignment, role_of
from amlkit.settings.azure import Azure

_PROVIDER = IDENTITY.partition("/")[0]
_PRINCIPAL = "pipeline_principal"


def identity_id(names: Names, azure: Azure) -> str:
    """The id of what a cluster runs as: as config.yml has it, else of the one made for steps."""
    if azure.compute.identity or not _wanted(azure):
        return azure.compute.identity
    return f"{names.group_id}/providers/{IDENTITY}/id-{names.workspace}"


def acting(names: Names, azure: Azure) -> list[Resource]:
    """The identity, the workspace that is given it, and its roles; nothing without a pipeline.

    A workspace that was given one cannot be without again, and so keeps it.
    """
    if not _wanted(azure):
        return []
    mode, path, reason = azure.bootstrap.pipeline, identity_id(names, azure), "steps act as it"
    grants = _grants(names, azure)

    def learns(found: dict[str, Any]) -> dict[str, str]:
        principal = found["properties"]["principalId"]
        known = {
            f"{key}_name": assignment(scope, principal, role) for key, role, scope, _ in grants
        }
        return {_PRINCIPAL: principal, **known}

    name = path.rpartition("/")[2]
    title = f"identity {name}"
    identity = made_by_put(
        names, "pipeline", title, mode, path, IDENTITY, {}, alone=True, learns=learns, reason=reason
    )
    if azure.compute.identity:  # one of your own is never made
        identity = replace(identity, mode="existing")
    elif azure.bootstrap.providers == "create":
        register = az("provider", "register", "--namespace", _PROVIDER)
        identity = replace(identity, make=(register, *identity.make))
    who = (fact(_PRINCIPAL), "ServicePrincipal")
    roles = []
    for key, role, scope, why in grants:
        title = f"role {role} on {scope.rpartition('/')[2]}, for identity {name}"
        more = {"mode": mode, "title": title, "reason": why}
        roles.append(role_of(names, key, role, scope, "pipeline", who, **more))
    return [identity, *([] if azure.compute.name else [_given(names, path, mode)]), *roles]


def _wanted(azure: Azure) -> bool:
    return azure.sdk == "v2" and azure.bootstrap.pipeline != "skip"


def _grants(names: Names, azure: Azure) -> list[tuple[str, str, str, str]]:
    """What steps may do, and no more: key, role, scope, what for."""
    register = "steps look for the newest table, and register what the gate lets pass"
    found = [("role_steps", SCIENTIST, names.workspace_id, register)]
    if not azure.bootstrap.storage_shared_keys:
        hand_on = "steps hand folders on, and no key opens the storage"
        found.append(("role_steps_data", BLOB_WRITER, names.storage_id, hand_on))
    return found


def _given(names: Names, path: str, mode: str) -> Resource:
    """The workspace with the identity beside its own, for what runs on serverless compute."""

    def pick(found: dict[str, Any]) -> Any:
        held = (found.get("identity") or {}).get("userAssignedIdentities") or {}
        return found if path.lower() in map(str.lower, held) else None

    both = {"type": "SystemAssigned,UserAssigned", "userAssignedIdentities": {path: {}}}
    return Resource(
        key="pipeline_workspace",
        title=f"identity {path.rpartition('/')[2]} for jobs of {names.workspace}",
        mode=mode,
        looks=(Look(arm_get(names.workspace_id, VERSIONS[WORKSPACE]), pick),),
        make=(
            az(
                *("rest", "--method", "patch", "--url", names.workspace_id, "--url-parameters"),
                *(f"api-version={VERSIONS[WORKSPACE]}", "--body", "@-"),
                body={"identity": both},
            ),
        ),
        right=Right(
            *(CONTRIBUTOR, names.group_id), (f"{WORKSPACE}/write", f"{IDENTITY}/assign/action")
        ),
        inside="workspace",
        uses=("pipeline",),
        reason="serverless jobs act as what the workspace was given",
        limit=600,
    )
