"""The plan: all steps in order, as config.yml asks for them."""

from __future__ import annotations

from pathlib import Path

from amlkit.provision.foundation import foundation, prerequisites
from amlkit.provision.identity import principal, roles, unique_name
from amlkit.provision.machine_learning import companions, workspace
from amlkit.provision.names import Names
from amlkit.provision.records import Step
from amlkit.provision.state import State
from amlkit.provision.storage import storage
from amlkit.provision.upload import right_to_upload, upload
from amlkit.settings import Settings, SettingsError


def make_plan(
    settings: Settings, names: Names, state: State, data: Path | None = None
) -> list[Step]:
    """All steps, those that are left alone included, in the order in which they are made.

    Args:
        settings: what is wanted.
        names: of the resources.
        state: what was made before.
        data: a file to upload.
    """
    azure, modes = settings.azure, settings.azure.bootstrap
    made = state.facts.get("client_id", "") if state.ours("application") else ""
    return [
        *prerequisites(names),
        *foundation(names, modes.resource_group),
        *storage(names, modes),
        *companions(names, modes),
        *workspace(names, modes, azure.compute),
        *principal(names, azure, unique_name(names, state.generation), made),
        *roles(names, azure),
        *([*right_to_upload(names), *upload(names, data)] if data else []),
    ]


def check(settings: Settings) -> None:
    """Raises `SettingsError` where names are missing or modes contradict each other."""
    azure, modes = settings.azure, settings.azure.bootstrap
    for key in ("resource_group", "workspace_name", "location", "service_principal_name"):
        if not getattr(azure, key):
            raise SettingsError(
                f"{settings.origin(f'azure.{key}')}: azure.{key} is empty; give it a name"
            )
    if modes.roles != "skip" and modes.service_principal == "skip":
        raise SettingsError(
            f"{settings.origin('azure.bootstrap.roles')}: azure.bootstrap.roles is {modes.roles},"
            " but service_principal is skip: roles are given to it; make it existing, or roles skip"
        )


def require_subscription(settings: Settings) -> None:
    """Raises `SettingsError` where no subscription is named: nothing is guessed."""
    if not settings.azure.subscription_id:
        raise SettingsError(
            "azure.subscription_id is not set: put into config.yml (or into SUBSCRIPTION_ID) the id"
            " that `az account list -o table` shows for the right one"
        )
