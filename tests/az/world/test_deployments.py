"""A workspace is made by the deployment of a template, and what is made in it."""

from __future__ import annotations

import time

from standin import StandIn
from tests.az.world.caller import ARM, Answer, Caller
from tests.az.world.made import (
    GROUP,
    PROVIDERS,
    SCIENTIST,
    WEST,
    WORKSPACE,
    assign,
    deploy,
    new_principal,
    with_account,
    with_workspace,
)


def reasons(ended: Answer) -> list[str]:
    """The codes of what a deployment failed on, from the outside in."""
    outer = ended.body["error"]["details"][0]
    return [outer["code"], outer["details"][0]["code"]]


def test_a_deployment_makes_a_workspace(owner: Caller, standin: StandIn) -> None:
    with_workspace(owner)
    made = owner.arm("GET", WORKSPACE).body
    assert made["properties"]["friendlyName"] == "ws1"
    assert made["properties"]["storageAccount"].endswith("/storageAccounts/held01")
    assert made["properties"]["keyVault"].rsplit("/", 1)[-1].startswith("kv")
    types = sorted(one.type.rsplit("/", 1)[-1] for one in standin.world.resources.values())
    assert types == ["components", "storageAccounts", "vaults", "workspaces"]
    path = GROUP + "/providers/Microsoft.Resources/deployments/first"
    assert owner.arm("GET", path).body["properties"]["provisioningState"] == "Succeeded"
    steps = owner.arm("GET", path + "/operations").body["value"]
    assert len(steps) == 3
    assert owner.arm("GET", path.replace("first", "none")).code == "DeploymentNotFound"


def test_a_cluster_is_made_in_it_and_a_data_scientist_may_use_but_not_make_one(
    owner: Caller, standin: StandIn
) -> None:
    with_workspace(owner)
    cluster = {
        **WEST,
        "properties": {
            "computeType": "AmlCompute",
            "properties": {"vmSize": "STANDARD_DS3_V2", "scaleSettings": {"maxNodeCount": 2}},
        },
    }
    begun = owner.arm("PUT", WORKSPACE + "/computes/cpu", cluster)
    assert begun.status == 201
    assert owner.wait(begun).body["status"] == "Succeeded"
    spn, number = new_principal(owner)
    assert spn.arm("GET", WORKSPACE).code == "AuthorizationFailed"
    time.sleep(standin.world.replication)
    assert assign(owner, WORKSPACE, SCIENTIST, number).status == 201
    assert spn.arm("GET", WORKSPACE).status == 200
    refused = spn.arm("PUT", WORKSPACE + "/computes/other", cluster)
    assert refused.code == "AuthorizationFailed"
    path = standin.account.workspace_path
    url = f"{standin.account.api}/datastore/v1.0{path}/default"
    token = spn.token(ARM)
    store = spn.send("GET", url, Authorization=f"Bearer {token}").body
    assert store["azureStorageSection"]["accountName"] == "held01"


def test_a_second_workspace_is_not_played_which_is_said(owner: Caller, standin: StandIn) -> None:
    with_workspace(owner)
    assert deploy(owner, "second", name="other-ws", vault="kv-other").status == 501
    assert len(standin.journal.unhandled()) == 1


def test_a_deleted_workspace_keeps_its_name(owner: Caller) -> None:
    with_workspace(owner)
    assert owner.wait(owner.arm("DELETE", WORKSPACE)).body["status"] == "Succeeded"
    assert owner.arm("GET", WORKSPACE).code == "ResourceNotFound"
    again = owner.wait(deploy(owner, "again"))
    assert again.body["status"] == "Failed"
    assert reasons(again) == ["ResourceDeploymentFailure", "BadRequest"]
    assert owner.arm("DELETE", WORKSPACE, query="&forceToPurge=true").status == 200
    assert owner.wait(deploy(owner, "third")).body["status"] == "Succeeded"


def test_a_deployment_that_fails_leaves_what_it_had_made(owner: Caller, standin: StandIn) -> None:
    with_account(owner)
    owner.register(*PROVIDERS)
    standin.fault(path="/workspaces/WS1$", method="PUT", status=409, code="Busy")
    failed = owner.wait(deploy(owner, "first"))
    assert reasons(failed) == ["ResourceDeploymentFailure", "Busy"]
    assert standin.world.workspaces == []
    assert len(standin.world.of_type("Microsoft.KeyVault/vaults")) == 1
    assert owner.wait(deploy(owner, "second")).body["status"] == "Succeeded"


def test_a_deployment_is_refused_before_anything_is_made(owner: Caller, standin: StandIn) -> None:
    with_account(owner)
    assert deploy(owner, "a").code == "MissingSubscriptionRegistration"
    owner.register(*PROVIDERS)
    assert deploy(owner, "a", kind="None").code == "InvalidTemplate"
    assert deploy(owner, "a", other="x").code == "InvalidTemplate"
    spn, number = new_principal(owner)
    time.sleep(standin.world.replication)
    insights = GROUP + "/providers/Microsoft.Insights/components/WS1"
    assert owner.arm("PUT", insights, WEST).status == 201
    contributor = "b24988ac-6180-42a0-ab88-20f7382dd24c"
    assert assign(owner, insights, contributor, number).status == 201
    assert deploy(spn, "a").code == "AuthorizationFailed"
    assert len(standin.world.resources) == 2
