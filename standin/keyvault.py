"""The secrets of the workspace's key vault, as `Workspace.get_default_keyvault()` reaches them.

Paths and bodies are those of `azureml/_restclient/operations/credential_operations.py` in
azureml-core; nothing published describes the service. Names follow Key Vault's documented rule.
Values are held in memory alone.
"""

from __future__ import annotations

import re
import threading
from typing import TYPE_CHECKING

from .account import timestamp
from .routing import API, AzureError, Json, Request, route

if TYPE_CHECKING:
    from .standin import Azure

_BASE = "/credential/v2.0{workspace}/secrets"
#: https://learn.microsoft.com/azure/key-vault/general/about-keys-secrets-certificates#objects
_NAME = re.compile(r"[0-9a-zA-Z-]{1,127}")


class Keyvault:
    """The vault's secrets by name, whose case does not matter."""

    def __init__(self, azure: Azure) -> None:
        self.azure = azure
        self._lock = threading.Lock()
        self._secrets: dict[str, Json] = {}

    @route("PUT", API, _BASE)
    def put(self, request: Request) -> Json:
        """Keeps a secret; one of its name is replaced."""
        return self._keep(request.json())

    @route("PUT", API, _BASE + ":putbatch")
    def put_batch(self, request: Request) -> Json:
        """Keeps some secrets, or none where a name will not do."""
        given = request.json().get("secrets") or []
        for one in given:
            _checked(one)
        return {"secrets": [self._keep(one) for one in given], "notFoundSecrets": []}

    @route("GET", API, _BASE, needs="write")
    def list(self, request: Request) -> Json:
        """The names alone."""
        with self._lock:
            names = [{"name": one["name"]} for one in self._secrets.values()]
        return {"value": names, "continuationToken": None}

    @route("GET", API, _BASE + "/{name}", needs="write")
    def get(self, request: Request, name: str) -> Json:
        """One secret with its value. AzureError 404 when there is none."""
        found = self._secrets.get(name.lower())
        if found is None:
            raise AzureError(404, "UserError", f"A secret with name {name} was not found.")
        return found

    @route("POST", API, _BASE + ":getbatch")
    def get_batch(self, request: Request) -> Json:
        """Those that there are, and the names of the others."""
        names = [str(one.get("name")) for one in request.json().get("secrets") or []]
        found = {name: self._secrets.get(name.lower()) for name in names}
        return {
            "secrets": [secret for secret in found.values() if secret is not None],
            "notFoundSecrets": [name for name, secret in found.items() if secret is None],
        }

    @route("DELETE", API, _BASE + "/{name}")
    def delete(self, request: Request, name: str) -> None:
        """Takes a secret away; one that is not there already is."""
        self._secrets.pop(name.lower(), None)

    @route("POST", API, _BASE + ":deletebatch")
    def delete_batch(self, request: Request) -> None:
        """Takes some away."""
        for one in request.json().get("secrets") or []:
            self._secrets.pop(str(one.get("name")).lower(), None)

    def _keep(self, given: Json) -> Json:
        name, now = _checked(given), timestamp()
        with self._lock:
            known = self._secrets.get(name.lower())
            kept = {
                "name": name,
                "value": str(given.get("value")),
                "createdTime": known["createdTime"] if known else now,
                "modifiedTime": now,
                "contentType": given.get("contentType"),
            }
            self._secrets[name.lower()] = kept
        return kept


def _checked(given: Json) -> str:
    """The name of a secret. AzureError 400 for one that Key Vault does not take."""
    name = str(given.get("name") or "")
    if not _NAME.fullmatch(name):
        raise AzureError(
            400,
            "UserError",
            f"The secret name {name!r} is invalid: 1 to 127 letters, digits and dashes.",
        )
    return name
