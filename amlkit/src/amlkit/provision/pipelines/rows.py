"""The table of what pipelines need: each row's look, and what makes or mends it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from amlkit.provision.cloud.client import Client, Command, Pick, first
from amlkit.provision.cloud.failures import Failure, Refused
from amlkit.provision.cloud.placeholders import Facts


@dataclass(frozen=True)
class Row:
    """One thing that is set up.

    Attributes:
        key: what `--json` calls it.
        title: what a person calls it.
        look: what tells whether it is there.
        pick: of its answer (None: 404) the thing itself; None where it is missing.
        make: what makes it; None: somebody else does, as `advice` says.
        change: what mends the thing that is there; None where it is right.
        learns: the facts that later rows need.
        advice: what to do where it is missing and not made here, or is refused.
        read_back: look again once it is made: the answer to the making does not tell all.
        optional: where it is missing and not made here, the rest goes on.
        remark: what a person should know of the rest of the answer; it is left as it is.
    """

    key: str
    title: str
    look: Command
    pick: Pick = lambda answer, facts: answer
    make: Command | None = None
    change: Callable[[Any, Facts], Command | None] = lambda found, facts: None
    learns: Callable[[Any], Facts] = lambda found: {}
    advice: str = ""
    read_back: bool = False
    optional: bool = False
    remark: Callable[[Any], str] = lambda answer: ""


def named(name: str, *, inside: str = "value") -> Pick:
    """Picks the one of a name from a list; upper and lower case are the same to all of them."""
    return first(lambda each, facts: str(each["name"]).lower() == name.lower(), inside=inside)


@dataclass(frozen=True)
class Finding:
    """What was found of a row, and the command that would make it as it is to be."""

    row: Row
    found: Any
    wanted: Command | None
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
        """Those that take a command that writes."""
        return [each for each in self.findings if each.wanted]

    @property
    def problems(self) -> list[str]:
        """What is in the way: things that are missing and that this does not make."""
        return self._missing(optional=False)

    @property
    def notes(self) -> list[str]:
        """What is missing and does not stop the rest, and what others have made beside it."""
        remarks = [each.remark for each in self.findings if each.remark]
        return self._missing(optional=True) + remarks

    def _missing(self, *, optional: bool) -> list[str]:
        """What is missing, a line each."""
        rows = [each.row for each in self.findings if each.state == "missing"]
        return [f"{row.title} is missing: {row.advice}" for row in rows if row.optional is optional]


def look(rows: list[Row], client: Client, facts: Facts) -> Plan:
    """What is there of the rows; a row that hangs on a missing one is missing, too."""
    plan = Plan(facts=dict(facts))
    for row in rows:
        found, remark = _find(row, client, plan.facts)
        wanted = row.make
        if found is not None:
            plan.facts |= row.learns(found)
            wanted = row.change(found, plan.facts)
        plan.findings.append(Finding(row, found, wanted, remark))
    return plan


def _find(row: Row, client: Client, facts: Facts) -> tuple[Any, str]:
    """What is there of a row (None where it is missing), and what is worth a word beside it."""
    if not row.look.known(facts):
        return None, ""
    answer = client.ask(row.look, facts)
    return row.pick(answer, facts), row.remark(answer)


def make(plan: Plan, client: Client, say: Callable[[str], None]) -> list[str]:
    """Writes what is missing or wrong, in the table's order; returns the titles."""
    done = []
    for each in plan.findings:
        row, wanted = each.row, each.wanted
        if wanted is None:
            continue
        try:
            found = client.send(wanted, plan.facts)
        except Refused as refused:
            raise Refused(f"{row.title}: {refused}") from None
        except Failure as failure:
            how = "; ".join(filter(None, (failure.advice, row.advice)))
            raise failure.advised(how, f"{row.title}: {failure.message}") from None
        if row.read_back:
            found, _ = _find(row, client, plan.facts)
            if found is None:
                raise Refused(f"{row.title} was made and is not found: run this again in a minute")
        if found is not None:
            plan.facts |= row.learns(found)
        say(f"  {'made' if each.found is None else 'changed'}: {row.title}")
        done.append(row.title)
    return done
