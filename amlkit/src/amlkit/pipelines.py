"""Training pipelines: steps that run one after the other, what runs them, and schedules."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from amlkit.records import Environment, Job, Run


@dataclass(frozen=True)
class Step:
    """A step of the training pipeline: a function of `steps.py`, called with folders."""

    name: str
    inputs: tuple[str, ...] = ()
    """Folders that it reads: outputs of earlier steps, by their names."""
    outputs: tuple[str, ...] = ()
    """Folders that it writes."""
    asks_workspace: bool = False
    """Whether it asks the workspace: what is newest, or to register."""


@dataclass(frozen=True)
class Chain:
    """A training pipeline: steps that run one after the other."""

    job: Job
    """What all have alike: experiment, code, the training's environment, tags, identity."""
    steps: tuple[Step, ...]
    module: str
    """`penguins_model.steps`."""
    client: Environment | None = None
    """What steps run in that ask the workspace; None on this machine."""


@dataclass(frozen=True)
class Schedule:
    """What starts a pipeline again and again."""

    name: str
    cron: str
    """UTC."""
    enabled: bool
    identity: str = ""
    """Content hash of the trigger and of what is started."""


class Pipelines(Protocol):
    """Training pipelines, and the schedules that start them."""

    def shape(self, chain: Chain, cron: str = "") -> str:
        """What the owner's functions make of a chain and, with `cron`, of its schedule.

        A content hash; "" where they are not asked. Nothing is sent.
        """

    def find(self, identity: str, experiment: str) -> Run | None:
        """The newest completed run of an equal chain; else one that is under way."""

    def create(self, chain: Chain) -> Run:
        """Starts a chain; on this machine its steps run while `stream` waits for them."""

    def stream(
        self, run_id: str, on_log: Callable[[str, str], None], *, seconds: float | None = None
    ) -> Run:
        """Waits for a pipeline's end; hands over (step, line of its log).

        After `seconds`, if given, it returns the run as it is then; on this machine at its end.
        """

    def steps(self, run_id: str) -> Mapping[str, Run]:
        """The runs of a pipeline's steps that have begun, by the steps' names."""

    def schedule(self, name: str) -> Schedule | None:
        """A schedule; None if there is none of that name."""

    def put_schedule(self, name: str, cron: str, identity: str, chain: Chain) -> Schedule:
        """Makes a schedule, or gives one another trigger or another chain.

        Raises:
            SettingsError: there are no schedules here.
        """

    def remove_schedule(self, name: str) -> bool:
        """Ends a schedule; False if there was none."""

    def last_of(self, name: str) -> Run | None:
        """The pipeline that a schedule started last."""
