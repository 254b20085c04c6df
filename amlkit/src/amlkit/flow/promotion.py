"""Promotion: a model goes from the workspace of config.yml to the one that `--env` names.

Production deploys what staging served, by content: the model's own bytes, and only from a checkout
whose code and serving environment are those that staging serves it with. They go by copy, or by the
Azure ML registry of `azure.registry`: into it, unless it has that content already, and from it into
production's workspace.

What is deployed is the workspace's own model, made of the registry's: "Deploy models for scoring in
batch endpoints" says that batch deployments take models of the workspace only, where managed online
ones take `azureml://registries/…` too ("Share models, components, and environments across
workspaces with registries"). So both endpoints of a workspace, and going back, name one model.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from amlkit import cli, content
from amlkit.flow import serving
from amlkit.platforms import open_workspace
from amlkit.records import Deployment, Model, WorkError
from amlkit.settings import ENVIRONMENT_VARIABLES, PLACE, Settings, load_settings
from amlkit.workspace import Registry, Workspace

# The environment variables that name a workspace.
VARIABLES = [name for name, key in ENVIRONMENT_VARIABLES.items() if key[len("azure.") :] in PLACE]
FROM, CONTENT, BY = "promoted_from", "content", "promoted_by"
"""The tags of a promoted model: `<workspace id>/<name>:<version>`, what its files hash to, and the
registry's id of it where it came by one."""


@dataclass(frozen=True)
class Origin:
    """The workspace and the endpoint that production follows."""

    workspace: Workspace
    address: str
    """`<subscription>/<resource group>/<workspace>`, in lower case."""
    endpoint: str


def find_origin(context: cli.Context) -> Origin | None:
    """The workspace of config.yml, opened, where `--env` names another one; None where not."""
    settings, args = context.settings, context.args
    if not args.env or args.local:
        return None
    # By the files: environment variables name one workspace.
    given = [cli.assignment(text) for text in args.set if not text.startswith("endpoint.")]
    base = load_settings(settings.root, overrides=given, environ={})
    theirs = load_settings(settings.root, env=args.env, overrides=given, environ={})
    if address_of(base) == address_of(theirs):
        return None
    # Who calls is the same for both, so the principal needs to read there.
    who = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    base = load_settings(settings.root, overrides=given, environ=who)
    workspace = open_workspace(base, context.calls, local=False, say=context.say)
    return Origin(workspace, address_of(base), base.endpoint.name)


def address_of(settings: Settings) -> str:
    """What tells a workspace from every other: subscription, group and name, in lower case."""
    return "/".join(getattr(settings.azure, key).lower() for key in PLACE)


def promoted(versions: list[Model], origin: Origin, model: Model) -> Model | None:
    """The version that is the copy of a model of the other workspace; None if there is none."""
    source = source_of(origin, model)
    return next((one for one in versions if one.tags.get(FROM) == source), None)


def newer(versions: list[Model], serving_version: str, origin: Origin, model: Model) -> str:
    """The origin's version that serves here, if it is newer than `model`; else empty."""
    here = serving.find_version(versions, serving_version)
    whose, _, number = (here.tags.get(FROM, "") if here else "").rpartition(":")
    same = whose == source_of(origin, model).rpartition(":")[0]
    return number if same and number.isdecimal() and int(number) > int(model.version) else ""


def source_of(origin: Origin, model: Model) -> str:
    """What a promoted model's tag says: where it comes from."""
    return f"{origin.address}/{model.name}:{model.version}"


def difference(
    context: cli.Context, origin: Origin, served: Deployment, code: str, environment: str
) -> str:
    """How this checkout differs from what the origin's endpoint serves with; empty if not.

    Args:
        context: the call.
        origin: the workspace that is followed.
        served: what its endpoint serves.
        code: the version of this checkout's code.
        environment: that of its serving environment.
    """
    named = {"code": (served.code_version, code)}
    named["serving environment"] = (served.environment_version, environment)
    for what, (theirs, ours) in named.items():
        if theirs != ours:
            return (
                f"endpoint {origin.endpoint} on {origin.workspace.name} serves with another {what} "
                "than this checkout's: deploy there first"
            )
    return ""


def promote(context: cli.Context, origin: Origin, model: Model) -> Model:
    """The model in this workspace: the copy that is there, else a new one of the same bytes.

    Raises:
        WorkError: what was registered is not what was read.
    """
    models = context.workspace.models
    known = promoted(models.versions(model.name), origin, model)
    if known is not None:
        return known
    context.say(f"promoting {model.name}:{model.version} of {origin.workspace.name}")
    folder = origin.workspace.models.download(model)
    version = folder_content(folder)
    tags = {**model.tags, FROM: source_of(origin, model), CONTENT: version}
    if context.workspace.registry is not None:
        shared, folder = share(context, context.workspace.registry, model.name, folder, tags)
        tags[BY] = shared.source
    made = models.create(model.name, folder, tags)
    if folder_content(models.download(made)) != version:
        raise WorkError(
            f"{made.name}:{made.version} on {context.workspace.name} is not what was read from "
            f"{origin.workspace.name}; delete that version, and promote again"
        )
    context.say(f"it is {made.name}:{made.version} on {context.workspace.name}")
    return made


def share(
    context: cli.Context, registry: Registry, name: str, folder: Path, tags: Mapping[str, str]
) -> tuple[Model, Path]:
    """A model in a registry and its files there: the version with their content, else a new one.

    Raises:
        WorkError: what the registry has is not what it was given.
    """
    for one in registry.versions(name):
        # The tag may be changed, the files may not.
        if one.tags.get(CONTENT) == tags[CONTENT]:
            there = registry.download(one)
            if folder_content(there) == tags[CONTENT]:
                context.say(f"the registry {registry.name} has it already: {one.source}")
                return one, there
    made = registry.create(name, folder, tags)
    there = registry.download(made)
    if folder_content(there) != tags[CONTENT]:
        raise WorkError(f"{made.source} is not what it was made of; promote again")
    context.say(f"the registry {registry.name} has it now: {made.source}")
    return made, there


def examples_of(context: cli.Context, model: Model) -> Mapping[str, Any]:
    """Rows for the smoke test; of a promoted model, where it has none beside it, its data asset's.

    Raises:
        WorkError: there are none there either.
    """
    try:
        return serving.examples_of(context.workspace, model)
    except WorkError:
        origin = find_origin(context) if FROM in model.tags else None
        if origin is None:
            raise
        name, _, version = model.tags[FROM].rpartition("/")[2].rpartition(":")
        source = serving.find_version(origin.workspace.models.versions(name), version)
        if source is None:
            raise
        return serving.examples_of(origin.workspace, source)


def unmade(versions: list[Model], model: Model) -> Model:
    """What a copy of a model would be, before it is made: its next version in this workspace."""
    newest = max((int(one.version) for one in versions), default=0)
    return replace(model, version=str(newest + 1), source="")


def folder_content(folder: Path) -> str:
    """12 hex digits of a model's files."""
    files = {
        path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()
    }
    return content.files_identity(files)
