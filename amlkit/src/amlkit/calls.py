"""What the owner's functions in the drivers are given, and what each of them returns.

Fields are only ever added: an owner's function goes on working. Each function is called twice: once
with names in place of what only a workspace has (nothing is sent; what it returns is the content
identity), and once with the real things, to register or to submit. `--local` never calls them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from amlkit.pipelines import Step as Step
from amlkit.records import Resources


@dataclass(frozen=True)
class EnvironmentParts:
    """What an environment is made of."""

    name: str
    python: str
    """`3.11`."""
    pip_packages: tuple[str, ...]
    """The lock's pins, `numpy==2.2.6`, without the packages that come as a private wheel."""
    wheels: tuple[str, ...]
    """Addresses of the private wheels, amlkit's own among them."""
    serving: bool = False
    """Whether it answers requests; else it trains."""
    conda_packages: tuple[str, ...] = ()
    conda_channels: tuple[str, ...] = ()
    base_image: str = ""
    """A base image of one's own; empty: the SDK's."""
    ready_image: str = ""
    """An image with everything in it: nothing is built. Empty: one is built."""
    package_index: str = ""
    """A company's own index; empty: the public one."""


@dataclass(frozen=True)
class JobParts:
    """What a training job is made of."""

    code: str
    """The folder of the snapshot: the package, and nothing else."""
    module: str
    """`penguins_model.train`."""
    data: Any
    """The data asset: a `FileDataset`; with SDK v2 its id, `azureml:NAME:VERSION`."""
    champion: Any | None
    """The champion's files, a `FileDataset`, with SDK v2 the model's id; None: no champion."""
    arguments: tuple[str, ...]
    """What train.py is told beside its inputs, quoted for the shell that joins a command."""
    compute: str
    """The name of the compute target, `azure.compute.name` of config.yml; empty: serverless."""
    environment: Any
    """The SDK's `Environment`, as it is registered; with SDK v2 its id, `azureml:NAME:VERSION`."""
    resources: Resources = field(default_factory=Resources)
    variables: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """The inputs of a sweep's trial, with one of their values each; empty without a sweep."""
    data_type: str = "uri_folder"
    """With SDK v2, the data asset's: also `uri_file`, for a file that was registered where it lies,
    or `mltable`, for a folder with a file MLTable. No part of the identity: the asset's content is.
    """


@dataclass(frozen=True)
class SearchParts:
    """What a sweep job of SDK v2 is made of, beside its trial."""

    space: Mapping[str, Any]
    """`azure.ai.ml.sweep`'s distributions, by the names of the trial's inputs."""
    metric: str
    """What each trial logs to MLflow: `cv_roc_auc`."""
    goal: str
    """`maximize` or `minimize`."""
    trials: int
    exhaustive: bool
    """Whether they are all combinations that there are."""
    seed: int


@dataclass(frozen=True)
class DeploymentParts:
    """What a deployment is made of."""

    code: str
    """The folder of the snapshot: the package, and nothing else."""
    entry_script: str
    """`penguins_model/score.py`, from that folder."""
    environment: Any
    """The SDK's `Environment`; with SDK v2 its id, `azureml:NAME:VERSION`."""
    cpu_cores: float
    """With SDK v1; with SDK v2 it is 0, and so is the next."""
    memory_gb: float
    name: str = ""
    endpoint: str = ""
    model: str = ""
    """The model's name; with SDK v2 its id, `azureml:NAME:VERSION`."""
    instance_type: str = ""
    """With SDK v2."""
    instance_count: int = 1


@dataclass(frozen=True)
class EndpointParts:
    """What an endpoint of SDK v2 is made of."""

    name: str
    auth_mode: str
    """`aad_token` or `key`."""


@dataclass(frozen=True, kw_only=True)
class StepParts(Step):
    """What a step of the training pipeline is made of, with SDK v2, beside what STEPS says."""

    code: str
    """The folder of the snapshot: the package and the settings."""
    module: str
    """`penguins_model.steps`."""
    environment: Any
    """The environment's id, `azureml:NAME:VERSION`."""
    resources: Resources = field(default_factory=Resources)
    variables: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class PipelineParts:
    """What a training pipeline is made of, with SDK v2."""

    steps: tuple[StepParts, ...]
    """In their order."""
    compute: str
    """The name of the compute target, `azure.compute.name` of config.yml; empty: serverless."""


@dataclass(frozen=True)
class ScheduleParts:
    """What a schedule is made of, with SDK v2."""

    name: str
    cron: str
    """`0 6 * * 1`."""
    job: Any
    """What `pipeline` returned."""


@dataclass(frozen=True)
class Calls:
    """The owner's functions that a driver hands over."""

    environment: Callable[[EnvironmentParts], Any] | None = None
    private_wheel: Callable[[Any, Path], str] | None = None
    """(workspace, wheel) → the address at which pip finds it."""
    training_job: Callable[[JobParts], Any] | None = None
    deployment: Callable[[DeploymentParts], Any] | None = None
    endpoint: Callable[[EndpointParts], Any] | None = None
    """With SDK v2; without it amlkit makes a managed online endpoint."""
    training_sweep: Callable[[Any, SearchParts], Any] | None = None
    """With SDK v2, (what `training_job` returns, the search) → a sweep job; without it all trials
    of a search run in the one job, as they do elsewhere."""
    steps: tuple[Step, ...] = ()
    """The steps of the training pipeline, in their order."""
    pipeline: Callable[[PipelineParts], Any] | None = None
    schedule: Callable[[ScheduleParts], Any] | None = None


class Named:
    """Stands for a dataset while an identity is made: the same verbs, and a name for an answer."""

    def __init__(self, name: str) -> None:
        self.name = name

    def as_named_input(self, name: str) -> Named:
        """The dataset under the name that the job knows it by."""
        return Named(f"{self.name} as {name}")

    def as_download(self, *arguments: Any, **named: Any) -> str:
        """Copied to the compute target before the job starts."""
        return f"{self.name} by download{_words(arguments, named)}"

    def as_mount(self, *arguments: Any, **named: Any) -> str:
        """Read over the network while the job runs."""
        return f"{self.name} by mount{_words(arguments, named)}"


def _words(arguments: tuple[Any, ...], named: Mapping[str, Any]) -> str:
    """What a call was given, as a part of the identity."""
    given = [*map(repr, arguments), *(f"{key}={named[key]!r}" for key in sorted(named))]
    return f" ({', '.join(given)})" if given else ""
