"""A workspace: data, environments, jobs, models and endpoints, as `MLClient` of SDK v2 groups them.

A driver never asks which one it holds: this machine (`amlkit.local`) and Azure ML by either SDK
(`amlkit.azureml_v1`, `amlkit.azureml_v2`) offer the same five. Every verb raises `WorkError` where
the work fails.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from amlkit.pipelines import Chain, Pipelines
from amlkit.records import (
    Answered,
    DataAsset,
    DataDefinition,
    Deployment,
    DeploymentDefinition,
    Endpoint,
    Environment,
    EnvironmentDefinition,
    Job,
    Model,
    Run,
    StoredData,
)

Say = Callable[[str], None]
"""Hears a line."""
Progress = Callable[[int, int], None]
"""Is called with (bytes done, bytes in all)."""


class Data(Protocol):
    """Data assets: tables, versioned by their content."""

    def get(self, name: str, version: str | None = None) -> DataAsset | None:
        """A data asset, by default the one registered last; None if there is none."""

    def create(self, definition: DataDefinition, progress: Progress) -> DataAsset:
        """Registers a table; the version that has this content already is returned as it is."""

    def profile(self, asset: DataAsset) -> Mapping[str, Any]:
        """What is known of a data asset's table; empty where nothing was written down."""

    def download(self, asset: DataAsset) -> Path:
        """A folder on this machine that holds a data asset's files."""

    def find_stored(self, datastore: str, path: str) -> StoredData:
        """The one table at a path of a datastore.

        Raises:
            SettingsError: there is none, or more than one, or there are no datastores here.
        """

    def download_stored(self, stored: StoredData, folder: Path, progress: Progress) -> Path:
        """A copy of a stored table in a folder of this machine."""

    def create_stored(
        self, stored: StoredData, name: str, version: str, target: str, rows: int
    ) -> DataAsset:
        """Registers a stored table where it is, or lets it be current again; it is not sent."""


class Environments(Protocol):
    """Environments: a lock and private wheels, versioned by their content."""

    builds_images: bool
    """Whether images are built ahead of their use."""

    def get(self, definition: EnvironmentDefinition) -> Environment:
        """The environment of this content; nothing is made: `created` says that it would be."""

    def create(self, definition: EnvironmentDefinition) -> Environment:
        """The environment of this content; made where it is not known."""


class Jobs(Protocol):
    """Jobs: commands with inputs, outputs and resources. A job that was started is a run."""

    sweeps: bool
    """Whether the trials of a search may run as jobs of their own."""

    def target(self) -> str:
        """Where a job would run, in words.

        Raises:
            SettingsError: there is no such compute target, and it may not be made.
        """

    def shape(self, job: Job) -> str:
        """What the owner's function makes of a job, as a content hash; "" where it is not asked.

        It is part of the job's identity. Nothing is sent.
        """

    def find(self, identity: str, experiment: str) -> Run | None:
        """The newest completed run of an equal job; else one that is under way."""

    def create(self, job: Job) -> Run:
        """Starts a job; it outlives the caller."""

    def get(self, run_id: str) -> Run:
        """A run as it is now."""

    def stream(self, run_id: str, on_log: Say, *, seconds: float | None = None) -> Run:
        """Waits for a run to finish; its log is handed over line by line as it grows.

        After `seconds`, if given, it returns the run as it is then.
        """

    def cancel(self, run_id: str) -> Run:
        """Ends a run that is under way."""

    def read(self, run_id: str, path: str) -> bytes | None:
        """A file that the run wrote below `outputs/`; None where there is none."""

    def log(self, run_id: str, lines: int = 20) -> list[str]:
        """The last lines of a run's log."""

    def save_report(self, run_id: str, write: Callable[[Path], None], *, keep: bool = False) -> str:
        """Keeps the run's report where people look; returns its address.

        With `keep` one that is there stays as it is: it tells of a decision that was made.
        """


class Models(Protocol):
    """The registry. Versions are compared as numbers."""

    def champion(self, name: str) -> Model | None:
        """The newest version: the model that a challenger must not be worse than."""

    def versions(self, name: str) -> list[Model]:
        """All versions of a registered model, the oldest first."""

    def of_run(self, name: str, run_id: str) -> Model | None:
        """The version that a run registered; None where it registered none."""

    def register(
        self, run: Run, tags: Mapping[str, str], accept: Callable[[Model | None], bool]
    ) -> Model | None:
        """Registers a run's `outputs/model/`; a version that it registered already is returned.

        `accept` is asked with the champion of that very moment, so that two trainings at once
        cannot pass each other unseen; None where it says no.
        """

    def read(self, model: Model, path: str) -> bytes | None:
        """A file of a registered model; None where there is none."""

    def download(self, model: Model) -> Path:
        """A folder on this machine that holds a registered model's files."""

    def create(self, name: str, folder: Path, tags: Mapping[str, str]) -> Model:
        """Registers a folder's files as the next version: a model that another workspace made.

        Raises:
            WorkError: there is one workspace only, as on this machine.
        """


class Registry(Protocol):
    """An Azure ML registry, which several workspaces share; versions are numbers of its own."""

    @property
    def name(self) -> str:
        """What it is called in the tenant."""

    def versions(self, name: str) -> list[Model]:
        """All versions of a model in it, the oldest first."""

    def create(self, name: str, folder: Path, tags: Mapping[str, str]) -> Model:
        """Registers a folder's files as the next version; its source is the registry's own id."""

    def download(self, model: Model) -> Path:
        """A folder on this machine that holds a version's files."""


