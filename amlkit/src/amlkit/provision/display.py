"""What a person sees: the plan, the request for an administrator, elapsed time on a terminal."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from amlkit.provision.az import Az
from amlkit.provision.records import Command, Facts, Finding, Resource, Right
from amlkit.provision.waits import Say, counting
from amlkit.say import overwrite


@contextmanager
def elapsed(what: str, say: Say, *, done: str = "made") -> Iterator[None]:
    """Shows how long something takes while it does, on a terminal; says it afterwards anywhere."""
    start, over = time.monotonic(), threading.Event()

    def tick() -> None:
        while not over.wait(1.0):
            if counting.is_set():
                continue
            seconds = time.monotonic() - start
            overwrite(f"  {what} … {seconds:.0f} s")

    ticker = threading.Thread(target=tick, daemon=True) if sys.stderr.isatty() else None
    if ticker:
        ticker.start()
    try:
        yield
    finally:
        over.set()
        if ticker:
            ticker.join()
            overwrite("")
    say(f"  {done}: {what} ({time.monotonic() - start:.0f} s)")


def typed(command: Command, az: Az, facts: Facts) -> str:
    """A command as a person types it, what it reads from standard input in its place."""
    return az.shown(*command.shown(facts))


def state_of(finding: Finding | None) -> str:
    """What is known of a step, in a word."""
    if finding is None:
        return "not checked"
    if finding.there:
        return "there"
    if finding.unknown:
        return "unknown"
    return "missing" if finding.step.mode == "existing" else "to create"


def scope_in_words(scope: str) -> str:
    """A scope as people say it; the request for an administrator has its path."""
    kinds = {"subscriptions": "the subscription", "resourceGroups": "the resource group"}
    kind, name = scope.rsplit("/", 2)[1:]
    return kinds.get(kind, name)


def plan_text(
    steps: Iterable[Resource], findings: dict[str, Finding], az: Az, facts: Facts
) -> Iterator[str]:
    """The plan in lines: what exists, what would be made, by which commands, at what cost."""
    if not findings:  # said once, not for each
        yield f"{state_of(None)}:"
    for step in steps:
        finding = findings.get(step.key)
        yield f"{state_of(finding):<14} {step.title}" if findings else f"  {step.title}"
        if finding and (finding.there or step.mode == "existing"):
            continue
        for command in commands_of(step):
            yield f"    {typed(command, az, facts)}"
        if step.right:
            where = f" on {scope_in_words(step.right.scope)}" if step.right.scope else ""
            yield f"    takes: {step.right.role}{where}"
        if step.cost:
            yield f"    costs while idle: {step.cost}"


def commands_of(step: Resource) -> tuple[Command, ...]:
    """What a person types to make it."""
    return step.make[:1] if step.first_suffices else step.make


def request_for_admin(
    steps: Iterable[Resource], findings: dict[str, Finding], az: Az, facts: Facts, project: str
) -> str:
    """The request for whoever may do what the reader may not, in Markdown, ready to send."""
    wanted = [
        step
        for step in steps
        if not (step.key in findings and findings[step.key].there)
        if step.make
    ]
    lines = [
        f"# Azure resources for {project}",
        "",
        "Please make the following, or give me the roles to make it myself. Each command can be run"
        " again; they need the Azure CLI, a login, and for `az ml` its extension"
        " (`az extension add -n ml -y`).",
        "",
        "| what | why | role it takes | on | costs while idle |",
        "|---|---|---|---|---|",
    ]
    for step in wanted:
        right = step.right or Right("")
        scope = f"`{right.scope}`" if right.scope else "the tenant"
        lines.append(
            f"| {step.title} | {step.reason} | {right.role} | {scope} | {step.cost or 'nothing'} |"
        )
    lines += ["", "```sh"]
    lines += [typed(command, az, facts) for step in wanted for command in commands_of(step)]
    lines += ["```", "", *_placeholders(wanted, facts), ""]
    return "\n".join(lines)


def _placeholders(steps: list[Resource], facts: Facts) -> list[str]:
    """Where the ids in angle brackets come from."""
    needed = {name for step in steps for command in step.make for name in command.facts}
    needed = {name for name in needed if not facts.get(name)}
    origin = {
        "client_id": "`<client id>`: `appId` in the answer of the command for the application",
        "principal_id": "`<principal id>`: `id` in the answer of `az ad sp create`",
        "issuer": "`<issuer>`: what the service connection shows (Project settings, Service"
        " connections, Edit), once `bootstrap.py pipelines` has made it",
        "subject": "`<subject>`: what the service connection shows; on GitHub `repo:OWNER/NAME`, or"
        " for a repository made since 2026-07-15 what `gh api"
        " repos/OWNER/NAME/actions/oidc/customization/sub` tells",
    }
    found = [f"- {text}" for name, text in origin.items() if name in needed]
    return (["Ids that only an earlier answer tells:", "", *found] if found else []) + (
        ["", "No secret is asked for and none is made."]
    )
