"""The training as a pipeline of steps, which are functions of your package's steps.py.

`python src/pipeline.py --local` runs them on this machine, without --local as an Azure ML pipeline
job; `--schedule "0 6 * * 1"` has Azure ML run it by itself (cron, UTC).
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from environment import environment  # the other driver: what a step runs in

try:
    from amlkit.calls import Calls, PipelineParts, ScheduleParts, Step, StepParts
    from amlkit.flow import pipeline as flow
except ModuleNotFoundError as missing:
    sys.exit(f"error: no {missing.name} in {sys.executable}: activate .venv; `make setup` makes it")

if TYPE_CHECKING:
    from azure.ai.ml.entities import Command, JobSchedule, PipelineJob

# Inputs are folders that earlier steps wrote, by the same names.
STEPS = (
    Step("prepare", outputs=("prepared",), asks_workspace=True),
    Step("train", inputs=("prepared",), outputs=("trained",)),
    Step("evaluate", inputs=("prepared", "trained"), outputs=("evaluated",)),
    Step("register", inputs=("prepared", "evaluated"), asks_workspace=True),
)


def component(step: StepParts) -> Command:
    """One step. What asks the workspace does so as the managed identity of what it runs on.

    `is_deterministic`: the service may take the outputs of an earlier run whose inputs, code and
    environment were equal; never those of a step that looks at what has changed in the workspace.
    """
    from azure.ai.ml import Input, Output, command
    from azure.ai.ml.entities import ManagedIdentityConfiguration

    words = [f"python -m {step.module} {step.name}"]
    words += [f"--{name} ${{{{inputs.{name}}}}}" for name in step.inputs]
    words += [f"--{name} ${{{{outputs.{name}}}}}" for name in step.outputs]
    return command(
        display_name=step.name,
        code=step.code,
        command=" ".join(words),
        inputs={name: Input(type="uri_folder") for name in step.inputs},
        outputs={name: Output(type="uri_folder") for name in step.outputs},
        environment=step.environment,
        environment_variables=dict(step.variables),
        identity=ManagedIdentityConfiguration() if step.asks_workspace else None,
        is_deterministic=not step.asks_workspace,
        instance_type=step.resources.instance_type or None,
        shm_size=step.resources.shm_size or None,
    )


def pipeline(parts: PipelineParts) -> PipelineJob:
    """What is submitted: to the cluster `azure.compute.name` of config.yml, else serverless."""
    from azure.ai.ml import dsl

    components = [component(step) for step in parts.steps]

    @dsl.pipeline(default_compute=parts.compute or "serverless")
    def training() -> None:
        folders: dict[str, Any] = {}
        for step, made in zip(parts.steps, components, strict=True):
            node = made(**{name: folders[name] for name in step.inputs})
            node.name = step.name
            folders |= {name: node.outputs[name] for name in step.outputs}

    return training()


def schedule(parts: ScheduleParts) -> JobSchedule:
    """When Azure ML runs it. A `RecurrenceTrigger` does as well, and takes no heed of the cron."""
    from azure.ai.ml.entities import CronTrigger, JobSchedule

    trigger = CronTrigger(expression=parts.cron, time_zone="UTC")
    return JobSchedule(name=parts.name, trigger=trigger, create_job=parts.job)


if __name__ == "__main__":
    calls = Calls(environment, steps=STEPS, pipeline=pipeline, schedule=schedule)
    sys.exit(flow.main(__file__, calls))
