"""Resource groups and resource providers of the empty subscription."""

from __future__ import annotations

import pytest

from standin import StandIn
from tests.az.world.caller import ARM, Caller
from tests.az.world.made import ACCOUNT, GROUP, WEST, WORKSPACE


def test_there_is_nothing_but_the_subscription(owner: Caller) -> None:
    assert owner.ask("GET", f"{ARM}/subscriptions?api-version=2022-12-01").body["value"]
    assert owner.arm("GET", "/resourceGroups").body["value"] == []
    assert owner.arm("GET", "/resources").body["value"] == []
    assert owner.arm("GET", GROUP).code == "ResourceGroupNotFound"
    assert owner.arm("GET", WORKSPACE).code == "ResourceGroupNotFound"
    assert owner.graph("GET", "/applications").body["value"] == []


def test_what_is_printed_by_hand_is_enough_to_begin(standin: StandIn) -> None:
    details = standin.details
    caller = Caller(standin, details["administrator_id"], details["administrator_password"])
    assert caller.sign_in(ARM).status == 200
    assert details["subscription_id"] in caller.arm("GET", "").body["id"]
    assert "workspace_name" not in details


def test_a_group_has_one_location_and_goes_with_all_in_it(owner: Caller, standin: StandIn) -> None:
    assert owner.arm("PUT", GROUP, WEST).status == 201
    assert owner.arm("PUT", GROUP, {**WEST, "tags": {"a": "b"}}).body["tags"] == {"a": "b"}
    assert owner.arm("PUT", GROUP, {"location": "eastus"}).code == "InvalidResourceGroupLocation"
    assert owner.arm("PUT", "/resourceGroups/bad!", WEST).code == "InvalidResourceGroup"
    assert owner.arm("HEAD", GROUP).status == 204
    owner.register("Microsoft.KeyVault")
    vault = GROUP + "/providers/Microsoft.KeyVault/vaults/held-vault"
    assert owner.arm("PUT", vault, WEST).status == 201
    begun = owner.arm("DELETE", GROUP)
    assert begun.status == 202
    assert owner.arm("PUT", GROUP, WEST).code == "ResourceGroupBeingDeleted"
    assert owner.wait(begun).status == 200
    assert owner.arm("HEAD", GROUP).status == 404
    assert standin.world.resources == {}
    kept = owner.arm("GET", "/providers/Microsoft.KeyVault/deletedVaults").body["value"]
    assert [one["name"] for one in kept] == ["held-vault"]
    assert owner.arm("PUT", GROUP, WEST).status == 201
    assert owner.arm("PUT", vault, WEST).code == "ConflictError"
    place = "/providers/Microsoft.KeyVault/locations/westeurope/deletedVaults/held-vault"
    assert owner.wait(owner.arm("POST", place + "/purge")).status == 200
    assert owner.arm("PUT", vault, WEST).status == 201


def test_a_provider_must_be_registered_which_takes_a_while(owner: Caller) -> None:
    owner.arm("PUT", GROUP, WEST)
    assert owner.arm("PUT", ACCOUNT, WEST).code == "MissingSubscriptionRegistration"
    said = owner.arm("POST", "/providers/Microsoft.Storage/register").body
    assert said["registrationState"] == "Registering"
    owner.register("Microsoft.Storage")
    assert owner.arm("PUT", ACCOUNT, WEST).status == 202


def test_a_request_that_lost_its_answer_has_done_its_work(owner: Caller, standin: StandIn) -> None:
    owner.token(ARM)
    standin.fault(path="/resourceGroups/g$", method="PUT", drop="after")
    with pytest.raises(OSError, match=r"closed|reset"):
        owner.arm("PUT", GROUP, WEST)
    assert owner.arm("PUT", GROUP, WEST).status == 200
