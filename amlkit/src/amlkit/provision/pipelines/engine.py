"""Looks at each row of the table, and makes or mends what is not as it says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from amlkit.provision.pipelines.requests import Requests
from amlkit.provision.pipelines.table import Call, Row
from amlkit.provision.placeholders import Facts
from amlkit.provision.records import Refused


@dataclass(frozen=True)
class Finding:
    """What was found of a row, and the request that would make it as it is to be."""

    row: Row
    found: Any
    wanted: Call | None
    remark: str = ""

    @property
    def state(self) -> str:
        """In a word."""
        if self.found is None:
            return "to create" if self.row.make else "missing"
        return "to change" if self.wanted else "there"


@dataclass
class Plan:
    """The rows in order, what was found of them, and what is known by that."""

    findings: list[Finding] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def to_write(self) -> list[Finding]:
        """Those that take a request that writes."""
        return [each for each in self.findings if each.wanted]

    @property
    def problems(self) -> list[str]:
        """What is in the way: things that are missing and that this does not make."""
        return [
            f"{each.row.title} is missing: {each.row.advice}"
            for each in self.findings
            if each.state == "missing" and not each.row.optional
        ]

    @property
    def notes(self) -> list[str]:
        """What is missing and does not stop the rest, and what others have made beside it."""
        missing = [
            f"{each.row.title} is missing: {each.row.advice}"
            for each in self.findings
            if each.state == "missing" and each.row.optional
        ]
        return missing + [each.remark for each in self.findings if each.remark]


def look(rows: list[Row], requests: Requests, facts: Facts) -> Plan:
    """What is there of the rows; a row that hangs on a missing one is missing, too."""
    plan = Plan(facts=dict(facts))
    for row in rows:
        found, remark = _find(row, requests, plan.facts)
        wanted = row.make
        if found is not None:
            plan.facts |= row.learns(found)
            wanted = row.change(found, plan.facts)
        plan.findings.append(Finding(row, found, wanted, remark))
    return plan


def _find(row: Row, requests: Requests, facts: Facts) -> tuple[Any, str]:
    """What is there of a row (None where it is missing), and what is worth a word beside it."""
    if not row.look.known(facts):
        return None, ""
    answer = requests.ask(row.look.filled(facts))
    return row.pick(answer, facts), row.remark(answer)


def make(plan: Plan, requests: Requests, say: Callable[[str], None]) -> list[str]:
    """Writes what is missing or wrong, in the table's order; returns the titles."""
    done = []
    for each in plan.to_write:
        row, wanted = each.row, each.wanted
        assert wanted is not None  # noqa: S101 - what `to_write` means
        if not wanted.known(plan.facts):
            raise Refused(f"{row.title}: what it hangs on is not there; run this again")
        try:
            found = requests.write(wanted.filled(plan.facts))
        except Refused as refused:
            if row.advice:
                raise Refused(f"{row.title}: {refused}; {row.advice}") from None
            raise
        if row.read_back:
            found, _ = _find(row, requests, plan.facts)
            if found is None:
                raise Refused(f"{row.title} was made and is not found: run this again in a minute")
        if found is not None:
            plan.facts |= row.learns(found)
        say(f"  {'made' if each.found is None else 'changed'}: {row.title}")
        done.append(row.title)
    return done
