"""The managed identity of a job: the endpoint that gives its process tokens, and whose they are.

A job that asks for it (`identity: managed`) has the user-assigned identities of its cluster, on
serverless compute those of its workspace: the one that it names, or the first, is its default; its
code may ask for each by client id. A cluster's own is not played: there is no identity then.
Variables and answer: `azure_ml.py` of azure-identity; DEFAULT_IDENTITY_CLIENT_ID, which is first:
"Set up authentication between Azure Machine Learning and other services" (Microsoft Learn).
"""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING

from ..account import Principal
from ..computes import ids_of, principal_of
from ..routing import IMDS, Answer, Json, Request, route
from .command import compute_name

if TYPE_CHECKING:
    from ..standin import Azure

#: On Azure ML a port of the node's own; here that of the link-local address that is played.
_PATH = "/MSI/auth"


class ManagedIdentities:
    """Tokens for the processes of jobs: each has a secret of its own, good until the end."""

    def __init__(self, azure: Azure) -> None:
        self.azure = azure
        self._secrets: dict[str, tuple[list[Principal], str]] = {}

    def variables(self, given: Json) -> dict[str, str]:
        """What a job's environment says of its identity; empty where it has none."""
        asked = given.get("identity") or {}
        if asked.get("identityType") != "Managed":
            return {}
        if name := compute_name(given.get("computeId")):
            cluster = self.azure.computes.find(name)
            identity = (cluster.identity if cluster else None) or {}
            users = identity.get("userAssignedIdentities") or {}
        else:
            users = self.azure.account.workspace_identities
        held = sorted(users, key=lambda path: not _is_named(path, asked))  # the others as they were
        if not held:
            return {}
        secret, known = secrets.token_urlsafe(16), list(map(self._principal, held))
        default = known[0].client_id if name else ""
        # One address gives the tokens of all workspaces' jobs: the first one's.
        (self.azure.first or self.azure).v2.identities.keep(secret, known, default)
        told = {"MSI_ENDPOINT": f"http://169.254.169.254{_PATH}", "MSI_SECRET": secret}
        return told | ({"DEFAULT_IDENTITY_CLIENT_ID": default} if default else {})

    def _principal(self, path: str) -> Principal:
        """A user-assigned identity, which whoever made it knows already."""
        new = principal_of(path)
        return self.azure.account.principals.setdefault(new.object_id, new)

    def keep(self, secret: str, held: list[Principal], default: str) -> None:
        """Whose tokens a secret gets; `default` is the client id where none is asked for."""
        self._secrets[secret] = held, default

    @route("GET", IMDS, _PATH, auth=False)
    def token(self, request: Request) -> Answer:
        """A token of the job's identity; 401 without the secret that the job was given."""
        held, default = self._secrets.get(request.headers.get("secret") or "") or ([], "")
        client = request.query.get("clientid") or default
        who = next((one for one in held if client == one.client_id), None)
        if who is None:
            return Answer(401, {"statusCode": 401, "message": "No managed identity found."})
        audience, seconds = request.query.get("resource", ""), self.azure.account.token_seconds
        return Answer(
            200,
            {
                "access_token": self.azure.identity.token(audience, who),
                "expires_on": str(int(time.time()) + int(seconds)),
                "resource": audience,
                "token_type": "Bearer",
                "client_id": who.client_id,
            },
        )


def _is_named(path: str, asked: Json) -> bool:
    """Whether a job names the identity at this path (ManagedIdentity of its specification)."""
    ids = ids_of(path)
    known = {"clientId": ids["clientId"], "objectId": ids["principalId"], "resourceId": path}
    return any(str(asked.get(key) or "").lower() == each.lower() for key, each in known.items())
