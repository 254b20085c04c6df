"""Looks around before anything is made: what is there or missing, and what nobody can know."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from amlkit.provision.az import Az, AzFailure
from amlkit.provision.failures import Kind, advice
from amlkit.provision.names import Names
from amlkit.provision.records import (
    EXTENSION,
    Command,
    Facts,
    Finding,
    Refused,
    Resource,
    az,
    provisioned,
)

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


class Reader:
    """Runs commands that only read, each once until something was changed."""

    def __init__(self, az: Az) -> None:
        self._az = az
        self._answers: dict[tuple[tuple[str, ...], str | None], Any] = {}

    def read(self, command: Command, facts: Facts) -> Any:
        """The answer; None where there is no such thing."""
        asked = (command.filled(facts), command.stdin(facts))
        if asked not in self._answers:
            self._answers[asked] = run(self._az, command, facts, absent_ok=True)
        return self._answers[asked]

    def forget(self) -> None:
        """Something was changed: what was read may be true no longer."""
        self._answers.clear()


def run(
    az: Az, command: Command, facts: Facts, *, absent_ok: bool = False, timeout: float = 300
) -> Any:
    """Runs a command with what is known filled in.

    The extension `ml` that has some of them is added where it is missing.
    """
    if not command.known(facts):
        missing = ", ".join(sorted(name for name in command.facts if not facts.get(name)))
        raise Refused(f"{missing.replace('_', ' ')} is not known yet: run this again")
    arguments, given = command.filled(facts), command.stdin(facts)
    try:
        return az.json(*arguments, stdin=given, absent_ok=absent_ok, timeout=timeout)
    except AzFailure as failure:
        if failure.kind is not Kind.MISSING_EXTENSION:
            raise
    az.json(*EXTENSION.arguments)
    return az.json(*arguments, stdin=given, absent_ok=absent_ok, timeout=timeout)


def find(step: Resource, reader: Reader, facts: Facts, *, last_first: bool = False) -> Any:
    """What is there of a resource: the first look that answers; None if none does.

    With `last_first` lists are asked before paths: one answers for several.

    Raises:
        AzFailure: it could not be looked for.
        Refused: what is there cannot be told apart.
    """
    lists = last_first and step.key.startswith("role_")
    for look in reversed(step.looks) if lists else step.looks:
        if look.command.known(facts):
            answer = reader.read(look.command, facts)
            found = None if answer is None else look.pick(answer)
            if found is not None:
                return found
    return None


class Survey:
    """What a look around has found."""

    def __init__(self, facts: Facts) -> None:
        self.facts = dict(facts)
        self.findings: dict[str, Finding] = {}
        self.blind = ""  # why nothing could be looked at

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.findings.values())

    @property
    def problems(self) -> list[str]:
        """What keeps anything from being made, a line each; one cause is named once."""
        found = [self.blind, *(finding.problem for finding in self)]
        return list(dict.fromkeys(filter(None, found)))

    @property
    def to_create(self) -> list[Resource]:
        """What is to be made, in order."""
        return [finding.step for finding in self if finding.to_create]


def survey(
    steps: Sequence[Resource],
    names: Names,
    reader: Reader,
    facts: Facts,
    *,
    whole: bool = False,
    listed: bool = False,
) -> Survey:
    """Looks for everything, in as few reads as will do.

    Args:
        steps: the plan.
        names: of the resources.
        reader: reads.
        facts: what is known from before.
        whole: look at each by itself, rather than take what is there as proof of what it needs.
        listed: believe lists, which may lag behind: to show what there is, not to make it.
    """
    result, proven = Survey(facts), set[str]()
    try:
        result.facts |= login(names, reader)
    except (AzFailure, Refused) as failure:
        result.blind = str(failure)
        return result
    found = result.findings
    known = _listed(names, reader) if listed else {}
    by_key = {step.key: step for step in steps}
    for step in sorted(steps, key=_urgency):  # sorting keeps the order of equals
        if result.blind:
            break
        finding = found[step.key] = (
            Finding(step, proven=True)
            if step.key in proven
            else _look(step, found, reader, result, known)
        )
        if finding.there and not whole:
            proven |= _needed(step, by_key)
        elif listed and step.key == "workspace" and finding.there:
            proven.add("providers")
    for step in steps:  # a later one may have told what to look for
        if not result.blind and found.get(step.key) and found[step.key].later:
            found[step.key] = _look(step, found, reader, result, known)
    result.findings = {step.key: found[step.key] for step in steps if step.key in found}
    return result


def login(names: Names, reader: Reader) -> dict[str, str]:
    """The tenant, and who is logged in, as Microsoft Graph is asked for it.

    Raises:
        AzFailure: there is no az.
        Refused: nobody is logged in, or not where the subscription is.
    """
    accounts = reader.read(az("account", "list"), {})
    if not accounts:
        raise Refused(f"nobody is logged in: {advice(Kind.NOT_LOGGED_IN)}")
    wanted = names.subscription.lower()
    found = next((each for each in accounts if each["id"].lower() == wanted), None)
    if found is None:
        line = f"subscription {names.subscription} is not there"
        raise Refused(f"{line}: {advice(Kind.WRONG_SUBSCRIPTION)}")
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
    """What is looked at first: the innermost, which proves the rest, then what holds it all."""
    first = ("compute", "resource_group", "container", "workspace", "storage_account")
    return first.index(step.key) if step.key in first else len(first)


def _needed(step: Resource, steps: dict[str, Resource]) -> set[str]:
    """The keys of all that cannot but be there where this is."""
    needed = {step.inside, *step.uses} & set(steps)
    return needed.union(*(_needed(steps[key], steps) for key in needed))


def _listed(names: Names, reader: Reader) -> dict[str, Any]:
    """What lies in the group, by paths in small letters; {} where it may not be listed."""
    try:
        answer = reader.read(az("resource", "list", "-g", names.resource_group), {})
    except AzFailure:
        return {}
    return {each["id"].lower(): each for each in answer or []}


def _look(
    step: Resource,
    others: dict[str, Finding],
    reader: Reader,
    result: Survey,
    known: dict[str, Any] | None = None,
) -> Finding:
    """Looks for one thing, unless others tell that it cannot be there or does not matter."""
    around = others.get(step.inside)
    if around and not around.there and not around.unknown and step.mode == "create":
        return Finding(step, later=around.later)
    if step.looks and not any(look.command.known(result.facts) for look in step.looks):
        if around and around.unknown:
            line = f"{step.title}: {around.step.title} may not be looked up, and so has no id"
            return Finding(step, problem=f"{line}: {around.unknown}")
        return Finding(step, later=True)
    try:
        found = (known or {}).get(step.put.path.lower()) if step.put else None
        if found is None:
            found = find(step, reader, result.facts, last_first=bool(known))
    except AzFailure as failure:
        if failure.kind in _HOPELESS:
            result.blind = f"{step.title}: {failure}"
        elif failure.kind is Kind.FORBIDDEN and (step.blind or step.mode == "existing"):
            return Finding(step, unknown=failure.message)
        return Finding(step, problem=f"{step.title}: {failure}")
    except Refused as refused:
        return Finding(step, problem=f"{step.title}: {refused}")
    finding = Finding(step, found)
    if found is None and step.mode == "existing":
        finding.problem = f"{step.title} is not there: {_missing(step)}"
    elif found is not None:
        finding.problem = step.misfit(found) or _given_up(step, found)
        result.facts |= step.learns(found)
    return finding


def _missing(step: Resource) -> str:
    """What to do where something is not there and is not ours to make."""
    how = {
        "service_principal": "check azure.client_id and azure.service_principal_name in config.yml",
        "providers": "ask for them (`python infra/bootstrap.py plan --for-admin`)",
        "pipeline": "check azure.compute.identity in config.yml; where that is empty, one is made "
        "(azure.bootstrap.pipeline: create)",
        "pipeline_workspace": "ask who handed out the workspace for it",
        "caller": "log in as a user or a service principal, or upload in the portal",
    }
    if step.key.startswith("role_"):
        return "ask who handed out the principal for it"
    return how.get(step.key) or (
        f"check its name in config.yml, or let it be made (azure.bootstrap.{step.key}: create)"
    )


def _given_up(step: Resource, found: Any) -> str:
    """What to do about something that Azure has given up making; "" where it has not."""
    try:
        provisioned(found)
    except Refused as refused:
        return str(refused)
    return ""
