"""The steps of a training pipeline with all they need: code, settings, environments, identity."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from amlkit import cli, content
from amlkit.calls import Calls
from amlkit.flow import model, training
from amlkit.flow.environment import environment_definition
from amlkit.flow.precheck import check_training
from amlkit.pipelines import Chain, Pipelines
from amlkit.records import DataAsset, Environment, EnvironmentDefinition, Job
from amlkit.settings import Settings, SettingsError

# What the steps that ask the workspace are built from: the drivers' own lock.
CLIENT_LOCK = "requirements-azure.txt"
# Of the settings, what travels with the steps.
TRAVELS = ("project", "data", "environment", "model", "endpoint", "experiment", "gate")
# Tags of a job that the first step finds anew.
_OF_DATA = ("data_name", "data_version", "target")
# What tells of the moment at which a schedule was made, and decides nothing.
_MOMENT = ("git_commit", "git_dirty")


def chain(context: cli.Context, pipelines: Pipelines, *, cron: str = "") -> Chain:
    """The steps with all they need.

    With `cron` it is a schedule's, which names no version of the data: its first step looks for
    the newest each time. A dry run makes nothing but, for an export, the copy of the code.

    Raises:
        SettingsError: there is no `steps.py`, or its lock is not there.
    """
    settings, workspace, args = context.settings, context.workspace, context.args
    data = model.table(context)
    check_training(settings, workspace, data, local=args.local)
    package = settings.root / "src" / settings.project.package
    if not (package / "steps.py").is_file():
        origin = settings.origin("project.package")
        raise SettingsError(f"{origin}: there is no {package / 'steps.py'}")
    # The owner's training_job is model.py's; here is none.
    calls = Calls(context.calls.environment)
    job = training.training_job(settings, workspace, calls, data, args)
    client = None if args.local else client_environment(context)
    plan = {
        "training": training.told(settings, job.search),
        "tags": {key: value for key, value in job.tags.items() if key not in _OF_DATA},
        "data_version": None if cron else data.version,
        "replace_champion": args.replace_champion,
    }
    if cron:
        plan["tags"] = {k: v for k, v in plan["tags"].items() if k not in _MOMENT}
    files = {"config.yml": travelling(settings, data), "pipeline.json": _text(plan)}
    if training.copies_code(args):
        job = with_files(job, settings, files)
    made = Chain(job, context.calls.steps, f"{settings.project.package}.steps", client)
    decisive = [
        *(job.code_version, files["config.yml"], plan["training"], plan["data_version"]),
        *(job.environment.version, client.version if client else "", plan["replace_champion"]),
        *([asdict(step) for step in made.steps], pipelines.shape(made, cron)),
    ]
    job = replace(job, identity=content.identity(["pipeline", *decisive]))
    return replace(made, job=job)


def client_environment(context: cli.Context) -> Environment:
    """What steps run in that ask the workspace."""
    environments = context.workspace.environments
    look = environments.get if context.args.dry_run else environments.create
    return look(client_definition(context.settings))


def client_definition(settings: Settings) -> EnvironmentDefinition:
    """What that is made of: the drivers' lock, with all of amlkit."""
    definition = environment_definition(settings)
    name = f"{definition.name}-client"
    return replace(definition, name=name, azure_lock=CLIENT_LOCK, whole=True)


def travelling(settings: Settings, data: DataAsset) -> str:
    """The `config.yml` that goes with the steps: no secret, no address of a workspace."""
    import yaml

    told = {name: _plain(getattr(settings, name)) for name in TRAVELS}
    told["data"] |= {"name": data.name, "target": data.target}
    azure = {"sdk": "v2", "auth": "managed-identity", "datastore": settings.azure.datastore}
    # JSON would do but for 1e-05, and characters beyond 16 bits, which YAML reads otherwise.
    return str(yaml.safe_dump({**told, "azure": azure}))


def with_files(job: Job, settings: Settings, files: Mapping[str, str]) -> Job:
    """A job whose code holds more files: beside the package, what steps read."""
    version = content.identity([job.code_version, files])
    folder = settings.root / ".local-workspace" / "code" / f"pipeline-{version}"
    if not folder.is_dir():
        with content.new_folder(folder) as half:
            shutil.copytree(job.code, half, dirs_exist_ok=True)
            for name, text in files.items():
                (half / name).write_text(text, encoding="utf-8")
    return replace(job, code=folder)


def _plain(value: Any) -> Any:
    """Settings as YAML holds them."""
    return asdict(value) if hasattr(value, "__dataclass_fields__") else value


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
