"""`credentials`: a new secret of the service principal to where the pipelines read it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import Any

from amlkit.provision.commands import know_principal
from amlkit.provision.context import Context, require_subscription
from amlkit.provision.devops import VariableGroup
from amlkit.provision.github import GitHub
from amlkit.provision.pipelines.names import named_environment, named_group
from amlkit.provision.records import Refused
from amlkit.provision.rotation import Rotation
from amlkit.say import say

# The pipelines' names for what the drivers read from their environment.
PIPELINE_NAMES = {
    "TENANT_ID": "TenantID",
    "SPN_ID": "SpnID",
    "SPN_PASSWORD": "SpnPassword",
    "SUBSCRIPTION_ID": "SubscriptionID",
    "RESOURCE_GROUP": "ResourceGroup",
    "AML_WORKSPACE_NAME": "AmlWorkspaceName",
}
SECRET = "SPN_PASSWORD"  # noqa: S105 - a name


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's own flags."""
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--to", choices=("azure-devops", "github"), help="where the pipelines run")
    where.add_argument(
        "--print",
        dest="print_once",
        action="store_true",
        help="show the new secret once, on a terminal, for a place of your own",
    )
    parser.add_argument("--organization", metavar="NAME", help="Azure DevOps: name or address")
    parser.add_argument("--project", metavar="NAME", help="Azure DevOps: the project")
    parser.add_argument(
        "--authorize",
        action="store_true",
        help="Azure DevOps: let every pipeline of the project use the group; without it, the first"
        " run of each asks",
    )
    parser.add_argument(
        "--repo",
        metavar="OWNER/NAME",
        default="",
        help="GitHub: the repository; the one of this folder's git remote by default",
    )


def run(context: Context) -> dict[str, Any]:
    """Makes a secret, stores it, and removes the one that was there before.

    Raises:
        Refused: a flag or a setting is missing, or the place does not take it.
        AzFailure: Azure refused.
    """
    args = context.args
    if args.print_once and (args.json or not sys.stdout.isatty()):
        raise Refused("--print works on a terminal alone, and without --json", code=2)
    if args.to == "azure-devops" and not (args.organization and args.project):
        raise Refused("--to azure-devops needs --organization and --project", code=2)
    require_subscription(context.settings)
    know_principal(context)
    with context.state.alone():
        to = {"azure-devops": _to_azure_devops, "github": _to_github, None: _to_terminal}[args.to]
        return {"status": "done", **to(context)}


def _to_azure_devops(context: Context) -> dict[str, Any]:
    """Into the variable group that the pipelines name."""
    args, settings = context.args, context.settings
    name = named_group(settings.root, args.env or "", settings.azure.bootstrap.variable_group)
    group = VariableGroup(context.az, args.organization, args.project, name)
    values = {PIPELINE_NAMES[key]: value for key, value in azure_values(context).items()}
    record = _rotate(
        context, group.place, lambda secret: group.store(values, {PIPELINE_NAMES[SECRET]: secret})
    )
    context.say(f"variable group {name}: a new secret until {record['expires']} ({group.url})")
    if args.authorize:
        group.authorize()
        context.say("every pipeline of the project may use it")
    else:
        context.say("each pipeline asks for the permission to use it, at its first run")
    return {"place": group.place, "url": group.url, **record}


def _to_github(context: Context) -> dict[str, Any]:
    """Into the secrets and variables of a repository."""
    args, settings = context.args, context.settings
    name = named_environment(settings.root, args.env or "", settings.azure.bootstrap.variable_group)
    hub = GitHub(args.repo, name)
    values = azure_values(context)
    record = _rotate(context, hub.place, lambda secret: hub.store(values, {SECRET: secret}))
    context.say(f"{hub.place}: a new secret until {record['expires']} ({hub.url})")
    return {"place": hub.place, "url": hub.url, **record}


def _to_terminal(context: Context) -> dict[str, Any]:
    """Shown once. When it is in use nobody can tell, so that no other secret is removed."""
    values, rotation = azure_values(context), _rotation(context)
    secret = rotation.append("printed", context.settings.azure.bootstrap.secret_months)
    for name, value in {**values, SECRET: secret.value}.items():
        say(f"{name}={value}")
    context.say(f"This is not shown again, and lives until {secret.expires}. To take it back:")
    context.say(f"  {rotation.shown_removal(secret.key_id)}")
    return {"place": "printed", "key_id": secret.key_id, "expires": secret.expires}


def _rotate(context: Context, place: str, store: Callable[[str], None]) -> dict[str, Any]:
    """A new secret in a place, the old one removed."""
    months = context.settings.azure.bootstrap.secret_months
    return _rotation(context).rotate(place, months, store)


def _rotation(context: Context) -> Rotation:
    """The secrets of the service principal's application."""
    return Rotation(context.az, context.state, context.facts["client_id"], context.say)


def azure_values(context: Context) -> dict[str, str]:
    """What pipelines read beside the secret."""
    azure = context.settings.azure
    tenant = azure.tenant_id or context.facts.get("tenant_id")
    if not tenant:
        account = context.az.json("account", "show", "--subscription", azure.subscription_id)
        tenant = str(account["tenantId"])
    return {
        "TENANT_ID": tenant,
        "SPN_ID": context.facts["client_id"],
        "SUBSCRIPTION_ID": azure.subscription_id,
        "RESOURCE_GROUP": azure.resource_group,
        "AML_WORKSPACE_NAME": azure.workspace_name,
    }
