"""How a resource is made that is what is PUT at its path."""

from __future__ import annotations

from typing import Any

from amlkit.provision.cloud.arm import Put, arm_create, arm_delete, arm_get, type_of
from amlkit.provision.cloud.facts import CONTRIBUTOR
from amlkit.provision.cloud.failures import Kind
from amlkit.provision.plan.names import Names
from amlkit.provision.plan.records import Look, Resource, Right


def put(
    names: Names,
    what: tuple[str, str, str],
    path: str,
    body: dict[str, Any],
    after: tuple[str, ...] = (),
    **more: Any,
) -> Resource:
    """What (key, mode, title) is made by a PUT at its path; `more` says what is not as usual."""
    key, mode, title = what
    whole = {"location": names.location, "tags": names.tags, **body}
    usual = {
        "looks": (Look(arm_get(path)),),
        "make": (arm_create(path, whole),),
        "put": Put(path, whole, after),
        "remove": arm_delete(path),
        "ours": names.made,
        "inside": "resource_group",
        "right": Right(CONTRIBUTOR, names.group_id, (f"{type_of(path)}/write",)),
        "heals": (Kind.NOT_REGISTERED,),
    }
    return Resource(key=key, mode=mode, title=title, **{**usual, **more})
