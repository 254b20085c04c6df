"""Who calls Azure ML: `azure.auth` in config.yml chooses, azure-identity does the rest."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

from amlkit.azure import federation
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


def kept_tokens(source: Any) -> Callable[[str], str]:
    """A function from audience to token that asks anew only when the old one ends."""
    kept = KeptCredential(source)
    return lambda audience: str(kept.get_token(audience.rstrip("/") + "/.default").token)


class KeptCredential:
    """A credential that asks anew only when a token ends; kept in memory alone.

    The SDKs ask 25 times in one flow, each client of theirs for itself, and `az` takes half a
    second for each.
    """

    def __init__(self, source: Any) -> None:
        self.source = source
        self._kept: dict[str, Any] = {}

    def get_token(self, *scopes: str, **asked: Any) -> Any:
        """An `AccessToken`, as azure-core asks for it; a claim that is asked for is new each time.

        Args:
            scopes: such as `https://management.azure.com/.default`.
            asked: `claims`, `tenant_id`, `enable_cae`.
        """
        key = repr((scopes, sorted(asked.items())))
        known = self._kept.get(key)
        if known is None or asked.get("claims") or known.expires_on - time.time() < RENEWED_BEFORE:
            self._kept[key] = known = self.source.get_token(*scopes, **asked)
        return known
