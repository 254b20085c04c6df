"""A new secret for the service principal, stored in one place, before the old one is removed.

A secret's name in the directory says which target made it, and for which place: so one whose
storing was interrupted is found and removed the next time, from whichever machine. Nothing of it is
written down.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from amlkit.provision.cloud.client import rest
from amlkit.provision.cloud.facts import GRAPH
from amlkit.provision.cloud.failures import Failure, Kind
from amlkit.provision.cloud.waits import retry
from amlkit.provision.context import Context
from amlkit.provision.plan.names import short_hash

# The longest name of a secret that the directory surely takes.
NAME = 90
# After these it is sure that the place did not take the secret.
_REFUSALS = (
    Kind.NOT_LOGGED_IN,
    Kind.FORBIDDEN,
    Kind.NOT_FOUND,
    Kind.INVALID,
    Kind.CONFLICT,
    Kind.THROTTLED,
)


@dataclass(frozen=True)
class Secret:
    """A secret of an application; `value` is for the place that stores it and for nothing else."""

    key_id: str
    expires: str  # the day
    value: str = field(repr=False)  # a representation may end in a log


class Rotation:
    """The secrets that this target made of one application, by the place that holds them."""

    def __init__(self, context: Context, client_id: str) -> None:
        self._client, self._say = context.client, context.say
        self._months = context.settings.azure.bootstrap.secret_months
        self._application = f"{GRAPH}/applications(appId='{client_id}')"
        self._ours = f"amlkit {context.names.key} "
        owner = f"az ad app owner add --id {client_id} --owner-object-id <yours>"
        self._advice = {
            Kind.FORBIDDEN: f"have an owner of the application run this, or make you an owner:"
            f" {owner}",
            Kind.POLICY: "set a shorter azure.bootstrap.secret_months in config.yml; where your"
            " tenant allows no secrets at all, pipelines sign in by azure.auth: workload-identity",
        }

    def rotate(self, place: str, store: Callable[[str], None]) -> dict[str, Any]:
        """Makes a secret, has it stored, and removes those that this place held before.

        Args:
            place: where it goes, such as `azure-devops contoso/house/penguins`.
            store: puts it there, or raises.

        Returns:
            The new key's id, when it expires, and the ids of those that were removed.
        """
        secret = self.make(place)
        try:
            store(secret.value)
        except Failure as failure:
            if failure.kind in _REFUSALS:
                with contextlib.suppress(Failure):  # the next run finds it by its name
                    self._post("removePassword", {"keyId": secret.key_id})
            raise
        removed = self._remove(self._prefix(place), keep=secret.key_id)
        return {"key_id": secret.key_id, "expires": secret.expires, "removed": removed}

    def make(self, place: str) -> Secret:
        """Makes a secret whose name says for what, and leaves those there are."""
        now = datetime.now(UTC)
        # Tenants that set a limit count days: 90, 180.
        ends = now + timedelta(days=30 * self._months)
        prefix, made = self._prefix(place), f" {now:%Y%m%dT%H%M%S}"
        name = f"{prefix}{place[: NAME - len(prefix) - len(made)]}{made}"
        wanted = {"displayName": name, "endDateTime": f"{ends:%Y-%m-%dT%H:%M:%SZ}"}
        # An application that was just made is not known everywhere.
        waits = {Kind.NOT_FOUND: "the directory does not know the application yet"}
        answer = retry(
            lambda: self._post("addPassword", {"passwordCredential": wanted}),
            lambda failure: waits.get(failure.kind, ""),
            say=self._say,
            at_most=60,
        )
        return Secret(answer["keyId"], answer["endDateTime"][:10], answer["secretText"])

    def revoke(self) -> int:
        """Removes every secret that this target made; how many there were."""
        try:
            return len(self._remove(self._ours))
        except Failure as failure:
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
            for each in self._named(self._ours, shown)
        ]

    def _prefix(self, place: str) -> str:
        """How the names of a place's secrets begin."""
        return f"{self._ours}{short_hash(place)} "

    def _remove(self, prefix: str, keep: str = "") -> list[str]:
        """Removes the secrets whose names begin so, but for one."""
        gone = [each["keyId"] for each in self._named(prefix) if each["keyId"] != keep]
        for key_id in gone:
            self._post("removePassword", {"keyId": key_id})
        return gone

    def _named(
        self, prefix: str, shown: list[dict[str, Any]] | None = None
    ) -> list[dict[str, Any]]:
        """The application's secrets whose names begin so, as the directory shows them."""
        if shown is None:
            question = rest("get", self._application, "$select=passwordCredentials")
            shown = list(self._client.send(question)["passwordCredentials"])
        return [each for each in shown if str(each.get("displayName") or "").startswith(prefix)]

    def _post(self, action: str, body: dict[str, Any]) -> Any:
        """Has the directory do something with the application."""
        url = f"{self._application}/{action}"
        return self._client.send(rest("post", url, body=body, advice=self._advice))
