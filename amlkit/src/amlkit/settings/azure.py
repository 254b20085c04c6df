"""The settings under `azure:` in config.yml: where Azure ML is, who calls, what is made there."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

# What `infra/bootstrap.py` does with a resource: make it where it is missing, only look at one that
# was handed out, or leave it alone.
MODE = {"choices": ("create", "existing", "skip")}


def region(text: str) -> str:
    """The short name of a region: `westeurope` for "West Europe" or "(Europe) West Europe"."""
    name = text.rpartition(")")[2] if text.startswith("(") else text  # as the portal lists it
    return re.sub(r"[ _-]", "", name.lower())


@dataclass(frozen=True)
class Compute:
    """The compute target that jobs run on, and how to make it where that is allowed."""

    # 2 to 16 characters is what every version of the service takes. Empty, with SDK v2: serverless.
    name: str = field(
        default="cpu-cluster", metadata={"pattern": r"([A-Za-z][A-Za-z0-9-]{1,14}[A-Za-z0-9])?"}
    )
    create: bool = False
    size: str = "Standard_DS3_v2"
    min_nodes: int = field(default=0, metadata={"min": 0})
    max_nodes: int = field(default=2, metadata={"min": 1})
    idle_seconds: int = field(default=600, metadata={"min": 60})
    low_priority: bool = False
    tags: dict[str, str] = field(default_factory=dict)
    # The user-assigned identity that the cluster runs as, where a company asks for one.
    identity: str = field(
        default="",
        metadata={
            "pattern": r"(/subscriptions/[A-Za-z0-9-]+/resource[Gg]roups/[-\w().]{1,90}/providers"
            r"/Microsoft\.ManagedIdentity/userAssignedIdentities"
            r"/[A-Za-z0-9][A-Za-z0-9_-]{2,127})?",
            "rule": "the id that `az identity show` prints",
        },
    )

    def __post_init__(self) -> None:
        """Raises ValueError for what no value tells alone."""
        if self.min_nodes > self.max_nodes:
            raise ValueError(
                f"min_nodes {self.min_nodes} is more than max_nodes {self.max_nodes};"
                " a cluster has at least the former and at most the latter"
            )


@dataclass(frozen=True)
class Images:
    """What environments on Azure ML are made of, beside the locks and the private wheels."""

    python: str = field(default="3.11", metadata={"choices": ("3.11", "3.12", "3.13")})
    training_lock: str = "requirements-train-azure.txt"
    serving_lock: str = "requirements-serve-azure.txt"
    conda_packages: list[str] = field(default_factory=list)
    conda_channels: list[str] = field(default_factory=list)
    package_index: str = ""
    base_image: str = ""
    training_image: str = ""
    serving_image: str = ""
    build_compute: str = ""


@dataclass(frozen=True)
class WebService:
    """The size of the service that a deployment runs on."""

    cpu_cores: float = field(default=1.0, metadata={"min": 0.1, "max": 4})
    memory_gb: float = field(default=2.0, metadata={"min": 0.5, "max": 16})


@dataclass(frozen=True)
class JobResources:
    """What a job of SDK v2 runs on, beside the compute target."""

    instance_type: str = ""
    instance_count: int = field(default=1, metadata={"min": 1})
    shm_size: str = field(default="", metadata={"pattern": r"([1-9][0-9]*[bkmg])?"})


@dataclass(frozen=True)
class OnlineEndpoint:
    """A managed online endpoint of SDK v2, and the deployments behind it."""

    auth: str = field(default="aad_token", metadata={"choices": ("aad_token", "key")})
    instance_type: str = "Standard_DS3_v2"
    instance_count: int = field(default=1, metadata={"min": 1})


@dataclass(frozen=True)
class Traffic:
    """How a new deployment of SDK v2 gets the traffic of an endpoint."""

    # Shares in per cent, each watched for `minutes`; after the last it gets all. Empty: at once.
    steps: list[int] = field(default_factory=list)
    minutes: float = field(default=5.0, metadata={"min": 0})
    # Share of the requests that the new one is sent as a copy first; its answers go nowhere.
    mirror: int = field(default=0, metadata={"min": 0, "max": 50})
    max_error_rate: float = field(default=0.01, metadata={"min": 0, "max": 1})
    # How many times as slow as the old one the new one may be (median); 0: it does not matter.
    max_slowdown: float = field(default=3.0, metadata={"min": 0})
    # How long the old deployment is kept for a rollback; it costs meanwhile.
    keep_hours: float = field(default=24.0, metadata={"min": 0})

    def __post_init__(self) -> None:
        """Raises ValueError for what no value tells alone."""
        if self.steps != sorted(set(self.steps)) or any(not 0 < s < 100 for s in self.steps):
            raise ValueError(f"steps {self.steps} must rise, from over 0 to under 100 per cent")


@dataclass(frozen=True)
class BatchEndpoint:
    """A batch endpoint of SDK v2: the parallel job that scores a table in a datastore."""

    compute: str = ""
    # What the job's environment is built from; empty: the endpoint's own lock.
    lock: str = ""
    instance_count: int = field(default=1, metadata={"min": 1})
    max_concurrency_per_instance: int = field(default=1, metadata={"min": 1})
    mini_batch_size: int = field(default=1, metadata={"min": 1})


@dataclass(frozen=True)
class Bootstrap:
    """What `infra/bootstrap.py` makes, and what it takes as given."""

    providers: str = field(default="create", metadata=MODE)
    resource_group: str = field(default="create", metadata=MODE)
    storage_account: str = field(default="create", metadata=MODE)
    container: str = field(default="create", metadata=MODE)
    key_vault: str = field(default="create", metadata=MODE)
    app_insights: str = field(default="create", metadata=MODE)
    workspace: str = field(default="create", metadata=MODE)
    compute: str = field(default="create", metadata=MODE)
    service_principal: str = field(default="create", metadata=MODE)
    roles: str = field(default="create", metadata=MODE)
    # What the steps of src/pipeline.py act as, with SDK v2.
    pipeline: str = field(default="skip", metadata=MODE)
    # Names are unique in all of Azure: empty ones are derived (amlkit.provision.plan.names).
    storage_account_name: str = field(default="", metadata={"pattern": r"([a-z0-9]{3,24})?"})
    container_name: str = field(default="data", metadata={"pattern": r"[a-z0-9](-?[a-z0-9]){2,62}"})
    key_vault_name: str = field(
        default="", metadata={"pattern": r"([A-Za-z](-?[A-Za-z0-9]){2,23})?"}
    )
    log_analytics_name: str = field(
        default="", metadata={"pattern": r"([A-Za-z0-9][A-Za-z0-9-]{2,61}[A-Za-z0-9])?"}
    )
    app_insights_name: str = field(default="", metadata={"pattern": r"([-\w().]{0,254}[-\w()])?"})
    # What companies ask for by policies.
    tags: dict[str, str] = field(default_factory=dict)
    key_vault_purge_protection: bool = False
    key_vault_retention_days: int = field(default=90, metadata={"min": 7, "max": 90})
    storage_shared_keys: bool = True
    public_network: bool = True
    managed_network: str = field(
        default="off",
        metadata={"choices": ("off", "allow_internet_outbound", "allow_only_approved_outbound")},
    )
    local_auth: bool = True
    role: str = field(
        default="AzureML Data Scientist",
        metadata={"choices": ("AzureML Data Scientist", "Contributor")},
    )
    variable_group: str = ""
    secret_months: int = field(default=6, metadata={"min": 1, "max": 24})


@dataclass(frozen=True)
class Azure:
    """Where Azure ML is, who calls, and what is made there."""

    # Which SDK the drivers in src/ are written in.
    sdk: str = field(default="v1", metadata={"choices": ("v1", "v2")})
    auth: str = field(
        default="service-principal",
        metadata={
            "choices": (
                "service-principal",
                "azure-cli",
                "managed-identity",
                "workload-identity",
            )
        },
    )

    tenant_id: str = ""
    client_id: str = ""
    client_secret: str = field(default="", repr=False, metadata={"secret": "SPN_PASSWORD"})
    # Names are checked here: az sends some on as they are, and Azure's answer names no setting.
    subscription_id: str = field(
        default="",
        metadata={
            "pattern": r"([0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})?",
            "rule": "an id such as `az account list -o table` shows",
        },
    )
    resource_group: str = field(
        default="",
        metadata={
            "pattern": r"([-\w().]{0,89}[-\w()])?",
            "rule": "1 to 90 letters, digits, _ ( ) - . with no period last",
        },
    )
    workspace_name: str = field(
        default="",
        metadata={
            "pattern": r"([A-Za-z0-9][A-Za-z0-9_-]{2,32})?",
            "rule": "3 to 33 letters, digits, - _ with a letter or digit first",
        },
    )
    location: str = field(
        default="",
        metadata={
            "as_written": region,
            "pattern": r"([a-z][a-z0-9]*)?",
            "rule": "a region's name, such as westeurope or West Europe",
        },
    )
    service_principal_name: str = field(
        default="",
        metadata={
            "pattern": r"([A-Za-z0-9][A-Za-z0-9 ._-]{0,118}[A-Za-z0-9._-])?",
            "rule": "2 to 120 letters, digits, spaces, . _ - with a letter or digit first",
        },
    )
    datastore: str = field(default="", metadata={"pattern": r"[a-z0-9_]{0,255}"})
    compute: Compute = field(default_factory=Compute)
    environment: Images = field(default_factory=Images)
    service: WebService = field(default_factory=WebService)
    resources: JobResources = field(default_factory=JobResources)
    online: OnlineEndpoint = field(default_factory=OnlineEndpoint)
    traffic: Traffic = field(default_factory=Traffic)
    batch: BatchEndpoint = field(default_factory=BatchEndpoint)
    # The Azure ML registry by which a model goes from one workspace to another; empty: by copy.
    registry: str = field(
        default="",
        metadata={
            "pattern": r"([A-Za-z0-9][A-Za-z0-9_-]{1,31})?",
            "rule": "2 to 32 letters, digits, - _ with a letter or digit first",
        },
    )
    bootstrap: Bootstrap = field(default_factory=Bootstrap)

    @property
    def steps_act(self) -> bool:
        """Whether the bootstrap sees to an identity that a pipeline's steps act as."""
        return self.sdk == "v2" and self.bootstrap.pipeline != "skip"

    @property
    def identity_name(self) -> str:
        """The name of the identity that the bootstrap makes for them, in the workspace's group."""
        return f"id-{self.workspace_name}"

    def __post_init__(self) -> None:
        """Raises ValueError for what no value tells alone."""
        if self.sdk == "v1" and not self.compute.name:
            raise ValueError("compute.name is empty: serverless compute comes with SDK v2")
        if self.sdk == "v1" and self.registry:
            raise ValueError(
                f"registry is {self.registry!r}: registries come with SDK v2; with v1 leave it "
                "empty, and models are promoted by copy"
            )
        if self.sdk == "v1" and self.environment.python == "3.13":
            raise ValueError(
                "environment.python is 3.13: azureml-core submits no job there; 3.11 or 3.12"
            )
