"""The managed identity of a job: the endpoint that gives its process tokens, and whose they are.

A job that asks for it (`identity: managed`) acts as its cluster's user-assigned identity. That of a
cluster itself, and the workspace's on serverless compute, are not played: there is no identity
then. Variables and answer: `azure_ml.py` of azure-identity; DEFAULT_IDENTITY_CLIENT_ID: "Set up
authentication between Azure Machine Learning and other services" (Microsoft Learn).
"""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING

from ..account import Principal
from ..computes import ids_of
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
        self._secrets: dict[str, Principal] = {}

    def variables(self, given: Json) -> dict[str, str]:
        """What a job's environment says of its identity; empty where it has none."""
        asked = given.get("identity") or {}
        if asked.get("identityType") != "Managed":
            return {}
        cluster = self.azure.computes.find(compute_name(given.get("computeId")))
        users = ((cluster.identity if cluster else None) or {}).get("userAssignedIdentities") or {}
        if not users:
            return {}
        ids, account = ids_of(next(iter(users))), self.azure.account
        who = account.principals.setdefault(
            ids["principalId"], Principal(ids["principalId"], ids["clientId"], "managed identity")
        )
        secret = secrets.token_urlsafe(16)
        # One address gives the tokens of all workspaces' jobs: the first one's.
        (self.azure.first or self.azure).v2.identities.keep(secret, who)
        return {
            "MSI_ENDPOINT": f"http://169.254.169.254{_PATH}",
            "MSI_SECRET": secret,
            "DEFAULT_IDENTITY_CLIENT_ID": who.client_id,
        }

    def keep(self, secret: str, who: Principal) -> None:
        """Whose tokens a secret gets."""
        self._secrets[secret] = who

    @route("GET", IMDS, _PATH, auth=False)
    def token(self, request: Request) -> Answer:
        """A token of the job's identity; 401 without the secret that the job was given."""
        who = self._secrets.get(request.headers.get("secret") or "")
        client = request.query.get("clientid")
        if who is None or client not in (None, who.client_id):
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
