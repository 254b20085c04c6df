"""From a registered model to one that serves: put beside, tested, switched to, or not."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from amlkit import content
from amlkit.flow.smoke import smoke_test
from amlkit.flow.steps import code_snapshot, environment_definition
from amlkit.records import Deployment, DeploymentDefinition, Endpoint, Model, WorkError
from amlkit.settings import Settings, SettingsError
from amlkit.workspace import Platform

EXAMPLES = "examples.json"


@dataclass(frozen=True)
class Outcome:
    """What became of a deployment."""

    endpoint: Endpoint | None
    switched: bool
    rolled_back: bool
    reason: str


def find_model(settings: Settings, platform: Platform, version: str | None) -> Model:
    """The model to serve: of the newest data asset's target, by default the newest version.

    Raises:
        SettingsError: there is no such version, or no model at all.
    """
    data = platform.find_data(settings.data.name)
    name = settings.model_name(data.target if data else settings.data.target)
    versions = platform.model_versions(name)
    if not versions:
        raise SettingsError(
            f"{settings.origin('model.name')}: no model {name} is registered on {platform.name}; "
            "run `python src/model.py` with the same flags first"
        )
    if version is None:
        return versions[-1]
    model = find_version(versions, version)
    if model is not None:
        return model
    known = ", ".join(model.version for model in versions[-10:])
    raise SettingsError(f"--model-version {version}: {name} has no such version; there are {known}")


def find_version(versions: Iterable[Model], version: str) -> Model | None:
    """The one of that version; None if there is none."""
    return next((model for model in versions if model.version == version), None)


def deployment_definition(
    settings: Settings, platform: Platform, model: Model, entry: str, *, dry_run: bool = False
) -> DeploymentDefinition:
    """What serves a model: the code as it stands, in the environment of the serving lock.

    With `dry_run` nothing is copied: the definition can be looked at, not deployed.

    Raises:
        SettingsError: there is no such lock, or the package has no `entry`.
    """
    package = settings.root / "src" / settings.project.package
    if not (package / entry).is_file():
        origin = settings.origin("project.package")
        raise SettingsError(f"{origin}: there is no {package / entry}; see docs/contract.md")
    endpoint = settings.endpoint
    environment = environment_definition(settings, serving=True)
    code_version, snapshot = code_snapshot(settings, dry_run=dry_run)
    return DeploymentDefinition(
        endpoint=endpoint.name,
        model=model,
        environment=environment,
        package=settings.project.package,
        snapshot=snapshot,
        code_version=code_version,
        port=endpoint.port,
        workers=endpoint.workers,
        identity=content.identity(
            [
                model.name,
                model.version,
                code_version,
                platform.serving_version(environment),
                endpoint.workers,
            ]
        ),
    )


def read_examples(platform: Platform, model: Model) -> dict[str, Any] | None:
    """The rows that the training left beside the model, with its answers; None if it left none.

    Raises:
        WorkError: the file is there and is no examples.
    """
    raw = platform.read_model(model, EXAMPLES)
    if raw is None:
        return None
    try:
        examples = json.loads(raw)
        if isinstance(examples["data"], list) and examples["data"]:
            return dict(examples)
    except (ValueError, KeyError, TypeError):
        pass
    raise WorkError(f"{model.name}:{model.version}: {EXAMPLES} holds no rows; see docs/contract.md")


def deploy(
    platform: Platform,
    definition: DeploymentDefinition,
    examples: Mapping[str, Any],
    say: Callable[[str], None],
) -> Outcome:
    """Puts a model behind its endpoint, unless the very same serves there already."""
    name, model = definition.endpoint, definition.model
    with platform.hold_endpoint(name):
        before = platform.find_endpoint(name)
        serves = before.serving if before and before.status == "Ready" else None
        if serves and serves.identity == definition.identity:
            return Outcome(before, False, False, f"{model.name}:{model.version} serves already")
        deployment = platform.create_deployment(definition, say)
        return _test_and_switch(platform, name, before, deployment, examples, say)


def roll_back(
    platform: Platform,
    name: str,
    examples_of: Callable[[str, str], Mapping[str, Any]],
    say: Callable[[str], None],
) -> Outcome:
    """Lets what served before serve again.

    Args:
        platform: where.
        name: the endpoint's.
        examples_of: rows for the smoke test, by a model's name and version.
        say: hears of each step.

    Raises:
        WorkError: there is no such endpoint, or nothing served before.
    """
    with platform.hold_endpoint(name):
        before = platform.find_endpoint(name)
        if before is None or before.previous is None:
            what = "serves nothing" if before is None else "has served one deployment only"
            raise WorkError(f"endpoint {name} {what}: there is nothing to go back to")
        previous = before.previous
        examples = examples_of(previous.model, previous.model_version)
        return _test_and_switch(platform, name, before, previous, examples, say)


def _test_and_switch(
    platform: Platform,
    name: str,
    before: Endpoint | None,
    deployment: Deployment,
    examples: Mapping[str, Any],
    say: Callable[[str], None],
) -> Outcome:
    """Starts a deployment beside the present one, tests it, and switches if it passes."""
    old = before.serving if before else None
    beside = f" beside version {old.model_version}" if old else ""
    say(f"starting {deployment.name} with {deployment.model}:{deployment.model_version}{beside}")
    started = platform.start_deployment(name, deployment)
    problem = started.reason or "it does not start" if started.status != "Ready" else ""
    if not problem:
        say(f"smoke test: asking it for {len(examples['data'])} rows")
        problem = smoke_test(platform, started, examples)
    if not problem:
        say("smoke test passed; switching")
        try:
            return Outcome(platform.switch(name, started), True, False, "")
        except WorkError as error:
            problem = str(error)
    platform.drop_deployment(name, deployment)
    after = platform.find_endpoint(name)
    reason = f"{deployment.model}:{deployment.model_version} is not deployed: {problem}"
    return Outcome(after, False, True, reason)
