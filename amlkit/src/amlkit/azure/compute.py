"""The compute target that jobs run on: whether it may be made."""

from __future__ import annotations

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
