"""What an endpoint should serve: told by the state of workspace and checkout, not by events."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from amlkit import cli
from amlkit.flow import promotion, serving
from amlkit.records import Deployment, DeploymentDefinition, Endpoint, Model, WorkError
from amlkit.settings import SettingsError, load_settings


@dataclass(frozen=True)
class Due:
    """Whether an endpoint should be deployed to, and which version of the model."""

    now: bool | None
    """None: it could not be found out."""
    version: str | None
    """The version that should serve; None where there is none."""
    reason: str
    definition: DeploymentDefinition | None = None
    """What should serve; None where there is nothing to."""
    followed: str = ""
    """The endpoint that it is served at already; empty: it is the newest version."""
    promotion: tuple[promotion.Origin, Model] | None = None
    """What has to come from another workspace first; `version` is that model's there."""

    def objection(self, endpoint: Endpoint | None) -> str:
        """Why it is due no more, the endpoint being as it is now; empty where it still is."""
        if self.definition is None:
            return self.reason
        again = decide(self.definition, endpoint, self.followed)
        return "" if again.now else f"not switched to: {again.reason}"

    def record(self) -> dict[str, Any]:
        """As `--json` has it."""
        return {"is": self.now, "version": self.version, "reason": self.reason}

    def words(self) -> str:
        """A line for a person."""
        answer = {True: f"version {self.version}", False: "nothing", None: "not known"}[self.now]
        return f"due: {answer}: {self.reason}"


def what_is_due(context: cli.Context, endpoint: Endpoint | None) -> Due:
    """What the endpoint of these settings should serve; `endpoint` is what there is.

    It is the newest registered model; with `--env NAME` and an endpoint or a workspace of its own,
    what the endpoint of config.yml serves.

    Raises:
        SettingsError: there is no entry script, or the variables name another workspace.
    """
    settings, workspace = context.settings, context.workspace
    origin = promotion.find_origin(context)
    followed = origin.endpoint if origin else followed_endpoint(context)
    if origin:
        workspace = origin.workspace
    if followed:
        before = workspace.endpoints.get(followed)
        first = before.serving if before and before.status == "Ready" else None
        if first is None:
            what = f"is {before.status}" if before else "serves nothing yet"
            reason = f"endpoint {followed} of config.yml {what}"
            if context.args.model_version:  # it served there when this version was approved
                group = "does --env name the same workspace, by environment variables too?"
                raise WorkError(f"{reason} on {workspace.name}; {group}")
            return Due(False, None, reason)
        versions = workspace.models.versions(first.model)
        model = serving.find_version(versions, first.model_version)
        if model is None:
            gone = f"{serving.model_of(first)}, which {followed} serves, is gone"
            return Due(False, None, f"{gone} from the registry")
        if origin:
            return _promotion_due(context, origin, first, model, endpoint)
    else:
        name = serving.model_name(settings, workspace)
        versions = workspace.models.versions(name)
        if not versions:
            return Due(False, None, f"no model {name} is registered yet")
        model = versions[-1]
    serving.require_score(settings)
    wanted = serving.deployment_definition(settings, workspace, context.calls, model, dry_run=True)
    return decide(wanted, endpoint, followed)


def _promotion_due(
    context: cli.Context,
    origin: promotion.Origin,
    served: Deployment,
    model: Model,
    endpoint: Endpoint | None,
) -> Due:
    """Whether a model that another workspace serves is to be promoted and deployed here."""
    settings, workspace = context.settings, context.workspace
    serving.require_score(settings)
    versions = workspace.models.versions(model.name)
    here = promotion.promoted(versions, origin, model) or promotion.unmade(versions, model)
    wanted = serving.deployment_definition(settings, workspace, context.calls, here, dry_run=True)
    found = decide(wanted, endpoint, origin.endpoint)
    now = endpoint.serving if endpoint else None
    number = promotion.newer(versions, now.model_version, origin, model) if now else ""
    if number:
        reason = f"version {number} of {origin.workspace.name} serves, and is newer"
        found = replace(found, now=False, reason=reason)
    elif found.now:
        environment = workspace.environments.get(wanted.environment).version
        differs = promotion.difference(context, origin, served, wanted.code_version, environment)
        if differs:
            found = replace(found, now=False, reason=differs)
    return replace(found, version=model.version, promotion=(origin, model))


