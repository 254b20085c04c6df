"""Looks around before anything is made: what is there or missing, and what nobody can know."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from amlkit.provision.cloud.client import Client, az
from amlkit.provision.cloud.failures import Failure, Kind, Refused
from amlkit.provision.cloud.placeholders import Facts
from amlkit.provision.plan.names import Names
from amlkit.provision.plan.records import Finding, Resource, given_up

# These end a look around: nothing else would be answered either.
_HOPELESS = (
    Kind.MISSING_AZ,
    Kind.NOT_LOGGED_IN,
    Kind.EXPIRED,
    Kind.WRONG_SUBSCRIPTION,
    Kind.NETWORK,
    Kind.TIMEOUT,
    Kind.THROTTLED,
    Kind.UNAVAILABLE,
)
# What is looked at first: the innermost, which proves the rest, then what holds it all.
_URGENT = ("compute", "resource_group", "container", "workspace", "storage_account", "pipeline")


def find(step: Resource, client: Client, facts: Facts, *, last_first: bool = False) -> Any:
    """What is there of a resource: the first look that answers; None if none does.

    With `last_first` lists are asked before paths: one answers for several.

    Raises:
        Failure: it could not be looked for.
        Refused: what is there cannot be told apart.
    """
    lists = last_first and step.key.startswith("role_")
    for look in reversed(step.looks) if lists else step.looks:
        if look.command.known(facts):
            answer = client.ask(look.command, facts)
            found = None if answer is None else look.pick(answer, facts)
            if found is not None:
                return found
    return None


@dataclass
class Survey:
    """What is known of the plan before anything is made."""

    facts: dict[str, Any]  # what commands need
    findings: dict[str, Finding] = field(default_factory=dict)  # by the keys of steps
    blind: str = ""  # why nothing could be looked at
    refusals: list[str] = field(default_factory=list)  # what would fail, were it made now
    unchecked: list[str] = field(default_factory=list)  # and why; it stops nothing

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.findings.values())

    @property
    def problems(self) -> list[str]:
        """What keeps anything from being made, a line each; one cause is named once."""
        found = [self.blind, *(finding.problem for finding in self), *self.refusals]
        return list(dict.fromkeys(filter(None, found)))

    @property
    def unknown(self) -> list[str]:
        """What could not be known, and why."""
        unseen = [f"{each.step.title}: {each.unknown}" for each in self if each.unknown]
        return [*unseen, *self.unchecked]

    @property
    def to_create(self) -> list[Resource]:
        """What is to be made, in order."""
        return [finding.step for finding in self if finding.to_create]

    def state(self, step: Resource) -> str:
        """What is known of a step, in a word."""
        return self.findings[step.key].state if step.key in self.findings else "not checked"

    def is_there(self, key: str) -> bool:
        """Whether something was looked for and is there."""
        return key in self.findings and self.findings[key].there


def survey(
    steps: Sequence[Resource],
    names: Names,
    client: Client,
    facts: Facts,
    *,
    whole: bool = False,
    listed: bool = False,
) -> Survey:
    """Looks for everything, in as few reads as will do.

    Args:
        steps: the plan.
        names: of the resources.
        client: asks.
        facts: what is known from before.
        whole: look at each by itself, rather than take what is there as proof of what it needs;
            of providers it is all the same: they are nobody's to remove.
        listed: believe lists, which may lag behind: to show what there is, not to make it.
    """
    result, proven = Survey(dict(facts)), set[str]()
    try:
        result.facts |= login(names, client)
    except (Failure, Refused) as failure:
        result.blind = str(failure)
        return result
    known = _listed(names, client) if listed else {}
    by_key = {step.key: step for step in steps}
    found = result.findings = dict[str, Finding]()
    for step in sorted(steps, key=_urgency):  # sorting keeps the order of equals
        proof = Finding(step, proven=True) if step.key in proven else None
        finding = found[step.key] = proof or _look(step, result, client, known)
        if result.blind:
            break
        if finding.there:
            providers = {key for key in step.uses if key.startswith("providers")}
            proven |= providers if whole else _needed(step, by_key)
    for step in steps:  # a later one may have told what to look for
        if not result.blind and found[step.key].later:
            found[step.key] = _look(step, result, client, known)
    result.findings = {step.key: found[step.key] for step in steps if step.key in found}
    return result


def login(names: Names, client: Client) -> dict[str, str]:
    """The tenant, and who is logged in, as Microsoft Graph is asked for it.

    Raises:
        Failure: there is no az.
        Refused: nobody is logged in, or not where the subscription is.
    """
    accounts = client.ask(az("account", "list"))
    if not accounts:
        raise Refused(f"nobody is logged in: {Kind.NOT_LOGGED_IN.advice}")
    wanted = names.subscription.lower()
    found = next((each for each in accounts if each["id"].lower() == wanted), None)
    if found is None:
        line = f"subscription {names.subscription} is not there"
        raise Refused(f"{line}: {Kind.WRONG_SUBSCRIPTION.advice}")
    if found.get("state", "Enabled") != "Enabled":
        raise Refused(f"subscription {found['id']} is {found['state']}: ask whoever pays for it")
    default = next((other for other in accounts if other.get("isDefault")), found)
    if found["tenantId"] != default["tenantId"]:
        # Microsoft Graph is asked in the tenant of the default subscription.
        raise Refused(
            f"subscription {found['id']} is in another tenant than the one `az` uses now: run"
            f" `az account set --subscription {found['id']}`"
        )
    user = found.get("user") or {}
    who = {"caller_type": "User", "caller": "me"}
    if user.get("type") == "servicePrincipal":
        key = f"servicePrincipals(appId='{user['name']}')"
        who = {"caller_type": "ServicePrincipal", "caller": key}
    return {"tenant_id": found["tenantId"], **who}


def _urgency(step: Resource) -> int:
    """A step's turn to be looked at."""
    return _URGENT.index(step.key) if step.key in _URGENT else len(_URGENT)


