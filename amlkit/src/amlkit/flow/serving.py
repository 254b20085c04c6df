"""What is to serve: a registered model, with the code and the environment of this checkout."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from amlkit import content
from amlkit.calls import Calls
from amlkit.flow.environment import environment_definition
from amlkit.flow.training import code_snapshot, registered_name
from amlkit.records import Deployment, DeploymentDefinition, Model, Scale, WorkError
from amlkit.settings import Settings, SettingsError
from amlkit.workspace import Workspace

EXAMPLES = "examples.json"


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
    code_version, snapshot = code_snapshot(settings, copied=not dry_run)
    definition = DeploymentDefinition(
        endpoint=endpoint.name,
        model=model,
        environment=environment_definition(settings, serving=True),
        package=settings.project.package,
        code=snapshot,
        code_version=code_version,
        port=endpoint.port,
        scale=_scale(settings),
        definition=calls.deployment,
        commit_time=content.commit_time(settings.root),
    )
    decisive = [model.name, model.version, code_version, asdict(definition.scale)]
    shape = workspace.endpoints.shape(definition)
    return replace(definition, identity=content.identity([*decisive, shape]))


def _scale(settings: Settings) -> Scale:
    """What a deployment runs on: machines with SDK v2, a share of one with v1."""
    workers, online, container = (
        settings.endpoint.workers,
        settings.azure.online,
        settings.azure.service,
    )
    if settings.azure.sdk == "v2":
        return Scale(workers, online.instance_type, online.instance_count)
    return Scale(workers, cpu_cores=container.cpu_cores, memory_gb=container.memory_gb)


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


def model_of(deployment: Deployment) -> str:
    """A deployment's model and version, in words."""
    return f"{deployment.model}:{deployment.model_version}"
