"""A job without a function of the owner's, as SDK v1 takes it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from amlkit.azure.parts import INPUT
from amlkit.records import Job, WorkError


def script_run_config(job: Job, inputs: Mapping[str, Any], target: Any, environment: Any) -> Any:
    """A job without a function of the owner's, as `ScriptRunConfig`.

    Args:
        job: any command.
        inputs: the SDK's datasets by the inputs' names.
        target: the SDK's compute target.
        environment: the SDK's.

    Raises:
        WorkError: SDK v1 has no such thing.
    """
    from azureml.core import ScriptRunConfig
    from azureml.core.runconfig import DockerConfiguration

    resources = job.resources
    if resources.instance_count > 1:
        raise WorkError(
            f"{resources.instance_count} instances: with SDK v1 a job of several needs its "
            "distribution said (MpiConfiguration), in a function such as training_job()"
        )
    if resources.instance_type and target.type != "Kubernetes":
        raise WorkError(
            f"instance type {resources.instance_type}: compute target {target.name} has machines "
            "of one size; name another compute target"
        )
    config = ScriptRunConfig(
        str(job.code),
        command=[_word(word, inputs) for word in job.command],
        compute_target=target,
        environment=environment,
    )
    if resources.shm_size:
        docker = DockerConfiguration(use_docker=True, shm_size=resources.shm_size)
        config.run_config.docker = docker
    if resources.instance_type:
        config.run_config.kubernetescompute.instance_type = resources.instance_type
    config.run_config.environment_variables.update(job.variables)
    return config


def _word(word: str, inputs: Mapping[str, Any]) -> Any:
    """A word of a command: an input downloaded before the job starts, or quoted for the shell."""
    found = INPUT.search(word)
    if found is None:
        return shlex.quote(word)
    if found[0] != word or found[1] not in inputs:
        raise WorkError(f"the job's word {word!r}: an input is a word of its own, and is given")
    return inputs[found[1]].as_named_input(found[1]).as_download()
