"""From a registered model to one that serves: put beside, tested, switched to, or not."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from typing import Any

from amlkit import content
from amlkit.calls import Calls
from amlkit.flow.environment import environment_definition
from amlkit.flow.server_log import read_log, show_log, with_cause
from amlkit.flow.smoke import smoke_test
from amlkit.flow.training import code_snapshot, registered_name
from amlkit.records import Deployment, DeploymentDefinition, Endpoint, Model, Scale, WorkError
from amlkit.settings import Settings, SettingsError
from amlkit.workspace import Say, Workspace

EXAMPLES = "examples.json"


Objection = Callable[[Endpoint | None], str]
"""What stands against switching an endpoint that is as it is now, in a line; empty: nothing."""


@dataclass(frozen=True)
class Outcome:
    """What became of a deployment."""

    endpoint: Endpoint | None
    switched: bool
    rolled_back: bool
    reason: str
    """Why it was not switched to; empty if it was."""
    log: tuple[str, ...] = ()
    """The last lines of what the server of a failed one wrote."""


def find_model(
    settings: Settings, workspace: Workspace, version: str | None, training: str
) -> Model:
    """The model to serve, by default its newest version.

    Args:
        settings: they name the model and the data asset.
        workspace: where.
        version: None for the newest.
        training: what a person types to register one.

    Raises:
        SettingsError: there is no such version, or no model at all.
    """
    name = model_name(settings, workspace)
    versions = workspace.models.versions(name)
    if not versions:
        raise SettingsError(
            f"{settings.origin('model.name')}: no model {name} is registered on {workspace.name}; "
            f"`{training}` trains one"
        )
    if version is None:
        return versions[-1]
    model = find_version(versions, version)
    if model is not None:
        return model
    known = _versions(versions)
    raise SettingsError(f"--model-version {version}: {name} has no such version; it has {known}")


def _versions(models: Sequence[Model]) -> str:
    """`version 1`, `versions 1 to 3`, `versions 1, 3`; of many with gaps the last ten."""
    names = [model.version for model in models]
    if len(names) == 1:
        return f"version {names[0]}"
    if [int(name) for name in names] == list(range(int(names[0]), int(names[-1]) + 1)):
        return f"versions {names[0]} to {names[-1]}"
    return f"versions {', '.join(names[-10:])}"


def model_name(settings: Settings, workspace: Workspace) -> str:
    """The model's name: of the target that `--set` names, else of the newest data asset's."""
    asked = settings.origin("data.target").startswith("--set")
    data = None if asked else workspace.data.get(settings.data.name)
    target = data.target if data else settings.data.target.strip()
    return registered_name(settings, workspace, target)


def find_version(versions: Iterable[Model], version: str) -> Model | None:
    """The one of that version; None if there is none."""
    return next((model for model in versions if model.version == version), None)


def deployment_definition(
    settings: Settings, workspace: Workspace, calls: Calls, model: Model, *, dry_run: bool = False
) -> DeploymentDefinition:
    """What serves a model: the code as it is now, in the environment of the serving lock.

    With `dry_run` nothing is copied: the definition can be looked at, not deployed.

    Raises:
        SettingsError: there is no such lock.
    """
    endpoint = settings.endpoint
    code_version, snapshot = code_snapshot(settings, dry_run=dry_run)
    size = settings.azure.service
    definition = DeploymentDefinition(
        endpoint=endpoint.name,
        model=model,
        environment=environment_definition(settings, serving=True),
        package=settings.project.package,
        code=snapshot,
        code_version=code_version,
        port=endpoint.port,
        scale=Scale(workers=endpoint.workers, cpu_cores=size.cpu_cores, memory_gb=size.memory_gb),
        definition=calls.deployment,
        commit_time=content.commit_time(settings.root),
    )
    decisive = [model.name, model.version, code_version, asdict(definition.scale)]
    shape = workspace.endpoints.shape(definition)
    return replace(definition, identity=content.identity([*decisive, shape]))


def require_score(settings: Settings) -> None:
    """An endpoint needs the package's entry script.

    Raises:
        SettingsError: there is no `score.py`.
    """
    script = settings.root / "src" / settings.project.package / "score.py"
    if not script.is_file():
        origin = settings.origin("project.package")
        raise SettingsError(f"{origin}: there is no {script}; see docs/contract.md")


def examples_of(workspace: Workspace, model: Model) -> Mapping[str, Any]:
    """Rows for the smoke test: those that the training left, else the first of the data asset.

    Raises:
        WorkError: there are neither, or the file is there and is no examples.
    """
    found = read_examples(workspace, model)
    if found is not None:
        return found
    from amlkit.tabular.asset import first_rows

    name, version = model.tags.get("data_name", ""), model.tags.get("data_version")
    data = workspace.data.get(name, version) if name else None
    if data is None:
        raise WorkError(
            f"{model.name}:{model.version} has no {EXAMPLES}, and its data asset {name!r} is "
            "gone: there is nothing to test it with; see docs/contract.md"
        )
    return {"data": first_rows(workspace.data.download(data))}


def read_examples(workspace: Workspace, model: Model) -> dict[str, Any] | None:
    """The rows that the training left beside the model, with its answers; None if it left none.

    Raises:
        WorkError: the file is there and is no examples.
    """
    raw = workspace.models.read(model, EXAMPLES)
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
    workspace: Workspace,
    definition: DeploymentDefinition,
    examples: Mapping[str, Any],
    say: Say,
    objection: Objection | None = None,
) -> Outcome:
    """Puts a model behind its endpoint, unless the very same serves there already.

    Args:
        workspace: where.
        definition: what is to serve.
        examples: rows for the smoke test.
        say: hears of each step.
        objection: asked once more before the switch, of the endpoint as it is then; what it says
            is why nothing is switched. None: a person asked for this model, and what a rollback
            took away counts as wanted again.
    """
    name, model, package = definition.endpoint, definition.model, definition.package
    with workspace.endpoints.hold(name):
        before = workspace.endpoints.get(name)
        serves = before.serving if before and before.status == "Ready" else None
        if serves and serves.identity == definition.identity:
            reason = f"{model.name}:{model.version} serves already"
            outcome = Outcome(before, False, False, reason)
        else:
            try:
                deployment = workspace.endpoints.create_deployment(definition, say)
                outcome = _test_and_switch(
                    workspace, name, before, deployment, examples, say, package, objection
                )
            except KeyboardInterrupt:
                old = before.serving if before else None
                on = f"{model_of(old)} serves on" if old else "nothing serves yet"
                raise KeyboardInterrupt(f"interrupted; {on}") from None
        if objection is None and before and not outcome.rolled_back:
            _restore(
                workspace,
                name,
                [
                    mark.identity
                    for mark in before.withdrawn
                    if (mark.model, mark.version) == (model.name, model.version)
                ],
            )
    return outcome


def roll_back(
    workspace: Workspace,
    name: str,
    examples: Callable[[str, str], Mapping[str, Any]],
    say: Say,
    package: str,
) -> Outcome:
    """Lets what served before serve again, and marks what served as taken away.

    Args:
        workspace: where.
        name: the endpoint's.
        examples: rows for the smoke test, by a model's name and version.
        say: hears of each step.
        package: the owner's, whose exceptions are looked for in the server's log.

    Raises:
        WorkError: there is no such endpoint, or nothing served before.
    """
    with workspace.endpoints.hold(name):
        before = workspace.endpoints.get(name)
        if before is None or before.previous is None:
            what = "serves nothing" if before is None else "has served one deployment only"
            raise WorkError(f"endpoint {name} {what}: there is nothing to go back to")
        previous, present = before.previous, before.serving
        rows = examples(previous.model, previous.model_version)
        if present:  # before the switch: should this be killed, no pipeline deploys it again
            workspace.endpoints.withdraw(name, present)
        outcome = _test_and_switch(workspace, name, before, previous, rows, say, package)
        marked = [mark.identity for mark in before.withdrawn]
        if not outcome.rolled_back:
            _restore(workspace, name, [one for one in marked if one == previous.identity])
        elif present and present.identity not in marked:
            _restore(workspace, name, [present.identity])
    return outcome


def _restore(workspace: Workspace, name: str, identities: list[str]) -> None:
    if identities:
        workspace.endpoints.restore(name, identities)


def _test_and_switch(
    workspace: Workspace,
    name: str,
    before: Endpoint | None,
    deployment: Deployment,
    examples: Mapping[str, Any],
    say: Say,
    package: str,
    objection: Objection | None = None,
) -> Outcome:
    """Starts a deployment beside the present one, tests it, and switches if it passes."""
    endpoints, old = workspace.endpoints, before.serving if before else None
    beside = f" beside {model_of(old)}" if old else ""
    say(f"starting {deployment.name} with {model_of(deployment)}{beside}")
    if old and old.model != deployment.model:
        say(f"warning: whoever asks endpoint {name} for {old.model} will get other answers")
    try:
        problem = _start_and_test(workspace, name, deployment, examples, say)
    except WorkError as error:
        problem = str(error)
    except KeyboardInterrupt:
        with suppress(WorkError):  # left to itself it would run on, and cost
            endpoints.delete_deployment(name, deployment)
        raise
    against = objection(endpoints.get(name)) if objection and not problem else ""
    if against:  # another deployment was switched to meanwhile
        endpoints.delete_deployment(name, deployment)
        return Outcome(endpoints.get(name), False, False, against)
    if not problem:
        say("smoke test passed; switching")
        try:
            return Outcome(endpoints.set_traffic(name, {deployment.name: 100}), True, False, "")
        except WorkError as error:
            problem = str(error)
    log = read_log(workspace, name, deployment)
    lines = show_log(log, deployment, say)
    where = f"; its log: {deployment.log}" if lines and deployment.log else ""
    why = with_cause(problem, log, package)
    reason = f"{model_of(deployment)} is not deployed: {why}{where}"
    try:
        endpoints.delete_deployment(name, deployment)
    except WorkError as error:
        raise WorkError(f"{reason}; {deployment.name} is left: {error}") from error
    return Outcome(endpoints.get(name), False, True, reason, tuple(lines))


def _start_and_test(
    workspace: Workspace,
    name: str,
    deployment: Deployment,
    examples: Mapping[str, Any],
    say: Say,
) -> str:
    """What is wrong with a deployment that is started now, in a line; empty if nothing is.

    Raises:
        WorkError: it could not be started or asked.
    """
    started = workspace.endpoints.start(name, deployment)
    if started.status != "Ready":
        return started.reason or "it does not start"
    say(f"smoke test: asking it for {len(examples['data'])} rows")
    return smoke_test(workspace, started, examples)


def model_of(deployment: Deployment) -> str:
    """A deployment's model and version, in words."""
    return f"{deployment.model}:{deployment.model_version}"
