"""Storage accounts: names, keys, and who may read a blob."""

from __future__ import annotations

from standin import StandIn
from tests.az.world.caller import Answer, Caller
from tests.az.world.made import ACCOUNT, BLOB_ROLE, WEST, assign, with_account


def test_the_name_of_a_storage_account_is_taken_once(owner: Caller, standin: StandIn) -> None:
    with_account(owner)
    standin.world.taken_names.add("ofothers")
    check = "/providers/Microsoft.Storage/checkNameAvailability"
    reasons = {
        name: owner.arm("POST", check, {"name": name}).body.get("reason")
        for name in ("held01", "ofothers", "Bad_Name", "free01")
    }
    assert reasons == {
        "held01": "AlreadyExists",
        "ofothers": "AlreadyExists",
        "Bad_Name": "AccountNameInvalid",
        "free01": None,
    }
    other = ACCOUNT.replace("held01", "ofothers")
    assert owner.arm("PUT", other, WEST).code == "StorageAccountAlreadyTaken"
    assert owner.arm("PUT", ACCOUNT, WEST).status == 200
    keys = owner.arm("POST", ACCOUNT + "/listKeys").body["keys"]
    assert len(keys) == 2 and keys[0]["value"]


def test_blobs_need_a_role_of_the_data_and_accounts_keep_theirs_apart(
    owner: Caller, standin: StandIn
) -> None:
    with_account(owner)
    other = ACCOUNT.replace("held01", "held02")
    assert owner.wait(owner.arm("PUT", other, WEST)).status == 200
    container = "/blobServices/default/containers/data"
    assert owner.arm("GET", ACCOUNT + container).code == "ContainerNotFound"
    assert owner.arm("PUT", ACCOUNT + container, {"properties": {}}).status == 201
    assert owner.arm("PUT", ACCOUNT + container, {"properties": {}}).status == 200

    def put(account: str) -> Answer:
        url = f"https://{account}.blob.core.windows.net/data/a.csv"
        kind = {"x_ms_blob_type": "BlockBlob", "x_ms_version": "2023-11-03"}
        return owner.ask("PUT", url, b"a,b\n", Content_Type="text/csv", **kind)

    refused = put("held01")  # an owner of everything may not read a blob
    assert refused.status == 403 and b"AuthorizationPermissionMismatch" in refused.body
    me = standin.account.administrator.object_id
    assert assign(owner, ACCOUNT, BLOB_ROLE, me).status == 201
    assert put("held01").status == 201
    assert put("held02").status == 403
    assert assign(owner, other, BLOB_ROLE, me).status == 201
    missing = put("held02")
    assert missing.status == 404 and b"ContainerNotFound" in missing.body
