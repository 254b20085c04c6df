"""What a plan is made of: commands, and resources that are looked for, made and removed by them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from amlkit.provision.failures import Kind
from amlkit.provision.placeholders import Facts, filled, known, names_in


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

    It has places for what earlier steps find out; while that is not known it cannot run. A body
    goes in by standard input: `@-` stands for it.
    """

    arguments: tuple[str, ...]
    body: Any = None

    @property
    def facts(self) -> set[str]:
        """The names of the facts that it needs."""
        return names_in([*self.arguments, self.body])

    def known(self, facts: Facts) -> bool:
        """Whether all of them are known."""
        return known([*self.arguments, self.body], facts)

    def filled(self, facts: Facts) -> tuple[str, ...]:
        """The arguments with the facts in them."""
        return tuple(map(str, filled(self.arguments, facts)))

    def stdin(self, facts: Facts) -> str | None:
        """What it reads from standard input."""
        return None if self.body is None else json.dumps(filled(self.body, facts))

    def shown(self, facts: Facts) -> list[str]:
        """The arguments for a person, unknown facts as `<principal id>`, the body in its place."""
        words = list(self.arguments)
        if "--name" in words and not known(words[words.index("--name") + 1], facts):
            place = words.index("--name")  # it follows from what is not known yet
            del words[place : place + 2]
        body = self.stdin(facts) or ""
        return [body if word == "@-" else str(filled(word, facts)) for word in words]


def az(*arguments: str, body: Any = None) -> Command:
    """A command, written as it is typed."""
    return Command(arguments, body)


# What has the commands for workspaces.
EXTENSION = az("extension", "add", "-n", "ml", "-y")


def arm_get(path: str, version: str, *parameters: str) -> Command:
    """Reads a resource where it is kept, not by an index, which lags behind."""
    return az(
        *("rest", "--method", "get", "--url", path),
        *("--url-parameters", f"api-version={version}", *parameters),
    )


def arm_delete(path: str, version: str) -> Command:
    """Removes a resource, and waits for it."""
    return az("resource", "delete", "--ids", path, "--api-version", version)


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
    said = properties.get("provisioningState") or found.get("provisioningState")
    state = str(said or "Succeeded").lower()
    if state in ("failed", "canceled"):
        name, path = found.get("name"), found.get("id")
        raise Refused(
            f"Azure has given up making {name} ({state.capitalize()}): look at it in the portal,"
            f" remove it (`az resource delete --ids {path}`), and run apply again"
        )
    return state == "succeeded"


def nothing(found: Any) -> dict[str, str]:
    """No facts are learned."""
    return {}


def fits(found: Any) -> str:
    """Whatever is found will do."""
    return ""


@dataclass(frozen=True)
class Put:
    """What is PUT at a path to make a resource; several go into one deployment."""

    path: str
    version: str
    body: Mapping[str, Any]
    after: tuple[str, ...] = ()

    def known(self, facts: Facts) -> bool:
        """Whether all that it needs is known."""
        return known([self.path, self.body], facts)

    def described(self, facts: Facts) -> dict[str, Any]:
        """The resource as a template of Resource Manager describes it."""
        scope, _, rest = str(filled(self.path, facts)).rpartition("/providers/")
        provider, *parts = rest.split("/")
        around = scope.partition("/providers/")[2]
        return {
            "type": "/".join([provider, *parts[::2]]),
            "apiVersion": self.version,
            "name": "/".join(parts[1::2]),
            **({"scope": around} if around else {}),
            "dependsOn": list(self.after),
            **_literal(filled(self.body, facts)),
        }


def _literal(value: Any) -> Any:
    """The value as a template takes it: `[…]` would be an expression there."""
    if isinstance(value, Mapping):
        return {key: _literal(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_literal(each) for each in value]
    expression = isinstance(value, str) and value.startswith("[") and value.endswith("]")
    return f"[{value}" if expression else value


@dataclass(frozen=True)
class Right:
    """What its maker must be allowed: operations as Azure names them, where, by which role."""

    role: str
    scope: str = ""
    actions: tuple[str, ...] = ()


@dataclass(frozen=True)
class Resource:
    """One line of the plan: how to look for a thing in Azure, make it and remove it.

    Attributes:
        key: its name in `azure.bootstrap` where it has a mode there, and in what is reported.
        title: what it is, in words.
        mode: create, existing or skip.
        looks: ways to find it, the first that answers wins; one whose facts are unknown is passed.
        make: what makes it, in order; each may be run again.
        put: the same as what is PUT: it can be made, or checked, with others at once.
        alone: whether it is made by its own command all the same.
        first_suffices: whether the first of these that is taken is enough.
        remove: what removes it; of what is ours alone.
        purge: what removes it for good, in place of `remove`.
        ours: whether what was found was made by this repository, as Azure itself tells.
        reason: what it is for, as an administrator is told.
        right: what making it takes.
        inside: the key of that without which there cannot be one; found, it proves that one.
        uses: keys of what it cannot be without either.
        learns: facts that later commands need, from what was found.
        misfit: why what was found cannot be used; "" where it can.
        cost: what it costs while nobody uses it; "" for nothing.
        heals: kinds of failure that time heals, and `limit` how long it may take (s).
        blind: where it may not be looked at: "make" it, as that does no harm twice, or "trust".
    """

    key: str
    title: str
    mode: str
    looks: tuple[Look, ...]
    make: tuple[Command, ...]
    reason: str
    put: Put | None = None
    alone: bool = False
    first_suffices: bool = False
    remove: tuple[Command, ...] = ()
    purge: tuple[Command, ...] = ()
    ours: Callable[[Any], bool] = lambda found: False
    right: Right | None = None
    inside: str = ""
    uses: tuple[str, ...] = ()
    learns: Callable[[Any], dict[str, str]] = nothing
    misfit: Callable[[Any], str] = fits
    cost: str = ""
    heals: tuple[Kind, ...] = ()
    limit: float = 300
    blind: str = ""


@dataclass
class Finding:
    """What a look around says of a resource."""

    step: Resource
    found: Any = None
    proven: bool = False  # by another that needs it
    later: bool = False  # what to look for is known only after another one was made
    problem: str = ""  # why nothing can be made as things are
    unknown: str = ""  # why it could not be looked at

    @property
    def there(self) -> bool:
        """Whether it is there."""
        return self.proven or self.found is not None

    @property
    def ours(self) -> bool:
        """Whether it is there and was made by this repository."""
        return self.found is not None and self.step.ours(self.found)

    @property
    def to_create(self) -> bool:
        """Whether apply has it to make."""
        hidden = self.unknown and self.step.blind != "make"
        return self.step.mode == "create" and not self.there and not hidden
