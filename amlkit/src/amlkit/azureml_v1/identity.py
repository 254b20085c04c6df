"""Who calls Azure ML: `azure.auth` in config.yml chooses, azure-identity does the rest."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

from amlkit.azureml_v1 import federation
from amlkit.settings import Azure

# A token is renewed this long before it ends (s); what it was asked for may take a while.
RENEWED_BEFORE = 300


def caller(azure: Azure) -> str:
    """Who is used, in words."""
    source = federation.source(os.environ)
    return {
        "service-principal": f"the service principal {azure.client_id}",
        "azure-cli": "the user of `az login`",
        "managed-identity": "the managed identity of this machine"
        + (f" {azure.client_id}" if azure.client_id else ""),
        "workload-identity": f"the workload identity {azure.client_id}"
        + (f" by {federation.SOURCES[source]}" if source else ""),
    }[azure.auth]


def credential(azure: Azure) -> Any:
    """The azure-identity credential for storage, and for all that is not the SDK's own.

    Raises:
        SettingsError: a workload identity that nobody gives a token here.
    """
    import azure.identity as identity

    if azure.auth == "azure-cli":
        return identity.AzureCliCredential(tenant_id=azure.tenant_id)
    if azure.auth == "managed-identity":
        return identity.ManagedIdentityCredential(client_id=azure.client_id or None)
    if azure.auth == "workload-identity":
        return federation.federated(azure)
    return identity.ClientSecretCredential(azure.tenant_id, azure.client_id, azure.client_secret)


def sdk_authentication(azure: Azure) -> Any:
    """The same caller as SDK v1 takes it.

    Its own `AzureCliAuthentication` cannot be installed beside today's azure-cli, so that whoever
    is not a service principal comes through azure-identity.
    """
    from azureml.core import authentication

    if azure.auth == "service-principal":
        return authentication.ServicePrincipalAuthentication(
            tenant_id=azure.tenant_id,
            service_principal_id=azure.client_id,
            service_principal_password=azure.client_secret,
        )
    return authentication.TokenAuthentication(kept_tokens(credential(azure)))


def kept_tokens(source: Any) -> Callable[[str], str]:
    """A function from audience to token that asks anew only when the old one ends.

    The SDK asks 25 times in one flow, and `az` takes half a second for each.
    """
    kept: dict[str, Any] = {}

    def token(audience: str) -> str:
        known = kept.get(audience)
        if known is None or known.expires_on - time.time() < RENEWED_BEFORE:
            kept[audience] = known = source.get_token(audience.rstrip("/") + "/.default")
        return str(known.token)

    return token
