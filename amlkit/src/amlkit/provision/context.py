"""What every command of the bootstrap works with: settings, plan, `az`, notes."""

from __future__ import annotations

import argparse
import re
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass

from amlkit.cli import ArgumentError
from amlkit.provision.cloud.arm import arm_get
from amlkit.provision.cloud.az import Az
from amlkit.provision.cloud.client import Client, az, part
from amlkit.provision.cloud.failures import Refused
from amlkit.provision.cloud.waits import Say
from amlkit.provision.plan.acting import NEW_WORKSPACE
from amlkit.provision.plan.names import Names
from amlkit.provision.plan.records import Resource
from amlkit.provision.plan.resources import resources
from amlkit.provision.state import State
from amlkit.provision.survey import Survey, survey
from amlkit.say import say
from amlkit.settings import Settings, SettingsError

GUID = r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"
_DOMAIN = r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+"
_IDS = ("client_id", "application_id", "principal_id", "tenant_id")


@dataclass
class Context:
    """The settings, the plan that follows from them, and the means to work on it."""

    args: argparse.Namespace
    settings: Settings
    names: Names
    plan: list[Resource]
    client: Client
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
    def facts(self) -> Mapping[str, str]:
        """What is known before anything is looked at."""
        given = self.settings.azure.client_id
        if given and given != self.state.facts.get("client_id"):
            return {**NEW_WORKSPACE, "client_id": given}
        return {**NEW_WORKSPACE, **self.state.facts}

    def look(self, *, whole: bool = False) -> Survey:
        """What is there of the steps; of all of them, to show it, as lists tell."""
        here = (self.steps, self.names, self.client, self.facts)
        return survey(*here, whole=whole, listed=whole)

    def group_tags(self) -> dict[str, str]:
        """The tags of the resource group, as it was read last."""
        group = self.client.ask(arm_get(self.names.group_id))
        return dict(part(group, "tags") or {})

    def name_kept_until(self) -> str:
        """The day until which Azure keeps the name of the workspace that `destroy` deleted.

        As the group was tagged when it was read last; "" where the name is free.
        """
        until = self.group_tags().get(self.names.deleted_until, "")
        return until if until >= time.strftime("%Y-%m-%d", time.gmtime()) else ""

    def require_subscription(self) -> None:
        """Raises `SettingsError` where no subscription is named: nothing is guessed."""
        if not self.settings.azure.subscription_id:
            raise SettingsError(
                "azure.subscription_id is not set: put into config.yml (or into SUBSCRIPTION_ID)"
                " the id that `az account list -o table` shows for the right one"
            )

    def know_principal(self) -> None:
        """Finds the service principal in the directory, where this clone does not know it yet.

        Raises:
            Refused: the directory could not be asked, or there is none.
        """
        if self.facts.get("client_id"):
            return
        steps = [each for each in self.steps if each.key in ("application", "service_principal")]
        looked = survey(steps, self.names, self.client, {})
        if looked.blind:
            raise Refused(looked.blind)
        known = {name: looked.facts[name] for name in _IDS if name in looked.facts}
        if "principal_id" not in known:
            raise Refused(
                "no service principal is known: `python infra/bootstrap.py apply` makes one; the id"
                " of one that was handed to you goes into config.yml (azure.client_id)",
                code=2,
            )
        self.state.learn(known)

    def values_for_pipelines(self) -> dict[str, str]:
        """What pipelines read of Azure beside the secret; the principal is known by now."""
        azure = self.settings.azure
        tenant = azure.tenant_id or self.facts.get("tenant_id")
        if not tenant:
            shown = az("account", "show", "--subscription", azure.subscription_id)
            tenant = str(self.client.send(shown)["tenantId"])
        return {
            "TENANT_ID": tenant,
            "SPN_ID": self.facts["client_id"],
            "SUBSCRIPTION_ID": azure.subscription_id,
            "RESOURCE_GROUP": azure.resource_group,
            "AML_WORKSPACE_NAME": azure.workspace_name,
        }

    def agreed(self, question: str, answer: str) -> bool:
        """Asks on the terminal; true for the answer that is waited for.

        Raises:
            Refused: there is nobody to ask.
        """
        if self.args.yes:
            return True
        if not sys.stdin.isatty():
            raise Refused("there is no terminal to ask on: add --yes to go on unasked", code=2)
        say(question, end=" ", error=True)
        return sys.stdin.readline().strip().lower() == answer.lower()


def open_context(args: argparse.Namespace, settings: Settings) -> Context:
    """The context of one call.

    Raises:
        SettingsError: config.yml asks for what cannot be.
        ArgumentError: there is no file to upload.
    """

    def tell(line: str) -> None:
        say(line, error=args.json)

    if args.data and not args.data.is_file():
        raise ArgumentError(f"--data {args.data}: there is no such file")
    check(settings)
    names = Names(settings)
    plan = resources(names, settings.azure, args.data)
    client = Client(Az(tell, subscription=settings.azure.subscription_id))
    return Context(args, settings, names, plan, client, State(settings.root, names), tell)


def check(settings: Settings) -> None:
    """Raises `SettingsError` where names are missing or modes contradict each other."""
    azure, modes = settings.azure, settings.azure.bootstrap

    def refuse(key: str, why: str) -> SettingsError:
        return SettingsError(f"{settings.origin(f'azure.{key}')}: azure.{key} {why}")

    for key in ("resource_group", "workspace_name", "location", "service_principal_name"):
        if not getattr(azure, key):
            raise refuse(key, "is empty; give it a name")
    for key, forms in (("tenant_id", (GUID, _DOMAIN)), ("client_id", (GUID,))):
        given = getattr(azure, key)
        if given and not any(re.fullmatch(form, given) for form in forms):
            example = "such as 12345678-90ab-cdef-1234-567890abcdef"
            raise refuse(key, f"{given[:60]!r} is no id, {example}")
    if modes.roles != "skip" and modes.service_principal == "skip":
        raise refuse(
            "bootstrap.roles",
            f"is {modes.roles}, but service_principal is skip: roles are given to it; make it"
            " existing, or roles skip",
        )
