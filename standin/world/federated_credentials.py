"""Microsoft Graph: the federated credentials of an application.

Shapes: the resource type federatedIdentityCredential of Microsoft Graph 1.0.
"""

from __future__ import annotations

import builtins
import uuid

from ..routing import GRAPH, Answer, AzureError, Json, Request, route
from .directory_objects import context, matches
from .graph import GraphPart
from .state import Application

_OF = "/v1.0/applications/{key}/federatedIdentityCredentials"
_BY_NAME = "/v1.0/applications{key}/federatedIdentityCredentials"
_MOST = 20  # of one application
_NEEDED = ("name", "issuer", "subject", "audiences")


class FederatedCredentials(GraphPart):
    """Whose tokens are taken for an application's own."""

    def of(self, client: str) -> builtins.list[Json]:
        """The credentials of the application with this client id."""
        known = self.world.applications.values()
        return [each for one in known if one.body["appId"] == client for each in one.federated]

    def add(self, client: str, issuer: str, subject: str, audience: str = "") -> Json:
        """A credential that is there already. LookupError without the application."""
        for one in self.world.applications.values():
            if one.body["appId"] == client:
                audiences = [audience or "api://AzureADTokenExchange"]
                name = f"fic-{len(one.federated)}"
                given = {"name": name, "issuer": issuer, "subject": subject}
                return self._keep(one, given | {"audiences": audiences})
        raise LookupError(client)

    def _keep(self, one: Application, given: Json) -> Json:
        for name in _NEEDED:
            if not given.get(name):
                raise _invalid(f"Property {name} is required and must not be empty.")
        if len(given["audiences"]) != 1:
            raise _invalid("Only one audience is allowed.")
        if len(one.federated) >= _MOST:
            raise _invalid(f"An application has {_MOST} federated identity credentials at most.")
        if any(each["name"] == given["name"] for each in one.federated):
            raise AzureError(
                409,
                "Request_MultipleObjectsWithSameKeyValue",
                f"FederatedIdentityCredential with name {given['name']} already exists.",
            )
        self._check_unique(one.federated, given)
        made = {"id": str(uuid.uuid4()), "description": given.get("description")}
        made |= {name: given[name] for name in _NEEDED}
        one.federated.append(made)
        return made

    def _check_unique(self, others: builtins.list[Json], given: Json) -> None:
        pair = (given["issuer"], given["subject"])
        if any((each["issuer"], each["subject"]) == pair for each in others):
            raise AzureError(
                409,
                "Request_MultipleObjectsWithSameKeyValue",
                "The combination of issuer and subject must be unique on the application.",
            )

    def _find(self, one: Application, name: str) -> Json:
        """A credential by its id or its name. AzureError 404."""
        for each in one.federated:
            if name in (each["id"], each["name"], f"(name='{each['name']}')"):
                return each
        raise AzureError(
            404,
            "Request_ResourceNotFound",
            f"FederatedIdentityCredential with name {name} not found.",
        )

    @route("GET", GRAPH, _BY_NAME)
    @route("GET", GRAPH, _OF)
    def list(self, request: Request, key: str) -> Json:
        """The credentials of an application."""
        self.enter(request)
        one = self.azure.applications.find(key)
        asked = request.query.get("$filter", "")
        kind = f"applications('{one.body['id']}')/federatedIdentityCredentials"
        return {
            "@odata.context": context(kind),
            "value": [each for each in one.federated if matches(each, asked)],
        }

    @route("POST", GRAPH, _BY_NAME)
    @route("POST", GRAPH, _OF)
    def create(self, request: Request, key: str) -> Answer:
        """Trust another issuer's tokens about one subject (201). 409 for a second one."""
        self.enter(request, writes=True)
        with self.account.lock:
            one = self.azure.applications.find(key)
            made = self._keep(one, request.json())
        return Answer(201, _entity(one, made))

    @route("GET", GRAPH, _BY_NAME + "/{name}")
    @route("GET", GRAPH, _OF + "/{name}")
    def get(self, request: Request, key: str, name: str) -> Json:
        """One credential. 404 Request_ResourceNotFound."""
        self.enter(request)
        one = self.azure.applications.find(key)
        return _entity(one, self._find(one, name))

    @route("PATCH", GRAPH, _BY_NAME + "/{name}")
    @route("PATCH", GRAPH, _OF + "/{name}")
    def change(self, request: Request, key: str, name: str) -> Answer:
        """Change a credential, but for its name (204)."""
        self.enter(request, writes=True)
        given = request.json()
        with self.account.lock:
            one = self.azure.applications.find(key)
            found = self._find(one, name)
            if given.get("name", found["name"]) != found["name"]:
                raise _invalid("Name is immutable and cannot be changed after creation.")
            wanted = {**found, **{k: given[k] for k in found if k in given and k != "id"}}
            self._check_unique([each for each in one.federated if each is not found], wanted)
            found.update(wanted)
        return Answer(204)

    @route("DELETE", GRAPH, _BY_NAME + "/{name}")
    @route("DELETE", GRAPH, _OF + "/{name}")
    def delete(self, request: Request, key: str, name: str) -> Answer:
        """Trust no longer (204)."""
        self.enter(request, writes=True)
        with self.account.lock:
            one = self.azure.applications.find(key)
            one.federated.remove(self._find(one, name))
        return Answer(204)


def _entity(one: Application, found: Json) -> Json:
    kind = f"applications('{one.body['id']}')/federatedIdentityCredentials/$entity"
    return {"@odata.context": context(kind), **found}


def _invalid(message: str) -> AzureError:
    return AzureError(400, "Request_BadRequest", message)
