"""The steps of a training pipeline that ask the workspace: what is newest, and to register.

On Azure ML they are a job's own, with the managed identity of what it runs on; so a schedule needs
nobody. On this machine they ask `.local-workspace`.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from amlkit import cli
from amlkit.calls import Calls
from amlkit.content import read_json, write_json
from amlkit.records import WorkError
from amlkit.say import say
from amlkit.tabular.steps import EVALUATED, PREPARED, StepJob

if TYPE_CHECKING:
    from amlkit.settings import Settings
    from amlkit.workspace import Workspace

# Where the workspace of this machine is, for a step that runs here.
LOCAL = "AMLKIT_LOCAL_WORKSPACE"
# What the register step leaves below outputs/: what `src/model.py --json` reports.
VERDICT = "verdict.json"
# What Azure ML says in a job, and the variable of ours that means the same. The identity's client
# id is set where the compute has one (Microsoft Learn, "Set up authentication between Azure Machine
# Learning and other services"); serverless it was not (Azure/azure-sdk-for-python #31071), so the
# driver says it, or the owner.
_VARIABLES = {
    "SUBSCRIPTION_ID": ("AZUREML_ARM_SUBSCRIPTION",),
    "RESOURCE_GROUP": ("AZUREML_ARM_RESOURCEGROUP",),
    "AML_WORKSPACE_NAME": ("AZUREML_ARM_WORKSPACE_NAME",),
    "SPN_ID": ("AZURE_CLIENT_ID", "DEFAULT_IDENTITY_CLIENT_ID"),
}


def opened(step: StepJob) -> tuple[Settings, Workspace]:
    """The settings that travel with a step, and its workspace."""
    from amlkit.local import open_local
    from amlkit.platforms import open_workspace
    from amlkit.settings import load_settings

    environ = {
        ours: next(filter(None, map(os.environ.get, theirs)), "")
        for ours, theirs in _VARIABLES.items()
    }
    settings = load_settings(step.root, environ=environ)
    if LOCAL in os.environ:
        return settings, open_local(Path(os.environ[LOCAL]))
    work = replace(settings, root=Path.cwd())  # where what is read is kept: code may be read-only
    return work, open_workspace(work, Calls(), local=False, say=say)


def prepare(step: StepJob) -> None:
    """The `prepared` folder: `data/`, the data asset; `champion/`, if there is one.

    The data asset is the one that src/pipeline.py found; with a schedule the newest at this moment.

    Raises:
        WorkError: no data asset of that name is registered.
    """
    from amlkit.flow.training import registered_name

    settings, workspace = opened(step)
    name, version = settings.data.name, step.plan["data_version"]
    data = workspace.data.get(name, version)
    if data is None:
        raise WorkError(f"no data asset {name} is registered on {workspace.name}")
    say(f"data {data.name}:{data.version}, {data.rows:,} rows, target {data.target!r}")
    model_name = registered_name(settings, workspace, data.target)
    champion = workspace.models.champion(model_name)
    say(f"model {model_name}, champion: {'version ' + champion.version if champion else 'none'}")
    folder = step.folders["prepared"]
    _copy(workspace.data.download(data), folder / "data")
    if champion:
        _copy(workspace.models.download(champion), folder / "champion")
    found = {
        "data_name": data.name,
        "data_version": data.version,
        "target": data.target,
        "model_name": model_name,
        "champion": champion.version if champion else None,
    }
    (folder / PREPARED).write_text(json.dumps(found), encoding="utf-8")


def register(step: StepJob) -> None:
    """Lets the gate judge what `evaluate` measured; registers the model, as src/model.py does."""
    from amlkit.flow.model import conclude

    settings, workspace = opened(step)
    plan, found = step.plan, step.prepared
    evaluated = read_json(step.folders["evaluated"] / EVALUATED) or {}
    described = {key: found[key] for key in ("data_name", "data_version", "target")}
    run = replace(
        workspace.jobs.get(evaluated["run_id"]),
        experiment=settings.experiment,
        status="Completed",
        model_name=found["model_name"],
        champion=found["champion"],
        tags={**plan["tags"], **described},
    )
    args = argparse.Namespace(replace_champion=plan["replace_champion"])
    trained = conclude(cli.Context(args, settings, workspace, Calls(), say), run)
    for line in replace(trained, next="").words():
        say(line)
    # Azure ML keeps the report beside what the run wrote: the path here is of a machine that ends.
    shown = {} if LOCAL in os.environ else {"report": run.url}
    Path("outputs").mkdir(exist_ok=True)
    write_json(Path("outputs") / VERDICT, {**trained.record(), **shown})


def _copy(source: Path, target: Path) -> None:
    """Copies a folder's files; a mounted output takes bytes, and neither modes nor times."""
    for path in source.rglob("*"):
        if path.is_file():
            copy = target / path.relative_to(source)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