def brought_here(context: cli.Context, found: Due) -> Due:
    """The same, with the model in this workspace: promoted where it comes from another."""
    if found.promotion is None or context.args.dry_run:
        return found
    settings, workspace = context.settings, context.workspace
    model = promotion.promote(context, *found.promotion)
    wanted = serving.deployment_definition(settings, workspace, context.calls, model, dry_run=True)
    return replace(found, definition=wanted)


def decide(wanted: DeploymentDefinition, endpoint: Endpoint | None, followed: str = "") -> Due:
    """Whether `wanted` is to be deployed to an endpoint.

    Args:
        wanted: the model and the definition of this checkout.
        endpoint: what there is; None: nothing yet.
        followed: the endpoint whose version is wanted; empty: it is the newest version.
    """
    model, version = wanted.model, wanted.model.version
    now = endpoint.serving if endpoint else None
    source = f"endpoint {followed} of config.yml serves it" if followed else "it is the newest"

    def no(reason: str) -> Due:
        if endpoint and now and endpoint.status != "Ready":
            mend = f"--model-version {now.model_version} deploys what served anew"
            reason += f"; but the endpoint is {endpoint.status}: {mend}"
        return Due(False, version, reason, wanted, followed)

    def yes(reason: str) -> Due:
        return Due(True, version, reason, wanted, followed)

    if endpoint is None or now is None:
        return yes(f"{source}, and {wanted.endpoint} serves nothing")
    if now.identity == wanted.identity:
        if endpoint.status == "Ready":
            return no(f"{serving.model_of(now)} serves as it should")
        if endpoint.status == "Starting":
            return no(f"{serving.model_of(now)} should serve, and starts")
        return yes(f"{serving.model_of(now)} should serve, but the endpoint is {endpoint.status}")
    if _is_withdrawn(wanted, endpoint, now):
        return no(
            f"{model.name}:{version} was rolled back; name it by --model-version {version}, or "
            "register a newer one"
        )
    same_model = now.model == model.name
    if same_model and _number(now.model_version) > _number(version):
        return no(f"version {now.model_version} serves, and is newer than version {version}")
    if now.commit_time > wanted.commit_time > 0:
        return no("what serves was deployed from a newer commit than this one")
    if same_model and now.model_version == version:
        return yes(f"version {version} serves with another definition than this commit's")
    return yes(f"{source}, and {wanted.endpoint} serves {serving.model_of(now)}")


def known_due(context: cli.Context, endpoint: Endpoint | None) -> Due:
    """The same; where it cannot be found out, the reason says why."""
    try:
        return what_is_due(context, endpoint)
    except (SettingsError, WorkError) as error:
        return Due(None, None, " ".join(str(error).split()))


def followed_endpoint(context: cli.Context) -> str:
    """The endpoint of config.yml, where `--env` names another one; else empty."""
    settings, args = context.settings, context.args
    if not args.env:
        return ""
    given = [cli.assignment(text) for text in args.set if not text.startswith("endpoint.")]
    base = load_settings(settings.root, overrides=given, environ={})
    return base.endpoint.name if base.endpoint.name != settings.endpoint.name else ""


def _is_withdrawn(wanted: DeploymentDefinition, endpoint: Endpoint, now: Deployment) -> bool:
    """Whether a rollback took this very deployment away, or its version while another serves."""
    model = wanted.model
    serves = (now.model, now.model_version) == (model.name, model.version)
    return any(
        mark.identity == wanted.identity
        or (not serves and (mark.model, mark.version) == (model.name, model.version))
        for mark in endpoint.withdrawn
    )


def _number(version: str) -> int:
    """A version as a number; what is none comes first."""
    return int(version) if version.isdecimal() else -1
