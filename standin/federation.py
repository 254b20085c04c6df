"""Whether Entra takes a token of another issuer for an application's: its federated credentials.

Words: Entra's as reported in Azure/login #482, #515, #283, Azure/azure-workload-identity #1200,
#1232, Azure/azure-cli #28708, #28863, and "Microsoft Entra authentication and authorization error
codes". What is compared: "Workload identity federation" (Microsoft Learn), letter by letter.
"""

from __future__ import annotations

import base64
import datetime
import json
import time
from typing import TYPE_CHECKING, NoReturn
from urllib.parse import urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from .errors import AzureError

if TYPE_CHECKING:
    from .routing import Json
    from .standin import Azure

_CHECK = (
    "Check your federated identity credential Subject, Audience and Issuer against the presented "
    "assertion. https://learn.microsoft.com/entra/workload-id/workload-identity-federation"
)


def check_assertion(azure: Azure, client: str, assertion: str) -> None:
    """AzureError, in Entra's words, unless an issuer that `client` trusts signed the assertion."""
    head, claims, signed, signature = _parts(assertion)
    trusted = azure.federated.of(client)
    if not trusted:
        _refuse(70025, f"The client '{client}' has no configured federated identity credentials.")
    _check_trust(trusted, claims)
    _check_signature(_keys(azure, claims["iss"]), head, claims, signed, signature)
    now = time.time()
    if not claims["nbf"] <= now < claims["exp"]:
        moments = [
            datetime.datetime.fromtimestamp(one, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.%f0Z")
            for one in (now, claims["nbf"], claims["exp"])
        ]
        _refuse(
            700024,
            "Client assertion is not within its valid time range. Current time: "
            f"{moments[0]}, assertion valid from {moments[1]}, expiry time of assertion "
            f"{moments[2]}. Review the documentation at "
            "https://learn.microsoft.com/entra/identity-platform/certificate-credentials .",
        )


def _check_trust(trusted: list[Json], claims: Json) -> None:
    """Issuer, then subject, then audience: the first that no credential has is named."""
    record = "No matching federated identity record found for presented assertion"
    mine = [one for one in trusted if one["issuer"] == claims["iss"]]
    if not mine:
        _refuse(700211, f"{record} issuer '{claims['iss']}'. {_CHECK}")
    subject = claims["sub"]
    same = [one for one in mine if one["subject"] == subject]
    if not same and any(one["subject"].lower() == subject.lower() for one in mine):
        _refuse(
            7002138,
            f"{record} subject '{subject}'. The subject matches with case-insensitive comparison, "
            f"but not with case-sensitive comparison. {_CHECK}",
        )
    if not same:
        _refuse(700213, f"{record} subject '{subject}'. {_CHECK}")
    if not any(claims["aud"] in one["audiences"] for one in same):
        _refuse(700212, f"{record} audience '{claims['aud']}'. {_CHECK}")


def _check_signature(
    keys: list[Json], head: Json, claims: Json, signed: bytes, signature: bytes
) -> None:
    found = [one for one in keys if one["kid"] == head.get("kid")]
    if not found or head.get("alg") != "RS256":
        _refuse(
            7000272,
            f"The certificate with identifier {head.get('kid')} used to sign the federated "
            "credential could not be found in the metadata of identity provider "
            f"{claims['iss']}. Please validate that your Identity Provider's metadata exposes the "
            "key used to sign the incoming token.",
        )
    modulus, exponent = (int.from_bytes(_decode(found[0][name]), "big") for name in ("n", "e"))
    public = rsa.RSAPublicNumbers(exponent, modulus).public_key()
    try:
        public.verify(signature, signed, padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        _refuse(
            50013,
            "Assertion failed signature validation. [Reason - Key was found, but use of the key to "
            f"verify the signature failed., Thumbprint of key used by client: '{head['kid']}']",
        )


def _keys(azure: Azure, issuer: str) -> list[Json]:
    """The keys that an issuer shows; a fault on its address strikes here, too."""
    place = urlsplit(issuer)
    path = f"{place.path.rstrip('/')}/.well-known/openid-configuration"
    if azure.faults.take("GET", place.netloc, path):
        raise AzureError(
            400, "invalid_request", "AADSTS50166: Request to External OIDC endpoint failed."
        )
    keys: list[Json] = azure.issuers.keys(issuer)["keys"]
    return keys


def _parts(assertion: str) -> tuple[Json, Json, bytes, bytes]:
    """Head, claims, what is signed and the signature of a JWT. AzureError 400 for another text."""
    try:
        signed, _, signature = assertion.rpartition(".")
        head, claims = (json.loads(_decode(part)) for part in signed.split("."))
        if not {"iss", "sub", "aud", "exp", "nbf"} <= set(claims):
            raise ValueError("claims")
        return head, claims, signed.encode(), _decode(signature)
    except (ValueError, TypeError):
        raise AzureError(
            400, "invalid_request", "AADSTS50027: JWT token is invalid or malformed."
        ) from None


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _refuse(number: int, words: str) -> NoReturn:
    raise AzureError(401, "invalid_client", f"AADSTS{number}: {words}")
