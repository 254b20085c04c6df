"""Who made and changed a resource, as Resource Manager's `systemData` says it."""

from __future__ import annotations

import datetime

from ..account import Principal
from ..routing import Json


def iso(seconds: float) -> str:
    """A moment as `systemData` writes it."""
    moment = datetime.datetime.fromtimestamp(seconds, datetime.UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%f+00:00")


def _who(one: Principal | None) -> tuple[str, str]:
    if one is None:
        return "", "Application"
    return (one.client_id, "Application") if one.client_id else (one.name, "User")


def system_data(
    creator: Principal | None,
    created: float,
    changer: Principal | None = None,
    changed: float = 0.0,
) -> Json:
    """`systemData`; a job's has no changer."""
    name, kind = _who(creator)
    made: Json = {"createdAt": iso(created), "createdBy": name, "createdByType": kind}
    if not changed:
        return made
    name, kind = _who(changer)
    return made | {
        "lastModifiedAt": iso(changed),
        "lastModifiedBy": name,
        "lastModifiedByType": kind,
    }
