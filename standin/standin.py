"""The stand-in: Azure on loopback. Puts the parts together, starts and stops them."""

from __future__ import annotations

import re
import shutil
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any

from . import callers
from .account import Account, timestamp
from .arm import Arm
from .artifacts import Artifacts
from .blobs import Blobs
from .compute_sizes import ComputeSizes
from .computes import Computes
from .control import Control
from .datasets import Datasets
from .datastores import Datastores
from .environments import Environments
from .extension_index import ExtensionIndex
from .faults import Fault, Faults
from .forwarding import Forwarding
from .history import History
from .identity import Identity
from .images import Image, Images
from .inference import Inference
from .interpreters import Interpreters
from .issuers import Issuers
from .jobs import Jobs
from .journal import Journal
from .keyvault import Keyvault
from .local_jobs import LocalJobs
from .metrics import Metrics
from .mlflow_registry import MlflowRegistry
from .mlflow_tracking import MlflowTracking
from .models import Models
from .proxy import Proxy
from .routing import BLOB, HOSTS, Json, Router
from .run_artifacts import RunArtifacts
from .runs import Runs
from .services import Services
from .snapshots import Snapshots
from .telemetry import Telemetry
from .v2.plane import ControlPlane
from .world.access import Access
from .world.applications import Applications
from .world.authorization import Authorization
from .world.batches import Batches
from .world.containers import Containers
from .world.deployments import Deployments
from .world.devops import DevOps
from .world.devops_checks import DevOpsChecks
from .world.devops_pipelines import DevOpsPipelines
from .world.federated import Federated
from .world.furnish import furnish, register_administrator, settle
from .world.github_api import GitHubApi
from .world.groups import Groups
from .world.operations import Operations
from .world.policies import Policies
from .world.previews import Previews
from .world.providers import Providers
from .world.quotas import Quotas
from .world.resources import Resources
from .world.service_principals import ServicePrincipals
from .world.state import World
from .world.storage_accounts import StorageAccounts
from .world.vaults import Vaults
from .world.workspaces import Workspaces

_PLAYED = re.compile("|".join(f"(?:{host})" for host in HOSTS), re.I)


class Clock:
    """The time of the services."""

    def time(self) -> float:
        """Seconds since 1970."""
        return time.time()

    def iso(self, seconds: float | None = None) -> str:
        """A moment as Azure ML writes it."""
        return timestamp(seconds)


class Azure:
    """What there is of Azure: one attribute for each part, so that parts find one another."""

    def __init__(
        self,
        folder: Path,
        lag: float,
        empty: bool = False,
        *,
        first: Azure | None = None,
        account: Account | None = None,
    ) -> None:
        self.folder = folder
        self.lag = lag
        self.empty = empty
        self.first = first
        self.neighbours: list[Azure] = []
        self.clock = Clock()
        self.account = account or Account(empty=empty)
        self.world: World = first.world if first else World(self.account)
        self.journal: Journal = first.journal if first else Journal()
        self.faults: Faults = first.faults if first else Faults()
        self.router = Router(self.account)
        self.proxy: Proxy = first.proxy if first else Proxy(self)
        self.identity: Identity = first.identity if first else Identity(self)
        self.issuers: Issuers = first.issuers if first else Issuers(self)
        self.access = Access(self)
        self.operations = Operations(self)
        self.providers = Providers(self)
        self.groups = Groups(self)
        self.policies = Policies(self)
        self.resources = Resources(self)
        self.storage_accounts: StorageAccounts = (
            first.storage_accounts if first else StorageAccounts(self)
        )
        self.containers = Containers(self)
        self.vaults = Vaults(self)
        self.workspaces = Workspaces(self)
        self.deployments = Deployments(self)
        self.quotas = Quotas(self)
        self.authorization = Authorization(self)
        self.applications: Applications = first.applications if first else Applications(self)
        self.service_principals: ServicePrincipals = (
            first.service_principals if first else ServicePrincipals(self)
        )
        self.batches = Batches(self)
        self.devops = DevOps(self)
        self.devops_pipelines = DevOpsPipelines(self)
        self.devops_checks = DevOpsChecks(self)
        self.federated = Federated(self)
        self.github = GitHubApi(self)
        self.previews = Previews(self)
        self.arm = Arm(self)
        self.computes = Computes(self)
        self.compute_sizes = ComputeSizes(self)
        self.blobs = Blobs(self, self.account.storage_account)
        self.artifacts = Artifacts(self)
        self.datastores = Datastores(self)
        self.datasets = Datasets(self)
        self.keyvault = Keyvault(self)
        self.snapshots = Snapshots(self)
        self.forwarding = Forwarding(self)
        self.telemetry = Telemetry(self)
        self.extension_index = ExtensionIndex(self)
        self.control = Control(self)
        self.interpreters = Interpreters(self)
        self.images = Images(self)
        self.environments = Environments(self)
        self.runs = Runs(self)
        self.history = History(self)
        self.run_artifacts = RunArtifacts(self)
        self.jobs = Jobs(self)
        self.local_jobs = LocalJobs(self)
        self.metrics = Metrics(self)
        self.mlflow = MlflowTracking(self)
        self.models = Models(self)
        self.mlflow_registry = MlflowRegistry(self)
        self.inference = Inference(self)
        self.services = Services(self)
        self.v2 = ControlPlane(self)
        for part in (*self.parts(), *self.v2.parts()):
            self.router.add(part)
        if first is None:
            register_administrator(self)
        if not empty:
            furnish(self)

    def parts(self) -> list[object]:
        """All parts, in the order in which they start."""
        return [
            part
            for name, part in vars(self).items()
            if type(part).__module__.startswith(f"{__package__}.")
            and name != "first"
            and part is not getattr(self.first, name, None)
        ]

    def plays(self, host: str) -> bool:
        """Whether a host is one of those played; of storage accounts only those that exist."""
        if re.fullmatch(BLOB, host, re.I):
            return self.storage_accounts.plays(host)
        return _PLAYED.fullmatch(host) is not None

    def listed(self, created: float) -> bool:
        """Whether a list shows by now what was made at `created` (seconds since 1970)."""
        return time.time() - created >= self.lag

    def client_environment(self) -> dict[str, str]:
        """What points a process at the stand-in; laid over the environment of that process."""
        return callers.through(self.proxy)

    def close(self) -> None:
        """End what the parts started, last first."""
        for other in self.neighbours:
            other.close()
        for part in reversed(self.parts()):
            close = getattr(part, "close", None)
            if close is not None:
                close()


