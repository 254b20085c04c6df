"""What steps of a training pipeline act as, with SDK v2: a user-assigned identity and its roles.

A cluster runs as it; on serverless compute a job has what its workspace was given ("Model training
on serverless compute" and "Set up authentication between Azure Machine Learning and other
services", Microsoft Learn).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from amlkit.provision.cloud.arm import arm, arm_get
from amlkit.provision.cloud.client import part
from amlkit.provision.cloud.facts import BLOB_WRITER, CONTRIBUTOR, IDENTITY, SCIENTIST, WORKSPACE
from amlkit.provision.cloud.placeholders import Facts, fact
from amlkit.provision.plan.names import Names
from amlkit.provision.plan.records import Finding, Look, Resource, Right, put
from amlkit.provision.plan.roles import Grant, given, names_of_assignments
from amlkit.settings.azure import Azure

_PRINCIPAL = "pipeline_principal"
_KIND = "workspace_identity"
# As the bootstrap makes one.
NEW_WORKSPACE = {_KIND: "SystemAssigned,UserAssigned"}
_STRICTEST = ("skip", "existing", "create")


def identity_id(names: Names, azure: Azure) -> str:
    """The id of what a cluster runs as: as config.yml has it, else of the one made for steps."""
    if azure.compute.identity or not azure.steps_act:
        return azure.compute.identity
    return f"{names.group_id}/providers/{IDENTITY}/{azure.identity_name}"


def acting(names: Names, azure: Azure) -> list[Resource]:
    """The identity, the workspace that is given it, and its roles; nothing without a pipeline.

    A workspace that was given one cannot be without again, and so keeps it.
    """
    if not azure.steps_act:
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
        uses=("providers_identity",),
        reason="steps act as it",
        missing="check azure.compute.identity in config.yml; where that is empty, one is made"
        " (azure.bootstrap.pipeline: create)",
    )
    if azure.compute.identity:  # one of your own is never made, and lies anywhere
        identity = replace(identity, mode="existing", inside="", uses=())
    who, whose = (fact(_PRINCIPAL), "ServicePrincipal"), f", for identity {name}"
    allowed = min(mode, azure.bootstrap.roles, key=_STRICTEST.index)
    roles = [given(names, grant, "pipeline", allowed, who, whose) for grant in grants]
    return [identity, *([] if azure.compute.name else [_workspace(names, path, mode)]), *roles]


def asked_for(plan: list[Resource]) -> list[Resource]:
    """The plan, with the roles of steps where others give them: nothing works without."""
    return [
        replace(step, mode="existing")
        if step.key.startswith("role_steps") and step.mode == "skip"
        else step
        for step in plan
    ]


def kind_of_workspace(found: dict[str, Any]) -> dict[str, str]:
    """The type that a workspace's identity has once one is given to it, beside its own if any.

    `az ml` writes `system_assigned` for what Azure calls `SystemAssigned`.
    """
    kind = str(part(found, "identity", "type") or "SystemAssigned").lower().replace("_", "")
    own = "SystemAssigned," if "systemassigned" in kind else ""
    return {_KIND: f"{own}UserAssigned"}


def still_needed(identity: str, around: list[Finding]) -> str:
    """What stays and has an identity, or may have: its title; "" where nothing does."""
    for finding in around:
        if finding.unknown or identity.lower() in _held(finding.found):
            return finding.step.title
    return ""


def _held(found: Any) -> dict[str, Any]:
    """The identities that something was given, by their paths in small letters."""
    held = part(found, "identity", "userAssignedIdentities") or {}
    return {path.lower(): identity for path, identity in held.items()}


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

    def pick(found: dict[str, Any], facts: Facts) -> dict[str, Any] | None:
        held = _held(found)
        if path.lower() not in held:
            return None
        # One that was made anew under the same name is another.
        told = part(held[path.lower()], "principalId")
        return found if not told or told == facts.get(_PRINCIPAL, told) else None

    both = {"type": fact(_KIND), "userAssignedIdentities": {path: {}}}
    actions = (f"{WORKSPACE}/write", f"{IDENTITY}/assign/action")
    return Resource(
        key="pipeline_workspace",
        title=f"identity {path.rpartition('/')[2]} for jobs of {names.workspace}",
        mode=mode,
        looks=(Look(arm_get(names.workspace_id), pick),),
        make=(arm("patch", names.workspace_id, body={"identity": both}),),
        awaited=True,
        right=Right(CONTRIBUTOR, names.group_id, actions),
        inside="pipeline",
        uses=("workspace",),
        reason="serverless jobs act as what the workspace was given",
        limit=600,
        missing="ask who handed out the workspace for it",
    )
