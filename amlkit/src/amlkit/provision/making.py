"""What everything stands on, and how resources are made that are what is PUT at their path."""

from __future__ import annotations

from typing import Any

from amlkit.provision.facts import CONTRIBUTOR, PROVIDERS, VERSIONS
from amlkit.provision.failures import Kind
from amlkit.provision.names import Names
from amlkit.provision.records import Look, Put, Resource, Right, arm_delete, arm_get, az
from amlkit.settings.azure import Azure

_STATES = (
    "[].{namespace: namespace, state: registrationState,"
    " regions: resourceTypes[?resourceType=='workspaces'].locations | [0]}"
)


def providers(names: Names, azure: Azure) -> Resource:
    """What a subscription has to know of before one of its kind can be made."""
    return Resource(
        key="providers",
        title="resource providers",
        mode=azure.bootstrap.providers,
        looks=(Look(az("provider", "list", "--query", _STATES), _registered),),
        make=tuple(az("provider", "register", "--namespace", name) for name in PROVIDERS),
        right=Right(CONTRIBUTOR, names.scope, tuple(f"{p}/register/action" for p in PROVIDERS)),
        reason="a subscription has to know a kind of resource before one can be made",
        blind="trust",
    )


def _registered(answer: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The regions of Azure ML; None unless all providers are registered or on the way."""
    found = {each["namespace"].lower(): each for each in answer}
    states = {found.get(name.lower(), {}).get("state") for name in PROVIDERS}
    # One that is being registered may be used as soon as its region is ready.
    if not states <= {"Registered", "Registering"}:
        return None
    return {"regions": found[PROVIDERS[0].lower()].get("regions")}


def group(names: Names, azure: Azure) -> Resource:
    """Holds everything of this repository."""
    named = ("-n", names.resource_group)
    return Resource(
        key="resource_group",
        title=f"resource group {names.resource_group}",
        mode=azure.bootstrap.resource_group,
        looks=(Look(arm_get(names.group_id, VERSIONS["Microsoft.Resources/resourceGroups"])),),
        make=(az("group", "create", *named, "-l", names.location, *tagged(names)),),
        remove=(az("group", "delete", *named, "--yes"),),
        ours=names.made,
        right=Right(
            CONTRIBUTOR, names.scope, ("Microsoft.Resources/subscriptions/resourceGroups/write",)
        ),
        reason="holds everything of this repository, and goes with it",
    )


def made_by_put(
    names: Names,
    key: str,
    title: str,
    mode: str,
    path: str,
    kind: str,
    body: dict[str, Any],
    **more: Any,
) -> Resource:
    """A resource that is made by what is PUT at its path.

    az's own `create` commands ask more than the right to make it, such as whether a name is free.
    """
    whole = {"location": names.location, "tags": names.tags, **body}
    put = Put(path, VERSIONS[kind], whole, more.pop("after", ()))
    return Resource(
        **{
            "key": key,
            "title": title,
            "mode": mode,
            "looks": (Look(arm_get(path, put.version)),),
            "make": (
                az(
                    *("resource", "create", "--id", path, "--api-version", put.version),
                    *("--is-full-object", "--properties", "@-"),
                    body=whole,
                ),
            ),
            "put": put,
            "remove": (arm_delete(path, put.version),),
            "ours": names.made,
            "inside": "resource_group",
            "right": Right(CONTRIBUTOR, names.group_id, (f"{kind}/write",)),
            "heals": (Kind.NOT_REGISTERED,),
            **more,
        }
    )


def tagged(names: Names) -> tuple[str, ...]:
    """The tags as az takes them."""
    return ("--tags", *(f"{name}={value}" for name, value in names.tags.items()))


def network(public: bool) -> str:
    """Whether a resource can be reached from everywhere, as Azure writes it."""
    return "Enabled" if public else "Disabled"
