"""The application and the service principal that pipelines sign in as."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from amlkit.provision.directory import CLIENT, REPLICATION, answered, directory, key_of
from amlkit.provision.facts import (
    APP_MAKER,
    GRAPH,
)
from amlkit.provision.failures import Kind
from amlkit.provision.names import Names
from amlkit.provision.placeholders import fact
from amlkit.provision.records import (
    Look,
    Refused,
    Resource,
    Right,
    az,
)
from amlkit.provision.roles import assignment, wanted_roles
from amlkit.settings.azure import Azure


def principal(names: Names, azure: Azure) -> list[Resource]:
    """What pipelines sign in as: an application and its principal, made without a password.

    `az ad sp create-for-rbac` would remove all passwords of an application that has the name. It
    is made by its unique name, which Microsoft Graph keeps as a key, so that a try whose answer was
    lost makes no second one; Entra keeps the name of a deleted one for a month, and so there are
    several in turn.
    """
    name, mode = names.service_principal, azure.bootstrap.service_principal
    if azure.client_id and mode == "create":
        mode = "existing"  # it is known by its id: another one would be another principal
    known, unknown = directory(names, client=True), directory(names, client=False)
    keyed, named = _keyed(names.application_keys), _only("applications", name)
    body = {"displayName": name, "signInAudience": "AzureADMyOrg"}
    prefer = ("--headers", "Prefer=create-if-missing", "--body", "@-")
    application = Resource(
        key="application",
        title=f"application {name} in Entra ID",
        mode="create" if mode == "create" else "skip",
        looks=tuple(Look(read, pick) for read in (known, unknown) for pick in (keyed, named)),
        make=tuple(
            az("rest", "--method", "patch", "--url", f"{GRAPH}/{key_of(key)}", *prefer, body=body)
            for key in names.application_keys
        ),
        first_suffices=True,
        remove=(az("ad", "app", "delete", "--id", fact("application_id")),),
        purge=(
            az("ad", "app", "delete", "--id", fact("application_id")),
            az(
                *("rest", "--method", "delete", "--url"),
                f"{GRAPH}/directory/deletedItems/{fact('application_id')}",
            ),
        ),
        ours=lambda found: found.get("uniqueName") in names.application_keys,
        right=Right(APP_MAKER),
        learns=lambda found: {"client_id": found["appId"], "application_id": found["id"]},
        reason="the service principal belongs to it, and so will its secrets",
        limit=REPLICATION,
    )
    looks = [
        Look(known, lambda answer: answered(answer, "principal")),
        Look(az("rest", "--method", "get", "--url", f"{GRAPH}/{CLIENT}")),
    ]
    if mode == "existing" and not azure.client_id:
        looks.append(Look(unknown, _only("servicePrincipals", name)))
    create = az("ad", "sp", "create", "--id", fact("client_id"))
    return [
        application,
        Resource(
            key="service_principal",
            title=f"service principal {name}",
            mode=mode,
            looks=tuple(looks),
            # Where it is to be handed out, an administrator begins with the application.
            make=(create,) if mode == "create" else (application.make[0], create),
            right=Right(APP_MAKER),
            inside="application",
            learns=lambda found: _principal(names, azure, found),
            heals=(Kind.INVALID, Kind.NOT_FOUND),  # the application is not known everywhere yet
            reason="the pipelines sign in as it, so that nobody's own account is used",
            limit=REPLICATION,
        ),
    ]


def _keyed(keys: tuple[str, ...]) -> Callable[[Any], Any]:
    """Picks the application that this repository made."""

    def pick(answer: Any) -> Any:
        for key in keys:
            if found := answered(answer, key):
                return {**found, "uniqueName": key}
        return None

    return pick


def _only(kind: str, name: str) -> Callable[[Any], Any]:
    """Picks the one of this name; which of several is meant cannot be told."""

    def pick(answer: Any) -> Any:
        found = (answered(answer, kind) or {}).get("value") or []
        if len(found) > 1:
            ids = ", ".join(each["appId"] for each in found)
            what = "applications" if kind == "applications" else "service principals"
            raise Refused(
                f"there are {len(found)} {what} of the name {name!r} ({ids}): put the id of the"
                " right one into config.yml (azure.client_id)",
                code=2,
            )
        return found[0] if found else None

    return pick


def _principal(names: Names, azure: Azure, found: dict[str, Any]) -> dict[str, str]:
    """Ids of a service principal, and the names that its role assignments have by that."""
    facts = {"client_id": found["appId"], "principal_id": found["id"]}
    return facts | {
        f"{key}_name": assignment(scope, found["id"], role)
        for key, role, scope, _ in wanted_roles(names, azure)
    }
