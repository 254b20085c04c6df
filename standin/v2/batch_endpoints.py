"""Batch endpoints and their deployments: created, changed, deleted; the default deployment.

Shapes: BatchEndpoint, BatchDeployment (machineLearningServices 2023-10-01), and the recordings of
azure-sdk-for-python, `batch_services`. Played are deployments of a model with a scoring script,
and models of MLflow without one; pipeline components are not.
"""

from __future__ import annotations

import threading
import time
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..account import Principal
from ..routing import ARM, Answer, AzureError, Json, Request, route
from . import online_rules as rules
from .assets import TYPE, page
from .batch_rules import check_deployment, kept
from .system import system_data

if TYPE_CHECKING:
    from ..standin import Azure

PATH = "{workspace}/batchEndpoints"
BELOW = PATH + "/{endpoint}/deployments"


@dataclass
class Deployment:
    """One deployment."""

    name: str
    properties: Json
    tags: Json
    creator: Principal | None
    created: float = field(default_factory=time.time)
    changer: Principal | None = None
    changed: float = field(default_factory=time.time)
    state: str = "Creating"


@dataclass
class Endpoint:
    """One endpoint; `default` is the deployment that a request reaches without naming one."""

    name: str
    properties: Json
    tags: Json
    creator: Principal | None
    created: float = field(default_factory=time.time)
    changer: Principal | None = None
    changed: float = field(default_factory=time.time)
    state: str = "Creating"
    reachable: bool = False
    default: str | None = None
    principal: str = field(default_factory=lambda: str(uuid.uuid4()))
    deployments: dict[str, Deployment] = field(default_factory=dict)


def busy(one: Endpoint | Deployment) -> bool:
    """Whether an operation on it goes on."""
    return one.state in ("Creating", "Updating", "Deleting")


