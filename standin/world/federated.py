"""Microsoft Graph: federated credentials of an application, which tokens of others are taken by.

Shapes: the resource type federatedIdentityCredential of Microsoft Graph 1.0.
"""

from __future__ import annotations

import re
import uuid

from ..routing import GRAPH, Answer, AzureError, Json, Request, route
from .directory_objects import context
from .graph import GraphPart
from .state import Application

_ALL = "/federatedIdentityCredentials"
_MOST = 20  # of an application


class Federated(GraphPart):
    """The federated credentials of the tenant's applications."""

    def _application(self, key: str) -> Application:
        return self.azure.applications._find(key)

    @route("GET", GRAPH, "/v1.0/applications{key}" + _ALL)
    @route("GET", GRAPH, "/v1.0/applications/{key}" + _ALL)
    def list(self, request: Request, key: str) -> Json:
        """Those of an application. 404."""
        self.enter(request)
        kind = f"applications('{key}'){_ALL}"
        return {"@odata.context": context(kind), "value": self._application(key).federated}

    @route("POST", GRAPH, "/v1.0/applications{key}" + _ALL)
    @route("POST", GRAPH, "/v1.0/applications/{key}" + _ALL)
    def make(self, request: Request, key: str) -> Answer:
        """A new one (201). 400 where name, issuer and subject, or audiences do not do."""
        self.enter(request, writes=True)
        given = request.json()
        known = {"name", "issuer", "subject", "audiences", "description"}
        if set(given) - known or known - {"description"} - set(given):
            raise self._refused("The fields name, issuer, subject and audiences are needed.")
        if not re.fullmatch(r"[A-Za-z0-9_-]{3,120}", given["name"]):
            raise self._refused("The value of the property 'name' is invalid.")
        if len(given["audiences"]) != 1 or not given["issuer"].startswith("https://"):
            raise self._refused("One audience and an https issuer are needed.")
        with self.account.lock:
            found = self._application(key).federated
            if len(found) >= _MOST:
                raise self._refused(f"An application has at most {_MOST} of them.")
            for one in found:
                same = (one["issuer"], one["subject"]) == (given["issuer"], given["subject"])
                if same or one["name"] == given["name"]:
                    raise AzureError(
                        409,
                        "Request_MultipleObjectsWithSameKeyValue",
                        f"FederatedIdentityCredential with name {given['name']} already exists.",
                    )
            made = {"id": str(uuid.uuid4()), "description": None, **given}
            found.append(made)
        place = f"applications('{key}'){_ALL}/$entity"
        return Answer(201, {"@odata.context": context(place), **made})

    @route("PATCH", GRAPH, "/v1.0/applications{key}" + _ALL + "/{number}")
    @route("PATCH", GRAPH, "/v1.0/applications/{key}" + _ALL + "/{number}")
    def change(self, request: Request, key: str, number: str) -> Answer:
        """Change all but the name (204). 404."""
        self.enter(request, writes=True)
        given = request.json()
        for one in self._application(key).federated:
            if one["id"] == number:
                one.update({name: value for name, value in given.items() if name != "name"})
                return Answer(204)
        raise self.missing(number)

    def _refused(self, message: str) -> AzureError:
        return AzureError(400, "Request_BadRequest", message)
