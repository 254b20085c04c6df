"""`credentials`: a new secret of the service principal to where the pipelines read it."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from amlkit.provision.cloud.client import az
from amlkit.provision.cloud.failures import Refused
from amlkit.provision.context import Context
from amlkit.provision.pipelines.names import SECRET, named_environment, named_group
from amlkit.provision.places import GitHub, VariableGroup
from amlkit.provision.rotation import Rotation
from amlkit.say import say


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
        Refused: a flag or a setting is missing.
        Failure: Azure refused, or the place does not take it.
    """
    args = context.args
    if args.print_once and (args.json or not sys.stdout.isatty()):
        raise Refused("--print works on a terminal alone, and without --json", code=2)
    if args.to == "azure-devops" and not (args.organization and args.project):
        raise Refused("--to azure-devops needs --organization and --project", code=2)
    context.require_subscription()
    context.know_principal()
    rotation = Rotation(context, context.facts["client_id"])
    with context.state.alone():
        done = _print(context, rotation) if args.print_once else _store(context, rotation)
    return {"status": "done", **done}


def _store(context: Context, rotation: Rotation) -> dict[str, Any]:
    """Into the variable group, or the environment on GitHub, that the pipelines name."""
    args, root = context.args, context.settings.root
    begins, env = context.settings.azure.bootstrap.variable_group, args.env or ""
    place: VariableGroup | GitHub
    if args.to == "github":
        place = GitHub(context.client, args.repo, named_environment(root, env, begins))
    else:
        group = named_group(root, env, begins)
        place = VariableGroup(context.client, args.organization, args.project, group)
    values = context.values_for_pipelines()
    record = rotation.rotate(place.place, lambda secret: place.store(values, secret))
    context.say(f"{place.title}: a new secret until {record['expires']} ({place.url})")
    if isinstance(place, VariableGroup):
        use = "each pipeline asks for the permission to use it, at its first run"
        if args.authorize:
            place.authorize()
            use = "every pipeline of the project may use it"
        context.say(use)
    return {"place": place.place, "url": place.url, **record}


def _print(context: Context, rotation: Rotation) -> dict[str, Any]:
    """Shown once. When it is in use nobody can tell, so that no other secret is removed."""
    values, secret = context.values_for_pipelines(), rotation.make("printed")
    for name, value in {**values, SECRET: secret.value}.items():
        say(f"{name}={value}")
    context.say(f"This is not shown again, and lives until {secret.expires}. To take it back:")
    words = ("--id", context.facts["client_id"], "--key-id", secret.key_id)
    context.say(f"  {context.client.shown(az('ad', 'app', 'credential', 'delete', *words))}")
    return {"place": "printed", "key_id": secret.key_id, "expires": secret.expires}
