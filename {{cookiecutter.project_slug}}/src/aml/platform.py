"""The platform a driver works on, and the small records that cross it.

A driver never asks which platform it holds: `LocalPlatform` (files and processes on this machine)
and
Azure ML (through the chosen SDK) offer the same verbs. The records are named as Azure ML names
things.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from .settings import Settings

FINISHED = ("Completed", "Failed", "Canceled")


class WorkError(Exception):
    """The work failed: one line that says what, where and what to do (exit 1)."""


@dataclass(frozen=True)
class DataDefinition:
    """A table to register. `profile` and `schema` are written beside the table's own file."""

    name: str
    path: Path
    target: str
    version: str
    """Content hash of the file and of how it is read: 12 hex digits."""
    profile: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True)
class DataAsset:
    """A registered, immutable table."""

    name: str
    version: str
    target: str
    rows: int
    source: str
    """Where a job finds it: a folder here, a datastore path on Azure ML."""
    profile: Mapping[str, Any] = field(repr=False, default_factory=dict)


@dataclass(frozen=True)
class EnvironmentDefinition:
    """What a training environment is built from."""

    name: str
    lock: Path
    wheels: tuple[Path, ...]
    version: str
    """Content hash of the lock and of the private wheels: 12 hex digits."""


@dataclass(frozen=True)
class Environment:
    """An environment that jobs can run in."""

    name: str
    version: str
    created: bool
    """Whether this call made it; False: it was known."""
    differences: tuple[str, ...] = ()
    """Locally: what is installed otherwise than the lock says, in words."""


@dataclass(frozen=True)
class Model:
    """A version of a registered model."""

    name: str
    version: str
    source: str
    """Where a job finds its files: a folder here, an asset id on Azure ML."""
    tags: Mapping[str, str] = field(default_factory=dict)
    """`run_id, data_version, environment_version, code_version, git_commit, metrics, …`."""


@dataclass(frozen=True)
class Job:
    """A training to run: what decides its result, and what it is called."""

    experiment: str
    package: str
    """Run as `python -m <package>.train` from the snapshot."""
    snapshot: Path
    code_version: str
    data: DataAsset
    environment: Environment
    settings: Mapping[str, Any]
    reigning: Model | None
    identity: str
    """Content hash of code, data, environment and settings: equal jobs give equal results."""
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Run:
    """A job that was started."""

    id: str
    experiment: str
    status: str
    """As Azure ML says it: `Starting, Running, Completed, Failed, Canceled`."""
    created: str
    """ISO 8601, UTC."""
    seconds: float | None
    """Wall time, once finished."""
    identity: str
    model_name: str
    tags: Mapping[str, str]
    reigning: str | None
    """The version of the reigning model that the run compared itself with."""
    url: str = ""
    """Where to look: the run folder here, the studio's page on Azure ML."""


class Platform(Protocol):
    """What a driver may ask of the place where the work is done. Every verb raises `WorkError`."""

    name: str

    def find_data(self, name: str, version: str | None = None) -> DataAsset | None:
        """A registered data asset, by default the one registered last; None if there is none."""

    def register_data(
        self, definition: DataDefinition, progress: Callable[[int, int], None]
    ) -> DataAsset:
        """Registers a table, or answers with the version that has this content already.

        `progress` is called with (bytes done, bytes in all).
        """

    def find_environment(self, definition: EnvironmentDefinition) -> Environment:
        """The environment of this content; nothing is made: `created` says that it would be."""

    def ensure_environment(self, definition: EnvironmentDefinition) -> Environment:
        """The environment of this content; made where it is not known."""

    def find_run(self, identity: str, experiment: str) -> Run | None:
        """The newest completed run of an equal job; else one that is under way."""

    def submit(self, job: Job, model_name: str) -> Run:
        """Starts a job as a process of its own; it outlives the caller."""

    def get_run(self, run_id: str) -> Run:
        """A run as it stands."""

    def wait(self, run_id: str, on_log: Callable[[str], None]) -> Run:
        """Waits for a run to finish; its log is handed over line by line as it grows."""

    def cancel(self, run_id: str) -> Run:
        """Ends a run that is under way."""

    def read_output(self, run_id: str, path: str) -> bytes | None:
        """A file that the run wrote below `outputs/`; None where there is none."""

    def log_tail(self, run_id: str, lines: int = 20) -> list[str]:
        """The last lines of a run's log."""

    def reigning_model(self, name: str) -> Model | None:
        """The newest version of a registered model, its version compared as a number."""

    def find_model(self, name: str, run_id: str) -> Model | None:
        """The version that a run registered; None where it registered none."""

    def register_model(
        self,
        run: Run,
        name: str,
        tags: Mapping[str, str],
        accept: Callable[[Model | None], bool],
    ) -> Model | None:
        """Registers a run's `outputs/model/`, or answers with the version that it registered.

        `accept` is asked with the model that reigns at that very moment, so that two trainings at
        once
        cannot pass each other unseen; None where it says no.
        """

    def save_report(self, run_id: str, write: Callable[[Path], None]) -> str:
        """Keeps the run's report where people look; answers with its address."""


def job_arguments(job: Job) -> list[str]:
    """What the training code is told, here and on Azure ML alike."""
    arguments = ["--data", job.data.source, "--target", job.data.target]
    arguments += ["--settings", json.dumps(job.settings, sort_keys=True)]
    if job.reigning is not None:
        arguments += [
            "--reigning-model",
            job.reigning.source,
            "--reigning-version",
            job.reigning.version,
        ]
    return arguments


def open_platform(settings: Settings, *, local: bool) -> Platform:
    """The platform to work on: this machine if asked for, Azure ML otherwise.

    Raises:
        SettingsError: Azure ML is meant and settings for it are missing.
    """
    from .settings import SettingsError

    if local:
        from .local import LocalPlatform

        return LocalPlatform(settings.root / ".local-workspace")
    settings.require_azure()
    raise SettingsError("this version of the template does not reach Azure ML yet; add --local")
