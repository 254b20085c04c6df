"""Compute targets, at ARM and at the workspace's resource provider.

Shapes: AmlCompute in the published specification of Microsoft.MachineLearningServices, and what
azureml-core's AmlCompute reads.
"""

from __future__ import annotations

import re
import threading
import time
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .account import Principal, timestamp
from .compute_sizes import SIZE
from .routing import API, ARM, Answer, AzureError, Json, Request, route

if TYPE_CHECKING:
    from .standin import Azure

CREATE_SECONDS = 0.5  # longer than the first poll takes, shorter than the second
_SPACE = uuid.UUID("6ba7b811-9dad-11d1-80b4-00c04fd430c8")
_NAME = re.compile(r"^[a-zA-Z](?!.*--)[a-zA-Z0-9-]{0,30}[a-zA-Z0-9]$")

# As Azure answers, however a client wrote it.
PRIORITIES = {"dedicated": "Dedicated", "lowpriority": "LowPriority"}


@dataclass
class Compute:
    """One cluster. `ready` is when its provisioning ends."""

    name: str
    properties: Json
    tags: Json = field(default_factory=dict)
    description: str | None = None
    kind: str = "AmlCompute"
    created: float = field(default_factory=time.time)
    modified: float = field(default_factory=time.time)
    ready: float = 0.0
    deleting: bool = False
    identity: Json | None = None
    local_auth: bool = True

    @property
    def state(self) -> str:
        """The provisioning state by now."""
        if self.deleting:
            return "Deleting"
        return "Succeeded" if time.time() >= self.ready else "Creating"


def ids_of(path: str) -> dict[str, str]:
    """The ids of a user-assigned identity, by its ARM id."""
    principal, client = (uuid.uuid5(_SPACE, f"{path.lower()}{end}") for end in ("", "/client"))
    return {"principalId": str(principal), "clientId": str(client)}


def principal_of(path: str) -> Principal:
    """A user-assigned identity as a caller: it holds no role that nobody gave it."""
    ids = ids_of(path)
    return Principal(ids["principalId"], ids["clientId"], path.rpartition("/")[2])


def _shown(identity: Json) -> Json:
    """The identities that a cluster runs as, each with the ids that Azure gave it."""
    users = {path: ids_of(path) for path in identity.get("userAssignedIdentities") or {}}
    return {"type": identity["type"], "userAssignedIdentities": users}


