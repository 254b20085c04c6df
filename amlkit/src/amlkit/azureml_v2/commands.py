"""A job without a function of the owner's, as SDK v2 takes it; the kinds of a job's inputs."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from amlkit.azure.parts import INPUT
from amlkit.records import Job, WorkError


def command_job(job: Job, inputs: Mapping[str, Any], target: str, environment: str) -> Any:
    """A job as `Command`.

    Args:
        job: any command.
        inputs: ids of the assets by the inputs' names.
        target: the compute target's name; empty: serverless.
        environment: its id.

    Raises:
        WorkError: the command names an input that is not given.
    """
    from azure.ai.ml import Input, command

    resources = job.resources
    named = {name for word in job.command for name in INPUT.findall(word)}
    if lacking := sorted(named - set(inputs)):
        raise WorkError(f"the job's command names the input {lacking[0]!r}, which is not given")
    return command(
        code=str(job.code),
        command=" ".join(
            word if INPUT.fullmatch(word) else shlex.quote(word) for word in job.command
        ),
        inputs={name: Input(type="uri_folder", path=inputs[name]) for name in sorted(named)},
        environment=environment,
        environment_variables=dict(job.variables),
        compute=target or None,
        instance_type=resources.instance_type or None,
        instance_count=resources.instance_count,
        shm_size=resources.shm_size or None,
    )


def set_kinds(made: Any, kinds: Mapping[str, str]) -> None:
    """Gives a job's inputs the kinds of their assets, by their ids: a table may be one file.

    An mltable's modes give a job its folder or what it names, so one is said where none was.
    """
    for given in made._job_inputs.values():
        kind = kinds.get(str(getattr(given, "path", "")))
        if kind is not None:
            given.type = kind
            if kind == "mltable" and given.mode is None:
                given.mode = "ro_mount"
