"""Stand-ins for tasks and for the steps that are tasks by another name.

Each checks its inputs as the task's page has them and does on this machine what the task does.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from . import caching, reports
from .checkout import check_out
from .errors import NotPlayed, PipelineError, StepFailed
from .model import Step
from .results import StepResult

if TYPE_CHECKING:
    from .agent import Agent


@dataclass(frozen=True)
class Task:
    """A task's function, and its inputs: those it must have, and those it may have."""

    run: Callable[[Agent, Mapping[str, str], StepResult], None]
    needed: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()


def run_task(agent: Agent, step: Step, result: StepResult) -> None:
    """Run a task, its inputs checked and expanded."""
    name = step.value if step.kind == "task" else step.kind
    task = TASKS.get(name)
    if task is None:
        raise NotPlayed(f"{step.where}: task {name}")
    own = {} if step.kind == "task" else {"": step.value}
    if missing := [key for key in task.needed if not step.inputs.get(key)]:
        raise PipelineError(f"{step.where}: {name} needs the input {missing[0]}")
    if unknown := [key for key in step.inputs if key not in (*task.needed, *task.optional)]:
        raise NotPlayed(f"{step.where}: input {unknown[0]} of {name}")
    inputs = {}
    for key, text in {**own, **step.inputs}.items():
        agent.known(text, f"{step.where}: input {key}")
        inputs[key] = agent.variables.expand(text)
    if name == "AzureCLI@2":
        azure_cli(agent, step, inputs, result)
    else:
        task.run(agent, inputs, result)


def azure_cli(agent: Agent, step: Step, inputs: Mapping[str, str], result: StepResult) -> None:
    """AzureCLI@2 by a connection with federation: a script that finds who it is, and no secret.

    That az itself is signed in is not played: nothing here calls it.
    """
    if (inputs["scriptType"], inputs["scriptLocation"]) != ("bash", "inlineScript"):
        raise NotPlayed(f"{step.where}: AzureCLI@2 with other than an inline script of bash")
    connection = agent.service.connections[inputs["azureSubscription"]]
    agent.script(step, step.inputs["inlineScript"], result, connection)


def _nothing(agent: Agent, inputs: Mapping[str, str], result: StepResult) -> None:
    raise NotPlayed("run by run_task")


def use_python(agent: Agent, inputs: Mapping[str, str], result: StepResult) -> None:
    """UsePythonVersion@0: a Python of this version comes first on PATH."""
    made = None
    if agent.hosted:  # an agent of one's own has no tool cache
        target = agent.folder / "work" / "_tool" / "python"
        made = agent.service.python(inputs["versionSpec"], target)
    if made is None:
        raise StepFailed(f"Version spec {inputs['versionSpec']} did not match any version")
    agent.paths.insert(0, str(made / "bin"))
    agent.variables.set("pythonLocation", str(made))
    result.log += f"Python {inputs['versionSpec']} in {made}\n"


def publish_artifact(agent: Agent, inputs: Mapping[str, str], result: StepResult) -> None:
    """PublishPipelineArtifact@1, `publish`: a file or folder becomes an artifact of the run."""
    source = agent.sources / (inputs.get("targetPath") or inputs[""])
    name = inputs.get("artifact") or f"{agent.result.name}"
    if not source.exists():
        raise StepFailed(f"Path does not exist: {source}")
    target = agent.run.artifacts / name
    if target.exists():
        raise StepFailed(f"Artifact {name} already exists for build {agent.run.id}")
    if source.is_dir():
        shutil.copytree(source, target)
    else:
        target.mkdir(parents=True)
        shutil.copy2(source, target)
    result.log += f"artifact {name}: {sum(path.is_file() for path in target.rglob('*'))} files\n"


def download_artifact(agent: Agent, inputs: Mapping[str, str], result: StepResult) -> None:
    """DownloadPipelineArtifact@2, `download`: an artifact of this run comes to a folder."""
    if inputs.get("", "current") != "current":
        raise NotPlayed(f"artifacts of {inputs['']}")
    name = inputs["artifact"]
    target = Path(inputs.get("path") or inputs.get("targetPath") or agent.work / name)
    if not (agent.run.artifacts / name).is_dir():
        raise StepFailed(f"Artifact {name} was not found for build {agent.run.id}")
    shutil.copytree(agent.run.artifacts / name, agent.sources / target, dirs_exist_ok=True)
    result.log += f"artifact {name} in {target}\n"


TASKS: Mapping[str, Task] = {
    "AzureCLI@2": Task(
        _nothing,
        needed=("azureSubscription", "scriptType", "scriptLocation", "inlineScript"),
    ),
    "checkout": Task(check_out, optional=("fetchDepth",)),
    "publish": Task(publish_artifact, optional=("artifact",)),
    "download": Task(download_artifact, needed=("artifact",), optional=("path",)),
    "PublishPipelineArtifact@1": Task(
        publish_artifact, needed=("targetPath",), optional=("artifact",)
    ),
    "DownloadPipelineArtifact@2": Task(
        download_artifact, needed=("artifact",), optional=("targetPath", "path")
    ),
    "UsePythonVersion@0": Task(use_python, needed=("versionSpec",)),
    "Cache@2": Task(
        caching.restore, needed=("key", "path"), optional=("restoreKeys", "cacheHitVar")
    ),
    "PublishTestResults@2": Task(
        reports.publish_tests,
        needed=("testResultsFormat", "testResultsFiles"),
        optional=(
            *("testRunTitle", "failTaskOnMissingResultsFile", "failTaskOnFailedTests"),
            "searchFolder",
        ),
    ),
    "PublishCodeCoverageResults@2": Task(
        reports.publish_coverage,
        needed=("summaryFileLocation",),
        optional=("failIfCoverageEmpty",),
    ),
}