class Computes:
    """The compute targets of the workspace."""

    def __init__(self, azure: Azure) -> None:
        self.azure = azure
        self._computes: dict[str, Compute] = {}
        self._lock = threading.RLock()

    def add(self, name: str, size: str = "STANDARD_DS3_V2", max_nodes: int = 2) -> None:
        """A cluster that exists already, with no node running."""
        settings = {"minNodeCount": 0, "maxNodeCount": max_nodes}
        properties = self._properties({"vmSize": size, "scaleSettings": settings})
        with self._lock:
            self._computes[name.lower()] = Compute(name, properties, created=0.0)

    def forget_all(self) -> None:
        """The workspace is gone, and its clusters with it."""
        with self._lock:
            self._computes.clear()

    def find(self, name: str) -> Compute | None:
        """The cluster of a name, once it is provisioned; for those who start jobs."""
        with self._lock:
            found = self._computes.get(name.lower())
            return found if found and found.state == "Succeeded" else None

    def _get(self, name: str) -> Compute:
        """AzureError 404 as the service words it when there is none."""
        with self._lock:
            self._forget()
            if name.lower() not in self._computes:
                raise AzureError(404, "ComputeNotFound", f"Compute {name} was not found.")
            return self._computes[name.lower()]

    def _forget(self) -> None:
        gone = [k for k, c in self._computes.items() if c.deleting and time.time() >= c.ready]
        for key in gone:
            del self._computes[key]

    def _properties(self, given: Json) -> Json:
        """The inner properties of an AmlCompute: what was given, defaults, and its state."""
        scale = given.get("scaleSettings") or {}
        return {
            **given,
            "osType": given.get("osType") or "Linux",
            "vmSize": str(given.get("vmSize") or "STANDARD_DS3_V2").upper(),
            "vmPriority": PRIORITIES.get(str(given.get("vmPriority")).lower(), "Dedicated"),
            "subnet": given.get("subnet"),
            "isolatedNetwork": False,
            "virtualMachineImage": None,
            "enableBatchPrivateLink": False,
            "remoteLoginPortPublicAccess": given.get("remoteLoginPortPublicAccess") or "Enabled",
            "enableNodePublicIp": True,
            "scaleSettings": {
                "minNodeCount": int(scale.get("minNodeCount") or 0),
                "maxNodeCount": int(scale.get("maxNodeCount") or 1),
                "nodeIdleTimeBeforeScaleDown": scale.get("nodeIdleTimeBeforeScaleDown") or "PT120S",
            },
            "allocationState": "Steady",
            "allocationStateTransitionTime": timestamp(),
            "currentNodeCount": 0,
            "targetNodeCount": 0,
            "errors": None,
            "nodeStateCounts": {
                "preparingNodeCount": 0,
                "runningNodeCount": 0,
                "idleNodeCount": 0,
                "unusableNodeCount": 0,
                "leavingNodeCount": 0,
                "preemptedNodeCount": 0,
            },
        }

    def _body(self, compute: Compute) -> Json:
        account = self.azure.account
        return {
            "id": f"{account.workspace_path}/computes/{compute.name}",
            "name": compute.name,
            "type": "Microsoft.MachineLearningServices/workspaces/computes",
            "location": account.location,
            "tags": compute.tags,
            **({"identity": _shown(compute.identity)} if compute.identity else {}),
            "properties": {
                "computeType": compute.kind,
                "computeLocation": account.location,
                "description": compute.description,
                "provisioningState": compute.state,
                "provisioningErrors": None,
                "provisioningWarnings": None,
                "resourceId": None,
                "createdOn": timestamp(compute.created or 1.0),
                "modifiedOn": timestamp(compute.modified),
                "isAttachedCompute": False,
                "disableLocalAuth": not compute.local_auth,
                "properties": compute.properties,
            },
        }

    def _operation(self, compute: Compute) -> dict[str, str]:
        """The header that names a new operation on a cluster."""
        operations, location = self.azure.operations, self.azure.account.location
        begun = operations.begin(compute.ready)
        return operations.polled("computeOperationsStatus", begun, location)

    @route("GET", API, "/rp/workspaces{workspace}/computes/{name}")
    @route("GET", ARM, "{workspace}/computes/{name}")
    def get(self, request: Request, name: str) -> Json:
        """One compute target. 404 ComputeNotFound."""
        return self._body(self._get(name))

    @route("GET", API, "/rp/workspaces{workspace}/computes")
    @route("GET", ARM, "{workspace}/computes")
    def list(self, request: Request) -> Json:
        """All compute targets, a little late."""
        with self._lock:
            self._forget()
            seen = [c for c in self._computes.values() if self.azure.listed(c.created)]
            return {"value": [self._body(compute) for compute in seen]}

    @route("PUT", API, "/rp/workspaces{workspace}/computes/{name}", needs="compute")
    @route("PUT", ARM, "{workspace}/computes/{name}", needs="compute")
    def put(self, request: Request, name: str) -> Answer:
        """Create a cluster (201), or update the one of this name (200). 400 for a bad name."""
        body = request.json()
        outer = body.get("properties") or {}
        if outer.get("computeType") != "AmlCompute":
            kind = outer.get("computeType")
            raise AzureError(400, "BadRequest", f"Compute type '{kind}' is not supported here.")
        if not _NAME.match(name):
            raise AzureError(
                400,
                "InvalidComputeName",
                f"Compute name '{name}' is invalid. It can include letters, digits and dashes. It "
                "must start with a letter, end with a letter or digit, and be between 2 and 32 "
                "characters in length.",
            )
        kind = "Microsoft.MachineLearningServices/workspaces/computes"
        if denied := self.azure.policies.refusal(request.path, kind, body):
            raise denied
        given = dict(outer.get("properties") or {})
        if not SIZE.match(given.get("vmSize") or "STANDARD_DS3_V2"):
            raise AzureError(
                400, "InvalidVMSize", f"The specified VM size {given['vmSize']} is not supported."
            )
        credentials = given.get("userAccountCredentials")
        if credentials:  # the service never shows a password again
            given["userAccountCredentials"] = {"adminUserName": credentials.get("adminUserName")}
        with self._lock:
            self._forget()
            old = self._computes.get(name.lower())
            if old and old.deleting:
                raise AzureError(409, "Conflict", f"Compute {name} is being deleted.")
            compute = Compute(
                name,
                self._properties(given),
                body.get("tags") or {},
                outer.get("description"),
                created=old.created if old else time.time(),
                ready=time.time() + CREATE_SECONDS,
                identity=body.get("identity"),
                local_auth=not outer.get("disableLocalAuth"),
            )
            self._computes[name.lower()] = compute
            return Answer(200 if old else 201, self._body(compute), self._operation(compute))

    @route("PATCH", API, "/rp/workspaces{workspace}/computes/{name}", needs="compute")
    @route("PATCH", ARM, "{workspace}/computes/{name}", needs="compute")
    def patch(self, request: Request, name: str) -> Answer:
        """Change the scale settings."""
        outer = request.json().get("properties") or {}
        inner = outer.get("properties") or outer
        scale = {k: v for k, v in (inner.get("scaleSettings") or {}).items() if v not in (None, "")}
        with self._lock:
            compute = self._get(name)
            settings = compute.properties["scaleSettings"]
            if int((settings | scale)["minNodeCount"]) > int((settings | scale)["maxNodeCount"]):
                raise AzureError(
                    400, "BadRequest", "minNodeCount must not be greater than maxNodeCount."
                )
            settings.update(scale)
            compute.modified = time.time()
            return Answer(200, self._body(compute), self._operation(compute))

    @route("DELETE", API, "/rp/workspaces{workspace}/computes/{name}", needs="compute")
    @route("DELETE", ARM, "{workspace}/computes/{name}", needs="compute")
    def delete(self, request: Request, name: str) -> Answer:
        """Delete a cluster: 202 and an operation to poll; 404 when there is none."""
        with self._lock:
            compute = self._get(name)
            compute.deleting, compute.ready = True, time.time() + CREATE_SECONDS
            return Answer(202, None, self._operation(compute))

    @route("POST", API, "/rp/workspaces{workspace}/computes/{name}/listNodes", needs="read")
    @route("POST", ARM, "{workspace}/computes/{name}/listNodes", needs="read")
    def nodes(self, request: Request, name: str) -> Json:
        """The nodes of a cluster: none, jobs run on this machine. 404."""
        self._get(name)
        return {"nodes": []}
