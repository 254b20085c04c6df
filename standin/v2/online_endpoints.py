"""Managed online endpoints: created, changed, deleted, their keys and tokens.

Shapes: OnlineEndpoint (machineLearningServices 2023-04-01); what is answered while an operation
lasts is that of the recordings (azure-sdk-for-python, `online_services`). The identity of an
endpoint is a principal that roles can be given to; a container is handed no token for it.
"""

from __future__ import annotations

import secrets
import threading
import time
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..account import Principal
from ..errors import not_played
from ..routing import ARM, Answer, AzureError, Json, Request, route
from . import online_rules as rules
from .assets import TYPE, page
from .online_metrics import Served
from .online_operations import Operation
from .system import system_data

if TYPE_CHECKING:
    from ..standin import Azure
    from .online_deployments import Deployment

PATH = "{workspace}/onlineEndpoints"
KIND = f"{TYPE}/onlineEndpoints"


@dataclass
class Endpoint:
    """One endpoint; `traffic` and `mirror` are the shares that the router goes by."""

    name: str
    properties: Json
    tags: Json
    identity: Json
    creator: Principal | None
    created: float = field(default_factory=time.time)
    changer: Principal | None = None
    changed: float = field(default_factory=time.time)
    state: str = "Creating"
    reachable: bool = False
    traffic: dict[str, int] = field(default_factory=dict)
    mirror: dict[str, int] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    tokens: dict[str, float] = field(default_factory=dict)  # AML tokens and when they end
    deployments: dict[str, Deployment] = field(default_factory=dict)
    served: Served = field(default_factory=Served)

    @property
    def busy(self) -> bool:
        """Whether an operation on it goes on."""
        return self.state in ("Creating", "Updating", "Deleting")

    @property
    def serving(self) -> bool:
        """Whether requests reach its deployments."""
        return self.reachable and self.state != "Deleting"


