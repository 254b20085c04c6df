"""What a person sees: the plan, the request for an administrator, elapsed time on a terminal."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from amlkit.provision.cloud.client import EXTENSION
from amlkit.provision.cloud.waits import Say, counting
from amlkit.provision.context import Context
from amlkit.provision.survey import Survey
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


def why_nothing_was_made(problems: Sequence[str]) -> str:
    """Why nothing was made: how many problems there are, and the first."""
    many = f"{len(problems)} problems, the first: " if len(problems) > 1 else ""
    return f"nothing was made: {many}{problems[0]}"


def made_in_words(made: Sequence[object]) -> str:
    """How many things were made."""
    return f"made {len(made)}" if made else "everything is there, nothing made"


def scope_in_words(scope: str) -> str:
    """A scope as people say it; the request for an administrator has its path."""
    kinds = {"subscriptions": "the subscription", "resourceGroups": "the resource group"}
    kind, name = scope.rsplit("/", 2)[1:]
    return kinds.get(kind, name)


def plan_text(context: Context, looked: Survey) -> Iterator[str]:
    """The plan in lines: what exists, what would be made, by which commands, at what cost."""
    if not looked.findings:  # said once, not for each
        yield "not checked:"
    for step in context.steps:
        finding = looked.findings.get(step.key)
        yield f"{looked.state(step):<14} {step.title}" if looked.findings else f"  {step.title}"
        if finding and (finding.there or step.mode == "existing"):
            continue
        for command in step.shown:
            yield f"    {context.client.shown(command, looked.facts)}"
        if step.right.role:
            where = f" on {scope_in_words(step.right.scope)}" if step.right.scope else ""
            yield f"    takes: {step.right.role}{where}"
        if step.cost:
            yield f"    costs while idle: {step.cost}"


def request_for_admin(context: Context, looked: Survey) -> str:
    """The request for whoever may do what the reader may not, in Markdown, ready to send."""
    client, steps = context.client, context.steps
    wanted = [step for step in steps if step.make and not looked.is_there(step.key)]
    lines = [
        f"# Azure resources for {context.settings.experiment}",
        "",
        "Please make the following, or give me the roles to make it myself. Each command can be run"
        " again; they need the Azure CLI, a login, and for `az ml` its extension"
        f" (`{client.shown(EXTENSION)}`).",
        "",
        "| what | why | role it takes | on | costs while idle |",
        "|---|---|---|---|---|",
    ]
    for step in wanted:
        scope = f"`{step.right.scope}`" if step.right.scope else "the tenant"
        cells = (step.title, step.reason, step.right.role, scope, step.cost or "nothing")
        lines.append(f"| {' | '.join(cells)} |")
    commands = [command for step in wanted for command in step.shown]
    lines += ["", "```sh", *(client.shown(each, looked.facts) for each in commands), "```", ""]
    needed = {name for step in wanted for command in step.make for name in command.facts}
    unknown = {name for name in needed if not looked.facts.get(name)}
    origins = [f"- {text}" for name, text in _ORIGINS.items() if name in unknown]
    if origins:
        lines += ["Ids that only an earlier answer tells:", "", *origins]
    return "\n".join([*lines, "", "No secret is asked for and none is made.", ""])


# Where the ids in angle brackets come from.
_ORIGINS = {
    "client_id": "`<client id>`: `appId` in the answer of the command for the application",
    "principal_id": "`<principal id>`: `id` in the answer of `az ad sp create`",
    "pipeline_principal": "`<pipeline principal>`: `principalId` in the answer of the command for"
    " the identity",
    "issuer": "`<issuer>`: what the service connection shows (Project settings, Service"
    " connections, Edit), once `bootstrap.py pipelines` has made it",
    "subject": "`<subject>`: what the service connection shows; on GitHub `repo:OWNER/NAME`, or"
    " for a repository made since 2026-07-15 what `gh api"
    " repos/OWNER/NAME/actions/oidc/customization/sub` tells",
}
