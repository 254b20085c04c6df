"""What the owner's functions are given: an environment's lock and wheels, a job's command."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from amlkit.calls import Calls, EnvironmentParts, JobParts
from amlkit.content import canonical_name
from amlkit.lockfile import check_wheels, pins
from amlkit.records import EnvironmentDefinition, Job, Search, WorkError
from amlkit.settings import Settings, SettingsError
from amlkit.tabular.space import Range, read_space, words_of

# What the cluster is, to whom a lock's lines may speak (PEP 508).
CLUSTER = {
    "sys_platform": "linux",
    "platform_system": "Linux",
    "platform_machine": "x86_64",
    "os_name": "posix",
    "implementation_name": "cpython",
    "platform_python_implementation": "CPython",
}
INPUT = re.compile(r"\$\{\{inputs\.(\w+)\}\}")
# Flags that begin so tell of the champion, and are there only where one is.
_CHAMPION = "--champion"


def environment_function(calls: Calls) -> Callable[[EnvironmentParts], Any]:
    """The owner's."""
    if calls.environment is None:
        raise WorkError("this driver hands over no environment function: see src/environment.py")
    return calls.environment


def environment_parts(
    settings: Settings, definition: EnvironmentDefinition, names: tuple[str, ...]
) -> EnvironmentParts:
    """What the owner's function is given; `names` or addresses of the private wheels."""
    images = settings.azure.environment
    image = images.serving_image if definition.serving else images.training_image
    return EnvironmentParts(
        name=definition.name,
        python=images.python,
        pip_packages=() if image else _pins(settings, definition),
        wheels=() if image else names,
        serving=definition.serving,
        conda_packages=tuple(images.conda_packages),
        conda_channels=tuple(images.conda_channels),
        base_image=images.base_image,
        ready_image=image,
        package_index=images.package_index,
    )


def _pins(settings: Settings, definition: EnvironmentDefinition) -> tuple[str, ...]:
    """The lock's packages as the cluster's interpreter needs them, but for the private ones.

    Without the hashes: one of them obliges pip to have one for each line, and the definition would
    be forty times as long.
    """
    images = settings.azure.environment
    which = "serving_lock" if definition.serving else "training_lock"
    lock = settings.root / (definition.azure_lock or getattr(images, which))
    if not lock.is_file():
        origin = settings.origin(f"azure.environment.{which}")
        raise SettingsError(f"{origin}: there is no lock {lock}; `make lock` writes it")
    check_wheels(lock, definition.wheels)
    private = {canonical_name(wheel.name.split("-")[0]) for wheel in definition.wheels}
    python = {"python_version": images.python, "python_full_version": f"{images.python}.0"}
    return tuple(
        f"{name}=={version}"
        for name, version in pins(lock, {**CLUSTER, **python})
        if canonical_name(name) not in private
    )


def job_parts(
    job: Job,
    *,
    code: str,
    inputs: Mapping[str, Any],
    compute: str,
    environment: Any,
    data_type: str = JobParts.data_type,
) -> JobParts:
    """What the owner's function is given.

    Args:
        job: `python -m MODULE`, then its arguments, those with inputs in pairs of flag and input.
        code: the folder of the snapshot.
        inputs: `data` and `champion`, as datasets or as names of them; the champion may be None.
        compute: the compute target's name.
        environment: the SDK's.
        data_type: the data asset's, with SDK v2.

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
        parameters=_parameters(job.search),
        data_type=data_type,
    )


def without_champion(job: Job) -> Job:
    """A job as if there were no champion, for what is the same with any champion and with none."""
    words, kept = list(job.command), []
    while words:
        if words[0].startswith(_CHAMPION):
            del words[:2]
        else:
            kept.append(words.pop(0))
    return replace(job, command=tuple(kept))


def _parameters(search: Search | None) -> dict[str, Any]:
    """The parameters of a sweep's trial, each with one of its values."""
    if search is None or search.definition is None:
        return {}
    return {
        name: values.low if isinstance(values, Range) else words_of(values)[0]
        for name, values in read_space(search.space).items()
    }


def _arguments(words: list[str]) -> list[str]:
    """Arguments without the pairs of flag and input, quoted: the SDK joins them for a shell."""
    found, rest = [], list(words)
    while rest:
        if len(rest) > 1 and INPUT.fullmatch(rest[1]):
            del rest[:2]
        else:
            found.append(shlex.quote(rest.pop(0)))
    return found
