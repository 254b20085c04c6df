"""The directory (Microsoft Graph): the application and the principal that pipelines sign in as."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from amlkit.provision.cloud.client import Command, Pick, az, part, rest
from amlkit.provision.cloud.facts import APP_MAKER, APPLICATION_KEPT, GRAPH, REPLICATION
from amlkit.provision.cloud.failures import Kind, Refused, failure_of
from amlkit.provision.cloud.placeholders import Facts, fact
from amlkit.provision.plan.names import Names
from amlkit.provision.plan.records import Kept, Look, Resource, Right
from amlkit.provision.plan.roles import names_of_assignments, wanted
from amlkit.settings.azure import Azure

_CLIENT = f"servicePrincipals(appId='{fact('client_id')}')"


def directory(names: Names, *, client: bool) -> Command:
    """All that is asked of the directory, in one request (JSON batching of Microsoft Graph)."""
    text = names.service_principal.replace("'", "''")
    wish = quote(f"displayName eq '{text}'")
    named = f"?$filter={wish}"
    asked = {key: _keyed(key) for key in names.application_keys}
    asked |= {"applications": f"applications{named}", "caller": fact("caller")}
    asked |= {"servicePrincipals": f"servicePrincipals{named}"}
    asked |= {"principal": _CLIENT} if client else {}
    requests = [{"id": k, "method": "GET", "url": f"/{url}"} for k, url in asked.items()]
    return rest("post", f"{GRAPH}/$batch", body={"requests": requests})


def answered(key: str) -> Pick:
    """Picks what the directory answered to one request of a batch, which raises what it refused."""

    def pick(answer: Any, facts: Facts) -> Any:
        [said] = [each for each in answer["responses"] if each["id"] == key]
        if said["status"] < 400:
            return said["body"]
        if said["status"] == 404:
            return None
        error = said["body"]["error"]
        raise failure_of(said["status"], error.get("code", ""), error.get("message", ""))

    return pick


def principal(names: Names, azure: Azure) -> list[Resource]:
    """What pipelines sign in as: an application and its principal, made without a password."""
    mode = azure.bootstrap.service_principal
    if azure.client_id and mode == "create":
        mode = "existing"  # it is known by its id: another one would be another principal
    application = _application(names, "create" if mode == "create" else "skip")
    return [application, _service_principal(names, azure, mode, application)]


def _application(names: Names, mode: str) -> Resource:
    """The application, by its unique name, which Microsoft Graph keeps as a key.

    So a try whose answer was lost makes no second one; Entra keeps the name of a deleted one for a
    month, and so there are several in turn. `az ad sp create-for-rbac` would remove all passwords
    of an application that has the name.
    """
    name = names.service_principal
    reads = (directory(names, client=True), directory(names, client=False))
    picks = (_ours(names), _only("applications", name))
    body = {"displayName": name, "signInAudience": "AzureADMyOrg"}
    missing = ("Prefer=create-if-missing",)
    deleted = f"{GRAPH}/directory/deletedItems/{fact('application_id')}"
    return Resource(
        key="application",
        title=f"application {name} in Entra ID",
        mode=mode,
        looks=tuple(Look(read, pick) for read in reads for pick in picks),
        make=tuple(
            rest("patch", f"{GRAPH}/{_keyed(key)}", headers=missing, body=body)
            for key in names.application_keys
        ),
        first_suffices=True,
        remove=az("ad", "app", "delete", "--id", fact("application_id")),
        kept=Kept(APPLICATION_KEPT, rest("delete", deleted)),
        ours=lambda found: found.get("uniqueName") in names.application_keys,
        right=Right(APP_MAKER),
        learns=lambda found: {"client_id": found["appId"], "application_id": found["id"]},
        reason="the service principal belongs to it, and so will its secrets",
        limit=REPLICATION,
    )


def _service_principal(names: Names, azure: Azure, mode: str, application: Resource) -> Resource:
    """The application's principal in this tenant; one that was handed out may be known by name."""
    name, batch = names.service_principal, directory(names, client=True)
    looks = [Look(batch, answered("principal")), Look(rest("get", f"{GRAPH}/{_CLIENT}"))]
    if mode == "existing" and not azure.client_id:
        looks.append(Look(directory(names, client=False), _only("servicePrincipals", name)))
    create = az("ad", "sp", "create", "--id", fact("client_id"))

    def learns(found: dict[str, Any]) -> dict[str, str]:
        assigned = names_of_assignments(wanted(names, azure), found["id"])
        return {"client_id": found["appId"], "principal_id": found["id"], **assigned}

    return Resource(
        key="service_principal",
        title=f"service principal {name}",
        mode=mode,
        looks=tuple(looks),
        # Where it is to be handed out, an administrator begins with the application.
        make=(create,) if mode == "create" else (application.make[0], create),
        right=Right(APP_MAKER),
        inside="application",
        learns=learns,
        heals=(Kind.INVALID, Kind.NOT_FOUND),  # the application is not known everywhere yet
        reason="the pipelines sign in as it, so that nobody's own account is used",
        limit=REPLICATION,
        missing="check azure.client_id and azure.service_principal_name in config.yml",
    )


def _keyed(key: str) -> str:
    """An application by its unique name."""
    return f"applications(uniqueName='{key}')"


def _ours(names: Names) -> Pick:
    """Picks the application that this repository made."""

    def pick(answer: Any, facts: Facts) -> Any:
        for key in names.application_keys:
            if found := answered(key)(answer, facts):
                return {**found, "uniqueName": key}
        return None

    return pick


def _only(kind: str, name: str) -> Pick:
    """Picks the one of this name; which of several is meant cannot be told."""

    def pick(answer: Any, facts: Facts) -> Any:
        found = part(answered(kind)(answer, facts), "value") or []
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
