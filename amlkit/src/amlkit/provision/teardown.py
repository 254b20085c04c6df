"""`destroy`: takes down what this repository made, and nothing else.

What is ours Azure tells, by tags and names: any clone may do it. Each thing is removed by itself;
the group goes last, and only if it is ours and empty by then. A workspace that was deleted keeps
its name for two weeks, and only while its group is there can that be ended: without --purge the
group stays, and says so by a tag.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from amlkit.provision.az import AzFailure
from amlkit.provision.context import Context, agreed, require_subscription
from amlkit.provision.display import elapsed, typed
from amlkit.provision.facts import (
    APPLICATION_KEPT,
    ASSIGNMENT,
    VAULT,
    VERSIONS,
    WORKSPACE,
    WORKSPACE_KEPT,
)
from amlkit.provision.failures import Kind
from amlkit.provision.names import DELETED_WORKSPACE
from amlkit.provision.records import Command, Refused, Resource, arm_get, az
from amlkit.provision.roles import wanted_roles
from amlkit.provision.rotation import Rotation
from amlkit.provision.survey import Survey, find, run, survey
from amlkit.provision.waits import countdown, pauses

# Azure puts these beside an Application Insights without being asked.
BY_PRODUCTS = (
    "microsoft.alertsmanagement/smartdetectoralertrules",
    "microsoft.insights/actiongroups",
)
# How long the list of a group's resources may still show what is gone (s).
LIST_LAG = 60


def destroy(context: Context) -> dict[str, Any]:
    """Removes what is ours."""
    require_subscription(context.settings)
    with context.state.alone():
        looked = survey(context.plan, context.names, context.reader, context.facts, whole=True)
        if looked.blind:
            raise Refused(looked.blind)
        ours = [step for step in reversed(context.plan) if looked.findings[step.key].ours]
        ours.sort(key=lambda step: step.key == "resource_group")  # last of all
        heirs = _heirs(context, looked) if looked.findings["application"].ours else ""
        if heirs:
            ours = [step for step in ours if step.key != "application"]
            context.say(f"the service principal stays: {heirs}")
        # With an application of ours its secrets go by themselves.
        rotation = _rotation(context, looked, goes=_goes("application", ours))
        secrets = len(rotation.stored()) if rotation else 0
        leftovers = _deleted(context, looked) if context.args.purge else []
        if not ours and not secrets and not leftovers:
            context.say("nothing here was made by this repository: nothing to remove")
            return _report(context, [], [], [])
        registry = _registry(context, looked) if _goes("workspace", ours) else ""
        beside = [f"container registry {registry.rpartition('/')[2]}"] if registry else []
        _announce(context, ours, secrets, [*beside, *(title for title, _ in leftovers)])
        group = context.names.resource_group
        if not agreed(f"Type the name of the resource group ({group}) to go on:", group, context):
            context.say("nothing was removed")
            return _report(context, [], [], []) | {"status": "declined"}
        if rotation and rotation.revoke():
            context.say("  removed: secrets of the service principal")
        return _take_down(context, ours, looked, leftovers, registry)


def _announce(context: Context, ours: list[Resource], secrets: int, gone: list[str]) -> None:
    """What is about to be removed, and what of it cannot be brought back."""
    context.say("removes, for good and with everything in it:")
    for step in ours:
        context.say(f"  {step.title}")
    for title in gone:
        context.say(f"  {title}")
    if secrets:
        context.say(f"  secrets of the service principal that were made here: {secrets}")
    if context.args.purge:
        context.say("with --purge none of it can be recovered")


def _rotation(context: Context, looked: Survey, *, goes: bool) -> Rotation | None:
    """The secrets of an application that stays."""
    client = looked.facts.get("client_id")
    if goes or not client or not looked.findings["service_principal"].there:
        return None
    return Rotation(context.az, context.state, client, context.say)


def _heirs(context: Context, looked: Survey) -> str:
    """Who else uses the service principal: roles that it has outside of this target."""
    principal = looked.facts.get("principal_id")
    if not principal:
        return ""
    path = f"{context.names.scope}/providers/{ASSIGNMENT}"
    listing = arm_get(path, VERSIONS[ASSIGNMENT], f"$filter=principalId eq '{principal}'")
    try:
        found = context.reader.read(listing, {})["value"]
    except AzFailure as failure:
        if failure.kind is not Kind.FORBIDDEN:
            raise
        return "whether others use it cannot be seen with your rights on the subscription"
    # Another target of the same group uses the same application: its workspace is not ours.
    wanted = wanted_roles(context.names, context.settings.azure)
    ours = [f"{scope}/".lower() for _, _, scope, _ in wanted]
    scopes = [each["properties"]["scope"] for each in found]
    others = sorted({s for s in scopes if not any(f"{s}/".lower().startswith(o) for o in ours)})
    return f"it has roles on {', '.join(others)} too" if others else ""


def _deleted(context: Context, looked: Survey) -> list[tuple[str, Command]]:
    """What an earlier destroy has left in the recycle bin, and what ends it."""
    names, found = context.names, []
    group = looked.findings["resource_group"].found or {}
    if DELETED_WORKSPACE in (group.get("tags") or {}) and names.made(group):
        found.append((f"the deleted workspace {names.workspace}", purge_workspace(context)))
    path = f"{names.scope}/providers/Microsoft.KeyVault/locations/{names.location}"
    vault = f"{path}/deletedVaults/{names.key_vault}"
    kept = context.reader.read(arm_get(vault, VERSIONS[VAULT]), {})
    if kept and names.made(kept.get("properties") or {}):
        purge = az("keyvault", "purge", "-n", names.key_vault, "-l", names.location)
        found.append((f"the deleted Key Vault {names.key_vault}", purge))
    return found


def purge_workspace(context: Context) -> Command:
    """Ends a workspace that was deleted; the group has to be there."""
    return az(
        *("rest", "--method", "delete", "--url", context.names.workspace_id),
        *("--url-parameters", f"api-version={VERSIONS[WORKSPACE]}", "forceToPurge=true"),
    )


def _take_down(
    context: Context,
    ours: Sequence[Resource],
    looked: Survey,
    leftovers: Sequence[tuple[str, Command]],
    registry: str,
) -> dict[str, Any]:
    """Removes one after the other; the group at the end, where nothing needs it.

    `registry` goes with the workspace; "" if there is none.
    """
    facts, removed, kept = looked.facts, list[Resource](), list[dict[str, str]]()
    for title, command in leftovers:
        with elapsed(title, context.say, done="removed"):
            run(context.az, command, facts, absent_ok=True)
    for step in ours:
        if step.key == "resource_group":
            left = _left(context)
            if left:
                return _report(context, removed, left, kept)
            if _stays(context, looked, removed):
                context.state.forget()
                return _report(context, removed, [context.names.group_id], kept)
        kept += _remove(context, step, facts)
        removed.append(step)
        if step.key == "workspace" and registry:
            run(context.az, az("resource", "delete", "--ids", registry), {}, absent_ok=True)
    context.state.forget()
    return _report(context, removed, [], kept)


def _remove(context: Context, step: Resource, facts: dict[str, str]) -> list[dict[str, str]]:
    """Removes one thing; what Azure keeps of it."""
    context.reader.forget()
    found = find(step, context.reader, facts)
    if found is None:
        return []
    facts |= step.learns(found)
    purges = context.args.purge and not _protected(found)
    with elapsed(step.title, context.say, done="removed"):
        for command in (step.purge if purges else ()) or step.remove:
            run(context.az, command, facts, absent_ok=True, timeout=max(300, step.limit))
    if purges or not step.purge:
        return []
    days = {
        "workspace": WORKSPACE_KEPT,
        "application": APPLICATION_KEPT,
        "key_vault": (found.get("properties") or {}).get("softDeleteRetentionInDays", 90),
    }[step.key]
    ends = purge_workspace(context) if step.key == "workspace" else step.purge[-1]
    shown = typed(ends, context.az, facts)
    if _protected(found):
        shown = "it is protected from being purged; `apply --recover` brings it back"
    return [{"what": f"the deleted {step.title} for {days} days", "purge": shown}]


def _protected(found: dict[str, Any]) -> bool:
    """Whether it is a Key Vault that nobody can purge."""
    return bool((found.get("properties") or {}).get("enablePurgeProtection"))


def _stays(context: Context, looked: Survey, removed: Sequence[Resource]) -> bool:
    """Whether the group is needed by a workspace that may be purged or brought back; tags it."""
    if context.args.purge:
        return False
    group = looked.findings["resource_group"].found
    until = (group.get("tags") or {}).get(DELETED_WORKSPACE, "")
    if _goes("workspace", removed):
        day = datetime.now(UTC) + timedelta(days=WORKSPACE_KEPT)
        until = f"{day:%Y-%m-%d}"
        words = [
            f"{k}={v}" for k, v in {**(group.get("tags") or {}), DELETED_WORKSPACE: until}.items()
        ]
        run(
            context.az,
            az("group", "update", "-n", context.names.resource_group, "--tags", *words),
            {},
        )
    if until < time.strftime("%Y-%m-%d", time.gmtime()):
        return False
    context.say(
        f"the group {context.names.resource_group} stays: Azure keeps the deleted workspace until"
        f" {until}, and it can be purged only while its group is there (`destroy --purge`)"
    )
    return True


def _registry(context: Context, looked: Survey) -> str:
    """The path of the container registry that our workspace made for its images; "" if none.

    It makes one in its own group; one of another group was given to it, and others use it.
    """
    properties = (looked.findings["workspace"].found or {}).get("properties") or {}
    path = str(properties.get("containerRegistry") or "")
    inside = f"{context.names.group_id}/providers/Microsoft.ContainerRegistry/registries/"
    return path if path.lower().startswith(inside.lower()) else ""


def _goes(key: str, ours: Sequence[Resource]) -> bool:
    """Whether a resource is among those to be removed."""
    return any(step.key == key for step in ours)


def _left(context: Context) -> list[str]:
    """What is still in the group and is not ours: with it, the group stays."""
    listing = az("resource", "list", "-g", context.names.resource_group)
    left: list[str] = []
    for pause in [*pauses(LIST_LAG), None]:
        answer = run(context.az, listing, {}, absent_ok=True) or []
        left = [each["id"] for each in answer if each["type"].lower() not in BY_PRODUCTS]
        if not left or pause is None:
            break
        countdown(pause, "the group is not empty yet", context.say)
    return left


def _report(
    context: Context, removed: list[Resource], left: list[str], kept: list[dict[str, str]]
) -> dict[str, Any]:
    """Says what is gone, what is left, and what Azure keeps."""
    group = context.names.group_id
    for path in left:
        if path != group:
            context.say(f"left in the group, not made here: {path}")
    if left and left != [group]:
        name = context.names.resource_group
        context.say(f"the group {name} stays; to remove it all the same: az group delete -n {name}")
    for each in kept:
        context.say(f"Azure keeps {each['what']}; to end that: {each['purge']}")
    return {
        "status": "done",
        "removed": [step.title for step in removed],
        "left": left,
        "kept_by_azure": kept,
        "az_calls": context.az.calls,
    }
