"""The parts of SDK v2's control plane, each in a module of its own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from .. import curated
from .assets import Assets
from .batch_endpoints import BatchEndpoints
from .batch_jobs import BatchJobs
from .datastores import DatastoreResources
from .jobs import JobResources
from .managed_identity import ManagedIdentities
from .online_autoscale import Autoscale
from .online_deployments import OnlineDeployments
from .online_endpoints import OnlineEndpoints
from .online_metrics import OnlineMetrics
from .online_operations import EndpointOperations
from .registries import Registries
from .registry_assets import RegistryAssets
from .router import OnlineRouter
from .run_outputs import RunOutputs
from .schedules import Schedules
from .shared import SharedAssets
from .uploads import Uploads

if TYPE_CHECKING:
    from ..standin import Azure


class ControlPlane:
    """What azure-ai-ml asks below a workspace: `azure.v2`, one attribute for each part."""

    def __init__(self, azure: Azure) -> None:
        azure.images.ready.update(curated.images())
        self.public: dict[str, Path] = {}  # what lies at addresses outside, for jobs to read
        self.shared = SharedAssets(azure)
        self.assets = Assets(azure)
        self.uploads = Uploads(azure)
        self.datastores = DatastoreResources(azure)
        self.registries = Registries(azure)
        self.registry_assets = RegistryAssets(azure)
        self.run_outputs = RunOutputs(azure)
        self.jobs = JobResources(azure)
        self.identities = ManagedIdentities(azure)
        self.schedules = Schedules(azure)
        self.operations = EndpointOperations(azure)
        self.online_endpoints = OnlineEndpoints(azure)
        self.online_deployments = OnlineDeployments(azure)
        self.online_metrics = OnlineMetrics(azure)
        self.online_router = OnlineRouter(azure)
        self.autoscale = Autoscale(azure)
        self.batch_endpoints = BatchEndpoints(azure)
        self.batch_jobs = BatchJobs(azure)

    def parts(self) -> list[object]:
        """All parts, for the router."""
        return [one for one in vars(self).values() if one is not self.public]

    def taken_names(self) -> set[str]:
        """The names of the workspace's endpoints, which no other in the region may have."""
        return {*self.online_endpoints.endpoints, *self.batch_endpoints.endpoints}

    def serves(self, host: str) -> bool:
        """Whether a public host name is that of one of the workspace's endpoints."""
        return bool(self.online_endpoints.at(host) or self.batch_endpoints.at(host))

    def close(self) -> None:
        """End what the parts started, last first."""
        for part in reversed(self.parts()):
            close = getattr(part, "close", None)
            if close is not None:
                close()