class Endpoints(Protocol):
    """Endpoints and the deployments behind them: new beside old, then the traffic moves."""

    shares_traffic: bool
    """Whether deployments may share the traffic, on machines of their own that cost."""
    counting_delay: float
    """Seconds until a request that was answered is counted."""

    def get(self, name: str) -> Endpoint | None:
        """An endpoint as it is now; None if there is none of that name."""

    def shape(self, definition: DeploymentDefinition) -> str:
        """What a deployment runs in and on, as a content hash; part of its identity."""

    def hold(self, name: str) -> AbstractContextManager[None]:
        """Keeps others from changing an endpoint meanwhile; `WorkError` where someone does."""

    def create_deployment(self, definition: DeploymentDefinition, say: Say) -> Deployment:
        """Puts together what a deployment runs on. Nothing is started."""

    def start(self, endpoint: str, deployment: Deployment) -> Deployment:
        """Starts a deployment beside the one that serves: `Ready` to be asked, or `Failed`."""

    def logs(self, endpoint: str, deployment: Deployment, lines: int = 50) -> list[str]:
        """The last lines of what a deployment's server wrote."""

    def invoke(self, deployment: Deployment, body: bytes) -> tuple[int, bytes]:
        """Sends a request to one deployment, serving or not: (HTTP status, body)."""

    def key(self, name: str) -> str:
        """The key of an endpoint that asks for one; empty where none is needed."""

    def set_traffic(
        self, endpoint: str, shares: Mapping[str, int], mirrored: Mapping[str, int] | None = None
    ) -> Endpoint:
        """Gives deployments their shares of the traffic, in per cent that make 100.

        A deployment without a share is stopped where stopped ones cost nothing. `mirrored` are
        shares of the requests that a deployment is sent as a copy; its answers go nowhere.

        Raises:
            WorkError: it could not, and what served before serves on; or there are no shares
                here: one deployment gets all of it.
        """

    def answered(self, endpoint: str, since: datetime) -> Mapping[str, Answered]:
        """What each deployment has answered since then; one that nobody asked may be missing.

        Raises:
            WorkError: it cannot be found out, here or by this caller.
        """

    def delete_deployment(self, endpoint: str, deployment: Deployment) -> None:
        """Stops and forgets a deployment that does not serve."""

    def withdraw(self, endpoint: str, deployment: Deployment) -> None:
        """Marks a deployment as taken away: `Endpoint.withdrawn` has it from now on."""

    def restore(self, endpoint: str, identities: Collection[str]) -> None:
        """Takes that mark off the deployments of these identities."""

    def delete(self, name: str) -> bool:
        """Stops and forgets an endpoint with all behind it; False if there was none."""

    def score(
        self,
        definition: DeploymentDefinition,
        source: Path,
        target: Path,
        keep: Sequence[str],
        say: Say,
        progress: Progress,
    ) -> int:
        """Scores a table into a file, in the model's serving environment; returns its rows.

        Raises:
            TableRefused: the table will not do.
        """

    def score_stored(
        self,
        definition: DeploymentDefinition,
        source: str,
        target: str,
        keep: Sequence[str],
        suffix: str,
        say: Say,
    ) -> tuple[str, list[str]]:
        """Scores a table in a datastore there, by a job.

        Args:
            definition: the model, and the code to score with.
            source: `azureml://datastores/D/paths/P`, a file, or a folder of parts.
            target: such an address of a folder; empty: one of its own in the default datastore.
            keep: columns of the table to copy in front.
            suffix: `.parquet` or `.csv`: what the answers are written as.
            say: hears of each step.

        Returns:
            The datastore of the answers, and the paths of their files in the order of the rows.

        Raises:
            SettingsError: there are no batch endpoints here, or there is no such table.
            WorkError: the job failed.
        """


@dataclass(frozen=True)
class ExportedFile:
    """A file that was written instead of being sent."""

    path: Path
    command: str
    """What sends it; empty where another file names it."""


class Export(Protocol):
    """What would be sent, as YAML for `az ml`. Every verb raises `WorkError` as sending would."""

    def environment(self, definition: EnvironmentDefinition, folder: Path) -> list[ExportedFile]:
        """An environment, with its build context where it has one."""

    def job(self, job: Job, folder: Path) -> list[ExportedFile]:
        """A job, with its code."""

    def pipeline(
        self, chain: Chain, folder: Path, *, cron: str = "", schedule: str = ""
    ) -> list[ExportedFile]:
        """A training pipeline, with its code; with `cron` the `schedule` that starts it too."""

    def deployment(self, definition: DeploymentDefinition, folder: Path) -> list[ExportedFile]:
        """An endpoint and a deployment, with environment and code."""


@dataclass(frozen=True)
class Workspace:
    """Where the work is done: this machine, or a workspace of Azure ML."""

    name: str
    data: Data
    environments: Environments
    jobs: Jobs
    models: Models
    endpoints: Endpoints
    export: Export | None = None
    """None where there is no such YAML: on this machine, with SDK v1."""
    registry: Registry | None = None
    """Where a model passes on its way to another workspace; None: it goes by copy."""
    pipelines: Pipelines | None = None
    """None with SDK v1."""