class BatchEndpoints:
    """The workspace's batch endpoints."""

    def __init__(self, azure: Azure) -> None:
        self.azure = azure
        self.lock = threading.RLock()
        self.endpoints: dict[str, Endpoint] = {}

    # What other parts use.

    def find(self, name: str) -> Endpoint:
        """An endpoint. AzureError 404."""
        found = self.endpoints.get(name.lower())
        if found is None:
            raise self._missing(name)
        return found

    def deployment(self, endpoint: str, name: str) -> Deployment:
        """A deployment. AzureError 404."""
        found = self.find(endpoint).deployments.get(name)
        if found is None:
            raise self._missing(f"{endpoint}/deployments/{name}")
        return found

    def _missing(self, name: str) -> AzureError:
        path = f"{self.azure.account.workspace_path}/batchEndpoints/{name}"
        return self.azure.resources.not_found(path)

    def at(self, host: str) -> Endpoint | None:
        """The endpoint behind a public host name."""
        found = self.endpoints.get(host.partition(".")[0].lower())
        mine = self.azure.v2.online_endpoints.host(found.name) if found else None
        return found if host.lower() == mine else None

    def path(self, endpoint: Endpoint, deployment: str = "") -> str:
        """The ARM id of an endpoint, or of a deployment."""
        tail = f"/deployments/{deployment}" if deployment else ""
        return f"{self.azure.account.workspace_path}/batchEndpoints/{endpoint.name}{tail}"

    # Endpoints.

    def body(self, one: Endpoint) -> Json:
        """The endpoint as it is answered."""
        host = self.azure.v2.online_endpoints.host(one.name)
        return {
            "id": self.path(one),
            "name": one.name,
            "type": f"{TYPE}/batchEndpoints",
            "properties": {
                **one.properties,
                "scoringUri": f"https://{host}/jobs" if one.reachable else None,
                "swaggerUri": None,
                "authMode": "AADToken",
                "defaults": {"deploymentName": one.default},
                "provisioningState": one.state,
            },
            "systemData": system_data(one.creator, one.created, one.changer, one.changed),
            "tags": one.tags,
            "location": self.azure.account.location,
            "identity": {
                "type": "SystemAssigned",
                "principalId": one.principal,
                "tenantId": self.azure.account.tenant_id,
            },
        }

    @route("GET", ARM, PATH)
    def list(self, request: Request) -> Json:
        """The endpoints, in pages."""
        found = [one for one in self.endpoints.values() if self.azure.listed(one.created)]
        return page(request, [self.body(one) for one in found])

    @route("GET", ARM, PATH + "/{name}")
    def get(self, request: Request, name: str) -> Json:
        """One endpoint. 404."""
        return self.body(self.find(name))

    @route("PUT", ARM, PATH + "/{name}", needs="service")
    def put(self, request: Request, name: str) -> Answer:
        """Begins to make or change an endpoint. AzureError 400, 409."""
        body = request.json()
        given: Json = body.get("properties") or {}
        if rules.auth_mode(given.get("authMode") or "aadToken") != "AADToken":
            raise rules.invalid("A batch endpoint is authenticated by Entra tokens alone.")
        with self.lock:
            known = self.endpoints.get(name.lower())
            if known is None:
                self._check_new(name)
            elif busy(known):
                raise rules.busy(name)
            one = known or Endpoint(name, {}, {}, request.principal)
            default = (given.get("defaults") or {}).get("deploymentName") or None
            if default and default not in one.deployments:
                raise rules.invalid(f"The endpoint has no deployment '{default}'.")
            self.endpoints[name.lower()] = one
            one.state = "Updating" if known else "Creating"
        one.tags, one.default = body.get("tags") or {}, default
        one.changer, one.changed = request.principal, time.time()
        one.properties = {
            "description": given.get("description"),
            "properties": {
                **(given.get("properties") or {}),
                "BatchEndpointCreationApiVersion": request.query.get("api-version") or "",
                "azureml.onlineendpointid": self.path(one),
            },
        }

        def work() -> None:
            one.state, one.reachable = "Succeeded", True

        operations = self.azure.v2.operations
        operation = operations.begin("bebes", work)
        return Answer(201, self.body(one), operations.headers(request, operation))

    def _check_new(self, name: str) -> None:
        rules.check_name(name, "Endpoint")
        first = self.azure.first or self.azure
        for other in (first, *first.neighbours):
            if name.lower() in other.v2.taken_names():
                raise rules.invalid(rules.TAKEN)

    @route("PATCH", ARM, PATH + "/{name}", needs="service")
    def update(self, request: Request, name: str) -> Json:
        """Changes the tags. 404, 409."""
        one = self.find(name)
        if busy(one):
            raise rules.busy(name)
        one.tags = dict(request.json().get("tags") or one.tags)
        one.changer, one.changed = request.principal, time.time()
        return self.body(one)

    @route("DELETE", ARM, PATH + "/{name}", needs="service")
    def delete(self, request: Request, name: str) -> Answer:
        """Begins to delete an endpoint with its deployments; 204 without one. 409."""
        with self.lock:
            one = self.endpoints.get(name.lower())
            if one is None:
                return Answer(204)
            if busy(one):
                raise rules.busy(name)
            one.state = "Deleting"

        def work() -> None:
            self.endpoints.pop(name.lower(), None)

        operations = self.azure.v2.operations
        return operations.accepted(request, operations.begin("bebes", work))

    # Deployments.

    def deployment_body(self, endpoint: Endpoint, one: Deployment) -> Json:
        """The deployment as it is answered."""
        return {
            "id": self.path(endpoint, one.name),
            "name": one.name,
            "type": f"{TYPE}/batchEndpoints/deployments",
            "properties": {**one.properties, "provisioningState": one.state},
            "systemData": system_data(one.creator, one.created, one.changer, one.changed),
            "tags": one.tags,
            "location": self.azure.account.location,
        }

    @route("GET", ARM, BELOW)
    def list_deployments(self, request: Request, endpoint: str) -> Json:
        """The deployments of an endpoint, in pages. 404."""
        owner = self.find(endpoint)
        return page(
            request, [self.deployment_body(owner, one) for one in owner.deployments.values()]
        )

    @route("GET", ARM, BELOW + "/{name}")
    def get_deployment(self, request: Request, endpoint: str, name: str) -> Json:
        """One deployment. 404."""
        return self.deployment_body(self.find(endpoint), self.deployment(endpoint, name))

    @route("PUT", ARM, BELOW + "/{name}", needs="service")
    def put_deployment(self, request: Request, endpoint: str, name: str) -> Answer:
        """Begins to make or change a deployment. AzureError 400, 404, 409."""
        owner, body = self.find(endpoint), request.json()
        given = kept(body.get("properties") or {})
        check_deployment(self.azure, given)
        with self.lock:
            known = owner.deployments.get(name)
            if known is None:
                rules.check_name(name, "Deployment")
            elif busy(known):
                raise rules.busy(name)
            one = known or Deployment(name, {}, {}, request.principal)
            owner.deployments[name] = one
            one.state = "Updating" if known else "Creating"
        one.properties, one.tags = given, body.get("tags") or {}
        one.changer, one.changed = request.principal, time.time()

        def work() -> None:
            one.state = "Succeeded"

        operations = self.azure.v2.operations
        operation = operations.begin("bedeps", work)
        answer = self.deployment_body(owner, one)
        return Answer(201, answer, operations.headers(request, operation))

    @route("PATCH", ARM, BELOW + "/{name}", needs="service")
    def update_deployment(self, request: Request, endpoint: str, name: str) -> Json:
        """Changes the tags and the description. 404, 409."""
        owner, one, body = self.find(endpoint), self.deployment(endpoint, name), request.json()
        if busy(one):
            raise rules.busy(name)
        one.tags = dict(body.get("tags") or one.tags)
        one.properties |= {
            key: value
            for key, value in (body.get("properties") or {}).items()
            if key == "description"
        }
        one.changer, one.changed = request.principal, time.time()
        return self.deployment_body(owner, one)

    @route("DELETE", ARM, BELOW + "/{name}", needs="service")
    def delete_deployment(self, request: Request, endpoint: str, name: str) -> Answer:
        """Begins to delete a deployment; 204 without one. 404, 409."""
        owner = self.find(endpoint)
        with self.lock:
            one = owner.deployments.get(name)
            if one is None:
                return Answer(204)
            if busy(one):
                raise rules.busy(name)
            one.state = "Deleting"

        def work() -> None:
            owner.deployments.pop(name, None)

        operations = self.azure.v2.operations
        return operations.accepted(request, operations.begin("bedeps", work))
