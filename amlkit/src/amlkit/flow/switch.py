"""From a deployment to one that serves: put beside, tested, switched to, or not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from amlkit.flow.server_log import read_log, show_log, with_cause
from amlkit.flow.serving import model_of
from amlkit.flow.smoke import smoke_test
from amlkit.flow.traffic import Switch, delete_retired, is_kept_no_more
from amlkit.records import Deployment, DeploymentDefinition, Endpoint, WorkError
from amlkit.settings.azure import Traffic
from amlkit.workspace import Say, Workspace

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


def deploy(
    workspace: Workspace,
    definition: DeploymentDefinition,
    examples: Mapping[str, Any],
    say: Say,
    objection: Objection | None = None,
    how: Traffic | None = None,
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
        how: how the new one gets the traffic where it can be shared; None: all of it at once.
    """
    name, model, package = definition.endpoint, definition.model, definition.package
    endpoints, reason = workspace.endpoints, f"{model.name}:{model.version} serves already"
    now = endpoints.get(name)
    if now and _serves_alone(now, definition, how):
        return Outcome(now, False, False, reason)
    with endpoints.hold(name):
        before = endpoints.get(name)
        if before and _serves(before, definition):
            outcome = Outcome(_without_candidate(workspace, before, say), False, False, reason)
        else:
            try:
                if before and how and _shares(workspace, before, how):
                    endpoints.answered(name, datetime.now(UTC))  # who may not ask learns it here
                deployment, before = _resumed(workspace, before, definition, say)
                deployment = deployment or endpoints.create_deployment(definition, say)
                outcome = _test_and_switch(
                    workspace, name, before, deployment, examples, say, package, objection, how
                )
            except KeyboardInterrupt as interrupt:
                old = before.serving if before else None
                on = f"{model_of(old)} serves on" if old else "nothing serves yet"
                raise KeyboardInterrupt(str(interrupt) or f"interrupted; {on}") from None
        if how and outcome.endpoint and not outcome.rolled_back:
            outcome = replace(outcome, endpoint=_tidied(workspace, outcome.endpoint, how, say))
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


def _serves(endpoint: Endpoint, definition: DeploymentDefinition) -> bool:
    """Whether the very same serves already."""
    now = endpoint.serving if endpoint.status == "Ready" else None
    return now is not None and now.identity == definition.identity


def _serves_alone(
    endpoint: Endpoint, definition: DeploymentDefinition, how: Traffic | None
) -> bool:
    """Whether it serves already, and nothing is left to be taken away or marked otherwise."""
    late = how is not None and is_kept_no_more(endpoint, how)
    left = endpoint.candidate or endpoint.withdrawn or late
    return _serves(endpoint, definition) and not left


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
        if before is None or not (before.previous or before.candidate):
            what = "serves nothing" if before is None else "has served one deployment only"
            raise WorkError(f"endpoint {name} {what}: there is nothing to go back to")
        if before.candidate and before.serving:  # an interrupted switch goes back
            workspace.endpoints.withdraw(name, before.candidate)
            reason = f"{model_of(before.serving)} serves alone again"
            return Outcome(_without_candidate(workspace, before, say), False, False, reason)
        previous, present = before.previous, before.serving
        if previous is None:
            raise WorkError(f"endpoint {name}: nothing that it has serves, or served before")
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
    how: Traffic | None = None,
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
        problem, after = _switch(workspace, name, before, deployment, say, how)
        if not problem:
            return Outcome(after, True, False, "")
    log = read_log(workspace, name, deployment)
    lines = show_log(log, deployment, say)
    where = f"; its log: {deployment.log}" if lines and deployment.log else ""
    why = with_cause(problem, log, package)
    reason = f"{model_of(deployment)} is not deployed: {why}{where}"
    served_before = before and before.previous and before.previous.name == deployment.name
    try:
        # What served before and runs on a machine of its own stays for another try.
        if not (served_before and endpoints.shares_traffic):
            endpoints.delete_deployment(name, deployment)
    except WorkError as error:
        raise WorkError(f"{reason}; {deployment.name} is left: {error}") from error
    return Outcome(endpoints.get(name), False, True, reason, tuple(lines))


def _switch(
    workspace: Workspace,
    name: str,
    before: Endpoint | None,
    deployment: Deployment,
    say: Say,
    how: Traffic | None,
) -> tuple[str, Endpoint | None]:
    """Gives a tested deployment the traffic, in steps where there are some.

    Returns:
        What was wrong, in a line, or ""; and the endpoint that it serves.
    """
    endpoints, old = workspace.endpoints, before.serving if before else None
    if how and (how.steps or how.mirror) and not endpoints.shares_traffic:
        say(f"azure.traffic: on {workspace.name} no traffic is shared; it moves at once")
    elif how and before and old and _shares(workspace, before, how):
        share = before.traffic.get(deployment.name, 0)
        return Switch(endpoints, name, old, deployment, how, say).run(share)
    try:
        return "", endpoints.set_traffic(name, {deployment.name: 100})
    except WorkError as error:
        return str(error), None


def _shares(workspace: Workspace, before: Endpoint, how: Traffic) -> bool:
    """Whether a new deployment gets the traffic of what serves step by step."""
    asked = bool(how.steps or how.mirror) and workspace.endpoints.shares_traffic
    return asked and before.serving is not None and before.status == "Ready"


def _resumed(
    workspace: Workspace, before: Endpoint | None, definition: DeploymentDefinition, say: Say
) -> tuple[Deployment | None, Endpoint | None]:
    """The deployment that an interrupted call has left, if it is the one; else it is taken away."""
    if before is None or not workspace.endpoints.shares_traffic:
        return None, before
    wanted, running = definition.identity, ("Ready", "Starting")
    for left in (before.candidate, before.previous):
        if left and left.identity == wanted and left.status in running:
            say(f"going on with {left.name}, which was made for this before")
            return left, before
    return None, _without_candidate(workspace, before, say)


def _tidied(workspace: Workspace, endpoint: Endpoint, how: Traffic, say: Say) -> Endpoint | None:
    """The endpoint with no more behind it than what serves and what served before, for a while."""
    kept = _without_candidate(workspace, endpoint, say)
    return delete_retired(workspace.endpoints, kept, how, say)


def _without_candidate(workspace: Workspace, endpoint: Endpoint, say: Say) -> Endpoint:
    """The endpoint without what other calls have left beside what serves and served before."""
    endpoints, name = workspace.endpoints, endpoint.name
    while (left := endpoint.candidate) is not None:
        say(f"taking {left.name} with {model_of(left)} away, which is no longer needed")
        shared = endpoint.traffic.get(left.name) or endpoint.mirrored.get(left.name)
        if endpoint.serving and shared:
            endpoints.set_traffic(name, {endpoint.serving.name: 100})
        endpoints.delete_deployment(name, left)
        now = endpoints.get(name)
        if now is None or now.candidate == left:
            break
        endpoint = now
    return endpoint


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
