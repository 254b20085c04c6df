"""`destroy`: takes down what this repository made, and nothing else.

Each thing is removed by itself; the group goes last, and only if it is ours and empty by then.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from amlkit.provision.context import Context, agreed, require_subscription
from amlkit.provision.display import elapsed, typed
from amlkit.provision.records import Finding, Refused, Step, az
from amlkit.provision.rotation import revoke_all, secrets_made
from amlkit.provision.state import REMOVED, State
from amlkit.provision.survey import Survey, find, run, survey
from amlkit.provision.upload import right_to_upload
from amlkit.provision.waits import countdown, pauses

# Azure puts these beside an Application Insights without being asked.
BY_PRODUCTS = (
    "microsoft.alertsmanagement/smartdetectoralertrules",
    "microsoft.insights/actiongroups",
)
PRINCIPAL = ("application", "service_principal")
# How long the list of a group's resources may still show what is gone (s).
LIST_LAG = 60


def destroy(context: Context) -> dict[str, Any]:
    """Removes what the state file says is ours."""
    require_subscription(context.settings)
    with context.state.alone():
        # What is left alone by now may have been made here before.
        plan = [*context.plan, *right_to_upload(context.names)]
        ours = [step for step in reversed(plan) if context.state.ours(step.key) and step.remove]
        heir = context.state.sharing("client_id")
        if heir:  # its secrets and roles serve another target too
            ours = [step for step in ours if step.key not in PRINCIPAL]
            context.say(f"the service principal stays: {heir.workspace} uses it too")
        # With an application of ours its secrets go by themselves.
        goes = any(step.key == "application" for step in ours)
        secrets = 0 if goes else secrets_made(context.state)
        if not ours and not secrets:
            context.say("nothing here was made by this repository: nothing to remove")
            return _report(context, [], [], {})
        tells = {"caller"} if any(step.key == "role_upload" for step in ours) else set()
        looked = survey(
            [step for step in plan if step.essential or step in ours or step.key in tells],
            context.reader,
            context.facts,
            whole=True,
        )
        if looked.stopped:
            raise Refused(" | ".join(looked.problems))
        there = [step for step in ours if looked.findings[step.key].there]
        context.say("removes, for good and with everything in it:")
        for step in there:
            context.say(f"  {step.title}")
        if secrets:
            context.say(f"  secrets of the service principal that were made here: {secrets}")
        group = context.names.resource_group
        if not agreed(f"Type the name of the resource group ({group}) to go on:", group, context):
            context.say("nothing was removed")
            return _report(context, [], [], {}) | {"status": "declined"}
        _have_extension(context, there)
        if secrets:
            revoke_all(context.az, context.state, context.say)
        if heir:
            _hand_over(context.state, heir)
        removed, left = _take_down(context, ours, looked)
        if not left:
            context.state.end_generation()
    return _report(context, removed, left, looked.facts)


def _hand_over(state: State, heir: State) -> None:
    """The other target removes the principal one day, if it was made here."""
    for key in PRINCIPAL:
        if state.ours(key):
            heir.note(key, state.status(key), {"application_id": state.facts["application_id"]})


def _take_down(
    context: Context, ours: Sequence[Step], looked: Survey
) -> tuple[list[Step], list[str]]:
    """Removes one after the other; what is gone, and what is left in the group."""
    registry = _registry(looked.findings.get("workspace"))
    removed: list[Step] = []
    for step in ours:
        if step.key == "resource_group" and (left := _left(context)):
            return removed, left
        if _removed(context, step, looked.facts):
            removed.append(step)
        if step.key == "workspace" and registry:
            run(context.az, az("resource", "delete", "--ids", registry), {}, absent_ok=True)
    return removed, []


def _removed(context: Context, step: Step, facts: dict[str, str]) -> bool:
    """Removes one thing if it is there, and writes it down."""
    context.reader.forget()
    found = find(step, context.reader, facts)
    if found is not None:
        facts |= step.learns(found)
        with elapsed(step.title, context.say, done="removed"):
            for command in step.remove:
                run(context.az, command, facts, absent_ok=True, timeout=max(300, step.limit))
    context.state.note(step.key, REMOVED)
    return found is not None


def _have_extension(context: Context, steps: Sequence[Step]) -> None:
    """Adds the extension that removes workspaces and clusters, where it is missing."""
    if not any(step.key in ("workspace", "compute") for step in steps):
        return
    extension = next(step for step in context.plan if step.key == "ml_extension")
    if find(extension, context.reader, {}) is None:
        for command in extension.create:
            run(context.az, command, {})


def _registry(workspace: Finding | None) -> str:
    """The path of the container registry that our workspace made for its images; "" if none."""
    found = workspace.found if workspace else None
    return str(((found or {}).get("properties") or {}).get("containerRegistry") or "")


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
    context: Context, removed: list[Step], left: list[str], facts: dict[str, str]
) -> dict[str, Any]:
    """Says what is gone, what is left, and what Azure keeps."""
    for path in left:
        context.say(f"left in the group, not made here: {path}")
    if left:
        group = context.names.resource_group
        context.say(
            f"the group {group} stays; to remove it all the same: az group delete -n {group}"
        )
    kept = []
    for step in removed:
        if step.kept:
            shown = typed(step.kept.purge, context.az, facts)
            context.say(f"Azure keeps {step.kept}; to end that: {shown}")
            kept.append({"what": str(step.kept), "purge": shown})
    return {
        "status": "done",
        "removed": [step.title for step in removed],
        "left": left,
        "kept_by_azure": kept,
        "az_calls": context.az.calls,
    }
