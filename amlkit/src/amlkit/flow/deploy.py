"""Serves the registered model at an endpoint, or scores a table with it."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amlkit import cli as driver
from amlkit.flow.serving_words import deployment_words, endpoint_record, model_record, request_line

if TYPE_CHECKING:
    from amlkit.flow.serving import Outcome
    from amlkit.records import Model


def arguments() -> driver.Parser:
    """The driver's flags."""
    parser = driver.parser(
        "Serve the registered model: new beside old, smoke test, switch; or score a table.",
        """python src/deploy.py --local
        python src/deploy.py --local --status
        python src/deploy.py --local --batch customers.csv --out scored.parquet""",
    )
    parser.add_argument(
        "--model-version", metavar="N", help="the model's version (default: the newest)"
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--status", action="store_true", help="say what serves, and whether it does")
    what.add_argument("--rollback", action="store_true", help="go back to what served before")
    what.add_argument("--delete", action="store_true", help="stop the endpoint and forget it")
    what.add_argument(
        "--show-key", action="store_true", help="print the endpoint's key, alone on stdout"
    )
    what.add_argument("--batch", metavar="IN", help="score a table (CSV or Parquet) of any size")
    batch = parser.add_argument_group("with --batch")
    batch.add_argument("--out", metavar="OUT", help="where to: a .parquet or .csv file")
    batch.add_argument(
        "--keep",
        action="append",
        default=[],
        metavar="COLUMN",
        help="copy a column of the table in front of the predictions",
    )
    return parser


def run(context: driver.Context) -> dict[str, Any]:
    """Does the one thing that the flags ask for."""
    args = context.args
    if (args.out or args.keep) and not args.batch:
        raise driver.ArgumentError("--out and --keep belong to --batch IN")
    if args.batch:
        return batch(context)
    if args.status:
        return status(context)
    if args.rollback:
        return rollback(context)
    if args.delete:
        return delete(context)
    if args.show_key:
        return show_key(context)
    return deploy(context)


def deploy(context: driver.Context) -> dict[str, Any]:
    """Puts the model behind the endpoint; if it fails its test, what serves serves on."""
    from amlkit.flow import serving

    settings, platform, say = context.settings, context.platform, context.say
    model = serving.find_model(settings, platform, context.args.model_version)
    dry_run = context.args.dry_run
    definition = serving.deployment_definition(
        settings, platform, model, "score.py", dry_run=dry_run
    )
    if dry_run:
        before = platform.find_endpoint(definition.endpoint)
        old = before.serving if before else None
        instead = f" in place of version {old.model_version}" if old else ""
        say(f"would serve {model.name}:{model.version}{instead} at endpoint {definition.endpoint}")
        say(f"on {platform.name}, in environment {definition.environment.name}")
        return endpoint_record(definition.endpoint, before) | {
            "dry_run": True,
            "model": model_record(model),
        }
    examples = examples_of(context, model)
    try:
        outcome = serving.deploy(platform, definition, examples, say)
    except KeyboardInterrupt:
        raise KeyboardInterrupt("interrupted; what served before serves on") from None
    return conclude(context, outcome, examples)


def rollback(context: driver.Context) -> dict[str, Any]:
    """Lets what served before serve again."""
    from amlkit.flow import serving
    from amlkit.records import WorkError

    name, platform = context.settings.endpoint.name, context.platform
    if context.args.dry_run:
        found = platform.find_endpoint(name)
        before = found.previous if found else None
        context.say(
            f"would go back to {deployment_words(before)}" if before else "nothing served before"
        )
        return endpoint_record(name, found) | {"dry_run": True}

    def rows(model_name: str, version: str) -> Mapping[str, Any]:
        model = serving.find_version(platform.model_versions(model_name), version)
        if model is None:
            raise WorkError(f"{model_name}:{version} is no longer registered")
        return examples_of(context, model)

    return conclude(context, serving.roll_back(platform, name, rows, context.say), None)


def conclude(
    context: driver.Context, outcome: Outcome, examples: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Says what became of a deployment, and how to send a request."""
    say, endpoint = context.say, outcome.endpoint
    done = endpoint_record(context.settings.endpoint.name, endpoint)
    done |= {"switched": outcome.switched, "rolled_back": outcome.rolled_back}
    if outcome.reason:
        done["reason"] = outcome.reason
        if not outcome.rolled_back:
            say(outcome.reason)
    if outcome.rolled_back:
        done |= {"status": "Failed", "error": outcome.reason, "exit_code": 1}
    if endpoint is None:
        return done
    for note in endpoint.notes:
        say(f"note: {note}")
    if endpoint.serving:
        say(f"{endpoint.status}: {deployment_words(endpoint.serving)} at {endpoint.uri}")
    if examples and not outcome.rolled_back:
        done["example"] = {"data": examples["data"][:1]}
        if endpoint.keyed:
            say(f"its key, for the variable KEY: {driver.command(context, 'deploy', '--show-key')}")
        say(f"try: {request_line(endpoint.uri, examples, keyed=endpoint.keyed)}")
    return done


def status(context: driver.Context) -> dict[str, Any]:
    """Says what serves, asked now."""
    name, say = context.settings.endpoint.name, context.say
    endpoint = context.platform.find_endpoint(name)
    if endpoint is None:
        say(f"endpoint {name}: nothing is deployed; run this without --status to deploy")
    else:
        why = f" ({endpoint.reason})" if endpoint.reason else ""
        say(f"endpoint {name}: {endpoint.status}{why}")
        say(f"address: {endpoint.uri}")
        if endpoint.serving:
            verb = "served" if endpoint.status == "Stopped" else "serves"
            say(f"{verb}: {deployment_words(endpoint.serving)}")
        if endpoint.previous:
            say(f"before: {deployment_words(endpoint.previous)}; --rollback goes back to it")
    return endpoint_record(name, endpoint)


def delete(context: driver.Context) -> dict[str, Any]:
    """Stops the endpoint and all behind it."""
    name = context.settings.endpoint.name
    found = context.platform.find_endpoint(name)
    if context.args.dry_run:
        context.say(f"would delete endpoint {name}" if found else f"there is no endpoint {name}")
        return endpoint_record(name, found) | {"dry_run": True}
    with context.platform.hold_endpoint(name):
        deleted = context.platform.delete_endpoint(name)
    context.say(f"endpoint {name}: {'deleted' if deleted else 'there is none'}")
    return endpoint_record(name, None) | {"deleted": deleted}


def show_key(context: driver.Context) -> dict[str, Any]:
    """Prints the endpoint's key: the one place that does."""
    name = context.settings.endpoint.name
    key = context.platform.endpoint_key(name)
    if context.args.json:
        return {"endpoint": {"name": name}, "key": key or None}
    if key:
        print(key)
    else:
        context.say(f"endpoint {name} asks for no key: it is reached from this machine alone")
    return {}


def batch(context: driver.Context) -> dict[str, Any]:
    """Scores a table of any size, in the order of its rows."""
    from amlkit.flow import serving
    from amlkit.progress import Progress

    args, say = context.args, context.say
    if not args.out:
        raise driver.ArgumentError("--batch needs --out FILE, a .parquet or .csv file")
    source, target = Path(args.batch), Path(args.out)
    if not source.is_file():
        raise driver.ArgumentError(f"--batch {source}: no such file")
    model = serving.find_model(context.settings, context.platform, args.model_version)
    definition = serving.deployment_definition(
        context.settings, context.platform, model, "batch.py", dry_run=args.dry_run
    )
    done: dict[str, Any] = {"model": model_record(model)}
    done["batch"] = {"input": str(source), "output": str(target)}
    if args.dry_run:
        say(f"would score {source} with {model.name}:{model.version} into {target}")
        return done | {"dry_run": True}
    say(f"scoring {source} with {model.name}:{model.version}")
    with Progress("score", source.stat().st_size) as progress:
        rows = context.platform.score_file(definition, source, target, args.keep, say, progress)
    say(f"{rows:,} rows scored into {target}")
    done["batch"]["rows"] = rows
    return done


def examples_of(context: driver.Context, model: Model) -> Mapping[str, Any]:
    """Rows for the smoke test: those that the training left, else the first of the data asset."""
    from amlkit.flow import serving
    from amlkit.records import WorkError
    from amlkit.tabular.examples import first_rows

    found = serving.read_examples(context.platform, model)
    if found is not None:
        return found
    name, version = model.tags.get("data_name", ""), model.tags.get("data_version")
    data = context.platform.find_data(name, version) if name else None
    if data is None:
        raise WorkError(
            f"{model.name}:{model.version} has no examples.json, and its data asset {name!r} is "
            "gone: there is nothing to test it with; see docs/contract.md"
        )
    return {"data": first_rows(context.platform.open_data(data))}


def main(argv: list[str] | None = None) -> int:
    """Runs the driver; answers with its exit code."""
    return driver.main(arguments(), run, {}, argv)


if __name__ == "__main__":
    sys.exit(main())
