"""Entra: discovery, the token endpoint, and who a bearer token names.

Shapes: "OAuth 2.0 client credentials flow on the Microsoft identity platform" (Microsoft Learn);
the AADSTS codes are those of "Microsoft Entra authentication and authorization error codes".
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import threading
import time
import uuid
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from .account import Principal
from .federation import check_assertion
from .routing import IMDS, LOGIN, Answer, AzureError, Json, Request, route

if TYPE_CHECKING:
    from .standin import Azure


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Identity:
    """Hands out bearer tokens (JWTs signed with a key of this process) and knows them again."""

    def __init__(self, azure: Azure) -> None:
        self.azure = azure
        self.account = azure.account
        self._key = secrets.token_bytes(32)
        self._expired: set[str] = set()
        self._known: dict[str, Json] = {}
        self._lock = threading.Lock()

    def token(
        self,
        audience: str,
        principal: Principal | None = None,
        seconds: float | None = None,
        **claims: Any,
    ) -> str:
        """A bearer token for `audience`, of the service principal by default."""
        who = principal or self.account.service_principal
        now = int(time.time())
        body: Json = {
            "aud": audience,
            "iss": f"https://sts.windows.net/{self.account.tenant_id}/",
            "iat": now,
            "nbf": now,
            "exp": now + int(self.account.token_seconds if seconds is None else seconds),
            "tid": self.account.tenant_id,
            "oid": who.object_id,
            "sub": who.object_id,
            "appid": who.client_id,
            "jti": str(uuid.uuid4()),
            "ver": "1.0",
            **claims,
        }
        head = _encode(json.dumps({"alg": "HS256", "typ": "JWT"}).encode())
        text = f"{head}.{_encode(json.dumps(body).encode())}"
        return f"{text}.{self._sign(text)}"

    def _sign(self, text: str) -> str:
        return _encode(hmac.digest(self._key, text.encode(), hashlib.sha256))

    def _claims(self, token: str) -> Json:
        """What a token says. ValueError if it is none of ours."""
        with self._lock:
            if token in self._known:
                return self._known[token]
        text, _, signature = token.rpartition(".")
        if not hmac.compare_digest(signature.encode(), self._sign(text).encode()):
            raise ValueError("signature")
        claims: Json = json.loads(_decode(text.split(".")[1]))
        with self._lock:
            self._known[token] = claims
        return claims

    def who(self, request: Request) -> Principal:
        """The principal of a request's bearer token. AzureError 401 when missing, wrong or old."""
        kind, _, token = (request.headers.get("Authorization") or "").partition(" ")
        if kind.lower() != "bearer" or not token:
            raise self.account.no_token()
        challenge = {"WWW-Authenticate": f'Bearer error="invalid_token", {self.account.login}'}
        try:
            claims = self._claims(token.strip())
        except ValueError:
            raise AzureError(
                401, "InvalidAuthenticationToken", "The access token is invalid.", challenge
            ) from None
        if claims["exp"] < time.time() or claims["jti"] in self._expired:
            raise AzureError(
                401,
                "ExpiredAuthenticationToken",
                "The access token expiry UTC time is earlier than current UTC time.",
                challenge,
            )
        who = self.account.principals.get(claims["oid"])
        if who is None:  # deleted since
            raise AzureError(
                401, "InvalidAuthenticationToken", "The access token is invalid.", challenge
            )
        return who

    def audience(self, request: Request) -> str:
        """The resource that the bearer token of a request is for; "" without a token of ours."""
        try:
            token = (request.headers.get("Authorization") or "").partition(" ")[2]
            return str(self._claims(token.strip())["aud"])
        except ValueError:
            return ""

    def expire(self, request: Request) -> None:
        """Make the token of a request an expired one."""
        try:
            token = (request.headers.get("Authorization") or "").partition(" ")[2]
            self._expired.add(self._claims(token)["jti"])
        except ValueError:
            pass

    @route("GET", LOGIN, "/common/discovery/instance", auth=False)
    @route("GET", LOGIN, "/{tenant}/discovery/instance", auth=False)
    def instances(self, request: Request, tenant: str = "") -> Json:
        """Instance discovery, which says that login.microsoftonline.com is a known authority."""
        name = request.host
        return {
            "tenant_discovery_endpoint": f"{self.account.login}/v2.0/.well-known/"
            "openid-configuration",
            "api-version": "1.1",
            "metadata": [
                {"preferred_network": name, "preferred_cache": name, "aliases": [name]},
            ],
        }

    @route("GET", LOGIN, "/{tenant}/v2.0/.well-known/openid-configuration", auth=False)
    @route("GET", LOGIN, "/{tenant}/.well-known/openid-configuration", auth=False)
    def openid(self, request: Request, tenant: str) -> Json:
        """The endpoints of a tenant. 400 invalid_tenant for one that does not exist."""
        self._check_tenant(tenant)
        base = f"https://{request.host}/{tenant}"
        return {
            "issuer": f"{base}/v2.0",
            "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
            "token_endpoint": f"{base}/oauth2/v2.0/token",
            "device_authorization_endpoint": f"{base}/oauth2/v2.0/devicecode",
            "jwks_uri": f"{base}/discovery/v2.0/keys",
            "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "tenant_region_scope": "EU",
            "cloud_instance_name": "microsoftonline.com",
        }

    def _check_tenant(self, tenant: str) -> None:
        if tenant.lower() not in (self.account.tenant_id, "organizations", "common"):
            raise AzureError(
                400,
                "invalid_tenant",
                f"AADSTS90002: Tenant '{tenant}' not found. Check to make sure you have the "
                "correct tenant ID and are signing into the correct cloud.",
            )

    @route("POST", LOGIN, "/{tenant}/oauth2/v2.0/token", auth=False)
    @route("POST", LOGIN, "/{tenant}/oauth2/token", auth=False)
    def grant(self, request: Request, tenant: str) -> Json:
        """The client credentials grant, by secret or by a federated assertion."""
        self._check_tenant(tenant)
        form = dict(parse_qsl(request.body.decode()))
        kind = form.get("grant_type")
        if kind != "client_credentials":
            raise AzureError(
                400,
                "unsupported_grant_type",
                f"AADSTS70003: The app requested an unsupported grant type '{kind}'.",
            )
        client = form.get("client_id", "")
        if client not in self.account.credentials:
            raise AzureError(
                400,
                "unauthorized_client",
                f"AADSTS700016: Application with identifier '{client}' was not found in the "
                f"directory '{self.account.tenant_id}'.",
            )
        self._check_credential(form)
        who = self._principal(client)
        scope = form.get("scope") or form.get("resource") or ""
        answer = self._answer(scope.removesuffix("/.default"), who)
        if "/v2.0/" in request.path:
            return answer
        ends = str(int(time.time()) + int(answer["expires_in"]))
        texts = {key: str(answer[key]) for key in ("expires_in", "ext_expires_in")}
        return answer | texts | {"expires_on": ends, "resource": scope}

    def _check_credential(self, form: dict[str, str]) -> None:
        """AzureError unless the secret is the application's own, or it trusts the assertion."""
        assertion = form.get("client_assertion")
        if assertion is not None:
            check_assertion(self.azure, form["client_id"], assertion)
            return
        secret, client = form.get("client_secret", "").encode(), form["client_id"]
        held = self.account.credentials[client].values()
        if not any(hmac.compare_digest(secret, one.encode()) for one in held):
            raise AzureError(
                401,
                "invalid_client",
                "AADSTS7000215: Invalid client secret provided. Ensure the secret being sent in "
                "the request is the client secret value, not the client secret ID, for a secret "
                f"added to app '{client}'.",
            )

    def _principal(self, client: str) -> Principal:
        """The service principal of an application. AzureError 401 when it has none."""
        for one in self.account.principals.values():
            if one.client_id == client:
                return one
        raise AzureError(
            401,
            "invalid_client",
            f"AADSTS7000229: The client application {client} is missing service principal in the "
            f"tenant {self.account.tenant_id}.",
        )

    def _answer(self, audience: str, who: Principal | None = None) -> Json:
        seconds = self.account.token_seconds
        return {
            "token_type": "Bearer",
            "expires_in": seconds,
            "ext_expires_in": seconds,
            "access_token": self.token(audience, who),
        }

    @route("GET", IMDS, "/metadata/identity/oauth2/token", auth=False)
    def managed(self, request: Request) -> Answer:
        """The instance metadata service: a token of the machine's managed identity."""
        if (request.headers.get("Metadata") or "").lower() != "true":
            return Answer(
                400,
                {
                    "error": "bad_request_102",
                    "error_description": "Required metadata header not specified",
                },
            )
        audience = request.query.get("resource", "")
        body = self._answer(audience)
        ends = str(int(time.time()) + int(body["expires_in"]))
        body |= {"expires_on": ends, "resource": audience, "client_id": self.account.client_id}
        return Answer(200, {key: str(value) for key, value in body.items()})
