"""`plan`, `apply` and `status`."""

from __future__ import annotations

import time
from typing import Any

from amlkit.cli import shell_line
from amlkit.provision.az import AzFailure
from amlkit.provision.context import Context, agreed, require_subscription
from amlkit.provision.display import (
    commands_of,
    elapsed,
    plan_text,
    request_for_admin,
    state_of,
    typed,
)
from amlkit.provision.engine import Engine
from amlkit.provision.pipelines.requested import requested_credentials
from amlkit.provision.preflight import Preflight, deleted_vault, preflight
from amlkit.provision.records import EXTENSION, Refused, Resource
from amlkit.provision.resources import resources
from amlkit.provision.roles import requested
from amlkit.provision.rotation import Rotation
from amlkit.provision.survey import Survey, survey

_IDS = ("client_id", "application_id", "principal_id", "tenant_id")


def look(context: Context, *, whole: bool = False) -> Survey:
    """What is there of the plan; of all of it, to show it, as lists tell."""
    steps, names = context.steps, context.names
    return survey(steps, names, context.reader, context.facts, whole=whole, listed=whole)


def know_principal(context: Context) -> None:
    """Finds the service principal in the directory, where this clone does not know it yet.

    Raises:
        Refused: the directory could not be asked, or there is none.
    """
    if context.facts.get("client_id"):
        return
    steps = [each for each in context.steps if each.key in ("application", "service_principal")]
    looked = survey(steps, context.names, context.reader, {})
    if looked.blind:
        raise Refused(looked.blind)
    known = {name: looked.facts[name] for name in _IDS if name in looked.facts}
    if "principal_id" not in known:
        raise Refused(
            "no service principal is known: `python infra/bootstrap.py apply` makes one; the id of"
            " one that was handed to you goes into config.yml (azure.client_id)",
            code=2,
        )
    context.state.learn(known)


def checked(context: Context, looked: Survey) -> Preflight:
    """What can be known to fail, if anything is to be made."""
    if looked.problems or not looked.to_create:
        return Preflight()
    return preflight(context, looked)


def plan(context: Context) -> dict[str, Any]:
    """Shows what exists, what would be made and how; changes nothing."""
    known: dict[str, str] = {}
    if context.args.for_admin:
        require_subscription(context.settings)  # the request is to be run as it is
        # What lies on this machine alone nobody else can upload.
        context.plan = [step for step in context.plan if step.key not in ("data", "caller")]
        context.plan += requested(context.names)
        if context.settings.azure.auth == "workload-identity":
            known = _ask_for_credentials(context)
    looked, checks = Survey(context.facts), Preflight()
    if context.settings.azure.subscription_id:
        looked = look(context)
        checks = checked(context, looked)
    else:
        checks.unknown.append(
            "azure.subscription_id is not set: nothing was checked, and globally unique names"
            " change once it is set"
        )
    record = _record(context, looked, checks)
    if context.args.for_admin:
        text = request_for_admin(
            *(context.steps, looked.findings, context.az),
            *(looked.facts | known, context.settings.experiment),
        )
        context.say(text)
        return record | {"request": text}
    _show(context, looked, checks)
    return record


def _ask_for_credentials(context: Context) -> dict[str, str]:
    """Has the request ask for federated credentials; what could be found out for them."""
    try:
        credentials, known = requested_credentials(context)
    except Refused as refused:
        context.say(f"federated credentials are not asked for: {refused}")
        return {}
    context.plan += credentials
    return known


def apply(context: Context) -> dict[str, Any]:
    """Makes what is missing."""
    require_subscription(context.settings)
    start = time.monotonic()
    with context.state.alone():
        _recover(context)
        looked = look(context)
        checks = checked(context, looked)
        problems = looked.problems + checks.problems
        if problems:
            _show_notes(context, looked, checks)
            many = f"{len(problems)} problems, the first: " if len(problems) > 1 else ""
            raise Refused(
                f"nothing was made: {many}{problems[0]}",
                record={"problems": problems, "unknown": checks.unknown},
            )
        engine = Engine(context.az, context.reader, context.state, context.names, context.say)
        if looked.to_create:
            _show(context, looked, checks)
            if not agreed("Make these in Azure now? [yes/no]", "yes", context):
                context.say("nothing was made")
                return _record(context, looked, checks) | {"status": "declined"}
        engine.apply(looked, lambda title: elapsed(title, context.say))
    seconds = time.monotonic() - start
    made = f"made {len(engine.created)}" if engine.created else "everything is there, nothing made"
    context.say(f"{made} ({context.az.calls} calls of az, {seconds:.0f} s)")
    for line in _next(context, engine.facts):
        context.say(line)
    return {
        "status": "done",
        "created": engine.created,
        "unknown": checks.unknown,
        "az_calls": context.az.calls,
        "seconds": round(seconds, 1),
        "client_id": engine.facts.get("client_id"),
        "tenant_id": engine.facts.get("tenant_id"),
    }


