"""The compute target that jobs run on: whether it may be made, and of which machines."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable

from amlkit.azure.errors import status_of
from amlkit.settings import Settings, SettingsError


def check_may_create(settings: Settings) -> None:
    """Raises `SettingsError` where config.yml does not let the compute target be made."""
    wanted = settings.azure.compute
    if not wanted.create:
        raise SettingsError(
            f"{settings.origin('azure.compute.name')}: there is no compute target "
            f"{wanted.name!r} in the workspace; name one that is there, or let it be made "
            "with azure.compute.create: true"
        )


def check_size(settings: Settings, size: str, to_be_had: Callable[[], Iterable[str]]) -> None:
    """Refuses machines that the region has not, or no longer: a job would wait for them for ever.

    Args:
        settings: name the region.
        size: of the machines that jobs would run on; "" for whatever Azure ML takes.
        to_be_had: lists the sizes that the region has; who may not list them is not stopped.

    Raises:
        SettingsError: it is not among them; the nearest ones are named.
    """
    try:
        known = list(to_be_had())
    except Exception as error:
        if status_of(error) != 403:
            raise
        return
    if size and known and size.lower() not in map(str.lower, known):
        raise SettingsError(
            f"{settings.origin('azure.compute.size')}: the workspace's region has no machines"
            f" {size} (any more): set azure.compute.size to one that it has, such as"
            f" {', '.join(nearest(size, known))}, and azure.compute.name to a new target"
        )


def nearest(size: str, known: Iterable[str]) -> list[str]:
    """Up to three sizes that are called most like one: a series' successor is named after it."""
    names = {each.lower(): each for each in known}
    return [names[each] for each in difflib.get_close_matches(size.lower(), names, 3, cutoff=0)]
