"""Resource providers: what a subscription has to know of before one of its kind can be made."""

from __future__ import annotations

from typing import Any

from amlkit.provision.cloud.client import Pick, az
from amlkit.provision.cloud.facts import CONTRIBUTOR, IDENTITY, PROVIDERS
from amlkit.provision.cloud.placeholders import Facts
from amlkit.provision.plan.names import Names
from amlkit.provision.plan.records import Look, Resource, Right
from amlkit.settings.azure import Azure

_STATES = az(
    *("provider", "list", "--query"),
    "[].{namespace: namespace, state: registrationState,"
    " regions: resourceTypes[?resourceType=='workspaces'].locations | [0]}",
)


def providers(names: Names, azure: Azure) -> list[Resource]:
    """Those of the workspace, which proves them; that of the identity which steps act as, apart.

    A workspace may be there, and a pipeline wanted later.
    """
    found = [_row(names, azure, "providers", "resource providers", PROVIDERS)]
    if azure.steps_act and not azure.compute.identity:
        [name] = identity = (IDENTITY.partition("/")[0],)
        found.append(
            _row(names, azure, "providers_identity", f"resource provider {name}", identity)
        )
    return found


def _row(names: Names, azure: Azure, key: str, title: str, namespaces: tuple[str, ...]) -> Resource:
    """Providers that are looked for, and registered where one of them is not."""
    return Resource(
        key=key,
        title=title,
        mode=azure.bootstrap.providers,
        looks=(Look(_STATES, _registered(namespaces)),),
        make=tuple(az("provider", "register", "--namespace", name) for name in namespaces),
        right=Right(CONTRIBUTOR, names.scope, tuple(f"{p}/register/action" for p in namespaces)),
        reason="a subscription has to know a kind of resource before one can be made",
        blind="trust",
        missing="ask for them (`python infra/bootstrap.py plan --for-admin`)",
    )


def _registered(namespaces: tuple[str, ...]) -> Pick:
    """Picks the regions of the first; None unless all are registered or on the way."""

    def pick(answer: list[dict[str, Any]], facts: Facts) -> dict[str, Any] | None:
        found = {each["namespace"].lower(): each for each in answer}
        told = {found.get(name.lower(), {}).get("state") for name in namespaces}
        # One that is being registered may be used as soon as its region is ready.
        if not told <= {"Registered", "Registering"}:
            return None
        return {"regions": found[namespaces[0].lower()].get("regions")}

    return pick
