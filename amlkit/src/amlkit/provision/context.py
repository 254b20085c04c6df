"""What every command of the bootstrap works with: settings, plan, `az`, notes."""

from __future__ import annotations

import argparse
import re
import sys
from dataclasses import dataclass

from amlkit.cli import ArgumentError
from amlkit.provision.az import Az
from amlkit.provision.names import Names, names_of
from amlkit.provision.records import Refused, Resource
from amlkit.provision.resources import resources
from amlkit.provision.state import State
from amlkit.provision.survey import Reader
from amlkit.provision.waits import Say
from amlkit.say import say
from amlkit.settings import Settings, SettingsError

GUID = r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"


@dataclass
class Context:
    """The settings, the plan that follows from them, and the means to work on it."""

    args: argparse.Namespace
    settings: Settings
    names: Names
    plan: list[Resource]
    az: Az
    reader: Reader
    state: State
    say: Say

    @property
    def steps(self) -> list[Resource]:
        """The steps that are not left alone."""
        return [step for step in self.plan if step.mode != "skip"]

    @property
    def on_github(self) -> bool:
        """Whether the pipelines are GitHub's, rather than Azure DevOps'."""
        return (self.settings.root / ".github" / "workflows").is_dir()

    @property
    def facts(self) -> dict[str, str]:
        """What is known before anything is looked at."""
        given, known = self.settings.azure.client_id, self.state.facts
        if given and given != known.get("client_id"):
            return {"client_id": given}
        return known


def open_context(args: argparse.Namespace, settings: Settings) -> Context:
    """The context of one call.

    Raises:
        SettingsError: config.yml asks for what cannot be.
        ArgumentError: there is no file to upload.
    """

    def tell(line: str) -> None:
        say(line, error=args.json)

    data = getattr(args, "data", None)
    if data and not data.is_file():
        raise ArgumentError(f"--data {data}: there is no such file")
    check(settings)
    names = names_of(settings)
    state = State.of(settings.root, names)
    plan = resources(names, settings.azure, data)
    az = Az(tell, subscription=settings.azure.subscription_id)
    return Context(args, settings, names, plan, az, Reader(az), state, tell)


def agreed(question: str, answer: str, context: Context) -> bool:
    """Asks on the terminal; true for the answer that is waited for.

    Raises:
        Refused: there is nobody to ask.
    """
    if context.args.yes:
        return True
    if not sys.stdin.isatty():
        raise Refused("there is no terminal to ask on: add --yes to go on unasked", code=2)
    say(question, end=" ", error=True)
    return sys.stdin.readline().strip().lower() == answer.lower()


def check(settings: Settings) -> None:
    """Raises `SettingsError` where names are missing or modes contradict each other."""
    azure, modes = settings.azure, settings.azure.bootstrap
    for key in ("resource_group", "workspace_name", "location", "service_principal_name"):
        if not getattr(azure, key):
            raise SettingsError(
                f"{settings.origin(f'azure.{key}')}: azure.{key} is empty; give it a name"
            )
    for key in ("tenant_id", "client_id"):
        given = getattr(azure, key)
        domain = key == "tenant_id" and re.fullmatch(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+", given)
        if given and not domain and not re.fullmatch(GUID, given):
            raise SettingsError(
                f"{settings.origin(f'azure.{key}')}: azure.{key} {given[:60]!r} is no id, such as"
                " 12345678-90ab-cdef-1234-567890abcdef"
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
