"""The command line of infra/bootstrap.py: flags, `--json`, exit codes.

Exit codes: 0 done, 1 the work failed, 2 the settings or arguments are wrong, 130 interrupted.
"""

from __future__ import annotations

import argparse
import json
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from amlkit.cli import ArgumentError, Parser, assignment, fail, print_utf8
from amlkit.provision import commands, credentials
from amlkit.provision.cloud.failures import Failure, Refused
from amlkit.provision.context import open_context
from amlkit.provision.destroy import destroy
from amlkit.provision.pipelines import command as pipelines
from amlkit.redaction import without_secrets
from amlkit.say import say
from amlkit.settings import SettingsError, load_settings


def parser() -> Parser:
    """All flags."""
    common = Parser(add_help=False, allow_abbrev=False)
    common.add_argument("--env", metavar="NAME", help="lay config.NAME.yml over config.yml")
    common.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="set any key of config.yml for this call, such as azure.location=northeurope",
    )
    common.add_argument("--json", action="store_true", help="print one JSON object")
    common.add_argument("--yes", action="store_true", help="ask nothing")
    common.add_argument("--verbose", action="store_true", help="show the traceback of an error")
    common.set_defaults(data=None, role=None, recover=False)  # flags of plan and apply
    top = Parser(
        prog="infra/bootstrap.py",
        description="Makes what this repository needs in Azure.",
        allow_abbrev=False,
    )
    known = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, help: str) -> Parser:
        return known.add_parser(
            name, help=help, description=help, parents=[common], allow_abbrev=False
        )

    plan = command("plan", "show what exists, what would be made and how; changes nothing")
    plan.add_argument(
        "--for-admin", action="store_true", help="write the request for an administrator"
    )
    apply = command("apply", "make what is missing; may be run again at any time")
    for each in (plan, apply):
        each.add_argument(
            "--data", type=Path, metavar="PATH", help="upload a table into the container"
        )
        each.add_argument(
            "--role",
            choices=("AzureML Data Scientist", "Contributor"),
            help="what the service principal is on the workspace (default: azure.bootstrap.role)",
        )
    apply.add_argument(
        "--recover", action="store_true", help="bring back a deleted Key Vault of this target"
    )
    command("status", "show what is there")
    credentials.add_arguments(
        command("credentials", "put a new secret of the service principal where pipelines read it")
    )
    pipelines.add_arguments(
        command("pipelines", "set up pipelines, environments and approvals where pipelines run")
    )
    remove = command("destroy", "remove what this repository made, and nothing else")
    remove.add_argument(
        "--purge",
        action="store_true",
        help="for good: names are free again, and nothing can be brought back",
    )
    return top


def main(root: Path, argv: Sequence[str] | None = None) -> int:
    """Runs a command; returns its exit code.

    Args:
        root: the repository, which holds `config.yml`.
        argv: the command line; the process's own by default.
    """
    argv = sys.argv[1:] if argv is None else list(argv)
    as_json, verbose = "--json" in argv, "--verbose" in argv
    print_utf8()
    record: dict[str, Any] = {}
    code = 0
    try:
        record = _run(root, parser().parse_args(argv))
    except KeyboardInterrupt:
        code = fail(130, "interrupted; run it again to go on where it stopped", record)
    except Exception as error:
        record |= getattr(error, "record", {})
        if verbose:
            say(without_secrets(traceback.format_exc()), error=True, end="")
        code = fail(*_explain(error), record)
    if as_json:
        say(json.dumps(record, ensure_ascii=False, default=str))
    return code


def _run(root: Path, args: argparse.Namespace) -> dict[str, Any]:
    """Reads the settings and runs the command."""
    overrides = [assignment(text) for text in args.set]
    if args.role:
        overrides.append(("azure.bootstrap.role", args.role, "--role"))
    context = open_context(args, load_settings(root, env=args.env, overrides=overrides))
    work = {
        "plan": commands.plan,
        "apply": commands.apply,
        "status": commands.status,
        "credentials": credentials.run,
        "pipelines": pipelines.run,
        "destroy": destroy,
    }
    return work[args.command](context)


def _explain(error: Exception) -> tuple[int, str]:
    """Exit code and line for an error."""
    if isinstance(error, ArgumentError | SettingsError):
        return 2, str(error)
    if isinstance(error, Refused):
        return error.code, str(error)
    if isinstance(error, Failure):
        return 1, str(error)
    if isinstance(error, ModuleNotFoundError) and error.name == "yaml":
        return 1, "the package PyYAML is not installed; run `make setup`, or `pip install pyyaml`"
    words = " ".join(str(error).split())
    return 1, f"unexpected {type(error).__name__}: {words[:300]}; --verbose shows where"
