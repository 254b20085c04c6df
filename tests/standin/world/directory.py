"""Microsoft Graph: applications, their secrets, service principals.

Shapes: the resource types application and servicePrincipal of Microsoft Graph 1.0. A list is an
index that lags; what is asked for by its id is there at once.
"""

from __future__ import annotations

import datetime
import secrets
import time
import uuid
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..account import Principal
from ..routing import GRAPH, Answer, AzureError, Json, Request, route
from .directory_objects import (
    application_body,
    context,
    matches,
    moment,
    service_principal_body,
)
from .state import Application, ServicePrincipal

if TYPE_CHECKING:
    from ..standin import Azure

_AUDIENCES = ("https://graph.microsoft.com", "00000003-0000-0000-c000-000000000000")
_APPLICATION = "/v1.0/applications/{key}"
_PRINCIPAL = "/v1.0/servicePrincipals/{key}"
#: What a client may set of an application when it makes or changes it.
_SETTABLE = (
    "displayName", "description", "identifierUris", "notes", "tags", "signInAudience",
    "serviceManagementReference", "requiredResourceAccess", "isFallbackPublicClient",
    "groupMembershipClaims", "uniqueName",
)  # fmt: skip


class Directory:
    """The tenant's directory, as far as applications go."""

    def __init__(self, azure: Azure) -> None:
        self.azure = azure
        self.account = azure.account
        self.world = azure.world

    # What every request is asked.

    def _enter(self, request: Request, *, writes: bool = False) -> None:
        """AzureError 401 for a token that is not Graph's, 403 when the directory says no."""
        audience = self.azure.identity.audience(request)
        if audience.rstrip("/") not in _AUDIENCES:
            raise AzureError(
                401,
                "InvalidAuthenticationToken",
                "Access token validation failure. Invalid audience.",
            )
        if writes and not self.world.may_register_applications:
            raise self._denied()

    def _denied(self) -> AzureError:
        return AzureError(
            403,
            "Authorization_RequestDenied",
            "Insufficient privileges to complete the operation.",
        )

    def _missing(self, key: str) -> AzureError:
        return AzureError(
            404,
            "Request_ResourceNotFound",
            f"Resource '{key}' does not exist or one of its queried reference-property objects are "
            "not present.",
        )

    def _application(self, key: str) -> Application:
        """An application by its object id or an alternate key. AzureError 404."""
        for number, one in self.world.applications.items():
            names = {
                number,
                f"(appId='{one.body['appId']}')",
                f"(uniqueName='{one.body['uniqueName']}')",
            }
            if key in names:
                return one
        raise self._missing(key)

    def _service_principal(self, key: str) -> ServicePrincipal:
        for number, one in self.world.service_principals.items():
            if key in (number, f"(appId='{one.body['appId']}')"):
                return one
        raise self._missing(key)

    def _list(
        self, request: Request, kind: str, items: Iterable[Application | ServicePrincipal]
    ) -> Json:
        """Those that the index knows by now and that fit the filter."""
        asked = request.query.get("$filter", "")
        found = [one.body for one in items if self.azure.listed(one.created)]
        return {"@odata.context": context(kind), "value": [o for o in found if matches(o, asked)]}

    # Applications.

    @route("GET", GRAPH, "/v1.0/applications")
    def applications(self, request: Request) -> Json:
        """The applications that fit `$filter`."""
        self._enter(request)
        return self._list(request, "applications", list(self.world.applications.values()))

    @route("GET", GRAPH, "/v1.0/applications{key}")
    @route("GET", GRAPH, _APPLICATION)
    def application(self, request: Request, key: str) -> Json:
        """One application. 404 Request_ResourceNotFound."""
        self._enter(request)
        body = self._application(key).body
        return {"@odata.context": context("applications/$entity"), **body}

    def _make(self, given: Json) -> Application:
        if not given.get("displayName"):
            raise AzureError(
                400,
                "Request_BadRequest",
                "Property displayName is required and must not be empty.",
            )
        wanted = {key: given[key] for key in _SETTABLE if key in given}
        made = Application(application_body(wanted))
        self.world.applications[made.body["id"]] = made
        self.account.credentials[made.body["appId"]] = {}
        return made

    @route("POST", GRAPH, "/v1.0/applications")
    def create(self, request: Request) -> Answer:
        """Register an application (201); another of the same name is another application."""
        self._enter(request, writes=True)
        with self.account.lock:
            made = self._make(request.json())
        return Answer(201, {"@odata.context": context("applications/$entity"), **made.body})

    @route("PATCH", GRAPH, "/v1.0/applications{key}")
    @route("PATCH", GRAPH, _APPLICATION)
    def change(self, request: Request, key: str) -> Answer:
        """Change an application (204); with a unique name and `create-if-missing` make it (201)."""
        self._enter(request, writes=True)
        given = request.json()
        with self.account.lock:
            try:
                found = self._application(key)
            except AzureError:
                wanted = (request.headers.get("Prefer") or "").lower()
                if not key.startswith("(uniqueName=") or "create-if-missing" not in wanted:
                    raise
                name = key.removeprefix("(uniqueName='").removesuffix("')")
                made = self._make({"displayName": name, **given, "uniqueName": name})
                return Answer(201, {"@odata.context": context("applications/$entity"), **made.body})
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
        self._enter(request, writes=True)
        with self.account.lock:
            found = self._application(key)
            number, client = found.body["id"], found.body["appId"]
            del self.world.applications[number]
            self.world.deleted_applications[number] = found
            for one in list(self.world.service_principals.values()):
                if one.body["appId"] == client:
                    self._forget(one)
            self.account.credentials.pop(client, None)
        return Answer(204)

    @route("POST", GRAPH, "/v1.0/applications{key}/addPassword")
    @route("POST", GRAPH, _APPLICATION + "/addPassword")
    def add_password(self, request: Request, key: str) -> Json:
        """A new secret, shown this once."""
        self._enter(request, writes=True)
        given = request.json().get("passwordCredential") or {}
        with self.account.lock:
            found = self._application(key)
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
        self._enter(request, writes=True)
        number = request.json().get("keyId")
        with self.account.lock:
            found = self._application(key)
            kept = {one["keyId"] for one in found.body["passwordCredentials"]} - {number}
            if len(kept) == len(found.body["passwordCredentials"]):
                raise AzureError(
                    400,
                    "Request_BadRequest",
                    f"No password credential found with keyId '{number}'.",
                )
            self._keep_passwords(found, kept)
        return Answer(204)

    @route("GET", GRAPH, "/v1.0/directory/deletedItems/microsoft.graph.application")
    def deleted(self, request: Request) -> Json:
        """The applications that can be restored."""
        self._enter(request)
        items = list(self.world.deleted_applications.values())
        return self._list(request, "applications", items)

    @route("DELETE", GRAPH, "/v1.0/directory/deletedItems/{number}")
    def purge(self, request: Request, number: str) -> Answer:
        """Delete for good."""
        self._enter(request, writes=True)
        if self.world.deleted_applications.pop(number, None) is None:
            raise self._missing(number)
        return Answer(204)

    # Service principals.

    @route("GET", GRAPH, "/v1.0/servicePrincipals")
    def service_principals(self, request: Request) -> Json:
        """The service principals that fit `$filter`."""
        self._enter(request)
        items = list(self.world.service_principals.values())
        return self._list(request, "servicePrincipals", items)

    @route("GET", GRAPH, "/v1.0/servicePrincipals{key}")
    @route("GET", GRAPH, _PRINCIPAL)
    def service_principal(self, request: Request, key: str) -> Json:
        """One service principal. 404 Request_ResourceNotFound."""
        self._enter(request)
        body = self._service_principal(key).body
        return {"@odata.context": context("servicePrincipals/$entity"), **body}

    @route("POST", GRAPH, "/v1.0/servicePrincipals")
    def create_service_principal(self, request: Request) -> Answer:
        """The principal of an application in this tenant (201). 409 for a second one."""
        self._enter(request, writes=True)
        client = str(request.json().get("appId") or "")
        with self.account.lock:
            found = [o for o in self.world.applications.values() if o.body["appId"] == client]
            if not found:
                raise AzureError(
                    400,
                    "Request_BadRequest",
                    f"The appId '{client}' of the service principal does not reference a valid "
                    "application object.",
                )
            if any(o.body["appId"] == client for o in self.world.service_principals.values()):
                raise AzureError(
                    409,
                    "Request_MultipleObjectsWithSameKeyValue",
                    "The service principal cannot be created, updated, or restored because the "
                    f"service principal name {client} is already in use.",
                )
            made = self.add_service_principal(found[0].body)
        return Answer(201, {"@odata.context": context("servicePrincipals/$entity"), **made.body})

    def add_service_principal(
        self, application: Json, number: str = "", created: float | None = None
    ) -> ServicePrincipal:
        """A service principal that exists; Resource Manager knows it a little later."""
        begin = time.time() if created is None else created
        body = service_principal_body(application, self.account.tenant_id, number)
        made = ServicePrincipal(body, begin)
        self.world.service_principals[body["id"]] = made
        who = Principal(body["id"], body["appId"], body["displayName"], created=begin)
        self.account.principals.setdefault(body["id"], who)
        return made

    @route("DELETE", GRAPH, "/v1.0/servicePrincipals{key}")
    @route("DELETE", GRAPH, _PRINCIPAL)
    def delete_service_principal(self, request: Request, key: str) -> Answer:
        """Delete a service principal; its role assignments stay, with nobody behind them."""
        self._enter(request, writes=True)
        with self.account.lock:
            self._forget(self._service_principal(key))
        return Answer(204)

    def _forget(self, one: ServicePrincipal) -> None:
        del self.world.service_principals[one.body["id"]]
        self.account.principals.pop(one.body["id"], None)

    # The rest that `az` asks.

    @route("GET", GRAPH, "/v1.0/me")
    def me(self, request: Request) -> Json:
        """Nobody: who signs in here is an application."""
        self._enter(request)
        raise AzureError(
            400,
            "BadRequest",
            "/me request is only valid with delegated authentication flow.",
        )

    @route("POST", GRAPH, "/v1.0/directoryObjects/getByIds")
    def by_ids(self, request: Request) -> Json:
        """The objects of some ids; those that are not known are left out."""
        self._enter(request)
        known = self.world.service_principals
        found = [
            known[number].body for number in request.json().get("ids") or [] if number in known
        ]
        kind = "#microsoft.graph.servicePrincipal"
        return {
            "@odata.context": context("directoryObjects"),
            "value": [{"@odata.type": kind, **body} for body in found],
        }
