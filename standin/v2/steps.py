"""The steps of a pipeline: what a node and its component make of a command, sweep or pipeline.

Nodes are written in snake case by azure-ai-ml, below `jobs` of a PipelineJob or of a pipeline
component; jobs of their own are in camel case.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ..routing import AzureError, Json

if TYPE_CHECKING:
    from ..standin import Azure

#: The arguments of the distributions of a search space, in the order of `searchSpace`.
_ARGUMENTS = {
    "choice": ("values",),
    "randint": ("upper",),
    "uniform": ("min_value", "max_value"),
    "quniform": ("min_value", "max_value", "q"),
    "loguniform": ("min_value", "max_value"),
    "qloguniform": ("min_value", "max_value", "q"),
    "normal": ("mu", "sigma"),
    "qnormal": ("mu", "sigma", "q"),
    "lognormal": ("mu", "sigma"),
    "qlognormal": ("mu", "sigma", "q"),
}
#: What a job says of the identity that it means, and how a step may.
WHOSE = {"clientId": "client_id", "objectId": "object_id", "resourceId": "msi_resource_id"}
PLAYED = ("command", "sweep", "pipeline")


def kind_of(node: Json) -> str:
    """The kind of a step. AzureError 501 for one that is not played."""
    kind = str(node.get("type") or "command")
    if kind not in PLAYED or not (node.get("componentId") or node.get("trial")):
        raise AzureError(501, "StandInUnhandled", f"Steps of type {kind} are not played")
    return kind


def component(azure: Azure, node: Json) -> Json:
    """The specification of a step's component. AzureError 404, 501 for a kind not played."""
    kind = kind_of(node)
    named = node.get("componentId") or (node.get("trial") or {}).get("componentId")
    _, found = azure.v2.assets.find(str(named), "components")
    spec: Json = found.properties["componentSpec"]
    wanted = "pipeline" if kind == "pipeline" else "command"
    if spec.get("type", "command") != wanted:
        raise AzureError(
            501, "StandInUnhandled", f"Components of type {spec['type']} are not played"
        )
    return spec


def static(spec: Json, given: Json, node: Json) -> Json:
    """A step as a job, without its inputs and outputs."""
    settings = given.get("settings") or {}
    default = given.get("computeId") or settings.get("default_compute")
    told: Json = {
        "computeId": node.get("computeId") or default,
        "displayName": node.get("display_name") or node.get("name"),
        "componentId": node.get("componentId"),
    }
    kind = kind_of(node)
    if kind == "pipeline":
        inner = {**settings, "default_compute": told["computeId"]}
        return {**told, "jobType": "Pipeline", "jobs": spec["jobs"], "settings": inner}
    command = _command(spec, node)
    if kind == "command":
        own = {"limits": node.get("limits"), "identity": _identity(node.get("identity"))}
        return {**told, "jobType": "Command", **own, **command}
    return {**told, "jobType": "Sweep", "trial": command, **_sweep(node)}


def _identity(given: Json | None) -> Json | None:
    """Whom a step acts as, as a job of its own says it. AzureError 400 for an unknown kind."""
    if not given:
        return None
    kind = str(given.get("identity_type") or given.get("type")).lower().replace("_", "")
    kinds = {
        "managed": "Managed",
        "managedidentity": "Managed",
        "useridentity": "UserIdentity",
        "amltoken": "AMLToken",
    }
    if kind not in kinds:
        raise AzureError(400, "UserError", f"There is no identity of type {kind}.")
    told = {key: given.get(key) or given.get(snake) for key, snake in WHOSE.items()}
    return {"identityType": kinds[kind], **{key: each for key, each in told.items() if each}}


def _command(spec: Json, node: Json) -> Json:
    own = {**node, **(node.get("trial") or {})}
    variables = own.get("environment_variables") or spec.get("environment_variables") or {}
    distribution = own.get("distribution") or spec.get("distribution") or {}
    return {
        "command": spec["command"],
        "environmentId": _bare(spec.get("environment")),
        "codeId": _bare(spec.get("code")),
        "environmentVariables": variables,
        "resources": camel({**(spec.get("resources") or {}), **(own.get("resources") or {})}),
        "distribution": {"distributionType": distribution["type"]} if distribution else None,
    }


def _sweep(node: Json) -> Json:
    way, limits = node.get("sampling_algorithm") or "random", camel(node.get("limits") or {})
    algorithm = {"type": way} if isinstance(way, str) else dict(way)
    for key in ("timeout", "trialTimeout"):
        if limits.get(key):
            limits[key] = f"PT{int(limits[key])}S"
    policy = dict(node.get("early_termination") or {})
    if policy:
        kind = re.sub(r"(?:^|_)(\w)", lambda m: m[1].upper(), str(policy.pop("type")))
        policy = {"policyType": kind, **camel(policy)}
    objective = camel(node.get("objective") or {})
    return {
        "searchSpace": {k: _distribution(v) for k, v in (node.get("search_space") or {}).items()},
        "samplingAlgorithm": {
            "samplingAlgorithmType": str(algorithm.pop("type")).capitalize(),
            **{k: v for k, v in camel(algorithm).items() if v is not None},
        },
        "limits": {"jobLimitsType": "Sweep", **limits},
        "objective": objective,
        "earlyTermination": policy or None,
    }


def _distribution(given: Json) -> list[object]:
    kind = str(given.get("type"))
    if kind not in _ARGUMENTS:
        raise AzureError(400, "UserError", f"There is no distribution {kind}.")
    return [kind, [given[name] for name in _ARGUMENTS[kind]]]


def camel(given: Json) -> Json:
    """`instance_count` → `instanceCount`."""
    return {re.sub(r"_(\w)", lambda m: m[1].upper(), key): value for key, value in given.items()}


def _bare(asset: object) -> str:
    """`azureml:/subscriptions/…` as the ARM id that it is."""
    return re.sub(r"^azureml:(?=/subscriptions/)", "", str(asset or ""))
