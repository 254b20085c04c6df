"""Microsoft Graph: applications and their secrets.

Shapes: the resource type application of Microsoft Graph 1.0.
"""

from __future__ import annotations

import datetime
import secrets
import uuid

from ..routing import GRAPH, Answer, AzureError, Json, Request, route
from .directory_objects import application_body, context, moment
from .graph import GraphPart
from .state import Application

_APPLICATION = "/v1.0/applications/{key}"
#: What a client may set of an application when it makes or changes it.
_SETTABLE = (
    "displayName", "description", "identifierUris", "notes", "tags", "signInAudience",
    "serviceManagementReference", "requiredResourceAccess", "isFallbackPublicClient",
    "groupMembershipClaims", "uniqueName",
)  # fmt: skip


class Applications(GraphPart):
    """The app registrations of the tenant."""

    def find(self, key: str) -> Application:
        """An application by its object id or an alternate key. AzureError 404."""
        for number, one in self.world.applications.items():
            names = {
                number,
                f"(appId='{one.body['appId']}')",
                f"(uniqueName='{one.body['uniqueName']}')",
            }
            if key in names and self.replicated(one):
                return one
        raise self.missing(key)

    @route("GET", GRAPH, "/v1.0/applications")
    def list(self, request: Request) -> Json:
        """The applications that fit `$filter`."""
        self.enter(request)
        return self.listed(request, "applications", list(self.world.applications.values()))

    @route("GET", GRAPH, "/v1.0/applications{key}")
    @route("GET", GRAPH, _APPLICATION)
    def get(self, request: Request, key: str) -> Json:
        """One application. 404 Request_ResourceNotFound."""
        self.enter(request)
        body = self.find(key).body
        return {"@odata.context": context("applications/$entity"), **body}

    def _make(self, request: Request, given: Json) -> Application:
        self.check_member(request)
        if not given.get("displayName"):
            raise AzureError(
                400,
                "Request_BadRequest",
                "Property displayName is required and must not be empty.",
            )
        self._check_unique(given.get("uniqueName"))
        wanted = {key: given[key] for key in _SETTABLE if key in given}
        made = Application(application_body(wanted))
        if request.principal:  # who registers an application owns it
            made.owners.add(request.principal.object_id)
        self.world.applications[made.body["id"]] = made
        self.account.credentials[made.body["appId"]] = {}
        return made

    def _check_unique(self, name: str | None) -> None:
        """AzureError 400 for a unique name that is taken, by a deleted application too.

        As reported in microsoftgraph/msgraph-bicep-types#137.
        """
        known = [*self.world.applications.values(), *self.world.deleted_applications.values()]
        if name and any(one.body["uniqueName"] == name for one in known):
            raise AzureError(
                400,
                "Request_BadRequest",
                "Another object with the same value for property uniqueName already exists.",
            )

    @route("POST", GRAPH, "/v1.0/applications")
    def create(self, request: Request) -> Answer:
        """Register an application (201); another of the same name is another application."""
        self.enter(request, writes=True)
        with self.account.lock:
            made = self._make(request, request.json())
        return Answer(201, {"@odata.context": context("applications/$entity"), **made.body})

    @route("PATCH", GRAPH, "/v1.0/applications{key}")
    @route("PATCH", GRAPH, _APPLICATION)
    def change(self, request: Request, key: str) -> Answer:
        """Change an application (204); with a unique name and `create-if-missing` make it (201)."""
        self.enter(request, writes=True)
        given = request.json()
        with self.account.lock:
            try:
                found = self.find(key)
            except AzureError:
                wanted = (request.headers.get("Prefer") or "").lower()
                if not key.startswith("(uniqueName=") or "create-if-missing" not in wanted:
                    raise
                name = key.removeprefix("(uniqueName='").removesuffix("')")
                made = self._make(request, {**given, "uniqueName": name})
                return Answer(201, {"@odata.context": context("applications/$entity"), **made.body})
            self.check_owner(request, found)
            found.body.update({name: given[name] for name in _SETTABLE if name in given})
            if "passwordCredentials" in given:
                self._keep_passwords(found, {o.get("keyId") for o in given["passwordCredentials"]})
        return Answer(204)

    def _keep_passwords(self, found: Application, kept: set[str]) -> None:
        held = self.account.credentials[found.body["appId"]]
        found.body["passwordCredentials"] = [
            one for one in found.body["passwordCredentials"] if one["keyId"] in kept
        ]
        for number in set(held) - kept:
            del held[number]

    @route("DELETE", GRAPH, "/v1.0/applications{key}")
    @route("DELETE", GRAPH, _APPLICATION)
    def delete(self, request: Request, key: str) -> Answer:
        """Delete an application and its service principal; it can be restored for 30 days."""
        self.enter(request, writes=True)
        with self.account.lock:
            found = self.find(key)
            self.check_owner(request, found)
            number, client = found.body["id"], found.body["appId"]
            del self.world.applications[number]
            self.world.deleted_applications[number] = found
            for one in list(self.world.service_principals.values()):
                if one.body["appId"] == client:
                    self.azure.service_principals.forget(one)
            self.account.credentials.pop(client, None)
        return Answer(204)

    @route("POST", GRAPH, "/v1.0/applications{key}/addPassword")
    @route("POST", GRAPH, _APPLICATION + "/addPassword")
    def add_password(self, request: Request, key: str) -> Json:
        """A new secret, shown this once."""
        self.enter(request, writes=True)
        given = request.json().get("passwordCredential") or {}
        with self.account.lock:
            found = self.find(key)
            self.check_owner(request, found)
            secret = secrets.token_urlsafe(30)
            start = datetime.datetime.now(datetime.UTC)
            credential = {
                "customKeyIdentifier": None,
                "displayName": given.get("displayName"),
                "endDateTime": given.get("endDateTime")
                or moment(start + datetime.timedelta(days=730)),
                "hint": secret[:3],
                "keyId": str(uuid.uuid4()),
                "secretText": None,
                "startDateTime": given.get("startDateTime") or moment(start),
            }
            found.body["passwordCredentials"] = [*found.body["passwordCredentials"], credential]
            self.account.credentials[found.body["appId"]][str(credential["keyId"])] = secret
        kind = "microsoft.graph.passwordCredential"
        return {"@odata.context": context(kind), **credential, "secretText": secret}

    @route("POST", GRAPH, "/v1.0/applications{key}/removePassword")
    @route("POST", GRAPH, _APPLICATION + "/removePassword")
    def remove_password(self, request: Request, key: str) -> Answer:
        """Take a secret away (204). 400 for one that is not there."""
        self.enter(request, writes=True)
        number = request.json().get("keyId")
        with self.account.lock:
            found = self.find(key)
            self.check_owner(request, found)
            kept = {one["keyId"] for one in found.body["passwordCredentials"]} - {number}
            if len(kept) == len(found.body["passwordCredentials"]):
                raise AzureError(
                    400,
                    "Request_BadRequest",
                    f"No password credential found with keyId '{number}'.",
                )
            self._keep_passwords(found, kept)
        return Answer(204)

    @route("GET", GRAPH, _APPLICATION + "/owners")
    def owners(self, request: Request, key: str) -> Json:
        """Who may change an application."""
        self.enter(request)
        known = self.world.service_principals
        found = [known[one].body for one in self.find(key).owners if one in known]
        kind = "#microsoft.graph.servicePrincipal"
        listed = [{"@odata.type": kind, **body} for body in found]
        return {"@odata.context": context("directoryObjects"), "value": listed}

    @route("POST", GRAPH, _APPLICATION + "/owners/$ref")
    def add_owner(self, request: Request, key: str) -> Answer:
        """Make somebody an owner (204)."""
        self.enter(request, writes=True)
        found = self.find(key)
        self.check_owner(request, found)
        found.owners.add(str(request.json().get("@odata.id")).rsplit("/", 1)[-1])
        return Answer(204)

    @route("GET", GRAPH, "/v1.0/directory/deletedItems/microsoft.graph.application")
    def deleted(self, request: Request) -> Json:
        """The applications that can be restored."""
        self.enter(request)
        items = list(self.world.deleted_applications.values())
        return self.listed(request, "applications", items)

    @route("DELETE", GRAPH, "/v1.0/directory/deletedItems/{number}")
    def purge(self, request: Request, number: str) -> Answer:
        """Delete for good."""
        self.enter(request, writes=True)
        if self.world.deleted_applications.pop(number, None) is None:
            raise self.missing(number)
        return Answer(204)
