"""`destroy`: takes down what this repository made, and nothing else.

What is ours Azure tells, by tags and names: any clone may do it. Each thing is removed by itself;
the group goes last, and only if it is ours and empty by then. A workspace that was deleted keeps
its name for two weeks, and only while its group is there can that be ended: without --purge the
group stays, and says so by a tag.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from amlkit.provision.cloud.arm import arm_get
from amlkit.provision.cloud.client import Command, part
from amlkit.provision.cloud.facts import ASSIGNMENT
from amlkit.provision.cloud.failures import Kind, Refused
from amlkit.provision.context import Context
from amlkit.provision.plan.acting import still_needed
from amlkit.provision.plan.records import Resource
from amlkit.provision.plan.roles import wanted
from amlkit.provision.removal import Removal, protected
from amlkit.provision.rotation import Rotation
from amlkit.provision.survey import Survey, survey


@dataclass(frozen=True)
class Ours:
    """What goes: steps from the last to the first, what lies in the recycle bin, secrets."""

    steps: dict[str, Resource]
    registry: str  # the path of that of the workspace's images; "" where it has none
    leftovers: dict[str, Command]
    rotation: Rotation | None
    secrets: int

    @property
    def titles(self) -> list[str]:
        """All of it, for people."""
        titles = [step.title for step in self.steps.values()]
        if self.registry:
            titles.append(f"container registry {self.registry.rpartition('/')[2]}")
        titles += self.leftovers
        if self.secrets:
            titles.append(f"secrets of the service principal that were made here: {self.secrets}")
        return titles


def destroy(context: Context) -> dict[str, Any]:
    """Removes what is ours."""
    context.require_subscription()
    with context.state.alone():
        looked = survey(context.plan, context.names, context.client, context.facts, whole=True)
        if looked.blind:
            raise Refused(looked.blind)
        removal = Removal(context, looked.facts)
        ours = _ours(context, looked)
        if not ours.titles:
            context.say("nothing here was made by this repository: nothing to remove")
            return removal.report()
        _announce(context, looked, ours.titles)
        group = context.names.resource_group
        if not context.agreed(f"Type the name of the resource group ({group}) to go on:", group):
            context.say("nothing was removed")
            return removal.report() | {"status": "declined"}
        _take_down(context, ours, removal)
        return removal.report()


def _ours(context: Context, looked: Survey) -> Ours:
    """What of all that is there was made here, and nobody else uses."""
    steps = {step.key: step for step in reversed(context.plan) if looked.findings[step.key].ours}
    if "application" in steps and (heirs := _heirs(context, looked)):
        del steps["application"]
        context.say(f"the service principal stays: {heirs}")
    if step := steps.get("pipeline"):
        others = [looked.findings[key] for key in ("workspace", "compute") if key not in steps]
        if step.put and (needed := still_needed(step.put.path, others)):
            del steps["pipeline"]
            context.say(f"{step.title} stays: {needed} has it, or may have")
    client, rotation = looked.facts.get("client_id"), None
    # With an application of ours its secrets go by themselves.
    if client and "application" not in steps and looked.is_there("service_principal"):
        rotation = Rotation(context, client)
    secrets = len(rotation.stored()) if rotation else 0
    leftovers = _deleted(context, looked) if context.args.purge else {}
    registry = _registry(context, looked) if "workspace" in steps else ""
    return Ours(steps, registry, leftovers, rotation, secrets)


def _take_down(context: Context, ours: Ours, removal: Removal) -> None:
    """Removes it; the group last, and only where it is empty by then."""
    if ours.rotation and ours.rotation.revoke():
        context.say("  removed: secrets of the service principal")
    for title, command in ours.leftovers.items():
        removal.removed += [title] if removal.purge(title, command) else []
    for step in ours.steps.values():
        if step.key != "resource_group":
            removal.remove(step, ours.registry)
    last = ours.steps.get("resource_group")
    if last:
        removal.remove_group(last)
    if context.args.purge and (removal.left or not last):
        removal.mark("")  # what it tells of is gone
    if removal.left in ([], [context.names.group_id]):
        context.state.forget()


def _announce(context: Context, looked: Survey, gone: list[str]) -> None:
    """What is about to be removed, and what of it cannot be brought back."""
    context.say("removes, for good and with everything in it:")
    for title in gone:
        context.say(f"  {title}")
    kept = [each.step.title for each in looked if each.ours and protected(each.found)]
    if context.args.purge:
        but = f" but {', '.join(kept)}, which is protected from being purged" if kept else ""
        context.say(f"with --purge none of it can be recovered{but}")


def _heirs(context: Context, looked: Survey) -> str:
    """Who else uses the service principal: roles that it has outside of this target."""
    principal = looked.facts.get("principal_id")
    if not principal:
        return ""
    path = f"{context.names.scope}/providers/{ASSIGNMENT}"
    listing = arm_get(path, f"$filter=principalId eq '{principal}'")
    found = context.client.ask(listing, instead={Kind.FORBIDDEN: None})
    if found is None:
        return "whether others use it cannot be seen with your rights on the subscription"
    # Another target of the same group uses the same application: its workspace is not ours.
    grants = wanted(context.names, context.settings.azure)
    ours = tuple(f"{grant.scope}/".lower() for grant in grants)
    scopes = {each["properties"]["scope"] for each in found["value"]}
    others = sorted(scope for scope in scopes if not f"{scope}/".lower().startswith(ours))
    return f"it has roles on {', '.join(others)} too" if others else ""


def _deleted(context: Context, looked: Survey) -> dict[str, Command]:
    """What an earlier destroy has left in the recycle bin, and what ends it."""
    names, found = context.names, set[str]()
    if names.deleted_until in context.group_tags() and not looked.is_there("workspace"):
        found.add("workspace")
    hidden = {Kind.NOT_FOUND: None, Kind.FORBIDDEN: None}  # it takes rights on the subscription
    vault = context.client.ask(arm_get(names.deleted_vault_id), instead=hidden)
    properties = part(vault, "properties") or {}
    if names.made(properties) and not properties.get("purgeProtectionEnabled"):
        found.add("key_vault")
    inside_out = [step for step in reversed(context.plan) if step.key in found]
    return {f"the deleted {step.title}": step.kept.ends for step in inside_out if step.kept}


def _registry(context: Context, looked: Survey) -> str:
    """The path of the container registry that our workspace made for its images; "" if none.

    It makes one in its own group; one of another group was given to it, and others use it.
    """
    workspace = looked.findings["workspace"].found
    path = str(part(workspace, "properties", "containerRegistry") or "")
    inside = f"{context.names.group_id}/providers/Microsoft.ContainerRegistry/registries/"
    return path if path.lower().startswith(inside.lower()) else ""
