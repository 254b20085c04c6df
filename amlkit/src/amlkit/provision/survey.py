"""Looks around before anything is made: what is there or missing, and what nobody can know."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from amlkit.provision.az import Az, AzFailure
from amlkit.provision.failures import Kind
from amlkit.provision.records import Command, Facts, Finding, Refused, Step

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
        self._answers: dict[tuple[str, ...], Any] = {}

    def read(self, command: Command, facts: Facts) -> Any:
        """The answer; None where there is no such thing."""
        arguments = command.filled(facts)
        if arguments not in self._answers:
            self._answers[arguments] = run(self._az, command, facts, absent_ok=True)
        return self._answers[arguments]

    def forget(self) -> None:
        """Something was changed: what was read may be true no longer."""
        self._answers.clear()


def run(
    az: Az, command: Command, facts: Facts, *, absent_ok: bool = False, timeout: float = 300
) -> Any:
    """Runs a command with what is known filled in."""
    body = None if command.body is None else json.dumps(command.body)
    arguments = command.filled(facts)
    return az.json(*arguments, stdin=body, absent_ok=absent_ok, timeout=timeout)


def find(step: Step, reader: Reader, facts: Facts) -> Any:
    """What is there of a step: the first look that answers; None if none does.

    Raises:
        AzFailure: it could not be looked for.
        Refused: what is there cannot be told apart.
    """
    for look in step.looks:
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
        self.stopped = False

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.findings.values())

    @property
    def problems(self) -> list[str]:
        """What keeps anything from being made, a line each; one cause is named once."""
        return list(dict.fromkeys(finding.problem for finding in self if finding.problem))

    @property
    def to_create(self) -> list[Step]:
        """What is to be made, in order."""
        return [finding.step for finding in self if finding.to_create]


def survey(steps: Sequence[Step], reader: Reader, facts: Facts, *, whole: bool = False) -> Survey:
    """Looks for every step, in as few reads as will do.

    Args:
        steps: the plan.
        reader: reads.
        facts: what is known from before.
        whole: look at each by itself, rather than take what is there as proof of what it needs.
    """
    result, proven = Survey(facts), set[str]()
    found: dict[str, Finding] = {}
    for step in sorted(steps, key=_urgency):  # sorting keeps the order of equals
        if result.stopped:
            break
        finding = found[step.key] = (
            Finding(step, proven=True) if step.key in proven else _look(step, found, reader, result)
        )
        if finding.there and not whole:
            proven |= set(step.proves)
    for step in steps:  # a later step may have told what to look for
        if found.get(step.key) and found[step.key].later:
            found[step.key] = _look(step, found, reader, result)
    result.findings = {step.key: found[step.key] for step in steps if step.key in found}
    return result


def _urgency(step: Step) -> int:
    """What is looked at first: what the rest needs, then what spares other looks."""
    return 0 if step.essential else 1 if step.proves else 3 if step.only_for else 2


def _look(step: Step, others: dict[str, Finding], reader: Reader, result: Survey) -> Finding:
    """Looks for one step, unless others tell that it cannot be there or does not matter."""
    around = others.get(step.inside)
    if around and not around.there and not around.unknown and step.mode == "create":
        return Finding(step, later=around.later)
    if step.only_for and not any(others[k].to_create for k in step.only_for if k in others):
        return Finding(step, proven=True)
    if step.looks and not any(look.command.known(result.facts) for look in step.looks):
        if around and around.unknown:
            line = f"{step.title}: {around.step.title} may not be looked up, and so has no id"
            return Finding(step, problem=f"{line}: {around.unknown}")
        return Finding(step, later=True)
    try:
        found = find(step, reader, result.facts)
    except AzFailure as failure:
        result.stopped = step.essential or failure.kind in _HOPELESS
        given = step.unseen or step.mode == "existing"
        if failure.kind is Kind.FORBIDDEN and given and not step.essential:
            return Finding(step, unknown=failure.message)
        return Finding(step, problem=f"{step.title}: {failure}")
    except Refused as refused:
        return Finding(step, problem=f"{step.title}: {refused}")
    finding = Finding(step, found)
    if found is None and step.mode == "existing":
        advice = step.missing or (
            f"check its name in config.yml, or let it be made (azure.bootstrap.{step.key}: create)"
        )
        finding.problem = f"{step.title} is not there: {advice}"
    elif found is not None:
        finding.problem = step.misfit(found) or _given_up(step, found)
        result.facts |= step.learns(found)
    result.stopped = bool(step.essential and finding.problem)
    return finding


def _given_up(step: Step, found: Any) -> str:
    """What to do about something that Azure has given up making; "" where it has not."""
    try:
        step.ready(found)
    except Refused as refused:
        return str(refused)
    return ""