class StandIn:
    """Azure on loopback for one process: `with StandIn() as standin`.

    `folder` holds its files (a temporary one, removed at the end, by default); `lag` is how many
    seconds lists stay behind what was made. `empty`: a subscription with nothing in it, and
    `account.administrator` who owns it.
    """

    def __init__(
        self,
        folder: Path | None = None,
        *,
        lag: float = 0.2,
        port: int = 0,
        empty: bool = False,
    ) -> None:
        self._own = folder is None
        self.folder = Path(folder or tempfile.mkdtemp(prefix="standin-")).absolute()
        # The SDK keeps what it discovered below the home folder, and asks anew where there is none.
        (self.folder / "home").mkdir(parents=True, exist_ok=True)
        self.port = port
        self.azure = Azure(self.folder, lag, empty)
        self.account = self.azure.account
        self.world = self.azure.world
        self.journal = self.azure.journal

    @property
    def blobs(self) -> Blobs:
        """The storage account of the workspace."""
        return self.azure.blobs

    def __enter__(self) -> StandIn:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start the proxy and what stands behind it. RuntimeError if a part cannot start."""
        try:
            self.azure.proxy.start(self.port)
            if not self.azure.empty:
                settle(self.azure)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End everything that was started."""
        self.azure.close()
        if self._own:
            shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def caller(self) -> dict[str, str]:
        """`env`, and who calls: the variables that the pipelines map for the drivers."""
        return self.env | callers.variables(self.account)

    @property
    def env(self) -> dict[str, str]:
        """A whole environment for a client: this process's without its secrets, pointed here."""
        return callers.without_secrets() | self.overlay

    @property
    def overlay(self) -> dict[str, str]:
        """Only what `env` changes in an environment."""
        return self.azure.client_environment() | callers.at_home(self.folder)

    @property
    def details(self) -> Json:
        """What a user needs to begin; the one place that shows the secret."""
        return {"env": self.overlay, **callers.details(self.account, empty=self.azure.empty)}

    def fault(self, path: str = ".*", method: str | None = None, **fault: Any) -> Fault:
        """Lay a fault in wait; the keywords are those of `Fault`. ValueError on a bad pattern."""
        return self.azure.faults.add(Fault(path=path, method=method, **fault))

    def clear_faults(self) -> None:
        """Take all faults away."""
        self.azure.faults.clear()

    def add_workspace(self, resource_group: str, name: str) -> dict[str, str]:
        """A second workspace of the same subscription; the variables that name it."""
        from .neighbours import open_beside

        open_beside(self.azure, resource_group, name)
        return {"RESOURCE_GROUP": resource_group, "AML_WORKSPACE_NAME": name}

    def add_compute(self, name: str, size: str = "STANDARD_DS3_V2", max_nodes: int = 2) -> None:
        """A cluster that exists already."""
        self.azure.computes.add(name, size, max_nodes)

    @property
    def builds(self) -> list[Image]:
        """The image builds so far, in order."""
        return self.azure.images.builds

    @property
    def images(self) -> dict[str, list[str]]:
        """Ready-made images → the pip requirements that they hold."""
        return self.azure.images.ready
