"""What the service refuses of a batch deployment, and what it fills in.

Source of the defaults: the descriptions of `BatchDeploymentProperties` (machineLearningServices
2023-10-01).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from ..errors import not_played
from ..routing import AzureError, Json
from . import mlflow_models
from .command import environment
from .online_rules import invalid, seconds, without_script

if TYPE_CHECKING:
    from ..standin import Azure

#: Azure/azure-sdk-for-python#30741: a script needs an environment, a model of MLflow or not.
NO_ENVIRONMENT = {
    "PropertyName": "ModelConfiguration.EnvironmentId",
    "ErrorMessage": "'Environment Id' must not be empty.",
    "ErrorCode": "ArgumentNullOrEmpty",
}
ACTIONS = ("AppendRow", "SummaryOnly")
LEVELS = ("Info", "Warning", "Debug")
_LEAST = {
    "errorThreshold": -1,
    "miniBatchSize": 1,
    "maxConcurrencyPerInstance": 1,
}


def kept(given: Json) -> Json:
    """The properties of a deployment, with what was not given."""
    retry: Json = given.get("retrySettings") or {}
    resources: Json = given.get("resources") or {}

    def value(name: str, default: object) -> object:
        return default if given.get(name) is None else given[name]

    if given.get("deploymentConfiguration"):
        raise not_played("batch deployments of pipeline components")
    return {
        "description": given.get("description"),
        "properties": given.get("properties") or {},
        "codeConfiguration": given.get("codeConfiguration"),
        "environmentId": given.get("environmentId"),
        "environmentVariables": given.get("environmentVariables") or {},
        "compute": given.get("compute"),
        "errorThreshold": value("errorThreshold", -1),
        "retrySettings": {
            "maxRetries": 3 if retry.get("maxRetries") is None else retry["maxRetries"],
            "timeout": retry.get("timeout") or "PT30S",
        },
        "miniBatchSize": value("miniBatchSize", 10),
        # the SDK's own examples say "info"; the answer has the word of the specification
        "loggingLevel": str(given.get("loggingLevel") or "Info").capitalize(),
        "model": given.get("model"),
        "maxConcurrencyPerInstance": value("maxConcurrencyPerInstance", 1),
        "outputAction": given.get("outputAction") or "AppendRow",
        "outputFileName": given.get("outputFileName") or "predictions.csv",
        "resources": {
            "instanceCount": resources.get("instanceCount") or 1,
            "instanceType": resources.get("instanceType"),
            "properties": resources.get("properties"),
        },
    }


def check_deployment(azure: Azure, given: Json) -> None:
    """AzureError 400 for what is refused, 501 for what is not played."""
    code: Json = given.get("codeConfiguration") or {}
    if without_script(given) and (given.get("environmentId") or not given.get("model")):
        raise not_played("a batch deployment of no scoring script, but for a model alone")
    if not without_script(given) and not given.get("environmentId"):
        raise AzureError(400, "BadRequest", f"Errors: {json.dumps([NO_ENVIRONMENT])}")
    model: Json = given.get("model") or {}
    if model and model.get("referenceType") != "Id":
        raise not_played(f"models by the reference type {model.get('referenceType')}")
    if str(model.get("assetId")).startswith("azureml://registries/"):
        raise not_played("a registry's model behind a batch endpoint, which Azure does not take")
    try:
        if without_script(given):
            mlflow_models.check(azure, str(model.get("assetId") or ""))
        else:
            environment(azure, str(given.get("environmentId") or ""))
            azure.v2.assets.find(str(code.get("codeId") or ""), "codes")
        if model:
            azure.v2.assets.find(str(model.get("assetId") or ""), "models")
    except AzureError as error:
        if error.status == 501:
            raise
        raise AzureError(400, "BadRequest", error.message) from None
    for key, least in _LEAST.items():
        if not isinstance(given[key], int) or given[key] < least:
            raise invalid(f"{key} must be at least {least}: {given[key]}.")
    if given["outputAction"] not in ACTIONS:
        raise invalid(f"outputAction must be one of {', '.join(ACTIONS)}.")
    if given["loggingLevel"] not in LEVELS:
        raise invalid(f"loggingLevel must be one of {', '.join(LEVELS)}.")
    seconds(given["retrySettings"]["timeout"])
    compute = str(given.get("compute") or "").rpartition("/")[2]
    if not azure.computes.find(compute):
        raise AzureError(400, "BadRequest", f"Compute '{compute}' was not found.")
