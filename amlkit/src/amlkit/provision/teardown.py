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
from amlkit.provision.records import Command, Refused, Resource, arm_get, az
from amlkit.provision.roles import wanted_roles
from amlkit.provision.rotation import Rotation
from amlkit.provision.survey import Survey, find, run, survey
from amlkit.provision.waits import countdown, pauses, retry

# Azure puts these beside an Application Insights without being asked.
BY_PRODUCTS = (
    "microsoft.alertsmanagement/smartdetectoralertrules",
    "microsoft.insights/actiongroups",
)
# How long the list of a group's resources may still show what is gone (s).
LIST_LAG = 60
# How long it may take until what was deleted can be purged (s).
BIN_LAG = 60


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
        _announce(context, ours, secrets, [*beside, *(title for title, _ in leftovers)], looked)
        group = context.names.resource_group
        if not agreed(f"Type the name of the resource group ({group}) to go on:", group, context):
            context.say("nothing was removed")
            return _report(context, [], [], []) | {"status": "declined"}
        if rotation and rotation.revoke():
            context.say("  removed: secrets of the service principal")
        return _take_down(context, ours, looked, leftovers, registry)


def _announce(
    context: Context, ours: list[Resource], secrets: int, gone: list[str], looked: Survey
) -> None:
    """What is about to be removed, and what of it cannot be brought back."""
    context.say("removes, for good and with everything in it:")
    for step in ours:
        context.say(f"  {step.title}")
    for title in gone:
        context.say(f"  {title}")
    if secrets:
        context.say(f"  secrets of the service principal that were made here: {secrets}")
    kept = [step.title for step in ours if _protected(looked.findings[step.key].found)]
    if context.args.purge:
        but = f" but {', '.join(kept)}, which is protected from being purged" if kept else ""
        context.say(f"with --purge none of it can be recovered{but}")


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
    if names.deleted_until in _tags(context) and not looked.findings["workspace"].there:
        found.append((f"the deleted workspace {names.workspace}", purge_workspace(context)))
    path = f"{names.scope}/providers/Microsoft.KeyVault/locations/{names.location}"
    vault = f"{path}/deletedVaults/{names.key_vault}"
    kept = (context.reader.read(arm_get(vault, VERSIONS[VAULT]), {}) or {}).get("properties") or {}
    if names.made(kept) and not kept.get("purgeProtectionEnabled"):
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
    facts, removed, kept = looked.facts, list[str](), list[dict[str, str]]()
    for title, command in leftovers:
        if _purged(context, title, command, facts, kept):
            removed.append(title)
    left: list[str] = []
    for step in ours:
        if step.key == "resource_group":
            left = _left(context) or ([context.names.group_id] if _stays(context) else [])
            if left:
                break
        if _remove(context, step, facts, kept):
            removed.append(step.title)
        if step.key == "workspace" and registry:
            run(context.az, az("resource", "delete", "--ids", registry), {}, absent_ok=True)
    if context.args.purge and (left or not _goes("resource_group", ours)):
        _mark(context, "")
    if left in ([], [context.names.group_id]):
        context.state.forget()
    return _report(context, removed, left, kept)


def _remove(
    context: Context, step: Resource, facts: dict[str, str], kept: list[dict[str, str]]
) -> bool:
    """Removes one thing, if it is there; notes what Azure keeps of it."""
    context.reader.forget()
    found = find(step, context.reader, facts)
    if found is None:
        return False
    facts |= step.learns(found)
    purges = bool(context.args.purge and step.purge) and not _protected(found)
    if step.key == "workspace" and not purges:
        # Before: whoever looks after a cut-off run has to know.
        day = datetime.now(UTC) + timedelta(days=WORKSPACE_KEPT)
        _mark(context, f"{day:%Y-%m-%d}")
    for command in step.purge[:-1] if purges else step.remove:
        with elapsed(step.title, context.say, done="removed"):
            run(context.az, command, facts, absent_ok=True, timeout=max(300, step.limit))
    if purges:
        return _purged(context, step.title, step.purge[-1], facts, kept) or len(step.purge) > 1
    if step.purge:
        kept.append(_kept(context, step, found, facts))
    return True


def _purged(
    context: Context,
    title: str,
    command: Command,
    facts: dict[str, str],
    kept: list[dict[str, str]],
) -> bool:
    """Removes for good; False where Azure does not find it there, and that is noted.

    What was deleted a moment ago may not be in the recycle bin yet.
    """
    shown = typed(command, context.az, facts)
    try:
        with elapsed(title, context.say, done="removed for good"):
            retry(
                lambda: run(context.az, command, facts, timeout=1800),
                lambda error: _not_yet(error, title),
                say=context.say,
                at_most=BIN_LAG,
            )
    except AzFailure as failure:
        if failure.kind is not Kind.NOT_FOUND:
            raise
        kept.append({"what": f"{title}, perhaps: it was not found to be purged", "purge": shown})
        return False
    return True


def _not_yet(error: Exception, title: str) -> str:
    """Why a wait may help a purge."""
    unknown = isinstance(error, AzFailure) and error.kind is Kind.NOT_FOUND
    return f"{title}: not to be purged yet" if unknown else ""


def _kept(
    context: Context, step: Resource, found: dict[str, Any], facts: dict[str, str]
) -> dict[str, str]:
    """What Azure keeps of something that was deleted, and what ends that."""
    days = {
        "workspace": WORKSPACE_KEPT,
        "application": APPLICATION_KEPT,
        "key_vault": (found.get("properties") or {}).get("softDeleteRetentionInDays", 90),
    }[step.key]
    ends = purge_workspace(context) if step.key == "workspace" else step.purge[-1]
    shown = typed(ends, context.az, facts)
    if _protected(found):
        shown = "it is protected from being purged; `apply --recover` brings it back"
    return {"what": f"the deleted {step.title} for {days} days", "purge": shown}


def _protected(found: Any) -> bool:
    """Whether it is a Key Vault that nobody can purge."""
    return bool(((found or {}).get("properties") or {}).get("enablePurgeProtection"))


def _tags(context: Context) -> dict[str, str]:
    """The group's tags, as they are now."""
    context.reader.forget()
    version = VERSIONS["Microsoft.Resources/resourceGroups"]
    return (context.reader.read(arm_get(context.names.group_id, version), {}) or {}).get("tags", {})


def _mark(context: Context, until: str) -> None:
    """Tags the group with the day until which Azure keeps the deleted workspace; "": none."""
    name, tags = context.names.deleted_until, _tags(context)
    if tags.get(name, "") == until:
        return
    rest = {key: value for key, value in tags.items() if key != name}
    words = [f"{key}={value}" for key, value in (rest | ({name: until} if until else {})).items()]
    try:
        group = ("-n", context.names.resource_group)
        run(context.az, az("group", "update", *group, "--tags", *(words or [""])), {})
    except AzFailure as failure:
        if failure.kind not in (Kind.FORBIDDEN, Kind.POLICY):
            raise
        context.say(f"the group could not be tagged, and `apply` will not know: {failure.message}")


def _stays(context: Context) -> bool:
    """Whether the group is needed by a workspace that may be purged or brought back."""
    until = _tags(context).get(context.names.deleted_until, "")
    if context.args.purge or until < time.strftime("%Y-%m-%d", time.gmtime()):
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
    context: Context, removed: list[str], left: list[str], kept: list[dict[str, str]]
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
        "removed": removed,
        "left": left,
        "kept_by_azure": kept,
        "az_calls": context.az.calls,
    }
