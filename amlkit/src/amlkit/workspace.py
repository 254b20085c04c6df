"""The platform a driver works on.

A driver never asks which one it holds: `LocalPlatform` (files and processes on this machine) and
Azure ML (through the chosen SDK) offer the same verbs.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from amlkit.records import (
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

if TYPE_CHECKING:
    from amlkit.settings import Settings


class Platform(Protocol):
    """What a driver may ask of the place where the work is done. Every verb raises `WorkError`."""

    name: str
    builds_ahead: bool
    """Whether environments are built for others, ahead of their use."""

    def find_data(self, name: str, version: str | None = None) -> DataAsset | None:
        """A registered data asset, by default the one registered last; None if there is none."""

    def register_data(
        self, definition: DataDefinition, progress: Callable[[int, int], None]
    ) -> DataAsset:
        """Registers a table, or answers with the version that has this content already.

        `progress` is called with (bytes done, bytes in all).
        """

    def read_profile(self, asset: DataAsset) -> Mapping[str, Any]:
        """What is known of a data asset's table; empty where nothing was written down."""

    def open_data(self, asset: DataAsset) -> Path:
        """A folder on this machine that holds a data asset's files."""

    def find_stored(self, datastore: str, path: str) -> StoredData:
        """The one table at a path of a datastore.

        `SettingsError`: there is none, or more than one, or this platform has no datastores.
        """

    def fetch_stored(
        self, stored: StoredData, folder: Path, progress: Callable[[int, int], None]
    ) -> Path:
        """A copy of a stored table in a folder of this machine."""

    def register_stored(
        self, stored: StoredData, name: str, version: str, target: str, rows: int
    ) -> DataAsset:
        """Registers a stored table where it is; nothing is sent."""

    def find_environment(self, definition: EnvironmentDefinition) -> Environment:
        """The environment of this content; nothing is made: `created` says that it would be."""

    def ensure_environment(self, definition: EnvironmentDefinition) -> Environment:
        """The environment of this content; made where it is not known."""

    def serving_version(self, definition: EnvironmentDefinition) -> str:
        """The content of what a deployment runs in: its environment, and its size if it has one."""

    def find_run(self, identity: str, experiment: str) -> Run | None:
        """The newest completed run of an equal job; else one that is under way."""

    def job_place(self) -> str:
        """Where a job would run, in words.

        `SettingsError`: there is no such place, and it may not be made.
        """

    def submit(self, job: Job, model_name: str) -> Run:
        """Starts a job as a process of its own; it outlives the caller."""

    def get_run(self, run_id: str) -> Run:
        """A run as it stands."""

    def wait(
        self, run_id: str, on_log: Callable[[str], None], *, seconds: float | None = None
    ) -> Run:
        """Waits for a run to finish; its log is handed over line by line as it grows.

        After `seconds`, if given, it answers with the run as it stands.
        """

    def cancel(self, run_id: str) -> Run:
        """Ends a run that is under way."""

    def read_output(self, run_id: str, path: str) -> bytes | None:
        """A file that the run wrote below `outputs/`; None where there is none."""

    def log_tail(self, run_id: str, lines: int = 20) -> list[str]:
        """The last lines of a run's log."""

    def champion(self, name: str) -> Model | None:
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

        `accept` is asked with the champion at that very moment, so that two trainings at
        once cannot pass each other unseen; None where it says no.
        """

    def model_versions(self, name: str) -> list[Model]:
        """All versions of a registered model, the oldest first."""

    def read_model(self, model: Model, path: str) -> bytes | None:
        """A file of a registered model; None where there is none."""

    def save_report(self, run_id: str, write: Callable[[Path], None]) -> str:
        """Keeps the run's report where people look; answers with its address."""

    def find_endpoint(self, name: str) -> Endpoint | None:
        """An endpoint as it stands, asked now; None if there is none of that name."""

    def hold_endpoint(self, name: str) -> AbstractContextManager[None]:
        """Keeps others from changing an endpoint meanwhile; `WorkError` where someone does."""

    def create_deployment(
        self, definition: DeploymentDefinition, say: Callable[[str], None]
    ) -> Deployment:
        """Puts together what a deployment runs on. Nothing is started."""

    def start_deployment(self, endpoint: str, deployment: Deployment) -> Deployment:
        """Starts a deployment beside the one that serves: `Ready` to be asked, or `Failed`."""

    def endpoint_key(self, name: str) -> str:
        """The key of an endpoint that asks for one; empty where none is needed."""

    def ask(self, deployment: Deployment, body: bytes) -> tuple[int, bytes]:
        """Sends a request to one deployment, serving or not: (HTTP status, body)."""

    def switch(self, endpoint: str, deployment: Deployment) -> Endpoint:
        """Lets a started deployment serve in place of the present one, which is then stopped.

        `WorkError`: it could not, and what served before serves on.
        """

    def drop_deployment(self, endpoint: str, deployment: Deployment) -> None:
        """Stops and forgets a deployment that does not serve."""

    def delete_endpoint(self, name: str) -> bool:
        """Stops and forgets an endpoint with all behind it; False if there was none."""

    def score_file(
        self,
        definition: DeploymentDefinition,
        source: Path,
        target: Path,
        keep: Sequence[str],
        say: Callable[[str], None],
        progress: Callable[[int, int], None],
    ) -> int:
        """Scores a table into a file, in the model's serving environment; answers with its rows.

        `progress` is called with (bytes done, bytes in all). `TableRefused`: the table will not do.
        """


def job_arguments(job: Job) -> list[str]:
    """What the training code is told; on Azure ML inputs stand where folders do."""
    arguments = ["--data", job.data.source, "--target", job.data.target]
    arguments += ["--settings", json.dumps(job.settings, sort_keys=True)]
    if job.champion is not None:
        arguments += [
            "--champion",
            job.champion.source,
            "--champion-version",
            job.champion.version,
        ]
    return arguments


def open_platform(settings: Settings, *, local: bool, say: Callable[[str], None]) -> Platform:
    """The platform to work on: this machine if asked for, Azure ML otherwise.

    `say` hears of what takes its time there.

    Raises:
        SettingsError: Azure ML is meant and settings for it are missing.
    """
    folder = settings.root / ".local-workspace"
    if local:
        from amlkit.local.platform import LocalPlatform

        return LocalPlatform(folder)
    settings.require_azure()
    from amlkit.azureml_v1.platform import AzurePlatform

    return AzurePlatform(settings, say, folder / "azure")
