"""A policy's denial, as az prints it: named, with the setting that satisfies it."""

from __future__ import annotations

import json

import pytest

from amlkit.provision.cloud.failures import Kind, classify
from amlkit.provision.cloud.policies import explained


def denial(*names: str) -> str:
    """As reported in Azure-Samples/azure-search-openai-demo #120."""
    listed = [
        {"policyAssignment": {"name": name, "id": "/a"}, "policyDefinition": {"name": name}}
        for name in names
    ]
    said = json.dumps(listed, separators=(",", ":"))
    return f"Resource 'st1' was disallowed by policy. Policy identifiers: '{said}'."


@pytest.mark.parametrize(
    ("name", "setting"),
    [
        ("Require a tag on resources", "azure.bootstrap.tags"),
        ("Key vaults should have deletion protection enabled", "key_vault_purge_protection"),
        ("Key vaults should have soft delete enabled", "key_vault_retention_days"),
        ("Storage accounts should prevent shared key access", "storage_shared_keys"),
        ("Azure Key Vault should disable public network access", "public_network"),
        ("Azure Machine Learning workspaces should use private link", "public_network"),
        (
            "Azure Machine Learning Computes should have local authentication methods disabled",
            "local_auth",
        ),
        ("Azure Machine Learning workspaces should use user-assigned managed identity", "identity"),
        ("Allowed locations", "azure.location"),
        ("Allowed virtual machine size SKUs", "azure.compute.size"),
    ],
)
def test_a_built_in_policy_leads_to_its_setting(name: str, setting: str) -> None:
    said, how = explained(denial(name))
    assert name in said and "st1" in said
    assert setting in how


def test_one_that_no_setting_satisfies_leads_to_an_administrator() -> None:
    said, how = explained(denial("Not allowed resource types"))
    assert "Not allowed resource types" in said and "administrator" in how


@pytest.mark.parametrize("form", ["by itself", "refused", "ran"])
def test_it_is_told_from_whatever_az_prints(form: str) -> None:
    error = {"code": "RequestDisallowedByPolicy", "message": denial("Allowed locations")}
    outer = {"code": "InvalidTemplateDeployment", "message": "see details"}
    failed = {"code": "DeploymentFailed", "message": "see details", "details": [error]}
    printed = {
        "by itself": f"(RequestDisallowedByPolicy) {error['message']}\nCode: {error['code']}",
        "refused": f"{json.dumps(outer)}\n\nInner Errors: \n{json.dumps(error)}",
        "ran": json.dumps({"status": "Failed", "error": failed}),
    }[form]
    kind, code, message = classify(1, f"ERROR: {printed}")
    assert (kind, code) == (Kind.POLICY, "RequestDisallowedByPolicy")
    assert "azure.location" in explained(message)[1]
