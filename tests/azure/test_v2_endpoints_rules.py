"""Endpoints of SDK v2 between workspaces, their quota and autoscale, by plain requests."""

from __future__ import annotations

import json
import ssl
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from standin import StandIn
from standin.routing import AzureError, Request
from standin.v2 import online_quota as quota
from standin.v2.online_containers import ServingContainer
from standin.v2.online_deployments import Deployment

ARM = "https://management.azure.com"
VERSION = "api-version=2023-04-01"


def call(standin: StandIn, method: str, url: str, body: Any = None) -> tuple[int, Any]:
    """The status and the JSON of an answer, for the service principal."""
    token = standin.azure.identity.token("https://management.azure.com/")
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, headers, method=method)  # noqa: S310
    context = ssl.create_default_context(cafile=standin.overlay["SSL_CERT_FILE"])
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({"https": standin.overlay["HTTPS_PROXY"]}),
        urllib.request.HTTPSHandler(context=context),
    )
    try:
        with opener.open(request) as answer:
            return answer.status, json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as error:
        text = error.read()
        return error.code, json.loads(text) if text.startswith(b"{") else text.decode()


def make(standin: StandIn, workspace: str, kind: str, name: str) -> tuple[int, Any]:
    """A new endpoint, once its operation has ended."""
    mode = "Key" if kind == "onlineEndpoints" else "AADToken"
    body = {"location": "westeurope", "properties": {"authMode": mode}}
    url = f"{ARM}{workspace}/{kind}/{name}?{VERSION}"
    status, answer = call(standin, "PUT", url, body)
    end = time.monotonic() + 10
    while status == 201 and time.monotonic() < end:
        answer = call(standin, "GET", url)[1]
        if answer["properties"]["provisioningState"] == "Succeeded":
            break
        time.sleep(0.05)
    return status, answer


@pytest.fixture(scope="module")
def workspaces(standin: StandIn) -> tuple[str, str]:
    """The ARM ids of two workspaces in two resource groups."""
    first = standin.account.workspace_path
    named = standin.add_workspace("endpoints-rg", "endpoints-ws")
    second = first.replace(standin.account.resource_group, named["RESOURCE_GROUP"])
    return first, second.replace(standin.account.workspace_name, named["AML_WORKSPACE_NAME"])


@pytest.fixture
def deployment(standin: StandIn, workspaces: tuple[str, str]) -> Iterator[Deployment]:
    """A deployment of one instance that was never started, in the second workspace."""
    azure = standin.azure.neighbours[-1]
    name = "quota-endpoint"
    make(standin, workspaces[1], "onlineEndpoints", name)
    told = {"instanceType": "Standard_DS3_v2", "requestSettings": {"requestTimeout": "PT1S"}}
    made = Deployment("blue", told, {}, {"capacity": 1}, None, state="Succeeded")
    azure.v2.online_endpoints.find(name).deployments["blue"] = made
    yield made
    azure.v2.online_endpoints.endpoints.pop(name)


def test_a_name_is_taken_in_the_whole_region(standin: StandIn, workspaces: tuple[str, str]) -> None:
    """By an endpoint of either kind in either workspace; letters in any case."""
    first, second = workspaces
    assert make(standin, first, "onlineEndpoints", "both-online")[0] == 201
    assert make(standin, second, "batchEndpoints", "both-batch")[0] == 201
    for workspace, kind, name in (
        (second, "onlineEndpoints", "Both-Online"),
        (first, "onlineEndpoints", "both-batch"),
        (first, "batchEndpoints", "both-batch"),
    ):
        status, refused = make(standin, workspace, kind, name)
        assert status == 400 and "unique within a region" in json.dumps(refused)
    assert call(standin, "GET", f"{ARM}{second}/onlineEndpoints/both-online?{VERSION}")[0] == 404
    listed = call(standin, "GET", f"{ARM}{second}/batchEndpoints?{VERSION}")[1]["value"]
    assert [one["name"] for one in listed] == ["both-batch"]


def test_the_scoring_address_reaches_the_workspace_of_the_endpoint(
    standin: StandIn, workspaces: tuple[str, str]
) -> None:
    """With a key of its own; nobody serves there yet, and another host is nobody's."""
    made = make(standin, workspaces[1], "onlineEndpoints", "second-online")[1]
    address = made["properties"]["scoringUri"]
    assert call(standin, "POST", address, {}) == (401, "key_auth_access_denied")
    assert call(standin, "POST", address.replace("second", "third"), {})[0] == 404


