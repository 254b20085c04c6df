"""The shape of a refusal, which differs from service to service."""

from __future__ import annotations

import re
import time
import uuid

from .errors import AzureError
from .routing import API, ARM, BLOB, DEVOPS, GRAPH, IMDS, LOGIN, Answer, Json

# The codes that the data plane's specifications know; a finer one stands in `innerError`.
CODES = {
    "ServiceError",
    "UserError",
    "ValidationError",
    "AzureStorageError",
    "TransientError",
    "RequestThrottled",
}
# Below a workspace its management front end answers, which says more of itself.
_FRONTEND = re.compile(r"/Microsoft\.MachineLearningServices/workspaces/[^/]+/(?!computes)\w", re.I)


def refusal(host: str, path: str, error: AzureError) -> Answer:
    """An error as the service that is asked words it: Entra, ARM, storage, MLflow, Azure ML."""
    headers = dict(error.headers)
    if re.fullmatch(BLOB, host):
        headers |= {"x-ms-error-code": error.code, "Content-Type": "application/xml"}
        text = (
            '<?xml version="1.0" encoding="utf-8"?>'
            f"<Error><Code>{error.code}</Code><Message>{error.message}</Message></Error>"
        )
        return Answer(error.status, text.encode(), headers)
    if re.fullmatch(LOGIN, host):
        return Answer(error.status, _entra(error), headers)
    if re.fullmatch(IMDS, host):
        body: Json = {"error": error.code, "error_description": error.message}
        return Answer(error.status, body, headers)
    plain: Json = {"code": error.code, "message": error.message}
    if re.fullmatch(ARM, host):
        headers.setdefault("x-ms-failure-cause", "gateway")
        if error.target:
            plain |= {"details": [plain | {"target": error.target}]}
        if error.details:
            plain |= {"details": error.details}
        if error.code in CODES and _FRONTEND.search(path):
            plain = {"details": [], **plain, "additionalInfo": _additional()}
        return Answer(error.status, {"error": plain}, headers)
    if re.fullmatch(GRAPH, host):
        return Answer(error.status, _graph(error), headers)
    if re.fullmatch(DEVOPS, host):
        return Answer(error.status, _devops(error), headers)
    if not re.fullmatch(API, host) or path.startswith("/rp/"):
        return Answer(error.status, {"error": plain}, headers)
    if path.startswith("/mlflow/"):
        return Answer(error.status, _mlflow(error), headers)
    if path.startswith("/modelmanagement/"):
        flat = plain | {"statusCode": error.status, "details": []}
        return Answer(error.status, flat, headers)
    return Answer(error.status, data_plane_error(error), headers)


def _additional() -> list[Json]:
    """Source: refusals in the recordings of azure-ai-ml, such as model test_crud_file."""
    correlation = {"operation": uuid.uuid4().hex, "request": uuid.uuid4().hex[:16]}
    said: Json = {
        "ComponentName": "managementfrontend",
        "Correlation": correlation,
        "Environment": "westeurope",
        "Location": "westeurope",
        "Time": time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime()),
    }
    return [{"type": kind, "info": {"value": value}} for kind, value in said.items()]


def _entra(error: AzureError) -> Json:
    """Source: the error responses in Microsoft's documentation of the token endpoint."""
    trace, correlation = str(uuid.uuid4()), str(uuid.uuid4())
    now = time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime())
    numbers = re.findall(r"AADSTS(\d+)", error.message)
    where = f" Trace ID: {trace} Correlation ID: {correlation} Timestamp: {now}"
    return {
        "error": error.code,
        "error_description": error.message + where,
        "error_codes": [int(number) for number in numbers],
        "timestamp": now,
        "trace_id": trace,
        "correlation_id": correlation,
    }


def _graph(error: AzureError) -> Json:
    """Source: "Microsoft Graph error responses and resource types"."""
    number, now = str(uuid.uuid4()), time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime())
    inner = {"date": now, "request-id": number, "client-request-id": number}
    return {"error": {"code": error.code, "message": error.message, "innerError": inner}}


def _devops(error: AzureError) -> Json:
    """Source: WrappedException of Azure DevOps' clients (microsoft/azure-devops-python-api)."""
    return {
        "$id": "1",
        "innerException": None,
        "message": error.message,
        "typeName": f"Microsoft.TeamFoundation.DistributedTask.WebApi.{error.code}, "
        "Microsoft.TeamFoundation.DistributedTask.WebApi",
        "typeKey": error.code,
        "errorCode": 0,
        "eventId": 3000,
    }


def _mlflow(error: AzureError) -> Json:
    """Source: MLflow's REST API, which names its own codes."""
    known = {404: "RESOURCE_DOES_NOT_EXIST", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED"}
    code = error.code if error.code.isupper() else known.get(error.status, "INTERNAL_ERROR")
    return {"error_code": code, "message": error.message}


def data_plane_error(error: AzureError) -> Json:
    """Source: ErrorResponse in the specifications of artifact, runHistory, datastore, …"""
    code = "UserError" if error.status < 500 else "ServiceError"
    said: Json = {"message": error.message, "details": []}
    if error.code in CODES:
        said["code"] = error.code
    else:
        said |= {"code": code, "innerError": {"code": error.code, "innerError": None}}
    return {
        "error": said,
        "correlation": {"operation": uuid.uuid4().hex, "request": uuid.uuid4().hex[:16]},
        "environment": "standin",
        "location": "westeurope",
        "time": time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime()),
        "componentName": "standin",
    }
