"""What there is in the subscription and the directory beside it; what tests assert on."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..account import Account, Assignment, Group
from ..routing import Json

if TYPE_CHECKING:
    from .devops import VariableGroup

WORKSPACE = "Microsoft.MachineLearningServices/workspaces"
STORAGE = "Microsoft.Storage/storageAccounts"
REGISTRY = "Microsoft.MachineLearningServices/registries"
VAULT = "Microsoft.KeyVault/vaults"
IDENTITY = "Microsoft.ManagedIdentity/userAssignedIdentities"

# What a new subscription has: the rest is registered on request.
REGISTERED = {"Microsoft.Authorization", "Microsoft.Resources", "Microsoft.Management"}


@dataclass
class Resource:
    """A resource in a group, as Resource Manager keeps it. `ready` is when it is provisioned."""

    id: str
    type: str
    location: str
    properties: Json = field(default_factory=dict)
    more: Json = field(default_factory=dict)  # tags, sku, kind, identity
    created: float = field(default_factory=time.time)
    ready: float = 0.0

    @property
    def name(self) -> str:
        """The last part of its id."""
        return self.id.rsplit("/", 1)[-1]

    @property
    def state(self) -> str:
        """How far it is provisioned."""
        return "Succeeded" if time.time() >= self.ready else "Creating"

    def body(self) -> Json:
        """The resource as it is answered; an identity's has no state."""
        state = {} if self.type.lower() == IDENTITY.lower() else {"provisioningState": self.state}
        return {
            "id": self.id,
            "name": self.name,
            "type": self.type,
            "location": self.location,
            "tags": {},
            **self.more,
            "properties": {**self.properties, **state},
        }


@dataclass
class Application:
    """An app registration and the service principals made of it, as Microsoft Graph shows them."""

    body: Json
    created: float = field(default_factory=time.time)
    passwords: list[Json] = field(default_factory=list)  # without the secrets
    owners: set[str] = field(default_factory=set)  # object ids
    federated: list[Json] = field(default_factory=list)  # whose tokens are taken for its own


@dataclass
class ServicePrincipal:
    """The principal of an application in the tenant."""

    body: Json
    created: float = field(default_factory=time.time)


class World:
    """Everything that can be made and removed.

    `replication` is how many seconds Resource Manager does not know a new principal,
    `directory_seconds` how many the directory itself does not find a new object by its id,
    `may_register_applications` whether the directory lets the caller make applications.
    """

    def __init__(self, account: Account) -> None:
        self.account = account
        self.resources: dict[str, Resource] = {}
        self.deleted: dict[str, Resource] = {}  # softly: the name stays taken
        self.providers = {name.lower(): "Registered" for name in REGISTERED}
        self.applications: dict[str, Application] = {}
        self.deleted_applications: dict[str, Application] = {}
        self.service_principals: dict[str, ServicePrincipal] = {}
        self.projects: dict[str, dict[str, str]] = {}  # of Azure DevOps, by organization
        self.strangers: set[str] = set()  # who is no member of an organization
        self.variable_groups: dict[int, VariableGroup] = {}
        self.taken_names: set[str] = set()  # storage accounts of other people
        self.core_limits: dict[str, int] = {}  # a VM family → its quota, where it is not enough
        self.may_register_applications = True  # who sets Azure up has a directory role for it
        self.may_not_register: set[str] = set()  # object ids of others
        self.replication = 0.2
        self.directory_seconds = 0.0

    def add_project(self, organization: str, name: str) -> str:
        """A project of Azure DevOps, with its organization; its id."""
        number = str(uuid.uuid4())
        return self.projects.setdefault(organization.lower(), {}).setdefault(name, number)

    @property
    def groups(self) -> dict[str, Group]:
        """The resource groups, by name in lower case."""
        return self.account.groups

    @property
    def role_assignments(self) -> list[Assignment]:
        """The roles assigned at a scope."""
        return list(self.account.assignments.values())

    def of_type(self, kind: str, group: str = "") -> list[Resource]:
        """The resources of a type, in a group or everywhere."""
        within = f"{self.account.group_path_of(group)}/".lower() if group else ""
        return [
            one
            for key, one in self.resources.items()
            if one.type.lower() == kind.lower() and key.startswith(within)
        ]

    @property
    def principals(self) -> list[ServicePrincipal]:
        """The service principals of the applications that were made."""
        clients = {one.body["appId"] for one in self.applications.values()}
        return [o for o in self.service_principals.values() if o.body["appId"] in clients]

    @property
    def storage_accounts(self) -> list[str]:
        """The names of the storage accounts."""
        return [one.name for one in self.of_type(STORAGE)]

    @property
    def workspaces(self) -> list[str]:
        """The names of the Azure ML workspaces."""
        return [one.name for one in self.of_type(WORKSPACE)]

    def add(self, resource: Resource) -> Resource:
        """Put a resource in its place."""
        self.resources[resource.id.lower()] = resource
        return resource

    def get(self, path: str) -> Resource | None:
        """The resource of an ARM id, None when there is none."""
        return self.resources.get(path.lower().rstrip("/"))

    def within(self, path: str) -> list[Resource]:
        """The resources below a path."""
        start = path.lower().rstrip("/") + "/"
        return [one for key, one in self.resources.items() if key.startswith(start)]

    def remove(self, resource: Resource, softly: bool = False) -> None:
        """Take a resource and what lies below it away, and the roles assigned on them."""
        for one in [resource, *self.within(resource.id)]:
            self.resources.pop(one.id.lower(), None)
        if softly:
            self.deleted[resource.id.lower()] = resource
        self.forget_assignments(resource.id)

    def forget_assignments(self, path: str) -> None:
        """Take away the roles assigned at a path and below."""
        start = path.lower()
        gone = [
            key
            for key, one in self.account.assignments.items()
            if (one.scope.lower() + "/").startswith(start + "/")
        ]
        for key in gone:
            del self.account.assignments[key]
