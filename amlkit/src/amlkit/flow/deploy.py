"""The deployment step: a registered model behind an endpoint; or a table scored with it."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from amlkit import cli
from amlkit.calls import Calls
from amlkit.flow import due, export, promotion, serving, switch, traffic
from amlkit.flow.scoring import check, score
from amlkit.flow.served import Key, Served
from amlkit.records import Deployment, Endpoint, Model, WorkError


def arguments() -> cli.Parser:
    """The driver's flags."""
    parser = cli.parser(
        "Serve the registered model: new beside old, smoke test, switch; or score a table.",
        """python src/deploy.py --local
        python src/deploy.py --local --status
        python src/deploy.py --env prod --due
        python src/deploy.py --local --batch customers.csv --out scored.parquet""",
    )
    parser.add_argument(
        "--model-version", metavar="N", help="the model's version (default: the newest)"
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--status", action="store_true", help="say what serves, and what is due")
    what.add_argument(
        "--due",
        action="store_true",
        help="deploy only what is due: the newest model, with --env what config.yml's endpoint "
        "serves; never an older one, nor what was rolled back",
    )
    what.add_argument("--rollback", action="store_true", help="go back to what served before")
    what.add_argument("--delete", action="store_true", help="stop the endpoint and forget it")
    what.add_argument(
        "--show-key", action="store_true", help="print the endpoint's key, alone on stdout"
    )
    what.add_argument(
        "--batch",
        metavar="IN",
        help="score a table of any size, of any kind: a file, or azureml:NAME:VERSION where it "
        "lies, by a batch endpoint (SDK v2)",
    )
    batch = parser.add_argument_group("with --batch")
    batch.add_argument(
        "--out",
        metavar="OUT",
        help="where to: a .parquet or .csv file; or azureml://datastores/D/paths/P",
    )
    batch.add_argument(
        "--keep",
        action="append",
        default=[],
        metavar="COLUMN",
        help="copy a column of the table in front of the predictions",
    )
    return export.flagged(parser)


def run(context: cli.Context) -> cli.Result:
    """Does the one thing that the flags ask for."""
    args = context.args
    check(args)
    if args.model_version == "":  # a pipeline's variable that nobody has set
        raise cli.ArgumentError("--model-version is empty: name a version, or leave it out")
    others = cli.given(args, ("status", "rollback", "delete", "show_key"))
    if others and args.model_version:
        raise cli.ArgumentError(f"{others[0]} takes no --model-version")
    if args.batch:
        return score(context, _model(context))
    if args.status:
        return status(context)
    if args.due:
        return deploy_due(context)
    if args.rollback:
        return rollback(context)
    if args.delete:
        return delete(context)
    if args.show_key:
        return show_key(context)
    return deploy(context)


def deploy_due(context: cli.Context) -> Served:
    """Deploys what is due, or nothing; a version that is named only if it is the one."""
    name, asked = context.settings.endpoint.name, context.args.model_version
    endpoint = context.workspace.endpoints.get(name)
    found = due.what_is_due(context, endpoint)
    if asked and found.now and found.version != asked:
        reason = f"version {asked} was asked for, and version {found.version} is due by now"
        found = replace(found, now=False, reason=reason)
    if not found.now or found.definition is None:
        endpoint = _without_retired(context, endpoint)
        return Served(name, endpoint, lines=(found.words(),), due=found)
    context.say(found.words())
    found = due.brought_here(context, found)
    done = deploy(context, found)
    if done.switched:
        found = replace(found, now=False, reason=f"version {found.version} serves now")
    elif done.reason and not done.rolled_back:  # another one was quicker
        found = replace(found, now=False, reason=done.reason)
    return replace(done, due=found)


def deploy(context: cli.Context, found: due.Due | None = None) -> Served:
    """Puts the model behind the endpoint; if it fails its test, what serves serves on.

    Args:
        context: the call.
        found: what is due; None: what the flags name is deployed.
    """
    settings, workspace, say = context.settings, context.workspace, context.say
    wanted = found.definition if found else None
    model = wanted.model if wanted else _model(context)
    serving.require_score(settings)
    dry_run = context.args.dry_run
    definition = serving.deployment_definition(
        settings, workspace, context.calls, model, dry_run=dry_run
    )
    name = definition.endpoint
    if dry_run:
        before = workspace.endpoints.get(name)
        old = before.serving if before else None
        instead = f" in place of {serving.model_of(old)}" if old else ""
        lines = (
            f"would serve {model.name}:{model.version}{instead} at endpoint {name}",
            f"on {workspace.name}, in environment {definition.environment.name}",
        )
        return Served(name, before, model, lines=lines, more={"dry_run": True})
    examples = promotion.examples_of(context, model)
    try:
        objection, how = found.objection if found else None, settings.azure.traffic
        outcome = switch.deploy(workspace, definition, examples, say, objection, how)
    except KeyboardInterrupt as interrupt:
        version = () if context.args.model_version is None else ("--model-version", model.version)
        again = context.command("deploy", *version)
        raise KeyboardInterrupt(f"{str(interrupt) or 'interrupted'}; next: {again}") from None
    return conclude(context, outcome, examples)


def _without_retired(context: cli.Context, endpoint: Endpoint | None) -> Endpoint | None:
    """The endpoint without what served before, where that was kept long enough."""
    how, endpoints = context.settings.azure.traffic, context.workspace.endpoints
    if endpoint is None or context.args.dry_run or not traffic.is_kept_no_more(endpoint, how):
        return endpoint
    with endpoints.hold(endpoint.name):
        now = endpoints.get(endpoint.name)
        return now and traffic.delete_retired(endpoints, now, how, context.say)


def rollback(context: cli.Context) -> Served:
    """Lets what served before serve again."""
    name, workspace = context.settings.endpoint.name, context.workspace
    if context.args.dry_run:
        found = workspace.endpoints.get(name)
        before = found.previous if found else None
        line = f"would go back to {words_of(before)}" if before else "nothing served before"
        return Served(name, found, lines=(line,), more={"dry_run": True})

    def rows(model_name: str, version: str) -> Mapping[str, Any]:
        model = serving.find_version(workspace.models.versions(model_name), version)
        if model is None:
            raise WorkError(f"{model_name}:{version} is no longer registered")
        return promotion.examples_of(context, model)

    package = context.settings.project.package
    return conclude(context, switch.roll_back(workspace, name, rows, context.say, package), None)


def conclude(
    context: cli.Context, outcome: switch.Outcome, examples: Mapping[str, Any] | None
) -> Served:
    """What became of a deployment, and how to send a request."""
    endpoint = outcome.endpoint
    done = Served(
        context.settings.endpoint.name,
        endpoint,
        switched=outcome.switched,
        rolled_back=outcome.rolled_back,
        reason=outcome.reason,
        log=outcome.log,
    )
    lines = [outcome.reason] if outcome.reason and not outcome.rolled_back else []
    if endpoint is None:
        return replace(done, lines=tuple(lines))
    lines += [f"note: {note}" for note in endpoint.notes]
    if endpoint.serving:
        state = "still serves" if outcome.rolled_back else endpoint.status
        lines.append(f"{state}: {words_of(endpoint.serving)} at {endpoint.uri}")
    more: dict[str, Any] = {}
    if examples and not outcome.rolled_back:
        more["example"] = {"data": examples["data"][:1]}
        if endpoint.keyed:
            show = context.command("deploy", "--show-key")
            lines.append(f"its key, for the variable KEY: {show}")
        elif endpoint.token_command:
            lines.append(f"a token, for the variable KEY: {endpoint.token_command}")
        keyed = bool(endpoint.keyed or endpoint.token_command)
        lines.append(f"try: {request_line(endpoint.uri, examples, keyed=keyed)}")
    return replace(done, lines=tuple(lines), more=more)


def status(context: cli.Context) -> Served:
    """What serves, asked now."""
    name = context.settings.endpoint.name
    endpoint = context.workspace.endpoints.get(name)
    found = due.known_due(context, endpoint)
    if endpoint is None:
        start = context.command("deploy")
        nothing = f"endpoint {name}: nothing is deployed; next: {start}"
        return Served(name, None, lines=(nothing, found.words()), due=found)
    why = f" ({endpoint.reason})" if endpoint.reason else ""
    lines = [f"endpoint {name}: {endpoint.status}{why}"]
    if endpoint.serving is None:
        lines.append(f"nothing serves yet; next: {context.command('deploy')}")
    else:
        lines.append(f"address: {endpoint.uri}")
        verb = "served" if endpoint.status == "Stopped" else "serves"
        lines.append(f"{verb}: {words_of(endpoint.serving)}")
    if endpoint.previous:
        back = context.command("deploy", "--rollback")
        lines.append(f"before: {words_of(endpoint.previous)}; `{back}` goes back to it")
    lines += traffic.lines_of(endpoint, context.settings.azure.traffic)
    return Served(name, endpoint, lines=(*lines, found.words()), due=found)


def show_key(context: cli.Context) -> Key:
    """The endpoint's key; where it takes tokens, how to get one."""
    name, endpoints = context.settings.endpoint.name, context.workspace.endpoints
    found = endpoints.get(name)
    if found and found.token_command:
        return Key(name, "", found.token_command)
    return Key(name, endpoints.key(name))


def delete(context: cli.Context) -> Served:
    """Stops the endpoint and all behind it."""
    name, endpoints = context.settings.endpoint.name, context.workspace.endpoints
    if context.args.dry_run:
        found = endpoints.get(name)
        line = f"would delete endpoint {name}" if found else f"there is no endpoint {name}"
        return Served(name, found, lines=(line,), more={"dry_run": True})
    with endpoints.hold(name):
        deleted = endpoints.delete(name)
    line = f"endpoint {name}: {'deleted' if deleted else 'there is none'}"
    return Served(name, None, lines=(line,), more={"deleted": deleted})


def _model(context: cli.Context) -> Model:
    """The model that is asked for."""
    training = context.command("model")
    version = context.args.model_version
    return serving.find_model(context.settings, context.workspace, version, training)


def words_of(deployment: Deployment) -> str:
    """A deployment in words."""
    return f"{serving.model_of(deployment)} ({deployment.name})"


def request_line(uri: str, examples: Mapping[str, Any], *, keyed: bool = False) -> str:
    """The command line that asks for the first example; with a key, it is taken from $KEY."""
    body = json.dumps({"data": examples["data"][:1]}, ensure_ascii=True)
    if sys.platform == "win32":
        body = body.replace("'", "''")
        key = ' -Headers @{Authorization="Bearer $KEY"}' if keyed else ""
        how = f"-Method Post -ContentType application/json{key}"
        return f"Invoke-RestMethod {uri} {how} -Body '{body}'"
    body = body.replace("'", "'\\''")
    key = ' -H "Authorization: Bearer $KEY"' if keyed else ""
    return f"curl {uri} -H 'Content-Type: application/json'{key} -d '{body}'"


def main(driver: str, calls: Calls | None = None, argv: Sequence[str] | None = None) -> int:
    """Runs `src/deploy.py`, whose path `driver` is; returns its exit code."""
    step = export.instead(run, export.deployment)
    return cli.main(driver, arguments(), step, calls, argv=argv)
