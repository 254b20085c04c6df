"""Doubles of those who sign for a job that has no secret: Azure DevOps and GitHub Actions.

Shapes: distributedTask/7.1/taskAgent.json of MicrosoftDocs/vsts-rest-api-specs (TaskHubOidcToken);
"OpenID Connect reference" of GitHub's documentation with actions/toolkit's oidc-utils; OpenID
Connect Discovery 1.0. A token lives 10 minutes from Azure DevOps, 5 from GitHub
(Azure/azure-cli#28708).
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
import time
import uuid
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from .routing import DEVOPS, GITHUB_OIDC, LOGIN, VSTOKEN, Answer, AzureError, Json, Request, route

if TYPE_CHECKING:
    from .standin import Azure

AUDIENCE = "api://AzureADTokenExchange"
GITHUB = "https://token.actions.githubusercontent.com"
_APPLICATION = "499b84ac-1321-427f-aa17-267ca6975798"  # Azure DevOps, as Entra knows it
_SIGN_IN = b"<html><head><title>Azure DevOps Services | Sign In</title></head></html>"


def encode(data: bytes) -> str:
    """Base64 as a JWT has it."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Issuers:
    """Hands signed tokens to jobs, and shows the keys that they are signed with.

    `seconds` is how long a token lives, where a test wants it otherwise.
    """

    def __init__(self, azure: Azure) -> None:
        self.azure = azure
        self.seconds: float | None = None
        self.system_token = secrets.token_urlsafe(40)  # a job's SYSTEM_ACCESSTOKEN
        self.connections: dict[str, tuple[str, str]] = {}  # a connection's id → issuer, subject
        self.jobs: dict[str, str] = {}  # a GitHub job's bearer token → its subject
        self._keys: dict[str, rsa.RSAPrivateKey] = {}
        self._lock = threading.Lock()

    @property
    def entra(self) -> str:
        """The issuer of new service connections."""
        return f"{self.azure.account.login}/v2.0"

    def key(self, issuer: str) -> rsa.RSAPrivateKey:
        """The key of an issuer, made when it is first needed."""
        with self._lock:
            if issuer not in self._keys:
                self._keys[issuer] = rsa.generate_private_key(65537, 2048)
            return self._keys[issuer]

    def renew_key(self, issuer: str) -> None:
        """From here on an issuer signs with another key, and shows that one alone."""
        with self._lock:
            self._keys.pop(issuer, None)

    def token(
        self, issuer: str, subject: str, audience: str = AUDIENCE, seconds: float = 600
    ) -> str:
        """A token that an issuer signed (RS256)."""
        now = int(time.time())
        body = {
            "iss": issuer,
            "sub": subject,
            "aud": audience,
            "iat": now,
            "nbf": now - 300,
            "exp": now + int(seconds if self.seconds is None else self.seconds),
            "jti": str(uuid.uuid4()),
        }
        key = self.key(issuer)
        head = {"alg": "RS256", "typ": "JWT", "kid": key_id(key)}
        text = ".".join(encode(json.dumps(part).encode()) for part in (head, body))
        signature = key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{text}.{encode(signature)}"

    def pipelines_step(
        self, client: str, *, organization: str = "contoso", issuer: str = "", subject: str = ""
    ) -> dict[str, str]:
        """The variables of an AzureCLI@2 step that maps SYSTEM_ACCESSTOKEN; its connection is new.

        Without `issuer` and `subject` it is a connection as they are made today, by Entra.
        """
        account, number = self.azure.account, str(uuid.uuid4())
        parts = (account.tenant_id, _APPLICATION)
        tenant, application = (encode(uuid.UUID(one).bytes_le) for one in parts)
        own = f"/eid1/c/pub/t/{tenant}/a/{application}/sc/{uuid.uuid4()}/{number}"
        self.connections[number] = (issuer or self.entra, subject or own)
        place = f"https://dev.azure.com/{organization}/{uuid.uuid4()}/_apis/distributedtask"
        return {
            "TF_BUILD": "True",
            "SYSTEM_OIDCREQUESTURI": f"{place}/hubs/build/plans/{uuid.uuid4()}"
            f"/jobs/{uuid.uuid4()}/oidctoken",
            "SYSTEM_ACCESSTOKEN": self.system_token,
            "AZURESUBSCRIPTION_SERVICE_CONNECTION_ID": number,
            "AZURESUBSCRIPTION_CLIENT_ID": client,
            "AZURESUBSCRIPTION_TENANT_ID": account.tenant_id,
        }

    def github_step(self, subject: str) -> dict[str, str]:
        """The variables of a step whose job has `permissions: id-token: write`."""
        bearer = secrets.token_urlsafe(40)
        self.jobs[bearer] = subject
        place = "https://run-actions-1-azure-eastus.actions.githubusercontent.com/165//idtoken"
        return {
            "GITHUB_ACTIONS": "true",
            "ACTIONS_ID_TOKEN_REQUEST_URL": f"{place}/{uuid.uuid4()}/{uuid.uuid4()}"
            "?api-version=2.0",
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN": bearer,
        }

    @route(
        "POST",
        DEVOPS,
        "/{organization}/{project}/_apis/distributedtask/hubs/{hub}/plans/{plan}/jobs/{job}"
        "/oidctoken",
        auth=False,
    )
    def for_pipeline(self, request: Request, **_place: str) -> Answer:
        """A token for a service connection; a page to sign in at for who is no running job."""
        if _bearer(request) != self.system_token:
            return Answer(203, _SIGN_IN, {"Content-Type": "text/html; charset=utf-8"})
        number = request.query.get("serviceConnectionId", "")
        if number not in self.connections:
            raise AzureError(
                404,
                "ServiceEndpointNotFoundException",
                f"The service connection {number} does not exist, or this pipeline may not use it.",
            )
        return Answer(200, {"oidcToken": self.token(*self.connections[number])})

    @route("GET", GITHUB_OIDC, "/{run}/idtoken/{plan}/{job}", auth=False)
    def for_workflow(self, request: Request, run: str, plan: str, job: str) -> Json:
        """A token for a job of GitHub Actions. AzureError 401."""
        subject = self.jobs.get(_bearer(request))
        if subject is None:
            raise AzureError(401, "Unauthorized", "The job of this token is not running.")
        audience = request.query.get("audience") or "https://github.com/contoso"
        value = self.token(GITHUB, subject, audience, 300)
        return {"count": len(value), "value": value}

    def keys(self, issuer: str) -> Json:
        """An issuer's public keys (JWKS)."""
        key = self.key(issuer)
        public = key.public_key().public_numbers()
        number = public.n.to_bytes(256, "big")
        exponent = public.e.to_bytes(3, "big")
        known = {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": key_id(key)}
        return {"keys": [known | {"n": encode(number), "e": encode(exponent)}]}

    @route("GET", LOGIN, "/{tenant}/discovery/v2.0/keys", auth=False)
    def entra_keys(self, request: Request, tenant: str) -> Json:
        """The keys of Entra as an issuer."""
        return self.keys(self.entra)

    @route("GET", GITHUB_OIDC, "/.well-known/jwks", auth=False)
    @route("GET", VSTOKEN, "/{organization}/.well-known/jwks", auth=False)
    def job_keys(self, request: Request, organization: str = "") -> Json:
        """The keys of GitHub Actions, or of an organization of Azure DevOps."""
        return self.keys(f"https://{request.host}/{organization}".rstrip("/"))


def key_id(key: rsa.RSAPrivateKey) -> str:
    """The name of a key in a token's head and among an issuer's keys."""
    number = key.public_key().public_numbers().n
    return hashlib.sha256(number.to_bytes(256, "big")).hexdigest()[:40].upper()


def _bearer(request: Request) -> str:
    kind, _, token = (request.headers.get("Authorization") or "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else ""