def test_kubernetes_endpoints_are_not_played(standin: StandIn) -> None:
    """501, rather than a managed one in its place. (Called as the router would: it is meant.)"""
    body = {"properties": {"authMode": "Key", "compute": "…/computes/cluster"}}
    request = Request("PUT", "management.azure.com", "/", {}, {}, json.dumps(body).encode())
    endpoints = standin.azure.v2.online_endpoints
    with pytest.raises(AzureError) as refused:
        endpoints.put(request, "on-kubernetes")
    assert refused.value.status == 501 and "on-kubernetes" not in endpoints.endpoints


@pytest.mark.parametrize("name", ["ab", "1abc", "abc-", "a_b", "a" * 33])
def test_names_have_rules(standin: StandIn, workspaces: tuple[str, str], name: str) -> None:
    """3 to 32 letters, digits and '-', a letter first."""
    assert make(standin, workspaces[1], "onlineEndpoints", name)[0] == 400


def test_instances_take_of_the_quota_of_both_workspaces(
    standin: StandIn, deployment: Deployment
) -> None:
    """One of four cores takes eight: a fifth is kept for upgrades, in whole instances."""
    assert quota.needed("Standard_DS3_v2", 1) == ("standardDSv2Family", 8)
    limits = standin.world.core_limits
    used = 8  # that of the deployment
    used += sum(
        quota.needed(one.properties["instanceType"], one.sku["capacity"])[1]
        for endpoint in standin.azure.v2.online_endpoints.endpoints.values()
        for one in endpoint.deployments.values()
    )
    limits["standardDSv2Family"] = used + 8
    try:
        quota.check(standin.azure, "STANDARD_DS3_V2", 1)
        with pytest.raises(Exception, match="The request is invalid") as refused:
            quota.check(standin.azure, "Standard_DS3_v2", 2)
        quota.check(standin.azure.neighbours[-1], "Standard_DS3_v2", 2, instead_of=1)
    finally:
        del limits["standardDSv2Family"]
    said = json.dumps(refused.value.details)  # type: ignore[attr-defined]
    assert f"Current usage/limit: {used}/{used + 8}. Additional needed: 12" in said


def test_autoscale_keeps_the_instances_between_its_bounds(
    standin: StandIn, workspaces: tuple[str, str], deployment: Deployment
) -> None:
    """Read as it was written, listed, deleted."""
    group = workspaces[1].split("/providers/")[0]
    above = f"{ARM}{group}/providers/Microsoft.Insights/autoscaleSettings"
    version = "api-version=2022-10-01"
    target = f"{workspaces[1]}/onlineEndpoints/quota-endpoint/deployments/blue"
    capacity = {"minimum": "2", "default": "2", "maximum": "4"}
    profile = {"name": "usual", "capacity": capacity, "rules": []}
    told = {"enabled": True, "targetResourceUri": target, "profiles": [profile]}
    body = {"location": "westeurope", "properties": told}
    assert call(standin, "PUT", f"{above}/blue?{version}", body)[0] == 201
    assert deployment.sku == {"capacity": 2}
    capacity["maximum"] = "1"
    assert call(standin, "PUT", f"{above}/blue?{version}", body)[0] == 400
    kept = call(standin, "GET", f"{above}/blue?{version}")[1]
    assert kept["properties"]["profiles"][0]["capacity"]["maximum"] == "4"
    assert [one["name"] for one in call(standin, "GET", f"{above}?{version}")[1]["value"]] == [
        "blue"
    ]
    statuses = [call(standin, verb, f"{above}/blue?{version}")[0] for verb in ("DELETE", "GET")]
    assert statuses == [200, 404]


def test_what_is_removed_lets_its_requests_end(deployment: Deployment) -> None:
    """But waits for none longer than a request may last."""
    deployment.pending = 1
    threading.Timer(0.2, lambda: setattr(deployment, "pending", 0)).start()
    begin = time.monotonic()
    deployment.drain()
    assert 0.15 < time.monotonic() - begin < 0.9
    deployment.pending = 1
    begin = time.monotonic()
    deployment.drain()
    assert 0.9 < time.monotonic() - begin < 1.5


def test_only_another_thing_to_run_is_started(standin: StandIn, deployment: Deployment) -> None:
    """Not for a number of instances; for a change that failed to start, when it is asked again."""
    assert deployment.outdated()
    deployment.container = ServingContainer(standin.azure)
    deployment.running = dict(deployment.properties)
    deployment.properties = deployment.properties | {"description": "said"}
    assert not deployment.outdated()
    deployment.properties = deployment.properties | {"model": "another"}  # and it did not start
    assert deployment.outdated()
