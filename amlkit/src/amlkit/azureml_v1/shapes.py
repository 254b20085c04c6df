"""What the owner's functions in `src/` return, as content: objects of SDK v1 (azure.owners)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from amlkit.azure.owners import environment_made, plain, refused, without

# Of an environment: its name and version are what the shape is for; the rest are secrets.
_ENVIRONMENT = ("name", "version", "assetId")
_REGISTRY = ("username", "password", "registryIdentity")
# Of a run configuration: where a job runs.
_PLACE = ("target", "amlcompute", "kubernetescompute", "autoClusterComputeSpecification")
# Of a web service: secrets, and what amlkit sets.
_SERVICE = ("primary_key", "secondary_key", "ssl_cert_pem_file", "ssl_key_pem_file")


def environment_shape(made: Any, names: Mapping[str, str] | None = None) -> dict[str, Any]:
    """An SDK `Environment` as JSON; `names` stand for addresses of private wheels."""
    from azureml.core import Environment

    shape = plain(Environment._serialize_to_dict(made), names or {})
    image = shape["docker"]["baseImageRegistry"] or {}
    shape["docker"]["baseImageRegistry"] = without(image, _REGISTRY)
    return without(shape, _ENVIRONMENT)


def job_shape(made: Any, names: Mapping[str, str] | None = None) -> dict[str, Any]:
    """An SDK `ScriptRunConfig` as JSON; `names` stand for paths of this machine."""
    from azureml.core._serialization_utils import _serialize_to_dict

    config, names = made.run_config, names or {}
    config.data = plain(config.data, names)  # the SDK writes no stand-ins of datasets
    shape = without(_serialize_to_dict(config), _PLACE)
    shape["environment"] = _set_by_owner(config.environment, names)
    asked = {key: getattr(made, key) for key in ("source_directory", "script", "arguments")}
    return dict(plain({**shape, **asked, "command": made.command or config.command}, names))


def deployment_shape(made: Any, names: Mapping[str, str] | None = None) -> list[Any]:
    """An SDK `InferenceConfig` and configuration of a web service; `names` stand for paths."""
    inference, service = (dict(vars(one)) for one in made)
    names, environment = names or {}, inference.pop("environment")
    inference["base_image_registry"] = inference["base_image_registry"].address
    return [
        plain(inference, names),
        _set_by_owner(environment, names),
        plain(without(service, (*_SERVICE, "_webservice_type")), names),
    ]


def environment_of(function: Callable[..., Any], parts: Any, root: Path) -> Any:
    """The owner's `environment(parts)`.

    Raises:
        WorkError: it returns no `Environment` of the name that it was given.
    """
    from azureml.core import Environment

    return environment_made(function, parts, root, Environment, "an azureml.core.Environment")


def job_of(function: Callable[..., Any], parts: Any, root: Path) -> Any:
    """The owner's `training_job(job)`.

    Raises:
        WorkError: it returns no `ScriptRunConfig`.
    """
    from azureml.core import ScriptRunConfig

    made = function(parts)
    if not isinstance(made, ScriptRunConfig):
        raise refused(function, root, made, "an azureml.core.ScriptRunConfig")
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
        raise refused(function, root, made, wanted)
    return made


def _set_by_owner(environment: Any, names: Mapping[str, str]) -> dict[str, Any]:
    """What a job's or deployment's function makes of its environment: nothing, if it is as given.

    For the shape it is given one without content, which has an identity of its own.
    """
    from azureml.core import Environment

    if environment is None:
        return {}
    shape = environment_shape(environment, names)
    return {} if shape == environment_shape(Environment("as it is")) else shape