class OnlineEndpoints:
    """The workspace's online endpoints."""

    def __init__(self, azure: Azure) -> None:
        self.azure = azure
        self.lock = threading.RLock()
        self.endpoints: dict[str, Endpoint] = {}

    # What other parts use.

    def find(self, name: str) -> Endpoint:
        """An endpoint. AzureError 404."""
        found = self.endpoints.get(name.lower())
        if found is None:
            path = f"{self.azure.account.workspace_path}/onlineEndpoints/{name}"
            raise self.azure.resources.not_found(path)
        return found

    def at(self, host: str) -> Endpoint | None:
        """The endpoint behind a public host name."""
        found = self.endpoints.get(host.partition(".")[0].lower())
        return found if found is not None and host.lower() == self.host(found.name) else None

    def host(self, name: str) -> str:
        """The public host name of an endpoint."""
        return f"{name.lower()}.{self.azure.account.location}.inference.ml.azure.com"

    def path(self, endpoint: Endpoint) -> str:
        """Its ARM id."""
        return f"{self.azure.account.workspace_path}/onlineEndpoints/{endpoint.name}"

    # Answers.

    def body(self, endpoint: Endpoint) -> Json:
        """The endpoint as it is answered."""
        address = f"https://{self.host(endpoint.name)}" if endpoint.reachable else None
        return {
            "id": self.path(endpoint),
            "name": endpoint.name,
            "type": KIND,
            "properties": {
                **endpoint.properties,
                "scoringUri": f"{address}/score" if address else None,
                "swaggerUri": f"{address}/swagger.json" if address else None,
                "provisioningState": endpoint.state,
                "compute": None,
                "traffic": dict(endpoint.traffic),
                "mirrorTraffic": dict(endpoint.mirror),
            },
            "systemData": system_data(
                endpoint.creator, endpoint.created, endpoint.changer, endpoint.changed
            ),
            "tags": endpoint.tags,
            "location": self.azure.account.location,
            "kind": "Managed",
            "identity": endpoint.identity,
        }

    @route("GET", ARM, PATH)
    def list(self, request: Request) -> Json:
        """The endpoints, newest first, in pages."""
        found = [one for one in self.endpoints.values() if self.azure.listed(one.created)]
        found.sort(key=lambda one: one.created, reverse=True)
        wanted = request.query.get("name")
        return page(request, [self.body(one) for one in found if wanted in (None, one.name)])

    @route("GET", ARM, PATH + "/{name}")
    def get(self, request: Request, name: str) -> Json:
        """One endpoint. 404."""
        return self.body(self.find(name))

    @route("PUT", ARM, PATH + "/{name}", needs="service")
    def put(self, request: Request, name: str) -> Answer:
        """Begins to make or change an endpoint. AzureError 400, 409."""
        body = request.json()
        given: Json = body.get("properties") or {}
        if given.get("compute"):
            raise not_played("Kubernetes online endpoints")
        if given.get("publicNetworkAccess") == "Disabled":
            raise not_played("endpoints in a private network")
        with self.lock:
            known = self.endpoints.get(name.lower())
            endpoint = self._new(request, name, given) if known is None else known
            if known is not None and known.busy:
                raise rules.busy(name)
            traffic, mirror = self._shares(endpoint, given)
            mode = rules.auth_mode(given.get("authMode"))
            identity = self._identity(endpoint, body.get("identity"))
            self.endpoints[name.lower()] = endpoint
            endpoint.state = "Updating" if known is not None else "Creating"
        endpoint.tags, endpoint.identity = body.get("tags") or {}, identity
        endpoint.changer, endpoint.changed = request.principal, time.time()

        def work() -> None:
            endpoint.traffic, endpoint.mirror = traffic, mirror
            endpoint.reachable, endpoint.state = True, "Succeeded"
            endpoint.changed = time.time()

        operation = self.azure.v2.operations.begin("oe", work)
        endpoint.properties = {
            "description": given.get("description"),
            "properties": self._properties(request, endpoint, given, operation),
            "authMode": mode,
            "publicNetworkAccess": "Enabled",
        }
        headers = self.azure.v2.operations.headers(request, operation)
        return Answer(201, self.body(endpoint), headers)

    def _new(self, request: Request, name: str, given: Json) -> Endpoint:
        """An endpoint that is not there yet. AzureError 400 for a wrong or taken name."""
        rules.check_name(name, "Endpoint")
        first = self.azure.first or self.azure
        for other in (first, *first.neighbours):
            if name.lower() in other.v2.taken_names():
                raise rules.invalid(rules.TAKEN)
        made = Endpoint(name, {}, {}, {}, request.principal)
        keys: Json = given.get("keys") or {}
        for key in ("primaryKey", "secondaryKey"):
            made.keys[key] = keys.get(key) or secrets.token_urlsafe(32)
        return made

    def _shares(self, endpoint: Endpoint, given: Json) -> tuple[dict[str, int], dict[str, int]]:
        states = {
            name: "Succeeded" if one.container else one.state
            for name, one in endpoint.deployments.items()
        }
        traffic = rules.shares(given.get("traffic"), states, "Traffic")
        mirror = rules.shares(given.get("mirrorTraffic"), states, "MirrorTraffic")
        rules.check_shares(traffic, mirror)
        return traffic, mirror

    def _properties(
        self, request: Request, endpoint: Endpoint, given: Json, operation: Operation
    ) -> Json:
        return {
            **(given.get("properties") or {}),
            "azureml.onlineendpointid": self.path(endpoint).lower(),
            "AzureAsyncOperationUri": self.azure.v2.operations.address(request, operation),
        }

    def _identity(self, endpoint: Endpoint, given: Json | None) -> Json:
        """The identity of an endpoint: one of its own unless others are named."""
        kind = (given or {}).get("type") or "SystemAssigned"
        account = self.azure.account
        identity: Json = {"type": kind, "tenantId": account.tenant_id}
        if "UserAssigned" in kind:
            named = (given or {}).get("userAssignedIdentities") or {}
            ids = {"principalId": str(uuid.uuid4()), "clientId": str(uuid.uuid4())}
            known = endpoint.identity.get("userAssignedIdentities") or {}
            identity["userAssignedIdentities"] = {path: known.get(path, ids) for path in named}
        if "SystemAssigned" in kind:
            principal = endpoint.identity.get("principalId") or str(uuid.uuid4())
            identity["principalId"] = principal
            account.principals.setdefault(principal, Principal(principal, "", endpoint.name))
        return identity

    @route("PATCH", ARM, PATH + "/{name}", needs="service")
    def update(self, request: Request, name: str) -> Json:
        """Changes the tags or the identity. 404, 409."""
        endpoint, body = self.find(name), request.json()
        if endpoint.busy:
            raise rules.busy(name)
        if body.get("tags") is not None:
            endpoint.tags = dict(body["tags"])
        if body.get("identity"):
            endpoint.identity = self._identity(endpoint, body["identity"])
        endpoint.changer, endpoint.changed = request.principal, time.time()
        return self.body(endpoint)

    @route("DELETE", ARM, PATH + "/{name}", needs="service")
    def delete(self, request: Request, name: str) -> Answer:
        """Begins to delete an endpoint with all its deployments; 204 when there is none. 409."""
        with self.lock:
            endpoint = self.endpoints.get(name.lower())
            if endpoint is None:
                return Answer(204)
            if endpoint.busy or any(one.busy for one in endpoint.deployments.values()):
                raise rules.busy(name)
            endpoint.state = "Deleting"

        def work() -> None:
            for deployment in list(endpoint.deployments.values()):
                deployment.drain()
                deployment.remove()
            self.azure.account.principals.pop(endpoint.identity.get("principalId", ""), None)
            with self.lock:
                del self.endpoints[name.lower()]

        operations = self.azure.v2.operations
        return operations.accepted(request, operations.begin("oe", work))

    @route("POST", ARM, PATH + "/{name}/listKeys", needs="service")
    def list_keys(self, request: Request, name: str) -> Json:
        """The keys. AzureError 400 for an endpoint without."""
        return dict(self._by_key(name).keys)

    def _by_key(self, name: str) -> Endpoint:
        endpoint = self.find(name)
        if endpoint.properties["authMode"] != "Key":
            raise AzureError(400, "BadRequest", f"Endpoint {name} does not use key authentication.")
        return endpoint

    @route("POST", ARM, PATH + "/{name}/regenerateKeys", needs="service")
    def regenerate_keys(self, request: Request, name: str) -> Answer:
        """Makes one key anew, or sets it. AzureError 400."""
        endpoint, body = self._by_key(name), request.json()
        kind = {"primary": "primaryKey", "secondary": "secondaryKey"}.get(
            str(body.get("keyType")).lower()
        )
        if kind is None:
            raise AzureError(400, "BadRequest", "keyType must be Primary or Secondary.")
        # azure-ai-ml sends the key that is there, and its own test expects another one after it.
        given = body.get("keyValue")
        value = given if given not in (None, "", endpoint.keys[kind]) else secrets.token_urlsafe(32)
        operations = self.azure.v2.operations
        done = operations.begin("oe", lambda: endpoint.keys.update({kind: value}))
        return operations.accepted(request, done)

    @route("POST", ARM, PATH + "/{name}/token", needs="service")
    def token(self, request: Request, name: str) -> Json:
        """A token of Azure ML for scoring. AzureError 400 for an endpoint that takes none."""
        endpoint = self.find(name)
        if endpoint.properties["authMode"] != "AMLToken":
            raise AzureError(400, "BadRequest", f"Endpoint {name} does not use AML tokens.")
        seconds, now = self.azure.account.token_seconds, int(time.time())
        token: str = self.azure.identity.token("azureml", request.principal, seconds)
        endpoint.tokens[token] = now + seconds
        return {
            "accessToken": token,
            "tokenType": "Bearer",
            "expiryTimeUtc": now + seconds,
            "refreshAfterTimeUtc": now + seconds // 2,
        }

    def close(self) -> None:
        """Ends all containers."""
        for endpoint in self.endpoints.values():
            for deployment in endpoint.deployments.values():
                deployment.remove()
