"""The small records that cross from one part to the next, named as Azure ML names things."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from amlkit.tabular.parts import MLTABLE
from amlkit.tabular.space import logged_as

FINISHED = ("Completed", "Failed", "Canceled")


def new_run_id(experiment: str, now: datetime) -> str:
    """What a run is called that begins now: no other one is, and those of a folder are in order."""
    return f"{experiment[:40]}_{now:%Y%m%dT%H%M%S}_{uuid.uuid4().hex[:6]}"


class WorkError(Exception):
    """The work failed: one line that says what, where and what to do (exit 1)."""


class TableRefused(Exception):
    """A table that was to be scored will not do: one line that says why (exit 2)."""


@dataclass(frozen=True)
class DataDefinition:
    """A table to register. `profile` and its schema are written beside the table's own files."""

    name: str
    path: Path
    """The table's file, or the folder of its parts."""
    files: Mapping[str, str] = field(repr=False)
    """SHA-256 of each of its files by their names beside it: `t.csv`, `parts/part-0.parquet`."""
    target: str
    version: str
    """Content hash of the files and of how they are read: 12 hex digits."""
    profile: Mapping[str, Any] = field(repr=False)

    @property
    def mltable(self) -> bool:
        """Whether the table is a folder with a file MLTable."""
        return f"{self.path.name}/{MLTABLE}" in self.files

    def place(self, name: str) -> str:
        """Where one of the files lies in the asset, which for Azure ML itself holds the MLTable."""
        return name.partition("/")[2] if self.mltable else name


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
    """The version's number where the workspace counts: the Dataset's version on Azure ML."""
    type: str = "uri_folder"
    """As Azure ML calls it: `uri_file` for a file that was registered where it lies, `mltable`."""


@dataclass(frozen=True)
class StoredData:
    """A table that lies in a datastore already."""

    datastore: str
    path: str
    """Of its file, or of the folder of its parts."""
    files: tuple[str, ...]
    """The paths of its files."""
    size: int
    """Bytes."""
    content: str
    """What tells it from another content at the same place: 12 hex digits."""

    @property
    def type(self) -> str:
        """As Azure ML calls it."""
        if f"{self.path}/{MLTABLE}" in self.files:
            return "mltable"
        return "uri_file" if self.files == (self.path,) else "uri_folder"


@dataclass(frozen=True)
class EnvironmentDefinition:
    """What an environment is built from."""

    name: str
    lock: Path
    wheels: tuple[Path, ...]
    """Private wheels, amlkit's own among them."""
    serving: bool = False
    """Whether it answers requests; else it trains."""
    azure_lock: str = ""
    """The lock on Azure ML, from the repository's root; empty: config.yml's for its kind."""
    whole: bool = False
    """Whether all of amlkit runs in it, and not only what trains and serves."""


@dataclass(frozen=True)
class Environment:
    """An environment that jobs can run in."""

    name: str
    version: str
    """Content hash of the lock, the private wheels and, on Azure ML, of what the owner's
    `environment` function returns: 12 hex digits."""
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
class Resources:
    """What a job runs on, beside the compute target. Empty: as the compute target has it."""

    instance_count: int = 1
    instance_type: str = ""
    shm_size: str = ""


@dataclass(frozen=True)
class Search:
    """Trials of one job, each with other parameters of its estimator and scored alike."""

    space: Mapping[str, Any]
    """As `training.search` of config.yml has it."""
    trials: int
    metric: str
    """The gate's primary metric: a trial's score is its mean in folds of the training rows."""
    goal: str
    """`maximize` or `minimize`."""
    seed: int
    definition: Callable[[Any, Any], Any] | None = None
    """The owner's function that makes a sweep job of the SDK's; None: all run in the one job."""

    def told(self) -> dict[str, Any]:
        """What train.py is told of it, as JSON."""
        keys = ("space", "trials", "metric", "goal")
        return {key: getattr(self, key) for key in keys}

    @property
    def logged_as(self) -> str:
        """What MLflow knows a trial's score by: the metric itself is that of the held-out rows."""
        return logged_as(self.metric)


