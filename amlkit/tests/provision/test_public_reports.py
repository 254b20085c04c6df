"""What people reported of `az`, in its own words: what is told of it, and what to do.

Each case names its report; README.md in this folder lists them with what the bootstrap does.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from amlkit.provision.cloud.failures import Failure, Kind, classify


def deployed(code: str, message: str, **more: Any) -> str:
    """A deployment that ran and failed."""
    inner = {"code": code, "message": message, **more}
    error = {"code": "DeploymentFailed", "message": "At least one failed.", "details": [inner]}
    return "ERROR: " + json.dumps({"status": "Failed", "error": error})


def denied(path: str) -> str:
    """A denial that gives reasons, and its policies in the details of the evaluation."""
    evaluated = [{"path": "type"}, {"path": path}, {"path": "tags[Az.Sec::Skip]"}]
    info = {"evaluationDetails": {"evaluatedExpressions": evaluated}}
    info |= {"policyDefinitionDisplayName": "Safe secrets"}
    return (
        "ERROR: (RequestDisallowedByPolicy) Resource 'st1' was disallowed by policy. Reasons:"
        " 'Local authentication methods are not allowed.'. See error details.\n"
        "Code: RequestDisallowedByPolicy\nTarget: st1\nAdditional Information:Type:"
        f" PolicyViolation\nInfo: {json.dumps(info, indent=4)}"
    )


NESTED = {"error": {"code": "StorageAccountAlreadyTaken", "message": "st1 is already taken."}}
UNKNOWN = {"error": {"code": "PrincipalNotFound", "message": "Principal x does not exist."}}
CONSUMED = """ERROR: The command failed with an unexpected error. Here is the traceback:
The content for this response was already consumed
Traceback (most recent call last):
  File "commands/__init__.py", line 703, in _run_job
azure.core.exceptions.HttpResponseError: (RequestDisallowedByPolicy) Resource 'vm1' was disallowed \
by policy. Policy identifiers: '[{"policyDefinition":{"name":"Allowed locations","id":"/p"}}]'.
Code: RequestDisallowedByPolicy"""


@pytest.mark.parametrize(
    ("printed", "kind", "says"),
    [
        pytest.param(
            deployed("BadRequest", "Soft-deleted workspace exists. Please purge or recover it."),
            *(Kind.SOFT_DELETED, "Soft-deleted workspace exists"),
            id="Azure/ResourceModules #3596",
        ),
        pytest.param(
            deployed(
                "ConflictError", "A vault with the same name already exists in deleted state."
            ),
            *(Kind.SOFT_DELETED, "in deleted state"),
            id="Azure-Samples/contoso-chat #55",
        ),
        pytest.param(
            deployed("BadRequest", json.dumps(UNKNOWN, indent=2)),
            *(Kind.PRINCIPAL_UNKNOWN, "Principal x does not exist"),
            id="Azure/avdaccelerator #76",
        ),
        pytest.param(
            deployed("Conflict", json.dumps(NESTED, indent=2)),
            *(Kind.NAME_TAKEN, "st1 is already taken"),
            id="Azure/azure-cli #336",
        ),
        pytest.param(
            "ERROR: Deployment failed. Correlation ID: 20. " + json.dumps(NESTED, indent=2),
            *(Kind.NAME_TAKEN, "st1 is already taken"),
            id="microsoftarchive/Learn-LTI #116",
        ),
        pytest.param(
            deployed(
                *("PreflightValidationCheckFailed", "Preflight validation failed."),
                details=[NESTED["error"]],
            ),
            *(Kind.NAME_TAKEN, "choose another in config.yml"),
            id="OfficeDev/microsoft-teams-apps-timetally #50",
        ),
        pytest.param(
            denied("properties.allowSharedKeyAccess"),
            *(Kind.POLICY, "'Safe secrets' (Local authentication methods are not allowed)"),
            id="dotnet/machinelearning-modelbuilder #3044",
        ),
        pytest.param(
            denied("properties.allowSharedKeyAccess"),
            *(Kind.POLICY, "satisfies it: azure.bootstrap.storage_shared_keys: false (docs"),
            id="dotnet/machinelearning-modelbuilder #3044, what to do",
        ),
        pytest.param(CONSUMED, Kind.POLICY, "'Allowed locations'", id="Azure/azure-cli #32417"),
        pytest.param(
            "ERROR: (AuthorizationFailed) The client 'x' does not have authorization to perform"
            " action 'Microsoft.MachineLearningServices/register/action' over scope '/s'.",
            *(Kind.FORBIDDEN, "plan --for-admin"),
            id="hashicorp/terraform-provider-azurerm #4440",
        ),
    ],
)
def test_what_az_prints_is_told_with_what_to_do(printed: str, kind: Kind, says: str) -> None:
    failure = Failure(*classify(1, printed))
    assert failure.kind is kind
    assert says in str(failure)
    assert "\n" not in str(failure) and len(str(failure)) < 700
