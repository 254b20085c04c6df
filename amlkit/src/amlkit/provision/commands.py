"""`plan`, `apply` and `status`."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from amlkit.cli import shell_line
from amlkit.provision.cloud.client import EXTENSION
from amlkit.provision.cloud.failures import Failure, Refused
from amlkit.provision.context import Context
from amlkit.provision.display import (
    made_in_words,
    plan_text,
    request_for_admin,
    why_nothing_was_made,
)
from amlkit.provision.engine import Engine
from amlkit.provision.pipelines.requested import requested_credentials
from amlkit.provision.plan.acting import asked_for
from amlkit.provision.plan.caller import requested
from amlkit.provision.plan.resources import resources
from amlkit.provision.preflight import deleted_vault, preflight
from amlkit.provision.rotation import Rotation
from amlkit.provision.survey import Survey


def look(context: Context) -> Survey:
    """What is there of the plan, and what can be known to fail, if anything is to be made."""
    looked = context.look()
    if looked.to_create and not looked.problems:
        preflight(context, looked)
    return looked


def plan(context: Context) -> dict[str, Any]:
    """Shows what exists, what would be made and how; changes nothing."""
    known: Mapping[str, str] = {}
    if context.args.for_admin:
        context.require_subscription()  # the request is to be run as it is
        # What lies on this machine alone nobody else can upload.
        context.plan = [step for step in context.plan if step.key not in ("data", "caller")]
        context.plan = [*asked_for(context.plan), *requested(context.names)]
        if context.settings.azure.auth == "workload-identity":
            known = _ask_for_credentials(context)
    if context.settings.azure.subscription_id:
        looked = look(context)
    else:
        looked = Survey(dict(context.facts))
        looked.unchecked.append(
            "azure.subscription_id is not set: nothing was checked, and globally unique names"
            " change once it is set"
        )
    record = _record(context, looked)
    if context.args.for_admin:
        looked.facts |= known
        text = request_for_admin(context, looked)
        context.say(text)
        return record | {"request": text}
    _show(context, looked)
    return record


def _ask_for_credentials(context: Context) -> Mapping[str, str]:
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
    context.require_subscription()
    start = time.monotonic()
    with context.state.alone():
        _recover(context)
        looked = look(context)
        if problems := looked.problems:
            _show_notes(context, looked)
            record = {"problems": problems, "unknown": looked.unchecked}
            raise Refused(why_nothing_was_made(problems), record=record)
        if looked.to_create:
            _show(context, looked)
            if not context.agreed("Make these in Azure now? [yes/no]", "yes"):
                context.say("nothing was made")
                return _record(context, looked) | {"status": "declined"}
        engine = Engine(context, looked)
        engine.apply()
    seconds, calls = time.monotonic() - start, context.client.az.calls
    context.say(f"{made_in_words(engine.made)} ({calls} calls of az, {seconds:.0f} s)")
    for line in _next(context, engine.facts):
        context.say(line)
    return {
        "status": "done",
        "created": [step.title for step in engine.made],
        "unknown": looked.unchecked,
        "az_calls": calls,
        "seconds": round(seconds, 1),
        "client_id": engine.facts.get("client_id"),
        "tenant_id": engine.facts.get("tenant_id"),
    }


def _recover(context: Context) -> None:
    """Has the deleted Key Vault brought back where that is asked for and there is one."""
    if not context.args.recover:
        return
    try:
        deleted = deleted_vault(context)
    except Failure as failure:  # it takes rights on the subscription to see one
        deleted = str(failure)
    if deleted:
        azure, data = context.settings.azure, context.args.data
        context.plan = resources(context.names, azure, data, recover=True)
    else:
        context.say(f"there is no deleted Key Vault {context.names.key_vault} to bring back")


def status(context: Context) -> dict[str, Any]:
    """Shows what is there; looks at each thing by itself."""
    context.require_subscription()
    looked = context.look(whole=True)
    record = _record(context, looked)
    if looked.blind:
        raise Refused(looked.blind, record=record)
    for finding in looked:
        made = ", made by this repository" if finding.ours else ""
        state = "missing" if finding.to_create else finding.state
        context.say(f"{state:<14} {finding.step.title}{made}")
    _show_notes(context, looked)
    secrets = _secrets(context, looked)
    for secret in secrets:
        context.say(f"{'stored':<14} secret until {secret['expires']} in {secret['place']}")
    kept = _kept(context, looked)
    for line in kept:
        context.say(f"note: {line}")
    return record | {"az_calls": context.client.az.calls, "notes": kept, "secrets": secrets}


def _secrets(context: Context, looked: Survey) -> list[dict[str, str]]:
    """The secrets that were made from here, whichever machine it was."""
    client, found = looked.facts.get("client_id"), looked.findings.get("application")
    if not client:
        return []
    shown = found.found.get("passwordCredentials") if found and found.found else None
    try:
        return Rotation(context, client).stored(shown)
    except Failure as failure:
        context.say(f"unknown: the secrets of the service principal: {failure.message}")
        return []


def _kept(context: Context, looked: Survey) -> list[str]:
    """What may hold the name of something that is missing, and how to end that."""
    if not any(step.key == "key_vault" for step in looked.to_create):
        return []
    try:
        line = deleted_vault(context)
    except Failure as failure:
        line = f"a deleted Key Vault could not be looked for: {failure.message}"
    return [line] if line else []


def _show(context: Context, looked: Survey) -> None:
    """The plan and what was found out, for a person."""
    for line in plan_text(context, looked):
        context.say(line)
    if any(step.key == "workspace" for step in looked.to_create):
        context.say(f"where az has no `ml` yet: {context.client.shown(EXTENSION)}")
    _show_notes(context, looked)


def _show_notes(context: Context, looked: Survey) -> None:
    """What is in the way, and what could not be known."""
    for problem in looked.problems:
        context.say(f"problem: {problem}")
    for note in looked.unknown:
        context.say(f"unknown: {note}")


def _record(context: Context, looked: Survey) -> dict[str, Any]:
    """The plan as it is reported."""
    steps = [
        {
            "step": step.key,
            "title": step.title,
            "mode": step.mode,
            "state": looked.state(step),
            "ours": step.key in looked.findings and looked.findings[step.key].ours,
            "commands": [context.client.shown(each, looked.facts) for each in step.shown],
            "role": step.right.role,
            "scope": step.right.scope,
            "cost": step.cost,
        }
        for step in context.steps
    ]
    return {
        "status": "done",
        "steps": steps,
        "problems": looked.problems,
        "unknown": looked.unknown,
        "az_calls": context.client.az.calls,
    }


def _next(context: Context, facts: Mapping[str, str]) -> list[str]:
    """What to type now, with what was found out."""
    lines = []
    azure, args = context.settings.azure, context.args
    for name in ("tenant_id", "client_id"):
        if facts.get(name) and facts[name] != getattr(azure, name):
            lines.append(f"put into config.yml: azure.{name}: {facts[name]}")
    if args.data:
        lines.append(
            f"{args.data.name} lies in container {context.names.container} of"
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