def _recover(context: Context) -> None:
    """Has the deleted Key Vault brought back where that is asked for and there is one."""
    if not getattr(context.args, "recover", False):
        return
    try:
        deleted = deleted_vault(context.names, context.reader)
    except AzFailure as failure:  # it takes rights on the subscription to see one
        deleted = str(failure)
    if deleted:
        data = getattr(context.args, "data", None)
        context.plan = resources(context.names, context.settings.azure, data, recover=True)
    else:
        context.say(f"there is no deleted Key Vault {context.names.key_vault} to bring back")


def status(context: Context) -> dict[str, Any]:
    """Shows what is there; looks at each thing by itself."""
    require_subscription(context.settings)
    looked = look(context, whole=True)
    if looked.blind:
        raise Refused(looked.blind, record=_record(context, looked, Preflight()))
    for step in context.steps:
        finding = looked.findings.get(step.key)
        made = ", made by this repository" if finding and finding.ours else ""
        state = "missing" if finding and finding.to_create else state_of(finding)
        context.say(f"{state:<14} {step.title}{made}")
    _show_notes(context, looked, Preflight())
    secrets = _secrets(context, looked)
    for secret in secrets:
        context.say(f"{'stored':<14} secret until {secret['expires']} in {secret['place']}")
    kept = _kept(context, looked)
    for line in kept:
        context.say(f"note: {line}")
    return _record(context, looked, Preflight()) | {"notes": kept, "secrets": secrets}


def _secrets(context: Context, looked: Survey) -> list[dict[str, str]]:
    """The secrets that were made from here, whichever machine it was."""
    client, found = looked.facts.get("client_id"), looked.findings.get("application")
    if not client:
        return []
    shown = found.found.get("passwordCredentials") if found and found.found else None
    try:
        return Rotation(context.az, context.state, client, context.say).stored(shown)
    except AzFailure as failure:
        context.say(f"unknown: the secrets of the service principal: {failure.message}")
        return []


def _kept(context: Context, looked: Survey) -> list[str]:
    """What may hold the name of something that is missing, and how to end that."""
    missing = {step.key for step in looked.to_create}
    lines = []
    if "key_vault" in missing:
        try:
            lines.append(deleted_vault(context.names, context.reader))
        except AzFailure as failure:
            lines.append(f"a deleted Key Vault could not be looked for: {failure.message}")
    return [line for line in lines if line]


def _show(context: Context, looked: Survey, checks: Preflight) -> None:
    """The plan and what was found out, for a person."""
    for line in plan_text(context.steps, looked.findings, context.az, looked.facts):
        context.say(line)
    if any(step.key == "workspace" for step in looked.to_create):
        context.say(f"where az has no `ml` yet: {typed(EXTENSION, context.az, {})}")
    _show_notes(context, looked, checks)


def _show_notes(context: Context, looked: Survey, checks: Preflight) -> None:
    """What is in the way, and what could not be known."""
    for problem in [*looked.problems, *checks.problems]:
        context.say(f"problem: {problem}")
    for note in [*_unlooked(looked), *checks.unknown]:
        context.say(f"unknown: {note}")


def _unlooked(looked: Survey) -> list[str]:
    """What could not be looked at, and why."""
    return [f"{each.step.title}: {each.unknown}" for each in looked if each.unknown]


def _record(context: Context, looked: Survey, checks: Preflight) -> dict[str, Any]:
    """What is reported as JSON."""

    def entry(step: Resource) -> dict[str, Any]:
        finding = looked.findings.get(step.key)
        return {
            "step": step.key,
            "title": step.title,
            "mode": step.mode,
            "state": state_of(finding),
            "ours": bool(finding and finding.ours),
            "commands": [typed(each, context.az, looked.facts) for each in commands_of(step)],
            "role": step.right.role if step.right else "",
            "scope": step.right.scope if step.right else "",
            "cost": step.cost,
        }

    return {
        "status": "done",
        "steps": [entry(step) for step in context.steps],
        "problems": looked.problems + checks.problems,
        "unknown": [*_unlooked(looked), *checks.unknown],
        "az_calls": context.az.calls,
    }


def _next(context: Context, facts: dict[str, str]) -> list[str]:
    """What to type now, with what was found out."""
    lines = []
    azure, args = context.settings.azure, context.args
    for setting, name in (("tenant_id", "tenant_id"), ("client_id", "client_id")):
        if facts.get(name) and facts[name] != getattr(azure, setting):
            lines.append(f"put into config.yml: azure.{setting}: {facts[name]}")
    data = getattr(args, "data", None)
    if data:
        lines.append(
            f"{data.name} lies in container {context.names.container} of"
            f" {context.names.storage_account}; docs/azure.md says how the workspace gets to it"
        )
    if facts.get("principal_id"):
        federated = azure.auth == "workload-identity"
        hub = context.on_github
        words = ["python", "infra/bootstrap.py", "pipelines" if federated else "credentials"]
        words += ["--to", "github" if hub else "azure-devops"]
        words += [] if hub else ["--organization", "ORGANIZATION", "--project", "PROJECT"]
        words += ["--env", args.env] if args.env else []
        words += [word for text in args.set for word in ("--set", text)]
        what = "let the pipelines in" if federated else "give the pipelines their secrets"
        lines.append(f"next: {what}: {shell_line(*words)}")
    return lines
