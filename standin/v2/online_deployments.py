"""Managed online deployments: started for real, changed beside what serves, deleted, their logs.

Shapes: OnlineDeployment, DeploymentLogs (machineLearningServices 2023-04-01) and the recordings of
azure-sdk-for-python (`online_services`). One process stands for all instances of a deployment;
their number counts in how many requests it takes at a time.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..account import Principal
from ..routing import ARM, Answer, AzureError, Json, Request, route
from . import mlflow_models
from . import online_rules as rules
from .assets import TYPE, page
from .command import environment
from .online_containers import NOT_YET, DeploymentFailed, ServingContainer
from .online_endpoints import PATH, Endpoint
from .online_quota import check as check_quota
from .system import system_data

if TYPE_CHECKING:
    from ..standin import Azure

BELOW = PATH + "/{endpoint}/deployments"
KIND = f"{TYPE}/onlineEndpoints/deployments"
#: What another container has to be started for.
RUNS = ("codeConfiguration", "environmentId", "environmentVariables", "model", "instanceType")


@dataclass
class Deployment:
    """One deployment. `container` is what serves, `latest` what was started last."""

    name: str
    properties: Json
    tags: Json
    sku: Json
    creator: Principal | None
    created: float = field(default_factory=time.time)
    changer: Principal | None = None
    changed: float = field(default_factory=time.time)
    state: str = "Creating"
    container: ServingContainer | None = None
    latest: ServingContainer | None = None
    running: Json = field(default_factory=dict)  # the properties that `container` was started with
    pending: int = 0  # requests under way
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def busy(self) -> bool:
        """Whether an operation on it goes on."""
        return self.state in ("Creating", "Updating", "Deleting")

    def _setting(self, name: str) -> Any:
        return (rules.REQUESTS | (self.properties.get("requestSettings") or {}))[name]

    @property
    def most(self) -> int:
        """How many requests it takes at a time: the rule of "Too many pending requests"."""
        per_instance: int = self._setting("maxConcurrentRequestsPerInstance")
        return 2 * per_instance * int(self.sku["capacity"])

    @property
    def seconds(self) -> float:
        """How long a request may last."""
        return rules.seconds(self._setting("requestTimeout"))

    def outdated(self) -> bool:
        """Whether what serves, if anything does, is another thing than the properties say."""
        return self.container is None or any(
            self.running.get(key) != self.properties.get(key) for key in RUNS
        )

    def drain(self) -> None:
        """Lets the requests under way end: none of those lasts longer than its timeout."""
        end = time.monotonic() + self.seconds
        while self.pending and time.monotonic() < end:
            time.sleep(0.05)

    def remove(self) -> None:
        """Ends what was started for it."""
        for container in {self.container, self.latest} - {None}:
            assert container is not None
            container.remove()


class OnlineDeployments:
    """The deployments of the workspace's online endpoints."""

    def __init__(self, azure: Azure) -> None:
        self.azure = azure

    def _endpoint(self, name: str) -> Endpoint:
        return self.azure.v2.online_endpoints.find(name)

    def find(self, endpoint: str, name: str) -> Deployment:
        """A deployment. AzureError 404."""
        found = self._endpoint(endpoint).deployments.get(name)
        if found is None:
            path = f"{self.azure.account.workspace_path}/onlineEndpoints/{endpoint}"
            raise self.azure.resources.not_found(f"{path}/deployments/{name}")
        return found

    def body(self, endpoint: Endpoint, one: Deployment) -> Json:
        """The deployment as it is answered; what was not given is filled in at the end."""
        properties = dict(one.properties)
        requests, full = rules.REQUESTS, one.state == "Succeeded"
        given = properties.get("requestSettings") or {}
        kept = requests if full else requests | {"requestTimeout": "PT0S"}
        for key in ("livenessProbe", "readinessProbe"):
            probe = properties.get(key)
            properties[key] = rules.PROBE | (probe or {}) if full or probe else None
        return {
            "id": f"{self.azure.v2.online_endpoints.path(endpoint)}/deployments/{one.name}",
            "name": one.name,
            "type": KIND,
            "properties": {
                **properties,
                "requestSettings": kept | given,
                "provisioningState": one.state,
            },
            "systemData": system_data(one.creator, one.created, one.changer, one.changed),
            "tags": one.tags,
            "location": self.azure.account.location,
            "kind": "Managed",
            "sku": {"name": "Default", "tier": "Standard", "capacity": one.sku["capacity"]},
        }

    @route("GET", ARM, BELOW)
    def list(self, request: Request, endpoint: str) -> Json:
        """The deployments of an endpoint, in pages. 404."""
        found = self._endpoint(endpoint)
        return page(request, [self.body(found, one) for one in found.deployments.values()])

    @route("GET", ARM, BELOW + "/{name}")
    def get(self, request: Request, endpoint: str, name: str) -> Json:
        """One deployment. 404."""
        return self.body(self._endpoint(endpoint), self.find(endpoint, name))

    @route("PUT", ARM, BELOW + "/{name}", needs="service")
    def put(self, request: Request, endpoint: str, name: str) -> Answer:
        """Begins to make or change a deployment. AzureError 400, 404, 409."""
        body = request.json()
        given: Json = body.get("properties") or {}
        self.azure.v2.assets.check_named(request, given)
        owner = self._endpoint(endpoint)
        sku: Json = body.get("sku") or {}
        rules.check_deployment(given, sku)
        self._check_assets(given)
        before_it = owner.deployments.get(name)
        held = int(before_it.sku.get("capacity") or 0) if before_it else 0
        check_quota(self.azure, given["instanceType"], int(sku["capacity"]), held)
        with self.azure.v2.online_endpoints.lock:
            if owner.state == "Deleting":
                raise rules.busy(endpoint)
            known = owner.deployments.get(name)
            if known is None:
                rules.check_name(name, "Deployment")
                if len(owner.deployments) >= rules.MOST_DEPLOYMENTS:
                    raise rules.invalid(f"An endpoint has {rules.MOST_DEPLOYMENTS} at most.")
                one = owner.deployments[name] = Deployment(name, {}, {}, {}, request.principal)
            elif known.busy:
                raise rules.busy(name)
            else:
                one = known
            one.state = "Updating"
        one.tags, one.sku = body.get("tags") or {}, {"capacity": sku["capacity"]}
        one.changer, one.changed = request.principal, time.time()
        one.properties = _kept(given)
        work = (lambda: self._deploy(one)) if one.outdated() else (lambda: self._settle(one))
        operations = self.azure.v2.operations
        operation = operations.begin("od", work)
        address = operations.address(request, operation)
        one.properties["properties"] |= {"AzureAsyncOperationUri": address}
        return Answer(201, self.body(owner, one), operations.headers(request, operation))

    def _check_assets(self, given: Json) -> None:
        """AzureError 400 unless what a deployment is made of is there."""
        assets = self.azure.v2.assets
        try:
            if rules.without_script(given):
                mlflow_models.check(self.azure, str(given["model"]))
                return
            environment(self.azure, str(given.get("environmentId") or ""))
            assets.find(str(given["codeConfiguration"].get("codeId") or ""), "codes")
            if given.get("model"):
                assets.find(str(given["model"]), "models")
        except AzureError as error:
            if error.status == 501:
                raise
            raise AzureError(400, "BadRequest", error.message) from None

    def _settle(self, one: Deployment) -> None:
        one.state, one.changed = "Succeeded", time.time()

    def _deploy(self, one: Deployment) -> Json | None:
        """Starts a container beside the one that serves, which goes when the new one is there."""
        old, made = one.container, ServingContainer(self.azure)
        if one.latest is not None and one.latest is not old:
            one.latest.remove()  # of an attempt that failed
        one.latest = made
        try:
            made.deploy(one.properties, one.name)
        except DeploymentFailed as error:
            one.state, one.changed = "Failed", time.time()
            return {"message": str(error)}  # reports show "(None)" for its code
        except Exception:
            one.state = "Failed"
            raise
        one.container, one.running = made, one.properties
        self._settle(one)
        if old is not None:
            one.drain()
            old.remove()
        return None

    @route("PATCH", ARM, BELOW + "/{name}", needs="service")
    def update(self, request: Request, endpoint: str, name: str) -> Json:
        """Changes tags or the number of instances. AzureError 400, 404, 409."""
        one, body = self.find(endpoint, name), request.json()
        if one.busy:
            raise rules.busy(name)
        sku = one.sku | {"capacity": (body.get("sku") or one.sku).get("capacity")}
        rules.check_deployment(one.properties, sku)
        size, held = str(one.properties["instanceType"]), int(one.sku["capacity"])
        check_quota(self.azure, size, int(sku["capacity"]), held)
        one.sku = sku
        if body.get("tags") is not None:
            one.tags = dict(body["tags"])
        one.changer, one.changed = request.principal, time.time()
        return self.body(self._endpoint(endpoint), one)

    @route("DELETE", ARM, BELOW + "/{name}", needs="service")
    def delete(self, request: Request, endpoint: str, name: str) -> Answer:
        """Begins to delete a deployment; 204 without one. AzureError 400 with traffic, 409."""
        owner = self._endpoint(endpoint)
        with self.azure.v2.online_endpoints.lock:
            one = owner.deployments.get(name)
            if one is None:
                return Answer(204)
            if one.busy or owner.busy:
                raise rules.busy(name)
            if name in owner.traffic or name in owner.mirror:
                share = owner.traffic.get(name) or owner.mirror.get(name)
                raise rules.invalid(
                    f"Deployment '{name}' receives {share}% of the endpoint's traffic and cannot "
                    "be deleted. Set its traffic to 0 first.",
                    "Traffic",
                )
            one.state = "Deleting"

        def work() -> None:
            one.drain()
            one.remove()
            del owner.deployments[name]

        operations = self.azure.v2.operations
        return operations.accepted(request, operations.begin("od", work))

    @route("POST", ARM, BELOW + "/{name}/getLogs", needs="service")
    def logs(self, request: Request, endpoint: str, name: str) -> Json:
        """The end of a container's log. AzureError 400, 404."""
        one, body = self.find(endpoint, name), request.json()
        kind = body.get("containerType") or "InferenceServer"
        if kind not in ("InferenceServer", "StorageInitializer"):
            raise AzureError(400, "BadRequest", f"There is no container of the type '{kind}'.")
        container = one.latest or one.container
        tail = body.get("tail")
        lines = 5000 if tail is None else int(tail)
        return {"content": container.logs(kind, lines) if container else NOT_YET}

    @route("GET", ARM, BELOW + "/{name}/skus")
    def skus(self, request: Request, endpoint: str, name: str) -> Json:
        """How many instances a deployment can have. 404."""
        self.find(endpoint, name)
        most = rules.MOST_INSTANCES
        capacity = {"default": 1, "minimum": 1, "maximum": most, "scaleType": "Manual"}
        sku = {"name": "Default", "tier": "Standard"}
        return page(request, [{"resourceType": KIND, "sku": sku, "capacity": capacity}])


def _kept(given: Json) -> Json:
    """The properties of a request as a deployment keeps them."""
    return {
        "description": given.get("description"),
        "properties": dict(given.get("properties") or {}),
        "codeConfiguration": given.get("codeConfiguration"),
        "environmentId": given.get("environmentId"),
        "environmentVariables": given.get("environmentVariables") or {},
        "scaleSettings": {"scaleType": "Default"},
        "requestSettings": given.get("requestSettings"),
        "modelMountPath": None,
        "appInsightsEnabled": bool(given.get("appInsightsEnabled")),
        "livenessProbe": given.get("livenessProbe"),
        "readinessProbe": given.get("readinessProbe"),
        "instanceType": given.get("instanceType"),
        "model": given.get("model"),
        "privateNetworkConnection": False,
        "egressPublicNetworkAccess": given.get("egressPublicNetworkAccess") or "Enabled",
        "endpointComputeType": "Managed",
    }
