"""What steps of a training pipeline act as, with SDK v2: a user-assigned identity and its roles.

A cluster runs as it; on serverless compute a job has what its workspace was given ("Model training
on serverless compute" and "Set up authentication between Azure Machine Learning and other
services", Microsoft Learn).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from amlkit.provision.cloud.arm import arm, arm_get
from amlkit.provision.cloud.client import az, part
from amlkit.provision.cloud.facts import BLOB_WRITER, CONTRIBUTOR, IDENTITY, SCIENTIST, WORKSPACE
from amlkit.provision.cloud.placeholders import fact
from amlkit.provision.plan.making import put
from amlkit.provision.plan.names import Names
from amlkit.provision.plan.records import Look, Resource, Right
from amlkit.provision.plan.roles import Grant, given, names_of_assignments
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
    mode, path = azure.bootstrap.pipeline, identity_id(names, azure)
    name, grants = path.rpartition("/")[2], _grants(names, azure)

    def learns(found: dict[str, Any]) -> dict[str, str]:
        principal = found["properties"]["principalId"]
        return {_PRINCIPAL: principal, **names_of_assignments(grants, principal)}

    identity = put(
        names,
        ("pipeline", mode, f"identity {name}"),
        path,
        {},
        alone=True,
        learns=learns,
        reason="steps act as it",
        missing="check azure.compute.identity in config.yml; where that is empty, one is made"
        " (azure.bootstrap.pipeline: create)",
    )
    if azure.compute.identity:  # one of your own is never made
        identity = replace(identity, mode="existing")
    elif azure.bootstrap.providers == "create":
        register = az("provider", "register", "--namespace", _PROVIDER)
        identity = replace(identity, make=(register, *identity.make))
    who, whose = (fact(_PRINCIPAL), "ServicePrincipal"), f", for identity {name}"
    roles = [given(names, grant, "pipeline", mode, who, whose) for grant in grants]
    return [identity, *([] if azure.compute.name else [_workspace(names, path, mode)]), *roles]


def _wanted(azure: Azure) -> bool:
    return azure.sdk == "v2" and azure.bootstrap.pipeline != "skip"


def _grants(names: Names, azure: Azure) -> list[Grant]:
    """What steps may do, and no more."""
    register = "steps look for the newest table, and register what the gate lets pass"
    found = [Grant("role_steps", SCIENTIST, names.workspace_id, register)]
    if not azure.bootstrap.storage_shared_keys:
        hand_on = "steps hand folders on, and no key opens the storage"
        found.append(Grant("role_steps_data", BLOB_WRITER, names.storage_id, hand_on))
    return found


def _workspace(names: Names, path: str, mode: str) -> Resource:
    """The workspace with the identity beside its own, for what runs on serverless compute."""

    def pick(found: dict[str, Any]) -> Any:
        held = part(found, "identity", "userAssignedIdentities") or {}
        return found if path.lower() in map(str.lower, held) else None

    both = {"type": "SystemAssigned,UserAssigned", "userAssignedIdentities": {path: {}}}
    actions = (f"{WORKSPACE}/write", f"{IDENTITY}/assign/action")
    return Resource(
        key="pipeline_workspace",
        title=f"identity {path.rpartition('/')[2]} for jobs of {names.workspace}",
        mode=mode,
        looks=(Look(arm_get(names.workspace_id), pick),),
        make=(arm("patch", names.workspace_id, body={"identity": both}),),
        right=Right(CONTRIBUTOR, names.group_id, actions),
        inside="workspace",
        uses=("pipeline",),
        reason="serverless jobs act as what the workspace was given",
        limit=600,
        missing="ask who handed out the workspace for it",
    )
