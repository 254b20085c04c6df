"""What a plan is made of: resources that are looked for, made and removed by commands."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from amlkit.provision.cloud.arm import Put, arm_create, arm_delete, arm_get, type_of
from amlkit.provision.cloud.client import Command, Pick, part
from amlkit.provision.cloud.facts import CONTRIBUTOR
from amlkit.provision.cloud.failures import Kind, Refused
from amlkit.provision.plan.names import Names


@dataclass(frozen=True)
class Look:
    """One way to find a resource: a read, and what of its answer it is (None: not there)."""

    command: Command
    pick: Pick = lambda answer, facts: answer


@dataclass(frozen=True)
class Right:
    """What its maker must be allowed: operations as Azure names them, where, by which role."""

    role: str
    scope: str = ""
    actions: tuple[str, ...] = ()


@dataclass(frozen=True)
class Kept:
    """What Azure keeps of something that was removed, for how many days, and what ends that."""

    days: int
    ends: Command
    at_once: Command | None = None  # removes it for good, where it is not removed yet


# The settings that several steps share; every role has `roles`.
_SETTINGS = {
    "application": "service_principal",
    "log_analytics": "app_insights",
    "pipeline_workspace": "pipeline",
    "providers_identity": "providers",
}


@dataclass(frozen=True)
class Resource:
    """One line of the plan: how to look for a thing in Azure, make it and remove it.

    Attributes:
        key: its name in `azure.bootstrap` where it has a mode there, and in what is reported.
        title: what it is, in words.
        mode: create, existing or skip.
        looks: ways to find it, the first that answers wins; one whose facts are unknown is passed.
        make: what makes it, in order; each may be run again.
        reason: what it is for, as an administrator is told.
        put: the same as what is PUT: it can be made, or checked, with others at once.
        alone: whether it is made by its own command all the same.
        awaited: whether Azure may answer its making before it is there.
        first_suffices: whether the first of these that is taken is enough.
        remove: what removes it; of what is ours alone.
        kept: what Azure keeps of it then.
        ours: whether what was found was made by this repository, as Azure itself tells.
        right: what making it takes.
        inside: the key of that without which there cannot be one; found, it proves that one.
        uses: keys of what it cannot be without either.
        learns: facts that later commands need, from what was found.
        misfit: why what was found cannot be used; "" where it can.
        cost: what it costs while nobody uses it; "" for nothing.
        heals: kinds of failure that time heals, and `limit` how long it may take (s).
        blind: where it may not be looked at: "make" it, as that does no harm twice, or "trust".
        missing: what to do where it is not there and is not ours to make.
    """

    key: str
    title: str
    mode: str
    make: tuple[Command, ...]
    reason: str
    looks: tuple[Look, ...] = ()
    put: Put | None = None
    alone: bool = False
    awaited: bool = False
    first_suffices: bool = False
    remove: Command | None = None
    kept: Kept | None = None
    ours: Callable[[Any], bool] = lambda found: False
    right: Right = Right("")
    inside: str = ""
    uses: tuple[str, ...] = ()
    learns: Callable[[Any], dict[str, str]] | None = None
    misfit: Callable[[Any], str] = lambda found: ""
    cost: str = ""
    heals: tuple[Kind, ...] = ()
    limit: float = 300
    blind: str = ""
    missing: str = ""

    @property
    def setting(self) -> str:
        """The setting of `azure.bootstrap` that says what becomes of it."""
        return _SETTINGS.get(self.key) or ("roles" if self.key.startswith("role_") else self.key)

    @property
    def shown(self) -> tuple[Command, ...]:
        """What a person types to make it."""
        return self.make[:1] if self.first_suffices else self.make


def put(
    names: Names,
    what: tuple[str, str, str],
    path: str,
    body: dict[str, Any],
    after: tuple[str, ...] = (),
    **more: Any,
) -> Resource:
    """What (key, mode, title) is made by a PUT at its path; `more` says what is not as usual."""
    key, mode, title = what
    whole = {"location": names.location, "tags": names.tags, **body}
    usual = {
        "looks": (Look(arm_get(path)),),
        "make": (arm_create(path, whole),),
        "put": Put(path, whole, after),
        "remove": arm_delete(path),
        "ours": names.made,
        "inside": "resource_group",
        "right": Right(CONTRIBUTOR, names.group_id, (f"{type_of(path)}/write",)),
        "heals": (Kind.NOT_REGISTERED,),
    }
    return Resource(key=key, mode=mode, title=title, **{**usual, **more})


def _state(found: dict[str, Any]) -> str:
    """How far Azure is with making what was found."""
    state = part(found, "properties", "provisioningState") or part(found, "provisioningState")
    return str(state or "Succeeded")


def given_up(found: dict[str, Any]) -> str:
    """What to do about something that Azure has given up making; "" where it has not."""
    state, name, path = _state(found).capitalize(), found.get("name"), found.get("id")
    if state not in ("Failed", "Canceled"):
        return ""
    return (
        f"Azure has given up making {name} ({state}): look at it in the portal, remove it"
        f" (`az resource delete --ids {path}`), and run apply again"
    )


def provisioned(found: dict[str, Any]) -> bool:
    """Whether Azure has finished making what was found.

    Raises:
        Refused: it has given up.
    """
    if line := given_up(found):
        raise Refused(line)
    return _state(found).lower() == "succeeded"


def advice_to_hand_out(steps: Sequence[Resource]) -> str:
    """What to do about things that the caller may not make."""
    settings = dict.fromkeys(f"azure.bootstrap.{step.setting}" for step in steps)
    return (
        "`python infra/bootstrap.py plan --for-admin` writes the request, and what is handed out to"
        f" you is marked existing or skip in config.yml ({', '.join(settings)})"
    )


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

    @property
    def state(self) -> str:
        """What is known of it, in a word."""
        if self.there:
            return "there"
        if self.unknown:
            return "unknown"
        return "missing" if self.step.mode == "existing" else "to create"