@dataclass(frozen=True)
class Job:
    """A command to run: what decides its result, and what it is called.

    `command` names its inputs as Azure ML does, `${{inputs.data}}`: a folder on the machine that
    runs the job stands in its place. What it writes below `outputs/` is kept.
    """

    experiment: str
    code: Path
    """The folder of the snapshot; the command runs with it on PYTHONPATH."""
    code_version: str
    command: tuple[str, ...]
    """Words; the first is `python` for the interpreter of the environment."""
    inputs: Mapping[str, DataAsset | Model]
    environment: Environment
    resources: Resources = Resources()
    variables: Mapping[str, str] = field(default_factory=dict)
    """Environment variables."""
    tags: Mapping[str, str] = field(default_factory=dict)
    identity: str = ""
    """Content hash of what decides the result: jobs of one identity give equal results."""
    model_name: str = ""
    """What a model of this job is registered as; empty where it makes none."""
    definition: Callable[[Any], Any] | None = None
    """The owner's function that makes the SDK's object of it; None: amlkit makes it."""
    search: Search | None = None

    @property
    def champion(self) -> Model | None:
        """The model that the job compares its own with."""
        found = self.inputs.get("champion")
        return found if isinstance(found, Model) else None


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
    log: str = ""
    """The file of its log; empty where it is shown at `url`."""
    trial: str = ""
    """Of a sweep job the run of its best trial, whose outputs are the sweep's; else empty."""


@dataclass(frozen=True)
class Scale:
    """What a deployment runs on. What a workspace has no such thing for, it says."""

    workers: int = 1
    """Processes that answer, each with the model in memory."""
    instance_type: str = ""
    instance_count: int = 1
    cpu_cores: float = 0.0
    """Of a container instance (SDK v1); 0: no meaning."""
    memory_gb: float = 0.0


@dataclass(frozen=True)
class DeploymentDefinition:
    """A model to put behind an endpoint, and what it is served with."""

    endpoint: str
    model: Model
    environment: EnvironmentDefinition
    package: str
    """Its `score.py` is the entry script: `init()` and `run()`."""
    code: Path
    """The folder of the snapshot that holds the package."""
    code_version: str
    port: int
    """Where it is served on this machine; no meaning on Azure ML."""
    scale: Scale = Scale()
    identity: str = ""
    """Content hash of model, code, environment and scale: equal deployments give equal answers."""
    definition: Callable[[Any], Any] | None = None
    """The owner's function that makes the SDK's object of it; None on this machine."""
    commit_time: int = 0
    """When the commit that is checked out was made: Unix seconds; 0 without git. No content."""


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
    log: str = ""
    """The file of its server's log; empty where the log goes with the deployment."""
    commit_time: int = 0
    """Of the commit that it was deployed from: Unix seconds; 0 where that is not known."""
    instance_type: str = ""
    """Of the machines that it runs on and that cost; empty where there are none of its own."""
    instance_count: int = 0
    retired: str = ""
    """Since when it serves no more, ISO 8601, UTC; empty where that is not known."""


@dataclass(frozen=True)
class Answered:
    """What a deployment has answered in a while."""

    requests: float = 0.0
    server_errors: float = 0.0
    """Those of them that it answered with HTTP 5xx."""
    client_errors: float = 0.0
    """With HTTP 4xx."""
    median_ms: float | None = None
    """How long an answer took; None where nothing was measured."""


@dataclass(frozen=True)
class Withdrawal:
    """A deployment that a person took away by a rollback."""

    model: str
    version: str
    identity: str


@dataclass(frozen=True)
class Endpoint:
    """An address, and the deployments behind it."""

    name: str
    uri: str
    """Where requests are sent; it outlives a switch."""
    status: str
    """`Ready`: it answers; `Starting`; `Stopped`: nothing runs; `Failed`: no model has passed."""
    serving: Deployment | None
    """The one that gets the traffic, or most of it."""
    previous: Deployment | None = None
    """What served before: where `--rollback` goes."""
    candidate: Deployment | None = None
    """One that a call has left on its way to the traffic, with or without a share of it."""
    deployments: tuple[Deployment, ...] = ()
    """All that it has, the newest first."""
    traffic: Mapping[str, int] = field(default_factory=dict)
    """Shares in per cent by the deployments' names."""
    mirrored: Mapping[str, int] = field(default_factory=dict)
    """Shares of the requests that are sent to a deployment as a copy."""
    reason: str = ""
    """Why it is not `Ready`, in a line."""
    notes: tuple[str, ...] = ()
    """What a user should know of it beside, in lines."""
    keyed: bool = False
    """Whether a request needs a key."""
    token_command: str = ""
    """The command that prints the token a request needs; empty where it needs none."""
    withdrawn: tuple[Withdrawal, ...] = ()
    """What rollbacks took away, and nobody has deployed by name since."""
