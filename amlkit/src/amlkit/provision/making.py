"""How resources are made that are what is PUT at their path, with tags that say whose they are."""

from __future__ import annotations

from typing import Any

from amlkit.provision.facts import CONTRIBUTOR, VERSIONS
from amlkit.provision.failures import Kind
from amlkit.provision.names import Names
from amlkit.provision.records import Look, Put, Resource, Right, arm_delete, arm_get, az


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
