"""What the service refuses of an endpoint or deployment before it begins anything.

Names and shares: the patterns and descriptions of `OnlineEndpointProperties` and its YAML
reference; limits: "Manage and increase quotas" (online and batch endpoints). The body of a refused
request is that of public reports (Azure/azureml-examples#1930); where no report has the words of a
refusal, they are the stand-in's.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from ..compute_sizes import SIZE
from ..errors import not_played
from ..routing import AzureError, Json

NAME = re.compile(r"^(?=.{3,32}$)[a-zA-Z]([-a-zA-Z0-9]*[a-zA-Z0-9])?$")
TAKEN = (
    "There is already an endpoint with this name, Endpoint name needs to be unique within a "
    "region. Try some other name."
)
MOST_MIRRORED, MOST_INSTANCES, MOST_DEPLOYMENTS, MOST_SECONDS = 50, 50, 20, 180.0
AUTH = {"key": "Key", "amltoken": "AMLToken", "aadtoken": "AADToken"}
PROBE = {
    "failureThreshold": 30,
    "successThreshold": 1,
    "timeout": "PT2S",
    "period": "PT10S",
    "initialDelay": "PT10S",
}
REQUESTS = {
    "maxQueueWait": "PT0S",
    "requestTimeout": "PT5S",
    "maxConcurrentRequestsPerInstance": 1,
}


def invalid(message: str, field: str = "") -> AzureError:
    """The refusal of a request, as the inference service's comes through Resource Manager."""
    errors = {"errors": {field: [message]}, "title": "One or more validation errors occurred."}
    inner = {"error": {"code": "Validation", "message": json.dumps(errors), "details": []}}
    details = [{"code": "InferencingClientCallFailed", "message": json.dumps(inner)}]
    return AzureError(400, "BadRequest", "The request is invalid.", details=details)


def busy(name: str) -> AzureError:
    """The refusal of a change while another one goes on."""
    message = f"An operation on '{name}' is already in progress; try again when it has ended."
    return AzureError(409, "Conflict", message)


def check_name(name: str, what: str) -> None:
    """AzureError 400 for a name that is against the rules."""
    if not NAME.match(name):
        raise invalid(
            f"{what} name '{name}' is invalid: it must be 3 to 32 characters long, begin with a "
            "letter, end with a letter or digit, and hold only letters, digits and '-'.",
            "Name",
        )


def auth_mode(given: object) -> str:
    """The word of the service for an authentication mode. AzureError 400 for another."""
    found = AUTH.get(str(given or "Key").lower().replace("_", ""))
    if found is None:
        raise invalid(f"'{given}' is no authentication mode: Key, AMLToken or AADToken.")
    return found


def shares(given: object, states: Mapping[str, str], what: str) -> dict[str, int]:
    """Shares by deployment, those of 0 left out. AzureError 400 for what cannot be."""
    if given is not None and not isinstance(given, dict):
        raise invalid(f"{what} must be an object.", what)
    found: dict[str, int] = {}
    for name, share in (given or {}).items():
        if isinstance(share, bool) or not isinstance(share, int) or not 0 <= share <= 100:
            raise invalid(f"{what} of '{name}' must be a whole number from 0 to 100.", what)
        if name not in states:
            raise invalid(f"{what} names '{name}', and the endpoint has no such deployment.", what)
        if share and states[name] != "Succeeded":
            raise invalid(f"{what} names '{name}', which is {states[name]}.", what)
        if share:
            found[name] = share
    return found


def check_shares(traffic: Mapping[str, int], mirror: Mapping[str, int]) -> None:
    """AzureError 400 unless the shares make 100 (or none) and one at most is mirrored."""
    total = sum(traffic.values())
    if total not in (0, 100):
        raise invalid(f"Traffic values need to sum to 100 or 0; they sum to {total}.", "Traffic")
    if len(mirror) > 1:
        raise invalid("Traffic can be mirrored to one deployment only.", "MirrorTraffic")
    if sum(mirror.values()) > MOST_MIRRORED:
        raise invalid(
            f"Mirrored traffic values need to sum to at most {MOST_MIRRORED}.", "MirrorTraffic"
        )
    if both := set(traffic) & set(mirror):
        raise invalid(
            f"Deployment '{both.pop()}' can receive live or mirrored traffic, not both.",
            "MirrorTraffic",
        )


def seconds(duration: object) -> float:
    """An ISO 8601 duration of days, hours, minutes and seconds. AzureError 400 for no such."""
    pattern = r"P(?=.)(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:([\d.]+)S)?)?"
    found = re.fullmatch(pattern, str(duration))
    if found is None:
        raise invalid(f"'{duration}' is no duration.")
    units = (86400, 3600, 60, 1)
    return sum(float(n or 0) * unit for n, unit in zip(found.groups(), units, strict=True))


def without_script(properties: Json) -> bool:
    """Whether a deployment names no scoring script: that of a model of MLflow needs none."""
    return not (properties.get("codeConfiguration") or {}).get("scoringScript")


def check_deployment(properties: Json, sku: Json) -> None:
    """AzureError 400 for what the service refuses of a managed deployment, 501 for other kinds."""
    kind = properties.get("endpointComputeType")
    if kind != "Managed":
        raise not_played(f"online deployments of the kind {kind}")
    if without_script(properties) and properties.get("environmentId"):
        raise not_played("an environment without a scoring script (a container of its own)")
    if without_script(properties) and not properties.get("model"):
        raise not_played("a deployment of neither a scoring script nor a model")
    for key in ("dataCollector", "modelMountPath", "privateNetworkConnection"):
        if properties.get(key):
            raise not_played(f"'{key}' of a deployment")
    if not SIZE.match(properties.get("instanceType") or ""):
        raise invalid(f"'{properties.get('instanceType')}' is no supported VM size.", "VmSize")
    capacity = sku.get("capacity")
    if not isinstance(capacity, int) or not 1 <= capacity <= MOST_INSTANCES:
        raise invalid(f"The instance count must be from 1 to {MOST_INSTANCES}: {capacity}.")
    if ((properties.get("scaleSettings") or {}).get("scaleType") or "Default") != "Default":
        raise invalid("A managed deployment scales by Azure Monitor's autoscale alone.")
    requests = REQUESTS | (properties.get("requestSettings") or {})
    if not 0 < seconds(requests["requestTimeout"]) <= MOST_SECONDS:
        raise invalid(f"The request timeout must be at most {MOST_SECONDS:.0f} seconds.")
    most = requests["maxConcurrentRequestsPerInstance"]
    if not isinstance(most, int) or most < 1:
        raise invalid(f"The concurrent requests per instance must be at least 1: {most}.")
    for key in ("livenessProbe", "readinessProbe"):
        for name in ("timeout", "period", "initialDelay"):
            seconds((PROBE | (properties.get(key) or {}))[name])
