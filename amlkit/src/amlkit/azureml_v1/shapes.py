"""What the owner's functions in `src/` return, as content.

A function is asked with names in place of what only a workspace has, and what it returns is
written down as JSON: that decides whether an image is built, a model trained, a service deployed.
A comment changes nothing. Left out are where it runs, paths of this machine, secrets, and what has
an identity of its own: data, code and the environment.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import Any

from amlkit.calls import Named
from amlkit.content import identity
from amlkit.records import WorkError
from amlkit.settings import SettingsError

# Of an environment: its name and version are what the shape is for; the rest are secrets.
_ENVIRONMENT = ("name", "version", "assetId")
_REGISTRY = ("username", "password", "registryIdentity")
# Of a run configuration: where a job runs.
_PLACE = ("target", "amlcompute", "kubernetescompute", "autoClusterComputeSpecification")
# Of a web service: secrets, and what amlkit sets.
_SERVICE = ("primary_key", "secondary_key", "ssl_cert_pem_file", "ssl_key_pem_file")
_DEEPEST = 12


def environment_shape(made: Any, names: Mapping[str, str] | None = None) -> dict[str, Any]:
    """An SDK `Environment` as JSON; `names` stand for addresses of private wheels."""
    from azureml.core import Environment

    shape = _plain(Environment._serialize_to_dict(made), names or {})
    image = shape["docker"]["baseImageRegistry"] or {}
    shape["docker"]["baseImageRegistry"] = _without(image, _REGISTRY)
    return _without(shape, _ENVIRONMENT)


def job_shape(made: Any, names: Mapping[str, str] | None = None) -> dict[str, Any]:
    """An SDK `ScriptRunConfig` as JSON; `names` stand for paths of this machine."""
    from azureml.core._serialization_utils import _serialize_to_dict

    config, names = made.run_config, names or {}
    config.data = _plain(config.data, names)  # the SDK writes no stand-ins of datasets
    shape = _without(_serialize_to_dict(config), _PLACE)
    shape["environment"] = _set_by_owner(config.environment, names)
    asked = {key: getattr(made, key) for key in ("source_directory", "script", "arguments")}
    return dict(_plain({**shape, **asked, "command": made.command or config.command}, names))


def deployment_shape(made: Any, names: Mapping[str, str] | None = None) -> list[Any]:
    """An SDK `InferenceConfig` and configuration of a web service; `names` stand for paths."""
    inference, service = (dict(vars(one)) for one in made)
    names, environment = names or {}, inference.pop("environment")
    inference["base_image_registry"] = inference["base_image_registry"].address
    return [
        _plain(inference, names),
        _set_by_owner(environment, names),
        _plain(_without(service, (*_SERVICE, "_webservice_type")), names),
    ]


def steady(function: Callable[..., Any], root: Path, ask: Callable[[], Any]) -> str:
    """The content hash of what an owner's function returns: 12 hex digits.

    Args:
        function: the owner's.
        root: the repository.
        ask: asks it once, and returns the shape.

    Raises:
        WorkError: it fails, or answers differently each time.
    """
    try:
        first, second = identity(ask()), identity(ask())
    except (WorkError, SettingsError, ModuleNotFoundError):
        raise
    except Exception as error:
        words = " ".join(str(error).split())[:300]
        raise WorkError(f"{called(function, root)}: {type(error).__name__}: {words}") from error
    if first != second:
        raise WorkError(
            f"{called(function, root)} returns something else each time it is asked: nothing could "
            "tell whether it has changed; take out what is random or the time"
        )
    return first


def environment_of(function: Callable[..., Any], parts: Any, root: Path) -> Any:
    """The owner's `environment(parts)`.

    Raises:
        WorkError: it returns no `Environment` of the name that it was given.
    """
    from azureml.core import Environment

    made = function(parts)
    if not isinstance(made, Environment):
        raise _refused(function, root, made, "an azureml.core.Environment")
    if made.name != parts.name:
        raise WorkError(
            f"{called(function, root)} returns an environment named {made.name!r}: "
            f"name it parts.name, which is {parts.name!r} here"
        )
    return made


def job_of(function: Callable[..., Any], parts: Any, root: Path) -> Any:
    """The owner's `training_job(job)`.

    Raises:
        WorkError: it returns no `ScriptRunConfig`.
    """
    from azureml.core import ScriptRunConfig

    made = function(parts)
    if not isinstance(made, ScriptRunConfig):
        raise _refused(function, root, made, "an azureml.core.ScriptRunConfig")
    return made


def deployment_of(function: Callable[..., Any], parts: Any, root: Path) -> Any:
    """The owner's `deployment(parts)`.

    Raises:
        WorkError: it returns no pair of `InferenceConfig` and the configuration of a container
            instance.
    """
    from azureml.core.model import InferenceConfig
    from azureml.core.webservice.aci import AciServiceDeploymentConfiguration

    made = function(parts)
    kinds = (InferenceConfig, AciServiceDeploymentConfiguration)
    if not (isinstance(made, tuple) and len(made) == 2 and all(map(isinstance, made, kinds))):
        wanted = "a pair: InferenceConfig, AciWebservice.deploy_configuration(…)"
        raise _refused(function, root, made, wanted)
    return made


def called(function: Callable[..., Any], root: Path) -> str:
    """An owner's function and its file, such as `environment() in src/environment.py`."""
    name = getattr(function, "__name__", type(function).__name__)
    try:
        path = Path(inspect.getsourcefile(inspect.unwrap(function)) or "")
    except TypeError:
        return f"{name}()"
    inside = path.is_relative_to(root)
    return f"{name}() in {path.relative_to(root).as_posix() if inside else path}"


def _set_by_owner(environment: Any, names: Mapping[str, str]) -> dict[str, Any]:
    """What a job's or deployment's function makes of its environment: nothing, if it is as given.

    For the shape it is given one without content, which has an identity of its own.
    """
    from azureml.core import Environment

    if environment is None:
        return {}
    shape = environment_shape(environment, names)
    return {} if shape == environment_shape(Environment("as it is")) else shape


def _refused(function: Callable[..., Any], root: Path, made: Any, wanted: str) -> WorkError:
    if isinstance(made, tuple):
        kind = f"({', '.join(type(one).__name__ for one in made)})"
    else:
        kind = type(made).__name__
    return WorkError(f"{called(function, root)} must return {wanted}; it returns {kind}")


def _without(values: Mapping[str, Any], keys: Sequence[str]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if key not in keys}


def _plain(value: Any, names: Mapping[str, str], depth: int = 0) -> Any:
    """A value as JSON: names in place of paths and addresses; of an object, what it holds."""
    if isinstance(value, str | Path):
        text = str(value)
        for path, name in names.items():
            text = text.replace(path, name)
        return text
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Named):
        return value.name
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, type) or depth > _DEEPEST:
        return getattr(value, "__name__", type(value).__name__)
    if isinstance(value, Mapping):
        return {str(key): _plain(one, names, depth + 1) for key, one in value.items()}
    if isinstance(value, set | frozenset):
        return sorted(str(_plain(one, names, depth + 1)) for one in value)
    if isinstance(value, Sequence):
        return [_plain(one, names, depth + 1) for one in value]
    inside = _plain(getattr(value, "__dict__", {}), names, depth + 1)
    return {"type": type(value).__name__, **inside}
