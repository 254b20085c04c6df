"""A job's command as the SDK takes it: for the owner's function, or by itself."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from amlkit.calls import JobParts
from amlkit.records import Job, WorkError

_INPUT = re.compile(r"\$\{\{inputs\.(\w+)\}\}")
# Flags that begin so tell of the champion, and are there only where one is.
_CHAMPION = "--champion"


def job_parts(
    job: Job, *, code: str, inputs: Mapping[str, Any], compute: str, environment: Any
) -> JobParts:
    """What the owner's function is given.

    Args:
        job: `python -m MODULE`, then its arguments, those with inputs in pairs of flag and input.
        code: the folder of the snapshot.
        inputs: `data` and `champion`, as datasets or as names of them; the champion may be None.
        compute: the compute target's name.
        environment: the SDK's.

    Raises:
        WorkError: the job is of another shape, and needs no function of the owner's.
    """
    words = list(job.command)
    if words[:2] != ["python", "-m"] or len(words) < 3 or set(job.inputs) - {"data", "champion"}:
        raise WorkError(
            "a job that an owner's function defines is `python -m MODULE …` with the inputs data "
            f"and champion; this one is `{shlex.join(words)}`"
        )
    return JobParts(
        code=code,
        module=words[2],
        data=inputs["data"],
        champion=inputs.get("champion"),
        arguments=tuple(_arguments(words[3:])),
        compute=compute,
        environment=environment,
        resources=job.resources,
        variables=job.variables,
    )


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


def without_champion(job: Job) -> Job:
    """A job as if there were no champion, for what is the same with any champion and with none."""
    words, kept = list(job.command), []
    while words:
        if words[0].startswith(_CHAMPION):
            del words[:2]
        else:
            kept.append(words.pop(0))
    return replace(job, command=tuple(kept))


def _arguments(words: list[str]) -> list[str]:
    """Arguments without the pairs of flag and input, quoted: the SDK joins them for a shell."""
    found, rest = [], list(words)
    while rest:
        if len(rest) > 1 and _INPUT.fullmatch(rest[1]):
            del rest[:2]
        else:
            found.append(shlex.quote(rest.pop(0)))
    return found


def _word(word: str, inputs: Mapping[str, Any]) -> Any:
    """A word of a command: an input downloaded before the job starts, or quoted for the shell."""
    found = _INPUT.search(word)
    if found is None:
        return shlex.quote(word)
    if found[0] != word or found[1] not in inputs:
        raise WorkError(f"the job's word {word!r}: an input is a word of its own, and is given")
    return inputs[found[1]].as_named_input(found[1]).as_download()
