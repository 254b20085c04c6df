"""`pipelines`: sets up what the pipelines need beside Azure, in Azure DevOps or on GitHub."""

from __future__ import annotations

import argparse
from typing import Any

from amlkit.provision.cloud.failures import Refused
from amlkit.provision.context import Context
from amlkit.provision.display import made_in_words, why_nothing_was_made
from amlkit.provision.pipelines import azure_devops, github
from amlkit.provision.pipelines.names import (
    connection_name,
    environments,
    repository,
    variables,
    workflow_branch,
)
from amlkit.provision.pipelines.rows import Plan, Row, look, make
from amlkit.provision.places import organization_name

NO_APPROVER = (
    "nobody approves what goes to production: name people with --approver (again for each), or say"
    " --no-approval, or set up staging alone with --staging-only"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's own flags."""
    add = parser.add_argument
    add(
        "--to",
        choices=("azure-devops", "github"),
        default="azure-devops",
        help="where the pipelines run (default: azure-devops)",
    )
    add("--organization", metavar="NAME", help="Azure DevOps: name or address")
    add("--project", metavar="NAME", help="Azure DevOps: the project")
    add(
        "--repository",
        metavar="NAME",
        default="",
        help="the repository: NAME on Azure Repos, OWNER/NAME on GitHub; the one of this folder's"
        " git remote by default",
    )
    add(
        "--github-connection",
        metavar="NAME",
        default="",
        help="Azure DevOps: its service connection to GitHub, where there are several",
    )
    add(
        "--approver",
        metavar="WHO",
        action="append",
        default=[],
        help="who approves production: mail address or group, on GitHub login or ORGANIZATION/TEAM",
    )
    add("--no-approval", action="store_true", help="let production go without approval")
    add("--staging-only", action="store_true", help="leave production out for now")
    add("--dry-run", action="store_true", help="show what would be made and how; change nothing")


def run(context: Context) -> dict[str, Any]:
    """Looks, shows the plan, and makes what is missing.

    Raises:
        Refused: a flag is missing, something is in the way, or nobody would approve production.
        Failure: Azure or Azure DevOps refused.
    """
    args, client = context.args, context.client
    if args.to == "azure-devops" and not (args.organization and args.project):
        raise Refused("pipelines in Azure DevOps need --organization and --project", code=2)
    with context.state.alone():
        table, facts, last = (_github if args.to == "github" else _azure_devops)(context)
        before = client.sent
        plan = look(table, client, facts)
        problems = plan.problems + _unapproved(context, plan)
        record = _show(context, plan, problems)
        if args.dry_run:
            return record | {"status": "planned"}
        if problems:
            raise Refused(why_nothing_was_made(problems), code=2, record=record)
        if plan.to_write and not context.agreed("Make these now? [yes/no]", "yes"):
            context.say("nothing was made")
            return record | {"status": "declined"}
        made = make(plan, client, context.say)
    context.say(made_in_words(made))
    if not args.staging_only:
        context.say(f"last, once staging serves: {last}")
    record |= {"status": "done", "made": made, "requests": client.sent - before}
    return record | {"next": [] if args.staging_only else [last]}


def _values(context: Context, connection: str = "") -> dict[str, str]:
    """What pipelines that sign in without a secret read of Azure; {} where they have one.

    Raises:
        Refused: no service principal is known.
    """
    if not connection and context.settings.azure.auth != "workload-identity":
        return {}
    context.require_subscription()
    context.know_principal()
    return context.values_for_pipelines()


def _azure_devops(context: Context) -> tuple[list[Row], dict[str, Any], str]:
    """The table for Azure DevOps, what is known before it, and what to do last."""
    args, root = context.args, context.settings.root
    names = variables(root)
    values = _values(context, names.get("serviceConnection", ""))
    wanted = azure_devops.Wanted(
        organization=organization_name(args.organization),
        project=args.project,
        repository=repository(root, args.repository),
        variables=names,
        approvers=args.approver,
        production=not args.staging_only,
        subscription=context.settings.azure.subscription_id,
        values=values,
        github_connection=args.github_connection,
    )
    last = "production: 'on' in pipelines/variables.yml"
    if values:
        last = f"serviceConnection: {connection_name(names)} and {last}"
    facts = {"organization_name": wanted.organization, "client": values.get("SPN_ID", "")}
    return azure_devops.rows(wanted), facts, last


def _github(context: Context) -> tuple[list[Row], dict[str, Any], str]:
    """The table for GitHub, likewise."""
    args, root = context.args, context.settings.root
    found = repository(root, args.repository)
    if not found.on_github:
        raise Refused(f"{found.name} is no repository on GitHub: --repository OWNER/NAME", code=2)
    staging, production = environments(root)
    values = _values(context)
    wanted = github.Wanted(
        repository=found.name,
        staging=staging,
        production="" if args.staging_only else production,
        branch=workflow_branch(root),
        approvers=args.approver,
        values=values,
    )
    last = f"gh variable set PRODUCTION --body on --repo {found.name}"
    return github.rows(wanted), {"client": values.get("SPN_ID", "")}, last


def _unapproved(context: Context, plan: Plan) -> list[str]:
    """Why production may not be set up as it is asked for: nobody would approve."""
    args = context.args
    if args.staging_only or args.no_approval or args.approver:
        return []
    if args.to == "github":
        _, production = environments(context.settings.root)
        [it] = [f for f in plan.findings if f.row.key == f"environment {production}"]
        return [] if github.has_reviewers(it.found) else [NO_APPROVER]
    name = variables(context.settings.root)["productionEnvironment"]
    there = look([azure_devops.approval(name)], context.client, plan.facts)
    return [] if there.findings[0].found else [NO_APPROVER]


def _show(context: Context, plan: Plan, problems: list[str]) -> dict[str, Any]:
    """Says the plan; returns it as it is reported."""
    rows = []
    for each in plan.findings:
        key, title, state = each.row.key, each.row.title, each.state
        commands = [context.client.shown(each.wanted, plan.facts)] if each.wanted else []
        for line in (f"{state:<10} {title}", *(f"    {command}" for command in commands)):
            context.say(line)
        rows.append({"row": key, "title": title, "state": state, "commands": commands})
    for problem in problems:
        context.say(f"problem: {problem}")
    for note in plan.notes:
        context.say(f"note: {note}")
    return {"rows": rows, "problems": problems, "notes": plan.notes}
