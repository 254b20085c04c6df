"""Runs the training as a command job, judges the model and registers it.

`python src/model.py --local` on this machine; without --local in the workspace of config.yml, as
Azure ML's usual sample does: credential, `MLClient`, `Environment`, `command`,
`jobs.create_or_update`, `jobs.stream`, register. The README says where each of these is.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from environment import environment  # the other driver: what a job runs in

try:
    from amlkit.calls import Calls, JobParts, SearchParts
    from amlkit.flow import model as flow
except ModuleNotFoundError as missing:
    sys.exit(f"error: no {missing.name} in {sys.executable}: activate .venv; `make setup` makes it")

if TYPE_CHECKING:
    from azure.ai.ml.entities import Command, Sweep


def training_job(job: JobParts) -> Command:
    """What is submitted: to the cluster `azure.compute.name` of config.yml, else serverless.

    What it returns is part of the run's identity: change something here, and it trains anew.
    """
    from azure.ai.ml import Input, command

    words = ["python", "-m", job.module, "--data", "${{inputs.data}}"]
    inputs = {"data": Input(type=job.data_type, path=job.data, mode="ro_mount")}
    inputs |= job.parameters  # of a sweep's trial, which `job.arguments` name
    if job.champion is not None:
        words += ["--champion", "${{inputs.champion}}"]
        inputs["champion"] = Input(type="custom_model", path=job.champion)
    return command(
        code=job.code,
        command=" ".join([*words, *job.arguments]),
        inputs=inputs,
        environment=job.environment,
        environment_variables=dict(job.variables),
        compute=job.compute or None,
        instance_type=job.resources.instance_type or None,
        instance_count=job.resources.instance_count,
        shm_size=job.resources.shm_size or None,
    )


def training_sweep(trial: Command, search: SearchParts) -> Sweep:
    """What is submitted instead where `training.search` of config.yml says what to try."""
    from azure.ai.ml.sweep import RandomSamplingAlgorithm

    by_chance = RandomSamplingAlgorithm(seed=search.seed)
    job = trial(**search.space).sweep(
        primary_metric=search.metric,
        goal=search.goal,
        sampling_algorithm="grid" if search.exhaustive else by_chance,
    )
    job.set_limits(max_total_trials=search.trials, max_concurrent_trials=min(search.trials, 4))
    return job


if __name__ == "__main__":
    calls = Calls(environment, training_job=training_job, training_sweep=training_sweep)
    sys.exit(flow.main(__file__, calls))
