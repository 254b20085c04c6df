"""Deployments of templates: what `az ml workspace create` makes a workspace by.

Shapes: Microsoft.Resources, deployments 2024-07-01.
"""

from __future__ import annotations

import json
import time
import uuid
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from ..account import timestamp
from ..routing import ARM, Answer, AzureError, Json, Request, route
from .operations import SECONDS, WAIT
from .resources import type_of
from .templates import Described, Template

if TYPE_CHECKING:
    from ..standin import Azure

_KIND = "Microsoft.Resources/deployments"
_GROUP = "/subscriptions/{subscription}/resourceGroups/{group}"
_DEPLOYMENT = _GROUP + "/providers/Microsoft.Resources/deployments/{name}"
# Some clients leave the provider out when they ask for the operations.
_OPERATIONS = _GROUP + "/deployments/{name}/operations"


# What other parts make than that of resources in a group.
_OTHERS = {
    "microsoft.authorization/roleassignments",
    "microsoft.storage/storageaccounts/blobservices/containers",
    "microsoft.machinelearningservices/workspaces/computes",
}


@dataclass
class Deployment:
    """One deployment: what it made, and what it failed on."""

    id: str
    parameters: Json
    made: list[Described] = field(default_factory=list)
    failed: tuple[Described, AzureError] | None = None
    created: float = field(default_factory=time.time)
    ready: float = field(default_factory=lambda: time.time() + SECONDS)
    correlation: str = field(default_factory=lambda: str(uuid.uuid4()))

    @property
    def state(self) -> str:
        """How far it is by now."""
        if time.time() < self.ready:
            return "Running"
        return "Failed" if self.failed else "Succeeded"

    @property
    def error(self) -> Json | None:
        """Why it failed."""
        if self.failed is None:
            return None
        one, error = self.failed
        return {
            "code": "DeploymentFailed",
            "message": "At least one resource deployment operation failed. Please list deployment "
            "operations for details. Please see https://aka.ms/arm-deployment-operations for usage "
            "details.",
            "details": [
                {
                    "code": "ResourceDeploymentFailure",
                    "target": one.id,
                    "message": "The resource write operation failed to complete successfully, "
                    "because it reached terminal provisioning state 'Failed'.",
                    "details": [{"code": error.code, "message": error.message}],
                }
            ],
        }


