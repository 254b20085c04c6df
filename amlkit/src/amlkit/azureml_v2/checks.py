"""What the SDK would send though it cannot work: told before anything is submitted."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from amlkit.azureml_v2.shapes import local_folder

_BOUND = re.compile(r"\$\{\{\s*(inputs|outputs)\.(\w+)[^}]*\}\}")
# `python`, its options, and what it runs: a module or a file.
_RUNS = re.compile(r"(?:^|[\s;&|])python[\d.]*\s+(?:-[uOIBEsS]+\s+)*(?:-m\s+([\w.]+)|([^\s-]\S*))")


def problems(job: Any, root: Path) -> Iterator[str]:
    """What is wrong with an SDK `Command`, in words.

    Args:
        job: what the owner's function returns.
        root: the repository; relative paths are from there.
    """
    job = job._to_job()
    yield from _unbound(job)
    yield from counts(job)
    code = local_folder(job.code, root) if job.code else None
    if code is not None:
        yield from _missing(job.command, code)
    elif job.code and "://" not in str(job.code) and not str(job.code).startswith("azureml:"):
        yield f"code={str(job.code)!r}: there is no such folder"


def _unbound(job: Any) -> Iterator[str]:
    """Inputs and outputs that the command names and the job has not."""
    known = {"inputs": job.inputs or {}, "outputs": job.outputs or {}}
    for kind, name in _BOUND.findall(job.command):
        if name not in known[kind]:
            has = ", ".join(sorted(known[kind])) or "none"
            yield f"the command names ${{{{{kind}.{name}}}}}, and the job's {kind} are: {has}"


def counts(job: Any) -> Iterator[str]:
    """Numbers that must be above zero."""
    limits, resources, distribution = job.limits, job.resources, job.distribution
    numbers = {
        "instance_count": getattr(resources, "instance_count", None),
        "process_count_per_instance": getattr(distribution, "process_count_per_instance", None),
        "worker_count": getattr(distribution, "worker_count", None),
        "timeout": getattr(limits, "timeout", None),
    }
    for name, number in numbers.items():
        if isinstance(number, int | float) and number < 1:
            yield f"{name}={number} must be 1 or more"


def _missing(command: str, code: Path) -> Iterator[str]:
    """Modules and scripts that the command runs and the code does not hold.

    A module whose package is not in the code may come with the environment.
    """
    for module, script in _RUNS.findall(command):
        if script:
            known = script.startswith(("$", "/", "'", '"', "<"))
            if not known and not (code / script).is_file():
                yield f"the command runs {script}, which is not in code={code.name}"
            continue
        path = code.joinpath(*module.split("."))
        if not (code / module.split(".")[0]).exists():
            continue
        if not path.with_suffix(".py").is_file() and not (path / "__main__.py").is_file():
            yield f"the command runs the module {module}, which is not in code={code.name}"
