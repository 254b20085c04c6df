"""What a plan is made of: commands, and steps that look, create, verify and remove with them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from amlkit.provision.failures import Kind

Facts = Mapping[str, str]


class Refused(Exception):
    """Something in Azure or in config.yml is in the way: one line that says what to do.

    Args:
        line: what a person reads.
        code: the exit code.
        record: what is reported as JSON beside the line.
    """

    def __init__(
        self, line: str, *, code: int = 1, record: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(line)
        self.code, self.record = code, record or {}


@dataclass(frozen=True)
class Command:
    """One call of `az`.

    `{principal_id}` and the like stand for what earlier steps found out; a command whose facts are
    not known yet cannot run. A body goes in by standard input: `@-` stands for it.
    """

    arguments: tuple[str, ...]
    body: Any = None

    @property
    def facts(self) -> set[str]:
        """The names of the facts that it needs."""
        return set(re.findall(r"\{(\w+)\}", " ".join(self.arguments)))

    def known(self, facts: Facts) -> bool:
        """Whether all of them are known."""
        return all(facts.get(name) for name in self.facts)

    def filled(self, facts: Facts, *, for_display: bool = False) -> tuple[str, ...]:
        """The arguments with the facts in them; for display, unknown ones as `<principal id>`."""

        def fact(match: re.Match[str]) -> str:
            name = match.group(1)
            if for_display and not facts.get(name):
                return f"<{name.replace('_', ' ')}>"
            return facts[name]

        return tuple(re.sub(r"\{(\w+)\}", fact, argument) for argument in self.arguments)


def az(*arguments: str, body: Any = None) -> Command:
    """A command, written as it is typed."""
    return Command(arguments, body)


def arm_get(path: str, version: str, *parameters: str) -> Command:
    """Reads a resource where it is kept, not by an index, which lags behind."""
    return az(
        *("rest", "--method", "get", "--url", path),
        *("--url-parameters", f"api-version={version}", *parameters),
    )


def itself(answer: Any) -> Any:
    """The answer, where the whole of it is meant."""
    return answer


@dataclass(frozen=True)
class Look:
    """One way to find a resource: a read, and what of its answer it is (None: not there)."""

    command: Command
    pick: Callable[[Any], Any] = itself


def provisioned(found: Any) -> bool:
    """Whether Azure has finished making what was found.

    Raises:
        Refused: it has given up.
    """
    properties = found.get("properties") or {} if isinstance(found, dict) else {}
    state = properties.get("provisioningState") or (
        found.get("provisioningState") if isinstance(found, dict) else None
    )
    if str(state).lower() in ("failed", "canceled"):
        name, path = found.get("name"), found.get("id")
        raise Refused(
            f"Azure has given up making {name} ({state}): look at it in the portal, remove it"
            f" (`az resource delete --ids {path}`), and run apply again"
        )
    return state is None or str(state).lower() == "succeeded"


def nothing(found: Any) -> dict[str, str]:
    """No facts are learned."""
    return {}


def fits(found: Any) -> str:
    """Whatever is found will do."""
    return ""


@dataclass(frozen=True)
class Kept:
    """What Azure keeps of something that was removed, for how long, and what ends that."""

    what: str
    days: int
    purge: Command

    def __str__(self) -> str:
        return f"{self.what} for {self.days} days"


@dataclass(frozen=True)
class Step:
    """One thing in Azure: how to look for it, make it, tell that it is ready, and remove it.

    Attributes:
        key: its name in the state file, and in `azure.bootstrap` where it has a mode there.
        title: what it is, in words.
        mode: create, existing or skip.
        looks: ways to find it, the first that answers wins; one whose facts are unknown is passed
            over.
        create: what makes it, in order; each may be run again.
        remove: what removes it.
        ready: whether it is usable yet; waited for after it was made.
        learns: facts that later commands need, from what was found.
        misfit: why what was found cannot be used; "" where it can.
        missing: what to do where it is not there and is not ours to make.
        inside: the key of the step without which there cannot be one.
        essential: whether nothing else can be looked for without it.
        only_for: keys of steps, one of which must be missing for this one to matter.
        proves: keys of steps that need no look where this one is found.
        actions: operations that its maker must be allowed, as Azure names them.
        scope: where they must be allowed.
        role: a role that allows them.
        cost: what it costs while nobody uses it; "" for nothing.
        reason: what it is for, as an administrator is told.
        kept: what Azure keeps of it after it is removed.
        limit: seconds until it must be ready.
        again_on: kinds of failure that time heals.
        unseen: what to do where it may not be looked at: "make" it, for it does no harm twice,
            "trust" that it is there, or "" for nothing at all.
        look_after: whether the answer of its creation says too little to go on.
    """

    key: str
    title: str
    mode: str
    looks: tuple[Look, ...]
    create: tuple[Command, ...]
    remove: tuple[Command, ...] = ()
    ready: Callable[[Any], bool] = provisioned
    learns: Callable[[Any], dict[str, str]] = nothing
    misfit: Callable[[Any], str] = fits
    missing: str = ""
    inside: str = ""
    essential: bool = False
    only_for: tuple[str, ...] = ()
    proves: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()
    scope: str = ""
    role: str = ""
    cost: str = ""
    reason: str = ""
    kept: Kept | None = None
    limit: float = 300
    again_on: tuple[Kind, ...] = ()
    unseen: str = ""
    look_after: bool = False


@dataclass
class Finding:
    """What a look around says of a step."""

    step: Step
    found: Any = None
    proven: bool = False  # by another that needs it
    later: bool = False  # what to look for is known only after another step was made
    problem: str = ""  # why nothing can be made as things are
    unknown: str = ""  # why it could not be looked at

    @property
    def there(self) -> bool:
        """Whether it is there."""
        return self.proven or self.found is not None

    @property
    def to_create(self) -> bool:
        """Whether apply has it to make."""
        hidden = self.unknown and self.step.unseen != "make"
        return self.step.mode == "create" and not self.there and not hidden
