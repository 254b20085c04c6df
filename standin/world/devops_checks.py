"""Azure DevOps: service connections, approvals and checks, and which pipelines may use what.

Shapes: serviceEndpoint and approvalsAndChecks, 7.1, of MicrosoftDocs/vsts-rest-api-specs; ids and
inputs of checks: internal/service/approvalsandchecks of microsoft/terraform-provider-azuredevops.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from ..routing import DEVOPS, AzureError, Json, Request, route
from .devops_calls import held, identity, listed, project_of, signed_in
from .devops_pipelines import Set
from .directory_objects import moment

if TYPE_CHECKING:
    from ..standin import Azure

_P = "/{organization}/{project}/_apis"
_CHECKS = _P + "/pipelines/checks/configurations"
_MAY = _P + "/pipelines/pipelinepermissions/{kind}/{number}"
#: What each type of check is called, and the shape of its settings.
TYPES = {
    "8c6f20a7-a545-4486-9777-f762fafe0d4d": ("Approval", "ApprovalConfigSettings"),
    "fe1de3ee-a436-41b4-bb20-f6eb4cb879a7": ("Task Check", "TaskCheckConfig"),
    "2ef31ad6-baa0-403a-8b45-2cbc9b4e5563": ("ExclusiveLock", "ExclusiveLock"),
}
_BRANCH_CONTROL = "86b05a0c-73e6-4f7d-b3cf-e38f3b39a75b"


class DevOpsChecks:
    """The part of Azure DevOps that protects what pipelines use."""

    def __init__(self, azure: Azure) -> None:
        self.azure = azure
        self.world = azure.world

    def _of(self, organization: str, project: str) -> Set:
        return self.azure.devops_pipelines.of(organization, project)

    # Service connections.

    def add_github(self, organization: str, project: str, name: str) -> str:
        """A service connection to GitHub, as an administrator makes it; its id."""
        number = str(uuid.uuid4())
        self._of(organization, project).endpoints[number] = {
            "id": number,
            "name": name,
            "type": "github",
            "url": "https://github.com",
            "authorization": {"scheme": "InstallationToken", "parameters": {}},
            "isReady": True,
        }
        return number

    @route("GET", DEVOPS, _P + "/serviceendpoint/endpoints", auth=False)
    @signed_in
    def endpoints(self, request: Request, organization: str, project: str) -> Json:
        """The service connections of a project, by type and names."""
        kind = request.query.get("type", "").lower()
        names = [one for one in request.query.get("endpointNames", "").lower().split(",") if one]
        return listed(
            one
            for one in self._of(organization, project).endpoints.values()
            if kind in ("", one["type"].lower()) and (not names or one["name"].lower() in names)
        )

    @route("POST", DEVOPS, "/{organization}/_apis/serviceendpoint/endpoints", auth=False)
    @signed_in
    def make_endpoint(self, request: Request, organization: str) -> Json:
        """A new service connection by federation; its issuer and subject come with the answer."""
        given = request.json()
        held("ServiceEndpoint", given)
        authorization = given["authorization"]
        if authorization["scheme"] != "WorkloadIdentityFederation":
            raise AzureError(400, "ArgumentException", "Only federation is played.")
        parameters, data = authorization["parameters"], given["data"]
        if set(parameters) != {"tenantid", "serviceprincipalid"} or data.get("scopeLevel") != (
            "Subscription"
        ):
            raise AzureError(400, "ArgumentException", "The authorization's parameters are wrong.")
        if not {"subscriptionId", "subscriptionName", "environment", "creationMode"} <= set(data):
            raise AzureError(400, "ArgumentException", "The connection's data are not complete.")
        number, issuers = str(uuid.uuid4()), self.azure.issuers
        tenant = self.azure.account.tenant_id
        subject = f"/eid1/c/pub/t/{tenant[:8]}/a/{uuid.uuid4().hex[:8]}/sc/{number[:8]}/{number}"
        issuers.connections[number] = (issuers.entra, subject)
        for reference in given["serviceEndpointProjectReferences"]:
            project = project_of(self.world, organization, reference["projectReference"]["id"])
            endpoints = self._of(organization, project["id"]).endpoints
            if any(one["name"].lower() == given["name"].lower() for one in endpoints.values()):
                raise AzureError(
                    409,
                    "DuplicateServiceConnectionException",
                    f"Service connection with name {given['name']} already exists.",
                )
            found = {
                **parameters,
                "workloadIdentityFederationIssuer": issuers.entra,
                "workloadIdentityFederationSubject": subject,
            }
            made = {**given, "id": number, "authorization": {**authorization, "parameters": found}}
            endpoints[number] = made
        return made

    # Approvals and checks.

    def _resource(self, held_in: Set, kind: str, number: str) -> None:
        """AzureError 404 unless there is such a thing."""
        known = {
            "environment": {str(one) for one in held_in.environments},
            "endpoint": set(held_in.endpoints),
            "variablegroup": {str(one) for one in self.world.variable_groups},
        }
        if number not in known.get(kind, set()):
            raise AzureError(404, "ResourceNotFoundException", f"No {kind} with id {number}.")

    @route("GET", DEVOPS, _CHECKS, auth=False)
    @signed_in
    def checks(self, request: Request, organization: str, project: str) -> Json:
        """The checks on a resource; their settings with `$expand=settings` alone."""
        held_in, query = self._of(organization, project), request.query
        wanted = query.get("resourceType", "").lower(), query.get("resourceId", "")
        self._resource(held_in, *wanted)
        shown = query.get("$expand", "").lower() == "settings"
        return listed(
            {key: value for key, value in one.items() if shown or key != "settings"}
            for one in held_in.checks.values()
            if (one["resource"]["type"], one["resource"]["id"]) == wanted
        )

    def _given(self, request: Request, held_in: Set) -> Json:
        """A check that can be stored. AzureError 400."""
        given = request.json()
        held("CheckConfiguration", given)
        kind, resource = given["type"]["id"].lower(), given["resource"]
        if kind not in TYPES:
            raise AzureError(400, "CheckTypeNotFoundException", f"No check type {kind}.")
        name, shape = TYPES[kind]
        settings = given.get("settings") or {}
        held(shape, settings)
        if not 1 <= given.get("timeout", 1) <= 43_200:
            raise AzureError(400, "InvalidTimeoutException", "1 to 43200 minutes.")
        self._resource(held_in, resource["type"], resource["id"])
        members = self.azure.devops_pipelines.members
        if name == "Approval" and (
            not settings.get("approvers")
            or any(o["id"] not in members for o in settings["approvers"])
        ):
            raise AzureError(400, "InvalidApproversException", "No such approver.")
        if name == "Task Check":
            inputs = settings["inputs"]
            known = {"allowedBranches", "ensureProtectionOfBranch", "allowUnknownStatusBranch"}
            if settings["definitionRef"]["id"] != _BRANCH_CONTROL or set(inputs) - known:
                raise AzureError(400, "InvalidTaskCheckException", "Only branch control is played.")
            if not all(isinstance(value, str) for value in inputs.values()):
                raise AzureError(400, "InvalidTaskCheckException", "Inputs are texts.")
        return {**given, "type": {"id": kind, "name": name}, "settings": settings}

    @route("POST", DEVOPS, _CHECKS, auth=False)
    @signed_in
    def make_check(self, request: Request, organization: str, project: str) -> Json:
        """A new check; one of a type that is there once for a resource is refused (409)."""
        held_in = self._of(organization, project)
        given = self._given(request, held_in)
        for one in held_in.checks.values():
            if (one["type"], one["resource"]) == (given["type"], given["resource"]):
                raise AzureError(409, "CheckConfigurationExistsException", "It is there already.")
        number = len(held_in.checks) + 1
        made = {**given, "id": number, "createdOn": moment(), "modifiedOn": moment()}
        return held_in.checks.setdefault(number, made)

    @route("PATCH", DEVOPS, _CHECKS + "/{number}", auth=False)
    @signed_in
    def change_check(self, request: Request, organization: str, project: str, number: str) -> Json:
        """Change a check. 404."""
        held_in = self._of(organization, project)
        found = held_in.checks.get(int(number))
        if found is None:
            raise AzureError(404, "CheckConfigurationNotFoundException", f"No check {number}.")
        found |= self._given(request, held_in) | {"modifiedOn": moment()}
        return found

    # Which pipelines may use a resource.

    def _permissions(self, held_in: Set, kind: str, number: str) -> Json:
        by = identity(self.azure.account.administrator)
        who: Json = {"authorizedBy": by, "authorizedOn": moment()}
        may = sorted(held_in.permissions.get((kind, number), set()))
        body: Json = {
            "resource": {"type": kind, "id": number},
            "pipelines": [{"id": one, "authorized": True, **who} for one in may],
        }
        group = self.world.variable_groups.get(int(number)) if kind == "variablegroup" else None
        if group is not None and group.authorized:
            body["allPipelines"] = {"authorized": True, **who}
        return body

    @route("GET", DEVOPS, _MAY, auth=False)
    @signed_in
    def permissions(
        self, request: Request, organization: str, project: str, kind: str, number: str
    ) -> Json:
        """Which pipelines may use a resource."""
        held_in = self._of(organization, project)
        self._resource(held_in, kind.lower(), number)
        return self._permissions(held_in, kind.lower(), number)

    @route("PATCH", DEVOPS, _MAY, auth=False)
    @signed_in
    def permit(
        self, request: Request, organization: str, project: str, kind: str, number: str
    ) -> Json:
        """Let pipelines use a resource: some, or all of a variable group."""
        held_in, given, kind = self._of(organization, project), request.json(), kind.lower()
        held("PipelinePermissions", given)
        self._resource(held_in, kind, number)
        if "allPipelines" in given and kind == "variablegroup":
            allowed = bool((given["allPipelines"] or {}).get("authorized"))
            self.world.variable_groups[int(number)].authorized = allowed
        may = held_in.permissions.setdefault((kind, number), set())
        for one in given.get("pipelines") or []:
            if one["id"] not in held_in.pipelines:
                raise AzureError(404, "DefinitionNotFoundException", f"No pipeline {one['id']}.")
            (may.add if one["authorized"] else may.discard)(one["id"])
        return self._permissions(held_in, kind, number)
