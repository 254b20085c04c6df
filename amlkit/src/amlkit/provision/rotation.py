"""A new secret for the service principal, stored in one place, before the old one is removed.

What is written down are names and key ids, never a secret. It is written before a secret is made,
so that one whose storing was interrupted is found by its name and removed the next time.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from amlkit.provision.az import Az, AzFailure
from amlkit.provision.failures import Kind
from amlkit.provision.records import Refused
from amlkit.provision.state import State
from amlkit.provision.waits import Say, retry

GRAPH = "https://graph.microsoft.com/v1.0"
SECTION = "secrets"
# How long the directory may need until it shows what was made (s).
REPLICATION = 600
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
    """The secrets that this repository made of one application, by the place that holds them."""

    def __init__(self, az: Az, state: State, client_id: str, say: Say) -> None:
        self._az, self._state, self._say = az, state, say
        self._application = f"{GRAPH}/applications(appId='{client_id}')"
        self._client_id = client_id

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
                self._remove_quietly(place, secret)
            raise
        self._note(place, current=secret.key_id, expires=secret.expires)
        removed = self._remove_others(place, secret.key_id)
        return {"key_id": secret.key_id, "expires": secret.expires, "removed": removed}

    def append(self, place: str, months: int) -> Secret:
        """Makes a secret and leaves those there are: nobody can tell when it is in use."""
        return self._make(place, months)

    def revoke(self, place: str) -> list[str]:
        """Removes every secret that was made for a place; the ids of those there were."""
        try:
            return self._remove_others(place, keep=None)
        except AzFailure as failure:
            if failure.kind is Kind.NOT_FOUND:  # gone with its application
                return []
            raise

    def shown_removal(self, key_id: str) -> str:
        """The command that removes a secret."""
        return self._az.shown(
            *("ad", "app", "credential", "delete", "--id", self._client_id, "--key-id", key_id)
        )

    def _make(self, place: str, months: int) -> Secret:
        """Makes a secret; its name is written down before, its key id after."""
        now = datetime.now(UTC)
        ends = now + timedelta(days=30 * months)  # tenants that set a limit count days: 90, 180
        name = f"{place.rpartition('/')[2][:50]} {now:%Y-%m-%dT%H:%M:%S.%fZ}"
        made = self._notes(place)["made"]
        self._note(place, made=[*made, {"name": name, "key_id": "", "at": int(time.time())}])
        wanted = {"displayName": name, "endDateTime": f"{ends:%Y-%m-%dT%H:%M:%SZ}"}
        answer = retry(
            lambda: self._post("addPassword", {"passwordCredential": wanted}),
            _not_yet_known,
            say=self._say,
            at_most=60,
        )
        key_id = answer["keyId"]
        made = [*made, {"name": name, "key_id": key_id, "at": int(time.time())}]
        self._note(place, made=made)
        return Secret(key_id, answer["endDateTime"][:10], answer["secretText"])

    def _remove_others(self, place: str, keep: str | None) -> list[str]:
        """Removes what was made for a place, but for the secret that it holds now."""
        there = {each["keyId"]: each.get("displayName") for each in self._credentials()}
        by_name = {name: key_id for key_id, name in there.items()}
        removed, left = [], []
        for made in self._notes(place)["made"]:
            key_id = made["key_id"] or by_name.get(made["name"], "")
            if key_id != keep and key_id in there:
                self._post("removePassword", {"keyId": key_id})
                removed.append(key_id)
            elif key_id == keep or time.time() - made["at"] < REPLICATION:
                left.append(made)  # what was interrupted may show up yet
        self._note(place, made=left)
        return removed

    def _remove_quietly(self, place: str, secret: Secret) -> None:
        """Removes a secret that nobody holds; what went wrong before is what counts."""
        try:
            self._post("removePassword", {"keyId": secret.key_id})
        except AzFailure:
            return  # its id is written down: the next run removes it
        made = [each for each in self._notes(place)["made"] if each["key_id"] != secret.key_id]
        self._note(place, made=made)

    def _credentials(self) -> list[dict[str, Any]]:
        """The application's secrets as the directory shows them: ids and names."""
        found = self._az.json(
            *("rest", "--method", "get", "--url", self._application),
            *("--url-parameters", "$select=passwordCredentials"),
        )
        return list(found["passwordCredentials"])

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

    def _notes(self, place: str) -> dict[str, Any]:
        """What is written down of a place."""
        return {"made": [], **self._state.section(SECTION).get(self._key(place), {})}

    def _note(self, place: str, **changes: Any) -> None:
        """Writes down what changed, before anything else happens."""
        section = self._state.section(SECTION)
        section[self._key(place)] = {**self._notes(place), **changes}
        self._state.keep(SECTION, section)

    def _key(self, place: str) -> str:
        """What a place's notes stand under: another application has secrets of its own there."""
        return f"{place} of {self._client_id}"


def _not_yet_known(error: Exception) -> str:
    """Why a wait may help: an application that was just made is not known everywhere."""
    unknown = isinstance(error, AzFailure) and error.kind is Kind.NOT_FOUND
    return "the directory does not know the application yet" if unknown else ""


def secrets_made(state: State) -> int:
    """How many secrets this repository made that nobody has removed."""
    return sum(len(notes["made"]) for notes in state.section(SECTION).values())


def secrets_stored(state: State) -> list[dict[str, str]]:
    """Which places hold a secret that this repository made, and until when it is valid."""
    return [
        {"place": key.rpartition(" of ")[0], "expires": notes["expires"]}
        for key, notes in state.section(SECTION).items()
        if notes.get("current") and notes["made"]
    ]


def revoke_all(az: Az, state: State, say: Say) -> None:
    """Removes every secret that this repository made, of whichever application."""
    for key in state.section(SECTION):
        place, _, client_id = key.rpartition(" of ")
        for _ in Rotation(az, state, client_id, say).revoke(place):
            say(f"  removed: a secret of the service principal ({place})")
