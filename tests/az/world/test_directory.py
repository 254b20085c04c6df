"""Microsoft Graph: applications, their secrets, service principals."""

from __future__ import annotations

from standin import StandIn
from tests.az.world.caller import ARM, GRAPH, Caller
from tests.az.world.made import eventually, new_principal


def test_an_application_is_there_by_its_id_before_a_list_knows_it(
    owner: Caller, standin: StandIn
) -> None:
    standin.azure.lag = 0.5
    made = owner.graph("POST", "/applications", {"displayName": "it's"})
    assert made.status == 201
    client, number = made.body["appId"], made.body["id"]
    asked = "/applications?$filter=displayName%20eq%20'it''s'"
    assert owner.graph("GET", asked).body["value"] == []
    assert owner.graph("GET", f"/applications(appId='{client}')").body["id"] == number
    assert owner.graph("GET", f"/applications/{number}").body["appId"] == client
    assert eventually(lambda: owner.graph("GET", asked).body["value"])[0]["id"] == number
    assert owner.graph("GET", "/applications?$filter=bad").code == "Request_UnsupportedQuery"
    assert owner.graph("DELETE", f"/applications/{number}").status == 204
    assert owner.graph("GET", f"/applications/{number}").code == "Request_ResourceNotFound"
    kept = "/directory/deletedItems/microsoft.graph.application"
    assert [one["id"] for one in owner.graph("GET", kept).body["value"]] == [number]
    assert owner.graph("DELETE", f"/directory/deletedItems/{number}").status == 204


def test_a_unique_name_makes_one_application(owner: Caller, standin: StandIn) -> None:
    path, body = "/applications(uniqueName='mine')", {"displayName": "mine"}
    assert owner.graph("PATCH", path, body).code == "Request_ResourceNotFound"
    assert owner.graph("PATCH", path, body, Prefer="create-if-missing").status == 201
    assert owner.graph("PATCH", path, body, Prefer="create-if-missing").status == 204
    assert len(standin.world.applications) == 1
    number = next(iter(standin.world.applications))
    assert owner.graph("DELETE", f"/applications/{number}").status == 204
    taken = owner.graph("PATCH", path, body, Prefer="create-if-missing")  # by the deleted one
    assert taken.code == "Request_BadRequest" and "uniqueName" in str(taken.body)
    assert owner.graph("DELETE", f"/directory/deletedItems/{number}").status == 204
    assert owner.graph("PATCH", path, body, Prefer="create-if-missing").status == 201


def test_what_was_just_made_may_not_be_found_yet(owner: Caller, standin: StandIn) -> None:
    standin.world.directory_seconds = 0.5
    made = owner.graph("POST", "/applications", {"displayName": "a"}).body
    path = f"/applications/{made['id']}"
    assert owner.graph("GET", path).code == "Request_ResourceNotFound"
    assert owner.graph("POST", path + "/addPassword", {"x": 1}).status == 404
    principal = {"appId": made["appId"]}
    assert owner.graph("POST", "/servicePrincipals", principal).code == "Request_BadRequest"
    assert eventually(lambda: owner.graph("GET", path).status == 200)
    assert owner.graph("POST", "/servicePrincipals", principal).status == 201


def test_a_secret_signs_in_until_it_is_removed(owner: Caller, standin: StandIn) -> None:
    spn, number = new_principal(owner)
    assert spn.sign_in(ARM).status == 200
    application = owner.graph("GET", f"/applications(appId='{spn.client}')").body
    assert [one["secretText"] for one in application["passwordCredentials"]] == [None]
    second = owner.graph("POST", f"/applications/{application['id']}/addPassword", {"x": 1}).body
    assert Caller(standin, spn.client, second["secretText"]).sign_in(ARM).status == 200
    key = {"keyId": application["passwordCredentials"][0]["keyId"]}
    remove = f"/applications/{application['id']}/removePassword"
    assert owner.graph("POST", remove, key).status == 204
    assert owner.graph("POST", remove, key).code == "Request_BadRequest"
    assert "AADSTS7000215" in spn.sign_in(ARM).body["error_description"]
    assert owner.graph("DELETE", f"/servicePrincipals/{number}").status == 204
    gone = Caller(standin, spn.client, second["secretText"]).sign_in(ARM)
    assert "AADSTS7000229" in gone.body["error_description"]


def test_the_directory_may_refuse_to_make_applications(owner: Caller, standin: StandIn) -> None:
    standin.world.may_register_applications = False
    refused = owner.graph("POST", "/applications", {"displayName": "a"})
    assert (refused.status, refused.code) == (403, "Authorization_RequestDenied")
    assert owner.graph("GET", "/applications").status == 200
    token = owner.token(ARM)  # of another audience
    other = owner.send("GET", f"{GRAPH}/v1.0/applications", Authorization=f"Bearer {token}")
    assert (other.status, other.code) == (401, "InvalidAuthenticationToken")