class Deployments:
    """Deploys templates to resource groups."""

    def __init__(self, azure: Azure) -> None:
        self.azure = azure
        self.account = azure.account
        self._deployments: dict[str, Deployment] = {}

    def forget(self, group: str) -> None:
        """A group is gone, and its deployments with it."""
        start = f"{group}/".lower()
        kept = {k: one for k, one in self._deployments.items() if not k.startswith(start)}
        self._deployments = kept

    def _template(self, request: Request, subscription: str, group: str, verb: str) -> Template:
        """The template of a request. AzureError 403, 404, 400."""
        self.account.check_subscription(subscription)
        # az sends the file as it stands, behind a name without quotes: Resource Manager takes it.
        request.body = request.body.replace(b", template:", b', "template":', 1)
        path = request.path.removesuffix("/validate")
        self.azure.access.check(request, f"{_KIND}/{verb}", path)
        self.account.check_group(subscription, group)
        given = request.json().get("properties") or {}
        parameters = given.get("parameters") or {}
        return Template(self.account, group, given.get("template") or {}, parameters)

    def _preflight(self, request: Request, wanted: list[Described]) -> None:
        """AzureError before anything is made: rights and providers of all resources."""
        for one in wanted:
            kind, who = type_of(one.id), request.principal
            assert who is not None
            if not self.azure.access.may(who, f"{kind}/write", one.id):
                raise AzureError(
                    403,
                    "InvalidTemplateDeployment",
                    "The template deployment failed with error: 'Authorization failed for template "
                    f"resource '{one.id.rsplit('/', 1)[-1]}' of type '{kind}'. The client "
                    f"'{who.client_id or who.name}' with object id '{who.object_id}' does not have "
                    f"permission to perform action '{kind}/write' at scope '{one.id}'.'.",
                )
            self.azure.resources.may_make(request, one.id)
        denials = [self.azure.policies.refusal(one.id, type_of(one.id), one.body) for one in wanted]
        if denied := [each for each in denials if each]:
            raise AzureError(
                400,
                "InvalidTemplateDeployment",
                "The template deployment failed because of policy violation. Please see details "
                "for more information.",
                details=[{"code": each.code, "message": each.message} for each in denied],
            )

    @route("PUT", ARM, _DEPLOYMENT)
    def put(self, request: Request, subscription: str, group: str, name: str) -> Answer:
        """Deploy a template (201), behind an operation to poll. 400, 403, 409 for what is wrong."""
        template = self._template(request, subscription, group, "write")
        wanted = template.resources()
        self._preflight(request, wanted)
        given = request.json()["properties"].get("parameters") or {}
        made = Deployment(request.path.rstrip("/"), given)
        for one in wanted:
            try:
                self._strike(one)
                self._make(request, one)
            except AzureError as error:
                if error.status == 501:  # a gap of the stand-in, not a failure of the deployment
                    raise
                made.failed = (one, error)
                break
            made.made.append(one)
        made.ready = time.time() + SECONDS
        self._deployments[made.id.lower()] = made
        begun = self.azure.operations.begin(made.ready, made.error)
        address = f"https://{request.host}{made.id}/operationStatuses/{begun.name}"
        headers = {"Azure-AsyncOperation": f"{address}?api-version=2024-07-01", **WAIT}
        body = self._body(made)
        body["properties"]["provisioningState"] = "Accepted"
        return Answer(201, body, headers)

    def _make(self, request: Request, one: Described) -> None:
        """Make one resource, by the part that plays it where that is none of a group's own."""
        if type_of(one.id).lower() not in _OTHERS:
            self.azure.resources.make(request, one.id, one.body)
            return
        body = json.dumps(one.body).encode()
        inner = replace(request, method="PUT", path=one.id, body=body)
        scope, _, rest = one.id.rpartition("/providers/")
        name, place = rest.rsplit("/", 1)[-1], one.id.split("/")
        if "roleAssignments" in rest:
            self.azure.authorization.assign(inner, scope, name)
        elif "/containers/" in rest:
            self.azure.containers.put(inner, place[2], place[4], place[8], name)
        else:
            self.azure.computes.put(inner, name)

    def _strike(self, one: Described) -> None:
        """A fault on the path of a resource strikes where the deployment makes it, too."""
        fault = self.azure.faults.take("PUT", "management.azure.com", one.id)
        if fault is not None and fault.status:
            message = fault.message or "A fault that the test asked for."
            raise AzureError(fault.status, fault.code or "InjectedFault", message)

    @route("POST", ARM, _DEPLOYMENT + "/validate")
    def validate(self, request: Request, subscription: str, group: str, name: str) -> Json:
        """Whether a template can be deployed. 400, 403, 409 for what is wrong."""
        wanted = self._template(request, subscription, group, "validate/action").resources()
        self._preflight(request, wanted)
        given = request.json()["properties"].get("parameters") or {}
        body = self._body(Deployment(request.path.removesuffix("/validate"), given, wanted))
        listed = [{"id": one.id} for one in wanted]
        body["properties"] |= {"provisioningState": "Succeeded", "validatedResources": listed}
        return body

    def _find(self, request: Request, subscription: str, group: str, name: str) -> Deployment:
        self.account.check_subscription(subscription)
        scope = f"{self.account.group_path_of(group)}/providers/{_KIND}/{name}"
        self.azure.access.check(request, f"{_KIND}/read", scope)
        self.account.check_group(subscription, group)
        found = self._deployments.get(scope.lower())
        if found is None:
            raise AzureError(404, "DeploymentNotFound", f"Deployment '{name}' could not be found.")
        return found

    @route("GET", ARM, _DEPLOYMENT)
    def get(self, request: Request, subscription: str, group: str, name: str) -> Json:
        """One deployment. 404 DeploymentNotFound."""
        return self._body(self._find(request, subscription, group, name))

    @route("GET", ARM, _DEPLOYMENT + "/operationStatuses/{operation}")
    def status(
        self, request: Request, subscription: str, group: str, name: str, operation: str
    ) -> Answer:
        """How far a deployment is."""
        found = self.azure.operations.get(operation)
        body: Json = {"status": "Running" if not found.done else "Succeeded"}
        if found.done and found.error:
            body = {"status": "Failed", "error": found.error}
        return Answer(200, body, WAIT)

    @route("GET", ARM, _OPERATIONS)
    @route("GET", ARM, _DEPLOYMENT + "/operations")
    def operations(self, request: Request, subscription: str, group: str, name: str) -> Json:
        """What a deployment does, one by one."""
        found = self._find(request, subscription, group, name)
        items = [self._operation(found, one, None) for one in found.made]
        if found.failed:
            items.append(self._operation(found, *found.failed))
        return {"value": items}

    def _operation(self, found: Deployment, one: Described, error: AzureError | None) -> Json:
        number, running = uuid.uuid5(uuid.NAMESPACE_URL, one.id).hex[:16].upper(), "Running"
        state = running if found.state == running else "Failed" if error else "Succeeded"
        properties: Json = {
            "provisioningOperation": "Create",
            "provisioningState": state,
            "timestamp": timestamp(found.created),
            "duration": "PT0.5S",
            "trackingId": found.correlation,
            "statusCode": "Conflict" if error else "OK",
            "targetResource": {
                "id": one.id,
                "resourceType": type_of(one.id),
                "resourceName": one.id.rsplit("/", 1)[-1],
            },
        }
        if error and state == "Failed":
            said = {"code": error.code, "message": error.message}
            properties["statusMessage"] = {"error": said}
        path = f"{found.id}/operations/{number}"
        return {"id": path, "operationId": number, "properties": properties}

    def _body(self, found: Deployment) -> Json:
        properties: Json = {
            "templateHash": str(uuid.UUID(found.correlation).int % 10**19),
            "mode": "Incremental",
            "provisioningState": found.state,
            "timestamp": timestamp(found.created),
            "duration": "PT0.5S",
            "correlationId": found.correlation,
            "parameters": found.parameters,
            "providers": [],
            "dependencies": [],
        }
        if found.state == "Succeeded":
            properties["outputResources"] = [{"id": one.id} for one in found.made]
        if found.state == "Failed":
            properties["error"] = found.error
        return {
            "id": found.id,
            "name": found.id.rsplit("/", 1)[-1],
            "type": _KIND,
            "properties": properties,
        }
