"""Microsoft Graph: service principals, and who is asked for.

Shapes: the resource type servicePrincipal of Microsoft Graph 1.0.
"""

from __future__ import annotations

import time

from ..account import Principal
from ..routing import GRAPH, Answer, AzureError, Json, Request, route
from .directory_objects import context, service_principal_body
from .graph import GraphPart
from .state import ServicePrincipal

_PRINCIPAL = "/v1.0/servicePrincipals/{key}"


class ServicePrincipals(GraphPart):
    """The service principals of the tenant."""

    def _find(self, key: str) -> ServicePrincipal:
        """A service principal by its object id or its application's. AzureError 404."""
        for number, one in self.world.service_principals.items():
            if key in (number, f"(appId='{one.body['appId']}')") and self.replicated(one):
                return one
        raise self.missing(key)

    @route("GET", GRAPH, "/v1.0/servicePrincipals")
    def list(self, request: Request) -> Json:
        """The service principals that fit `$filter`."""
        self.enter(request)
        items = list(self.world.service_principals.values())
        return self.listed(request, "servicePrincipals", items)

    @route("GET", GRAPH, "/v1.0/servicePrincipals{key}")
    @route("GET", GRAPH, _PRINCIPAL)
    def get(self, request: Request, key: str) -> Json:
        """One service principal. 404 Request_ResourceNotFound."""
        self.enter(request)
        body = self._find(key).body
        return {"@odata.context": context("servicePrincipals/$entity"), **body}

    @route("POST", GRAPH, "/v1.0/servicePrincipals")
    def create(self, request: Request) -> Answer:
        """The principal of an application in this tenant (201). 409 for a second one."""
        self.enter(request, writes=True)
        self.check_member(request)
        client = str(request.json().get("appId") or "")
        with self.account.lock:
            known = [one for one in self.world.applications.values() if self.replicated(one)]
            found = [one for one in known if one.body["appId"] == client]
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
            made = self.add(found[0].body)
        return Answer(201, {"@odata.context": context("servicePrincipals/$entity"), **made.body})

    def add(
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
    def delete(self, request: Request, key: str) -> Answer:
        """Delete a service principal; its role assignments stay, with nobody behind them."""
        self.enter(request, writes=True)
        with self.account.lock:
            self.forget(self._find(key))
        return Answer(204)

    def forget(self, one: ServicePrincipal) -> None:
        """Take a service principal away."""
        del self.world.service_principals[one.body["id"]]
        self.account.principals.pop(one.body["id"], None)

    @route("GET", GRAPH, "/v1.0/me")
    def me(self, request: Request) -> Json:
        """Nobody: who signs in here is an application."""
        self.enter(request)
        raise AzureError(
            400,
            "BadRequest",
            "/me request is only valid with delegated authentication flow.",
        )

    @route("POST", GRAPH, "/v1.0/directoryObjects/getByIds")
    def by_ids(self, request: Request) -> Json:
        """The objects of some ids; those that are not known are left out."""
        self.enter(request)
        known = self.world.service_principals
        found = [
            known[number].body for number in request.json().get("ids") or [] if number in known
        ]
        kind = "#microsoft.graph.servicePrincipal"
        return {
            "@odata.context": context("directoryObjects"),
            "value": [{"@odata.type": kind, **body} for body in found],
        }
