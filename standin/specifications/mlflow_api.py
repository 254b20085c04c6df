"""MLflow's REST API as the protocol files of the installed mlflow state it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

# What MLflow's own client reads of an error.
_ERROR = {"error_code", "message"}


def calls() -> Iterator[tuple[str, str, Any]]:
    """Method, path below the tracking server's root, and class of the answer of every call."""
    from mlflow.protos import model_registry_pb2, service_pb2
    from mlflow.utils.rest_utils import extract_all_api_info_for_service

    for service in (service_pb2.MlflowService, model_registry_pb2.ModelRegistryService):
        known: dict[Any, list[tuple[str, str]]]
        known = extract_all_api_info_for_service(service, "/api/2.0")  # type: ignore[no-untyped-call]
        for request, places in known.items():
            for path, method in places:
                yield method, path, request.Response


def violations(message: Any, value: object) -> list[str]:
    """What is wrong with an answer: a key or a type that the protocol does not know."""
    from google.protobuf import json_format  # type: ignore[import-untyped]

    try:
        json_format.ParseDict(value, message())
    except json_format.ParseError as error:
        return [f"MLflow's {message.__qualname__}: {str(error).splitlines()[0]}"]
    return []


def error_violations(value: object) -> list[str]:
    """What is wrong with an error: MLflow's client reads `error_code` and `message`."""
    if not isinstance(value, dict) or not set(value) >= _ERROR:
        return ["MLflow's error must have error_code and message"]
    return [f"MLflow's error: unknown key {key!r}" for key in sorted(set(value) - _ERROR)]


def absent_violations(value: object) -> list[str]:
    """What is wrong with the 404 of a call that Azure ML does not have: it has no body.

    As reported in azure-sdk-for-python #44896, for the models of MLflow 3.
    """
    return [] if value is None else ["MLflow's call is not there: a 404 without a body"]
