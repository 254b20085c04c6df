"""`destroy`: takes down what this repository made, and nothing else.

What is ours Azure tells, by tags and names: any clone may do it. Each thing is removed by itself;
the group goes last, and only if it is ours and empty by then. A workspace that was deleted keeps
its name for two weeks, and only while its group is there can that be ended: without --purge the
group stays, and says so by a tag.
"""

from __future__ import annotations

from typing import Any

from amlkit.provision.az import AzFailure
from amlkit.provision.context import Context, agreed, require_subscription
from amlkit.provision.facts import ASSIGNMENT, VAULT, VERSIONS
from amlkit.provision.failures import Kind
from amlkit.provision.records import Command, Refused, arm_get, az
from amlkit.provision.removal import Removal, protected, purge_workspace
from amlkit.provision.roles import wanted_roles
from amlkit.provision.rotation import Rotation
from amlkit.provision.survey import Survey, survey


def destroy(context: Context) -> dict[str, Any]:
    """Removes what is ours."""
    require_subscription(context.settings)
    with context.state.alone():
        looked = survey(context.plan, context.names, context.reader, context.facts, whole=True)
        if looked.blind:
            raise Refused(looked.blind)
        removal = Removal(context, looked.facts)
        ours = {step.key: step for step in reversed(context.plan) if looked.findings[step.key].ours}
        if "application" in ours and (heirs := _heirs(context, looked)):
            del ours["application"]
            context.say(f"the service principal stays: {heirs}")
        # With an application of ours its secrets go by themselves.
        rotation = None if "application" in ours else _rotation(context, looked)
        secrets = len(rotation.stored()) if rotation else 0
        leftovers = _deleted(context, looked, removal) if context.args.purge else {}
        if not ours and not secrets and not leftovers:
            context.say("nothing here was made by this repository: nothing to remove")
            return removal.report()
        registry = _registry(context, looked) if "workspace" in ours else ""
        gone = [step.title for step in ours.values()]
        gone += [f"container registry {registry.rpartition('/')[2]}"] if registry else []
        gone += [*leftovers]
        gone += [f"secrets of the service principal that were made here: {secrets}"] * bool(secrets)
        _announce(context, looked, gone)
        group = context.names.resource_group
        if not agreed(f"Type the name of the resource group ({group}) to go on:", group, context):
            context.say("nothing was removed")
            return removal.report() | {"status": "declined"}
        if rotation and rotation.revoke():
            context.say("  removed: secrets of the service principal")
        for title, command in leftovers.items():
            removal.removed += [title] if removal.purge(title, command) else []
        last = ours.pop("resource_group", None)
        for step in ours.values():
            removal.remove(step, registry)
        if last:
            removal.remove_group(last)
        if context.args.purge and (removal.left or not last):
            removal.mark("")  # what it tells of is gone
        if removal.left in ([], [context.names.group_id]):
            context.state.forget()
        return removal.report()


def _announce(context: Context, looked: Survey, gone: list[str]) -> None:
    """What is about to be removed, and what of it cannot be brought back."""
    context.say("removes, for good and with everything in it:")
    for title in gone:
        context.say(f"  {title}")
    kept = [each.step.title for each in looked if each.ours and protected(each.found)]
    if context.args.purge:
        but = f" but {', '.join(kept)}, which is protected from being purged" if kept else ""
        context.say(f"with --purge none of it can be recovered{but}")


def _rotation(context: Context, looked: Survey) -> Rotation | None:
    """The secrets of an application that stays."""
    client = looked.facts.get("client_id")
    if not client or not looked.findings["service_principal"].there:
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


def _deleted(context: Context, looked: Survey, removal: Removal) -> dict[str, Command]:
    """What an earlier destroy has left in the recycle bin, and what ends it."""
    names, found = context.names, dict[str, Command]()
    if names.deleted_until in removal.tags() and not looked.findings["workspace"].there:
        found[f"the deleted workspace {names.workspace}"] = purge_workspace(context)
    path = f"{names.scope}/providers/Microsoft.KeyVault/locations/{names.location}"
    vault = f"{path}/deletedVaults/{names.key_vault}"
    try:
        kept = context.reader.read(arm_get(vault, VERSIONS[VAULT]), {}) or {}
    except AzFailure as failure:
        if failure.kind is not Kind.FORBIDDEN:  # it takes rights on the subscription
            raise
        kept = {}
    properties = kept.get("properties") or {}
    if names.made(properties) and not properties.get("purgeProtectionEnabled"):
        purge = az("keyvault", "purge", "-n", names.key_vault, "-l", names.location)
        found[f"the deleted Key Vault {names.key_vault}"] = purge
    return found


def _registry(context: Context, looked: Survey) -> str:
    """The path of the container registry that our workspace made for its images; "" if none.

    It makes one in its own group; one of another group was given to it, and others use it.
    """
    properties = (looked.findings["workspace"].found or {}).get("properties") or {}
    path = str(properties.get("containerRegistry") or "")
    inside = f"{context.names.group_id}/providers/Microsoft.ContainerRegistry/registries/"
    return path if path.lower().startswith(inside.lower()) else ""
