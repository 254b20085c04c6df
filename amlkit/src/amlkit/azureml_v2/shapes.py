"""What the owner's functions in `src/` return, as content: objects of SDK v2 (azure.owners).

An object's own dictionary is what its YAML would say.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from amlkit.azure.owners import environment_made, plain, refused, without
from amlkit.content import files_identity

# What an asset is called and what is said of it, which decides nothing.
_WORDS = ("name", "version", "display_name", "description", "tags", "properties", "id")
# Of a job: where and for whom it runs.
_PLACE = ("compute", "experiment_name", "queue_settings", "services", "creation_context", "status")
# What a job's function is given for its shape, in place of what only a workspace has.
DATA, CHAMPION, ENVIRONMENT = "azureml:data:1", "azureml:champion:1", "azureml:environment:1"


def environment_shape(
    made: Any, root: Path, names: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """An SDK `Environment` as JSON; `names` stand for addresses of private wheels."""
    shape = plain(made._to_dict(), names or {})
    if made.build is not None:  # what counts is what its folder holds
        context = local_folder(made.build.path, root)
        if context is not None:
            shape["build"]["path"] = folder_identity(context)
    return without(shape, _WORDS)


def job_shape(made: Any, names: Mapping[str, str] | None = None) -> dict[str, Any]:
    """An SDK `Command` or `Sweep` as JSON; `names` stand for paths of this machine."""
    shape = without(made._to_job()._to_dict(), (*_WORDS, *_PLACE))
    command = shape.get("trial", shape)
    resources = without(command.get("resources") or {}, ("instance_type", "properties"))
    command["resources"] = {"instance_count": 1, **resources}
    if "trial" in shape:  # how many go at once, and for how long, is where they run
        shape["limits"] = {"max_total_trials": (shape.get("limits") or {}).get("max_total_trials")}
    return dict(plain(shape, names or {}))


def environment_of(function: Callable[..., Any], parts: Any, root: Path) -> Any:
    """The owner's `environment(parts)`.

    Raises:
        WorkError: it returns no `Environment` of the name that it was given.
    """
    from azure.ai.ml.entities import Environment

    return environment_made(
        function, parts, root, Environment, "an azure.ai.ml.entities.Environment"
    )


def job_of(function: Callable[..., Any], parts: Any, root: Path) -> Any:
    """The owner's `training_job(job)`: the `Command` that is sent.

    Raises:
        WorkError: it returns no command.
    """
    from azure.ai.ml.entities import Command

    made = function(parts)
    if not isinstance(made, Command):
        raise refused(function, root, made, "what azure.ai.ml.command(…) returns")
    return made


def local_folder(path: Any, root: Path) -> Path | None:
    """The folder of this machine that a path names, from the repository's root; None for none."""
    folder = root / str(path)
    return folder if folder.is_dir() else None


def folder_identity(folder: Path) -> str:
    """12 hex digits of a folder's files: their names and bytes."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return files_identity({path.relative_to(folder).as_posix(): path for path in files})
