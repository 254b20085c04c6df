"""Microsoft Graph: federated credentials of an application, which tokens of others are taken by.

Shapes: the resource type federatedIdentityCredential of Microsoft Graph 1.0.
"""

from __future__ import annotations

import builtins
import re
import uuid

from ..routing import GRAPH, Answer, AzureError, Json, Request, route
from .directory_objects import context, matches
from .graph import GraphPart
from .state import Application

_ALL = "/federatedIdentityCredentials"
_MOST = 20  # of an application
_NEEDED = ("name", "issuer", "subject", "audiences")


class Federated(GraphPart):
    """The federated credentials of the tenant's applications."""

    def of(self, client: str) -> builtins.list[Json]:
        """The credentials of the application with this client id."""
        known = self.world.applications.values()
        return [each for one in known if one.body["appId"] == client for each in one.federated]

    def add(
        self, client: str, issuer: str, subject: str, audience: str = "api://AzureADTokenExchange"
    ) -> Json:
        """A credential that is there already. AzureError 404 without the application."""
        one = self.azure.applications.find(f"(appId='{client}')")
        given = {"name": f"fic-{len(one.federated)}", "issuer": issuer, "subject": subject}
        return self._keep(one, given | {"audiences": [audience]})

    def _keep(self, one: Application, given: Json) -> Json:
        """What was asked for, made. AzureError 400, 409."""
        if set(given) - {*_NEEDED, "description"} or set(_NEEDED) - set(given):
            raise _refused("The fields name, issuer, subject and audiences are needed.")
        if not re.fullmatch(r"[A-Za-z0-9_-]{3,120}", given["name"]):
            raise _refused("The value of the property 'name' is invalid.")
        if len(given["audiences"]) != 1 or not given["issuer"].startswith("https://"):
            raise _refused("One audience and an https issuer are needed.")
        if len(one.federated) >= _MOST:
            raise _refused(f"An application has at most {_MOST} of them.")
        _check_unique(one.federated, given)
        made = {"id": str(uuid.uuid4()), "description": None, **given}
        one.federated.append(made)
        return made

    def _find(self, one: Application, name: str) -> Json:
        """A credential by its id or its name. AzureError 404."""
        for each in one.federated:
            if name in (each["id"], each["name"]):
                return each
        raise AzureError(
            404,
            "Request_ResourceNotFound",
            f"FederatedIdentityCredential with name {name} not found.",
        )

    @route("GET", GRAPH, "/v1.0/applications{key}" + _ALL)
    @route("GET", GRAPH, "/v1.0/applications/{key}" + _ALL)
    def list(self, request: Request, key: str) -> Json:
        """Those of an application that fit `$filter`. 404."""
        self.enter(request)
        one, asked = self.azure.applications.find(key), request.query.get("$filter", "")
        found = [each for each in one.federated if matches(each, asked)]
        return {"@odata.context": context(f"applications('{key}'){_ALL}"), "value": found}

    @route("POST", GRAPH, "/v1.0/applications{key}" + _ALL)
    @route("POST", GRAPH, "/v1.0/applications/{key}" + _ALL)
    def make(self, request: Request, key: str) -> Answer:
        """A new one (201). 400 where name, issuer and subject, or audiences do not do."""
        self.enter(request, writes=True)
        with self.account.lock:
            made = self._keep(self.azure.applications.find(key), request.json())
        return Answer(201, _entity(key, made))

    @route("GET", GRAPH, "/v1.0/applications{key}" + _ALL + "/{number}")
    @route("GET", GRAPH, "/v1.0/applications/{key}" + _ALL + "/{number}")
    def get(self, request: Request, key: str, number: str) -> Json:
        """One of them. 404."""
        self.enter(request)
        return _entity(key, self._find(self.azure.applications.find(key), number))

    @route("PATCH", GRAPH, "/v1.0/applications{key}" + _ALL + "/{number}")
    @route("PATCH", GRAPH, "/v1.0/applications/{key}" + _ALL + "/{number}")
    def change(self, request: Request, key: str, number: str) -> Answer:
        """Change all but the name (204). 400, 404, 409."""
        self.enter(request, writes=True)
        given = request.json()
        with self.account.lock:
            one = self.azure.applications.find(key)
            found = self._find(one, number)
            wanted = {**found, **{k: given[k] for k in found if k in given and k != "id"}}
            if wanted["name"] != found["name"]:
                raise _refused("Name is immutable and cannot be changed after creation.")
            _check_unique([each for each in one.federated if each is not found], wanted)
            found.update(wanted)
        return Answer(204)

    @route("DELETE", GRAPH, "/v1.0/applications{key}" + _ALL + "/{number}")
    @route("DELETE", GRAPH, "/v1.0/applications/{key}" + _ALL + "/{number}")
    def delete(self, request: Request, key: str, number: str) -> Answer:
        """Take nobody's token any more (204). 404."""
        self.enter(request, writes=True)
        with self.account.lock:
            one = self.azure.applications.find(key)
            one.federated.remove(self._find(one, number))
        return Answer(204)


def _entity(key: str, made: Json) -> Json:
    return {"@odata.context": context(f"applications('{key}'){_ALL}/$entity"), **made}


def _check_unique(others: list[Json], given: Json) -> None:
    """AzureError 409 for a name, or for an issuer with a subject, that is there."""
    for one in others:
        same = (one["issuer"], one["subject"]) == (given["issuer"], given["subject"])
        if same or one["name"] == given["name"]:
            raise AzureError(
                409,
                "Request_MultipleObjectsWithSameKeyValue",
                f"FederatedIdentityCredential with name {given['name']} already exists.",
            )


def _refused(message: str) -> AzureError:
    return AzureError(400, "Request_BadRequest", message)
