"""Who and what there is: tenant, subscription, resource group, workspace, principals, roles."""

from __future__ import annotations

import datetime
import secrets
import threading
import time
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .errors import AzureError

if TYPE_CHECKING:
    from .routing import Request

# What each built-in role allows, in the words of `route(needs=...)`. Source: the role definitions
# in Microsoft's documentation, "Manage access to Azure Machine Learning workspaces".
ROLES: dict[str, frozenset[str]] = {
    "Owner": frozenset({"read", "write", "compute", "workspace", "service", "metrics"}),
    "Contributor": frozenset({"read", "write", "compute", "workspace", "service", "metrics"}),
    "AzureML Data Scientist": frozenset({"read", "write", "service"}),
    "AzureML Compute Operator": frozenset({"compute"}),
    "AzureML Registry User": frozenset(),
    "Reader": frozenset({"read", "metrics"}),
    "Monitoring Reader": frozenset({"read", "metrics"}),
    "Storage Blob Data Contributor": frozenset({"blob"}),
    "Storage Blob Data Owner": frozenset({"blob"}),
    "Storage Blob Data Reader": frozenset(),
    "User Access Administrator": frozenset({"read", "metrics"}),
    "Role Based Access Control Administrator": frozenset({"read", "metrics"}),
}

# The service in the path of a data plane request → the resource type in Azure's action names.
_TYPES = {
    "rp": "computes",
    "environment": "environments",
    "execution": "experiments/runs",
    "history": "experiments/runs",
    "content": "snapshots",
    "artifact": "experiments/runs",
    "dataset": "datasets/registered",
    "data": "datasets/registered",
    "datastore": "datastores",
    "metric": "experiments/runs",
    "mlflow": "experiments/runs",
    "modelmanagement": "models",
}
_METRICS = "/providers/microsoft.insights/metrics"


