"""A new secret for the service principal, stored in one place, before the old one is removed.

A secret's name in the directory says which target made it, and for which place: so one whose
storing was interrupted is found and removed the next time, from whichever machine. Nothing of it is
written down.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from amlkit.provision.az import Az, AzFailure
from amlkit.provision.facts import GRAPH
from amlkit.provision.failures import Kind
from amlkit.provision.records import Refused
from amlkit.provision.state import State
from amlkit.provision.waits import Say, retry

# The longest name of a secret that the directory surely takes.
NAME = 90
# After these it is sure that the place did not take the secret.
_REFUSALS = (Kind.FORBIDDEN, Kind.NOT_FOUND, Kind.INVALID, Kind.CONFLICT, Kind.THROTTLED)


class NotStored(Refused):
    """The place did not take the secret, for sure."""


@dataclass(frozen=True)
class Secret:
    """A secret of an application; `value` is for the place that stores it and for nothing else."""

    key_id: str
    expires: str  # the day
    value: str

    def __repr__(self) -> str:
        """Without the value: this may end in a log."""
        return f"Secret({self.key_id})"


class Rotation:
    """The secrets that this target made of one application, by the place that holds them."""

    def __init__(self, az: Az, state: State, client_id: str, say: Say) -> None:
        self._az, self._say = az, say
        self._application = f"{GRAPH}/applications(appId='{client_id}')"
        self._client_id = client_id
        self._ours = f"amlkit {state.key} "

    def rotate(self, place: str, months: int, store: Callable[[str], None]) -> dict[str, Any]:
        """Makes a secret, has it stored, and removes those that this place held before.

        Args:
            place: where it goes, such as `azure-devops contoso/house/penguins`.
            months: how long it lives.
            store: puts it there, or raises.

        Returns:
            The new key's id, when it expires, and the ids of those that were removed.
        """
        secret = self._make(place, months)
        try:
            store(secret.value)
        except Exception as error:
            if isinstance(error, NotStored) or getattr(error, "kind", None) in _REFUSALS:
                self._remove_quietly(secret)
            raise
        removed = self._remove(self._prefix(place), keep=secret.key_id)
        return {"key_id": secret.key_id, "expires": secret.expires, "removed": removed}

    def append(self, place: str, months: int) -> Secret:
        """Makes a secret and leaves those there are: nobody can tell when it is in use."""
        return self._make(place, months)

    def revoke(self) -> int:
        """Removes every secret that this target made; how many there were."""
        try:
            return len(self._remove(self._ours, keep=None))
        except AzFailure as failure:
            if failure.kind is Kind.NOT_FOUND:  # gone with its application
                return 0
            raise

    def stored(self, shown: list[dict[str, Any]] | None = None) -> list[dict[str, str]]:
        """The secrets that this target made: where each was to go, and the day it ends.

        Args:
            shown: the application's secrets, where they were read before.
        """
        return [
            {
                "place": each["displayName"].split(" ", 3)[3].rpartition(" ")[0],
                "expires": str(each["endDateTime"])[:10],
            }
            for each in self._credentials(self._ours, shown)
        ]

    def shown_removal(self, key_id: str) -> str:
        """The command that removes a secret."""
        return self._az.shown(
            *("ad", "app", "credential", "delete", "--id", self._client_id, "--key-id", key_id)
        )

    def _prefix(self, place: str) -> str:
        """How the names of a place's secrets begin."""
        return f"{self._ours}{hashlib.sha256(place.encode()).hexdigest()[:8]} "

    def _make(self, place: str, months: int) -> Secret:
        """Makes a secret whose name says for what."""
        now = datetime.now(UTC)
        ends = now + timedelta(days=30 * months)  # tenants that set a limit count days: 90, 180
        prefix, made = self._prefix(place), f" {now:%Y%m%dT%H%M%S}"
        name = f"{prefix}{place[: NAME - len(prefix) - len(made)]}{made}"
        wanted = {"displayName": name, "endDateTime": f"{ends:%Y-%m-%dT%H:%M:%SZ}"}
        answer = retry(
            lambda: self._post("addPassword", {"passwordCredential": wanted}),
            _not_yet_known,
            say=self._say,
            at_most=60,
        )
        return Secret(answer["keyId"], answer["endDateTime"][:10], answer["secretText"])

    def _remove(self, prefix: str, keep: str | None) -> list[str]:
        """Removes the secrets whose names begin so, but for one."""
        gone = [each["keyId"] for each in self._credentials(prefix) if each["keyId"] != keep]
        for key_id in gone:
            self._post("removePassword", {"keyId": key_id})
        return gone

    def _remove_quietly(self, secret: Secret) -> None:
        """Removes a secret that nobody holds; what went wrong before is what counts."""
        with contextlib.suppress(AzFailure):  # the next run finds it by its name
            self._post("removePassword", {"keyId": secret.key_id})

    def _credentials(
        self, prefix: str, shown: list[dict[str, Any]] | None = None
    ) -> list[dict[str, Any]]:
        """The application's secrets whose names begin so, as the directory shows them."""
        if shown is None:
            found = self._az.json(
                *("rest", "--method", "get", "--url", self._application),
                *("--url-parameters", "$select=passwordCredentials"),
            )
            shown = list(found["passwordCredentials"])
        return [each for each in shown if str(each.get("displayName") or "").startswith(prefix)]

    def _post(self, action: str, body: dict[str, Any]) -> Any:
        """Has the directory do something with the application."""
        url = f"{self._application}/{action}"
        try:
            return self._az.json("rest", "--method", "post", "--url", url, body=body)
        except AzFailure as failure:
            how = {
                Kind.FORBIDDEN: "have an owner of the application run this, or make you an owner:"
                f" az ad app owner add --id {self._client_id} --owner-object-id <yours>",
                Kind.POLICY: "set a shorter azure.bootstrap.secret_months in config.yml; where your"
                " tenant allows no secrets at all, pipelines sign in by azure.auth:"
                " workload-identity",
            }.get(failure.kind)
            if how is None:
                raise
            said = (failure.code, failure.message, failure.command)
            raise AzFailure(failure.kind, *said, how) from None


def _not_yet_known(error: Exception) -> str:
    """Why a wait may help: an application that was just made is not known everywhere."""
    unknown = isinstance(error, AzFailure) and error.kind is Kind.NOT_FOUND
    return "the directory does not know the application yet" if unknown else ""