def _needed(step: Resource, steps: dict[str, Resource]) -> set[str]:
    """The keys of all that cannot but be there where this is."""
    needed = {step.inside, *step.uses} & set(steps)
    return needed.union(*(_needed(steps[key], steps) for key in needed))


def _listed(names: Names, client: Client) -> dict[str, Any]:
    """What lies in the group, by paths in small letters; {} where it may not be listed."""
    try:
        answer = client.ask(az("resource", "list", "-g", names.resource_group))
    except Failure:
        return {}
    return {each["id"].lower(): each for each in answer or []}


def _look(step: Resource, result: Survey, client: Client, known: dict[str, Any]) -> Finding:
    """Looks for one thing, unless others tell that it cannot be there or does not matter."""
    around = result.findings.get(step.inside)
    if around and not around.there and not around.unknown and step.mode == "create":
        return Finding(step, later=around.later)
    if step.looks and not any(look.command.known(result.facts) for look in step.looks):
        if around and around.unknown:
            line = f"{step.title}: {around.step.title} may not be looked up, and so has no id"
            return Finding(step, problem=f"{line}: {around.unknown}")
        return Finding(step, later=True)
    try:
        # A list says too little to learn from.
        found = known.get(step.put.path.lower()) if step.put and not step.learns else None
        if found is None:
            found = find(step, client, result.facts, last_first=bool(known))
        if found is not None:
            misfit = step.misfit(found) or given_up(found)
    except Failure as failure:
        if failure.kind in _HOPELESS:
            result.blind = f"{step.title}: {failure}"
        elif failure.kind is Kind.FORBIDDEN and (step.blind or step.mode == "existing"):
            return Finding(step, unknown=failure.message)
        return Finding(step, problem=f"{step.title}: {failure}")
    except Refused as refused:
        return Finding(step, problem=f"{step.title}: {refused}")
    if found is None:
        made = f"azure.bootstrap.{step.setting}: create"
        how = step.missing or f"check its name in config.yml, or let it be made ({made})"
        problem = f"{step.title} is not there: {how}" if step.mode == "existing" else ""
        return Finding(step, problem=problem)
    result.facts |= step.learns(found) if step.learns else {}
    return Finding(step, found, problem=misfit)
