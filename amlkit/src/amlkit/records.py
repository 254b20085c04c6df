"""The small records that cross a platform, named as Azure ML names things."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FINISHED = ("Completed", "Failed", "Canceled")


class WorkError(Exception):
    """The work failed: one line that says what, where and what to do (exit 1)."""


class TableRefused(Exception):
    """A table that was to be scored will not do: one line that says why (exit 2)."""


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
    number: str = ""
    """The version's number where the platform counts: the Dataset's version on Azure ML."""


@dataclass(frozen=True)
class StoredData:
    """A table that lies in a datastore already."""

    datastore: str
    path: str
    size: int
    """Bytes."""
    content: str
    """What tells it from another content at the same place: 12 hex digits."""


@dataclass(frozen=True)
class EnvironmentDefinition:
    """What an environment is built from."""

    name: str
    lock: Path
    wheels: tuple[Path, ...]
    version: str
    """Content hash of the lock and of the private wheels: 12 hex digits."""
    serving: bool = False
    """Whether it answers requests; else it trains."""


@dataclass(frozen=True)
class Environment:
    """An environment that jobs can run in."""

    name: str
    version: str
    created: bool
    """Whether this call made it; False: it was known."""
    differences: tuple[str, ...] | None = ()
    """What is installed otherwise than the lock says, in words; None where it was built from it."""


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
    champion: Model | None
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
    champion: str | None
    """The version of the champion that the run compared itself with."""
    url: str = ""
    """Where to look: the run folder here, the studio's page on Azure ML."""


@dataclass(frozen=True)
class DeploymentDefinition:
    """A model to put behind an endpoint, and what it is served with."""

    endpoint: str
    model: Model
    environment: EnvironmentDefinition
    package: str
    """Its `score.py` is the entry script: `init()` and `run()`."""
    snapshot: Path
    code_version: str
    port: int
    """Where it is served on this machine; no meaning on Azure ML."""
    workers: int
    """Processes that answer."""
    identity: str
    """Content hash of model, code, environment and workers: equal deployments answer alike."""


@dataclass(frozen=True)
class Deployment:
    """A model as it runs behind an endpoint."""

    name: str
    model: str
    model_version: str
    code_version: str
    environment_version: str
    identity: str
    created: str
    """ISO 8601, UTC."""
    status: str = "Stopped"
    """`Starting, Ready, Failed, Stopped`."""
    uri: str = ""
    """Where this deployment alone is asked, whether or not it serves; empty if nowhere."""
    reason: str = ""
    """Why it failed, in a line."""


@dataclass(frozen=True)
class Endpoint:
    """An address, and the deployments behind it."""

    name: str
    uri: str
    """Where requests are sent; it outlives a switch."""
    status: str
    """`Ready`: it answers; `Starting`; `Stopped`: nothing runs; `Failed`: no model has passed."""
    serving: Deployment | None
    previous: Deployment | None = None
    """What served before: where `--rollback` goes."""
    reason: str = ""
    """Why it is not `Ready`, in a line."""
    notes: tuple[str, ...] = ()
    """What a user should know of it beside, in lines."""
    keyed: bool = False
    """Whether a request needs a key."""
