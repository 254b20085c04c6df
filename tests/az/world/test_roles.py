"""Roles count where they are assigned, once Resource Manager knows the principal."""

from __future__ import annotations

import time

from standin import StandIn
from tests.az.world.caller import Caller
from tests.az.world.made import BLOB_ROLE, GROUP, WEST, assign, eventually, new_principal


def test_roles_count_where_they_are_assigned(owner: Caller, standin: StandIn) -> None:
    standin.account.administrator.roles = {"Reader"}
    refused = owner.arm("PUT", GROUP, WEST)
    assert refused.code == "AuthorizationFailed"
    assert "'Microsoft.Resources/subscriptions/resourceGroups/write'" in str(refused.body)
    standin.account.administrator.roles = {"Contributor"}
    assert owner.arm("PUT", GROUP, WEST).status == 201
    spn, number = new_principal(owner)
    time.sleep(standin.world.replication)
    assert assign(owner, GROUP, BLOB_ROLE, number).code == "AuthorizationFailed"
    standin.account.administrator.roles = {"Owner"}
    reader = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
    assert assign(owner, GROUP, reader, number).status == 201
    assert owner.arm("PUT", "/resourceGroups/other", WEST).status == 201
    assert spn.arm("GET", GROUP).status == 200
    assert spn.arm("GET", "/resourceGroups/other").code == "AuthorizationFailed"
    permissions = spn.arm("GET", GROUP + "/providers/Microsoft.Authorization/permissions").body
    assert [one["actions"] for one in permissions["value"]] == [["*/read"]]


def test_an_assignment_waits_for_the_principal_and_is_made_once(
    owner: Caller, standin: StandIn
) -> None:
    owner.arm("PUT", GROUP, WEST)
    standin.world.replication = 1.0
    _, number = new_principal(owner)
    assert assign(owner, GROUP, BLOB_ROLE, number).code == "PrincipalNotFound"
    made = eventually(lambda: (a := assign(owner, GROUP, BLOB_ROLE, number)).status == 201 and a)
    second = assign(owner, GROUP, BLOB_ROLE, number, "00000000-0000-4000-8000-000000000000")
    assert second.code == "RoleAssignmentExists"
    assert made.body["name"].replace("-", "") in second.body["error"]["message"]
    path = GROUP + "/providers/Microsoft.Authorization/roleAssignments"
    listed = owner.arm("GET", path, query=f"&$filter=principalId%20eq%20'{number}'").body
    assert [one["id"] for one in listed["value"]] == [made.body["id"]]
    above = owner.arm("GET", path, query="&$filter=atScope()").body["value"]
    assert len(above) == 2  # the owner's, over the subscription, too
    assert owner.arm("DELETE", f"{path}/{made.body['name']}").status == 200
    assert owner.arm("DELETE", f"{path}/{made.body['name']}").status == 204
    no = assign(owner, "/resourceGroups/none", BLOB_ROLE, number)
    assert no.code == "ResourceGroupNotFound"


def test_a_role_may_take_a_while_to_count(owner: Caller, standin: StandIn) -> None:
    standin.account.assignment_seconds = 0.5
    owner.arm("PUT", GROUP, WEST)
    spn, number = new_principal(owner)
    reader = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
    eventually(lambda: assign(owner, GROUP, reader, number).status == 201)
    assert spn.arm("GET", GROUP).code == "AuthorizationFailed"
    assert eventually(lambda: spn.arm("GET", GROUP).status == 200)


def test_an_id_is_answered_as_its_group_is_named(owner: Caller) -> None:
    owner.arm("PUT", "/resourceGroups/Mixed", WEST)
    owner.register("Microsoft.Insights")
    path = "/resourcegroups/mixed/providers/Microsoft.Insights/components/appi"
    assert "/resourceGroups/Mixed/" in owner.arm("PUT", path, WEST).body["id"]
    assert owner.arm("GET", path).status == 200