def timestamp(seconds: float | None = None) -> str:
    """A moment (now by default) as Azure ML writes it: ISO 8601 in UTC with microseconds."""
    moment = datetime.datetime.fromtimestamp(seconds or time.time(), datetime.UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%f+00:00")


@dataclass
class Principal:
    """A service principal, or a user who signed in with `az login`."""

    object_id: str
    client_id: str = ""
    name: str = ""
    roles: set[str] = field(default_factory=set)  # those held over the whole subscription
    created: float = field(default_factory=time.time)


@dataclass
class Assignment:
    """A role that a principal holds over a scope and all below it."""

    id: str
    scope: str
    principal_id: str
    role: str
    principal_type: str = "ServicePrincipal"
    description: str | None = None
    created: float = field(default_factory=time.time)
    created_by: str = ""

    @property
    def name(self) -> str:
        """The last part of its id."""
        return self.id.rsplit("/", 1)[-1]

    def covers(self, scope: str) -> bool:
        """Whether `scope` is its own or lies below it."""
        mine, other = self.scope.lower().rstrip("/"), scope.lower().rstrip("/")
        return other == mine or other.startswith(mine + "/")


@dataclass
class Group:
    """A resource group."""

    name: str
    location: str
    tags: dict[str, str] | None = None
    created: float = field(default_factory=time.time)
    deleting: bool = False


class Account:
    """The tenant and all in it. Ids and secrets are new in each process.

    `empty`: there is neither group nor workspace nor a principal but who sets Azure up.
    """

    def __init__(self, location: str = "westeurope", *, empty: bool = False) -> None:
        self.lock = threading.RLock()
        self.location = location
        self.tenant_id = str(uuid.uuid4())
        self.client_id = str(uuid.uuid4())
        self.client_secret = secrets.token_urlsafe(30)
        self.subscription_id = str(uuid.uuid4())
        self.resource_group = "" if empty else "standin-rg"
        self.workspace_name = "" if empty else "standin-ws"
        self.workspace_id = str(uuid.uuid4())
        self.storage_account = "" if empty else "standin" + secrets.token_hex(6)
        self.workspace_exists = not empty
        self.public_network_access = True
        self.v1_legacy_mode = True
        self.image_build_compute: str | None = None
        # Whether the workspace has one of its own, and the user-assigned ones, by their ARM ids.
        self.workspace_own_identity = True
        self.workspace_identities: dict[str, dict[str, str]] = {}
        self.workspace_tags: dict[str, str] = {}
        self.token_seconds = 3599
        self.service_principal = Principal(
            str(uuid.uuid4()),
            self.client_id,
            "standin-spn",
            {"Contributor", "Storage Blob Data Contributor"},
        )
        self.user = Principal(
            str(uuid.uuid4()),
            "",
            "user@standin.invalid",
            {"Contributor", "Storage Blob Data Contributor"},
        )
        # Who sets Azure up: signs in as `az login --service-principal` does, with no browser.
        self.administrator = Principal(
            str(uuid.uuid4()), str(uuid.uuid4()), "administrator", {"Owner"}
        )
        self.administrator_secret = secrets.token_urlsafe(30)
        self.principals: dict[str, Principal] = {}
        # The secrets of each application: its client id → the id of a secret → the secret.
        self.credentials: dict[str, dict[str, str]] = {}
        self.assignments: dict[str, Assignment] = {}
        self.assignment_seconds = 0.0  # how long an assignment takes to count
        self.groups: dict[str, Group] = {}
        self.principals[self.administrator.object_id] = self.administrator
        self.credentials[self.administrator.client_id] = {"": self.administrator_secret}
        if not empty:
            for who in (self.service_principal, self.user):
                self.principals[who.object_id] = who
            self.credentials[self.client_id] = {"": self.client_secret}
            self.groups[self.resource_group.lower()] = Group(self.resource_group, location)
        # What the workspace stands on: its property → the ARM id.
        self.dependencies: dict[str, str] = {}

    @property
    def group_path(self) -> str:
        """The ARM id of the resource group."""
        return self.group_path_of(self.resource_group)

    def group_path_of(self, group: str) -> str:
        """The ARM id of a resource group."""
        return f"/subscriptions/{self.subscription_id}/resourceGroups/{group}"

    @property
    def workspace_path(self) -> str:
        """The ARM id of the workspace."""
        provider = "providers/Microsoft.MachineLearningServices/workspaces"
        return f"{self.group_path}/{provider}/{self.workspace_name}"

    @property
    def api(self) -> str:
        """The address of the region's Azure ML services, without a slash at the end."""
        return f"https://{self.location}.api.azureml.ms"

    def roles_over(self, who: Principal, scope: str) -> set[str]:
        """The roles that a principal holds over a scope: there, or above it."""
        assigned = {
            one.role
            for one in self.assignments.values()
            if one.principal_id == who.object_id
            and one.covers(scope)
            and time.time() - one.created >= self.assignment_seconds
        }
        return who.roles | assigned

    def may(self, who: Principal, right: str) -> bool:
        """Whether one of the roles that `who` holds over the workspace allows `right`."""
        return any(right in ROLES[role] for role in self.roles_over(who, self.workspace_path))

    @property
    def roles(self) -> set[str]:
        """The roles of the service principal."""
        return self.service_principal.roles

    def set_roles(self, roles: Iterable[str]) -> None:
        """Give the service principal exactly these roles. ValueError for one not played."""
        wanted = set(roles)
        if unknown := wanted - set(ROLES):
            raise ValueError(f"no role {', '.join(unknown)}; there are {', '.join(ROLES)}")
        self.service_principal.roles = wanted

    def grant(self, role: str) -> None:
        """Give the service principal one more role. ValueError for a role that is not played."""
        self.set_roles(self.roles | {role})

    def revoke(self, role: str | None = None) -> None:
        """Take one role, or all, from the service principal."""
        if role is None:
            self.service_principal.roles.clear()
        self.service_principal.roles.discard(role or "")

    def no_token(self) -> AzureError:
        """The refusal of a request that carries no bearer token, as ARM words it."""
        return AzureError(
            401,
            "AuthenticationFailed",
            "Authentication failed. The 'Authorization' header is missing.",
            {"WWW-Authenticate": f'Bearer authorization_uri="{self.login}"'},
        )

    @property
    def login(self) -> str:
        """The authority of the tenant."""
        return f"https://login.microsoftonline.com/{self.tenant_id}"

    def check_workspace(self, request: Request, scope: tuple[str, str, str]) -> None:
        """AzureError 404 as ARM words it unless subscription, group and workspace exist."""
        subscription, group, name = scope
        self.check_group(subscription, group)
        mine = (self.resource_group.lower(), self.workspace_name.lower())
        if (group.lower(), name.lower()) != mine or not self.workspace_exists:
            kind = "Microsoft.MachineLearningServices/workspaces"
            raise AzureError(
                404,
                "ResourceNotFound",
                f"The Resource '{kind}/{name}' under resource group '{group}' was not found. "
                "For more details please go to https://aka.ms/ARMResourceNotFoundFix",
            )
        if not self.public_network_access and request.host.endswith(".azureml.ms"):
            # The words as reported in MicrosoftDocs/azure-docs#90426.
            raise AzureError(
                403,
                "UserError",
                "Access to workspace was denied based on workspace private link configuration.",
            )

    def check_subscription(self, subscription: str) -> None:
        """AzureError 404 SubscriptionNotFound for one that is not ours."""
        if subscription.lower() != self.subscription_id:
            raise AzureError(
                404,
                "SubscriptionNotFound",
                f"The subscription '{subscription}' could not be found.",
            )

    def check_group(self, subscription: str, group: str) -> None:
        """AzureError 404 unless subscription and resource group exist."""
        self.check_subscription(subscription)
        if group.lower() not in self.groups:
            raise AzureError(
                404, "ResourceGroupNotFound", f"Resource group '{group}' could not be found."
            )

    def check_right(self, request: Request, right: str, scope: str = "") -> None:
        """AzureError 403 AuthorizationFailed as ARM words it unless the caller holds `right`."""
        who = request.principal
        if who is None:
            raise self.no_token()
        if self.may(who, right):
            return
        raise AzureError(
            403,
            "AuthorizationFailed",
            f"The client '{who.client_id or who.name}' with object id '{who.object_id}' does not "
            f"have authorization to perform action '{_action(request)}' over scope "
            f"'{scope or self.workspace_path}' or the scope is invalid. If access was recently "
            "granted, please refresh your credentials.",
        )


def _action(request: Request) -> str:
    """The name of the action that a request asks for, such as .../workspaces/computes/write."""
    if _METRICS in request.path.lower():
        return "Microsoft.Insights/metrics/read"
    provider = "Microsoft.MachineLearningServices/workspaces"
    if request.host.endswith("azureml.ms"):
        resource = _TYPES.get(request.path.split("/")[1].lower(), "")
    else:
        after = request.path.split("/workspaces/", 1)
        resource = after[1].split("/")[1] if len(after) > 1 and "/" in after[1] else ""
    verb = {"GET": "read", "HEAD": "read", "DELETE": "delete"}.get(request.method, "write")
    return "/".join(part for part in (provider, resource, verb) if part)
