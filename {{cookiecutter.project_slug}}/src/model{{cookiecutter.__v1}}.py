"""Runs the training experiment on the compute target, judges the model and registers it.

`python src/model.py --local` on this machine; without --local in the workspace of config.yml, as
Azure ML's usual sample does: authenticate, `Workspace.get`, `ComputeTarget`, `Environment`,
`ScriptRunConfig`, `Experiment.submit`, wait, register. The README says where each of these is.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from environment import environment, private_wheel  # the other driver: what a job runs in

try:
    from amlkit.calls import Calls, JobParts
    from amlkit.flow import model as flow
except ModuleNotFoundError as missing:
    sys.exit(f"error: no {missing.name} in {sys.executable}: activate .venv; `make setup` makes it")

if TYPE_CHECKING:
    from azureml.core import ScriptRunConfig


def training_job(job: JobParts) -> ScriptRunConfig:
    """What is submitted to the compute target `azure.compute.name` of config.yml.

    What it returns is part of the run's identity: change something here, and it trains anew.
    """
    from azureml.core import ScriptRunConfig

    inputs = ["--data", job.data.as_named_input("data").as_download()]
    if job.champion is not None:
        inputs += ["--champion", job.champion.as_named_input("champion").as_download()]
    script_config = ScriptRunConfig(
        source_directory=job.code,
        command=["python", "-m", job.module, *inputs, *job.arguments],
        compute_target=job.compute,
        environment=job.environment,
    )
    script_config.run_config.environment_variables.update(job.variables)
    return script_config


if __name__ == "__main__":
    sys.exit(flow.main(__file__, Calls(environment, private_wheel, training_job)))
