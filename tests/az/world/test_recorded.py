"""The stand-in's answers beside recorded traffic of the real service, field by field.

`recorded.json` holds, of each recorded answer, the names of its fields and the kinds of their
values (`=word`: this very word), with the recording that it was read from; nothing else of it.
`newer` are fields that a later version of the API added, `left_out` those that the stand-in does
not fill, and why.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from standin import StandIn
from tests.az.world.caller import Answer, Caller, administrator
from tests.az.world.made import (
    ACCOUNT,
    BLOB_ROLE,
    GROUP,
    PROVIDERS,
    TEMPLATE,
    WEST,
    WORKSPACE,
    assign,
    deploy,
    eventually,
)

RECORDED: list[dict[str, Any]] = json.loads(
    (Path(__file__).parent / "recorded.json").read_text(encoding="utf-8")
)
DEPLOYMENT = GROUP + "/providers/Microsoft.Resources/deployments/first"


def answers(owner: Caller, standin: StandIn) -> Iterator[tuple[str, Answer]]:
    """The calls of the recordings, in an order in which they can be made."""
    group = {**WEST, "tags": {"a": "b"}}
    yield "resource group missing", owner.arm("HEAD", GROUP)
    yield "resource group made", owner.arm("PUT", GROUP, group)
    yield "resource group there", owner.arm("HEAD", GROUP)
    register = "/providers/Microsoft.Storage/register"
    yield "provider being registered", owner.arm("POST", register)
    owner.register(*PROVIDERS)
    yield "workspace missing", owner.arm("GET", WORKSPACE)
    account = {**WEST, "sku": {"name": "Standard_LRS"}, "kind": "StorageV2"}
    begun = owner.arm("PUT", ACCOUNT, account)
    yield "storage account begun", begun
    yield "storage account made", owner.wait(begun)
    check = "/providers/Microsoft.Storage/checkNameAvailability"
    yield "storage account name taken", owner.arm("POST", check, {"name": "held01"})

    parameters = {"name": {"value": "ws1"}, "storage": {"value": "held01"}}
    body = {"mode": "Incremental", "template": TEMPLATE, "parameters": parameters}
    yield "deployment valid", owner.arm("POST", DEPLOYMENT + "/validate", {"properties": body})
    made = deploy(owner, "first", name="ws1")
    yield "deployment begun", made
    yield "deployment ended", owner.wait(made)
    yield "deployment made", owner.arm("GET", DEPLOYMENT)
    compute = {"properties": {"imageBuildCompute": "cpu", "description": "d"}}
    owner.arm("PATCH", WORKSPACE, compute)
    yield "workspace made", owner.arm("GET", WORKSPACE)

    path = "/providers/Microsoft.Authorization/roleDefinitions"
    yield (
        "role definitions listed",
        owner.arm("GET", path, query="&$filter=roleName%20eq%20'Reader'"),
    )
    vault = GROUP + "/providers/Microsoft.KeyVault/vaults/held-vault"
    owner.arm("PUT", vault, WEST)
    yield "key vault deleted", owner.arm("DELETE", vault)

    application = owner.graph("POST", "/applications", {"displayName": "spn"})
    yield "application made", application
    path = "/applications?$filter=displayName%20eq%20'spn'"
    yield (
        "applications listed",
        eventually(lambda: (a := owner.graph("GET", path)).body["value"] and a),
    )
    principal = owner.graph("POST", "/servicePrincipals", {"appId": application.body["appId"]})
    yield "service principal made", principal
    path = f"/applications/{application.body['id']}/addPassword"
    given = {"passwordCredential": {"displayName": "one"}}
    yield "password made", owner.graph("POST", path, given)
    number = principal.body["id"]
    yield (
        "role assigned",
        eventually(lambda: (a := assign(owner, GROUP, BLOB_ROLE, number)).status == 201 and a),
    )
    path = "/providers/Microsoft.Authorization/roleAssignments"
    query = f"&$filter=principalId%20eq%20'{number}'"
    yield "role assignments listed", owner.arm("GET", path, query=query)
    standin.world.may_register_applications = False
    yield "directory denied", owner.graph("POST", "/applications", {"displayName": "other"})
    yield "resource group deletion begun", owner.arm("DELETE", GROUP)


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Answer]]:
    """What the stand-in answered to each call."""
    with StandIn(tmp_path_factory.mktemp("recorded"), empty=True) as standin:
        yield dict(answers(administrator(standin), standin))


def kind_of(value: Any) -> str:
    """The kind of a plain value, as `recorded.json` names it."""
    kinds: dict[type, str] = {str: "string", bool: "boolean", int: "number", float: "number"}
    return kinds[type(value)]


def differences(recorded: Any, answered: Any, place: str = "") -> Iterator[str]:
    """The places where an answer differs from a recorded one in its fields and their kinds."""
    if recorded is None or answered is None:  # a field that may be null; of what kind is not known
        return
    if isinstance(recorded, dict):
        if not isinstance(answered, dict):
            yield f"{place}: no object"
            return
        if not recorded:  # its fields are the caller's own
            return
        for key in recorded.keys() | answered.keys():
            inner = f"{place}.{key}".lstrip(".")
            if key not in answered:
                yield f"{inner}: missing"
            elif key not in recorded:
                yield f"{inner}: not recorded"
            else:
                yield from differences(recorded[key], answered[key], inner)
    elif isinstance(recorded, list):
        if not isinstance(answered, list):
            yield f"{place}: no list"
        elif recorded:
            assert answered, f"{place}: nothing to compare"
            for one in answered:
                yield from differences(recorded[0], one, f"{place}[]")
    elif recorded.startswith("="):
        if answered != recorded[1:]:
            yield f"{place}: {answered!r}, not {recorded[1:]!r}"
    elif isinstance(answered, (dict, list)) or kind_of(answered) != recorded:
        yield f"{place}: {answered!r} is no {recorded}"


@pytest.mark.parametrize("recorded", RECORDED, ids=lambda one: one["name"])
def test_an_answer_has_the_fields_of_the_recorded_one(
    recorded: dict[str, Any], given: dict[str, Answer]
) -> None:
    """Status, headers that matter, and every field, both ways."""
    answer = given[recorded["name"]]
    assert answer.status == recorded["status"], answer.body
    headers = {name.lower() for name in answer.headers}
    assert set(recorded.get("headers", [])) <= headers
    if recorded["body"] is None:
        assert answer.body is None
        return
    allowed = {f"{place}: not recorded" for place in recorded.get("newer", [])}
    allowed |= {f"{place}: missing" for place in recorded.get("left_out", {})}
    found = set(differences(recorded["body"], answer.body))
    assert found - allowed == set()
    assert allowed - found == set(), "no difference any more: take it off the list"


def test_every_recorded_answer_is_compared(given: dict[str, Answer]) -> None:
    assert {one["name"] for one in RECORDED} == set(given)
    assert len(RECORDED) == len(given) >= 20


@pytest.mark.parametrize(
    "broken",
    [
        lambda body: body.pop("appId"),
        lambda body: body.update(madeUp=1),
        lambda body: body.update(displayName=1),
        lambda body: body.update(tags="none"),
        lambda body: body["web"].pop("logoutUrl"),
        lambda body: body.update(signInAudience="Anyone"),
    ],
)
def test_a_broken_answer_is_found(
    broken: Callable[[dict[str, Any]], object], given: dict[str, Answer]
) -> None:
    """The comparison can fail."""
    body = json.loads(json.dumps(given["application made"].body))
    recorded = next(one for one in RECORDED if one["name"] == "application made")
    assert not set(differences(recorded["body"], body))
    broken(body)
    assert len(set(differences(recorded["body"], body))) == 1
