"""Test deployments on Azure ML: new beside old, a smoke test over the real address, ways back."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

import pytest

from standin import StandIn
from tests.azure.conftest import AzureProject
from tests.azure.test_jobs import run


@pytest.fixture(scope="module")
def deployed(project: AzureProject) -> dict[str, Any]:
    """The first deployment of the sample's model."""
    project.done("data")
    assert project.done("model")["registered"]
    return project.done("deploy")


def ask(standin: StandIn, uri: str, rows: Any, key: str = "") -> tuple[int, Any]:
    """What a client without the SDK is answered."""
    proxy = urllib.request.ProxyHandler({"http": standin.env["http_proxy"]})
    headers = {"Content-Type": "application/json"}
    if key:
        headers["Authorization"] = f"Bearer {key}"
    assert uri.startswith("http://")
    request = urllib.request.Request(uri, json.dumps(rows).encode(), headers)  # noqa: S310
    try:
        with urllib.request.build_opener(proxy).open(request) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, None


def test_the_service_answers_those_who_have_its_key(
    project: AzureProject, standin: StandIn, deployed: dict[str, Any]
) -> None:
    uri, rows = deployed["endpoint"]["uri"], deployed["example"]
    key = project.done("deploy", "--show-key")["key"]
    assert ask(standin, uri, rows)[0] == 401
    assert ask(standin, uri, rows, "no key")[0] == 401
    status, answer = ask(standin, uri, rows, key)
    assert status == 200
    assert answer["predictions"][0] in ("MALE", "FEMALE")
    assert answer["model"]["version"] == deployed["model"]["version"]


def test_it_is_called_what_it_is(project: AzureProject, deployed: dict[str, Any]) -> None:
    assert "test deployment" in project.done("deploy")["endpoint"]["notes"][0]


def test_the_end_of_a_servers_log_is_read(project: AzureProject, deployed: dict[str, Any]) -> None:
    script = """
    found = workspace.endpoints.get(settings.endpoint.name)
    lines = workspace.endpoints.logs(found.name, found.serving, 3)
    gone = replace(found.serving, name="nowhere-1")
    of_none = workspace.endpoints.logs(found.name, gone)
    print(json.dumps([lines, of_none, dict(found.traffic), len(found.deployments)]))
    """
    lines, of_none, traffic, count = run(project, script)
    assert 1 <= len(lines) <= 3
    assert of_none == []
    assert traffic == {deployed["deployment"]: 100}
    assert count == 1


def test_a_broken_model_does_not_replace_the_one_that_serves(
    project: AzureProject, standin: StandIn, deployed: dict[str, Any]
) -> None:
    score = next(project.path.glob("src/*/score.py"))
    before = score.read_text(encoding="utf-8")
    score.write_text(before + "\n\ndef init():\n    raise RuntimeError('broken on purpose')\n")
    try:
        answer = project.drive("deploy")
    finally:
        score.write_text(before, encoding="utf-8")
    assert answer.code == 1, answer.said
    assert answer.record["rolled_back"]
    assert "broken on purpose" in answer.said
    assert answer.record["endpoint"]["uri"] == deployed["endpoint"]["uri"]
    assert services(project) == [deployed["deployment"]]
    assert project.done("deploy", "--status")["model"] == deployed["model"]


def test_a_second_deployment_stands_beside_the_first_until_deleted(
    project: AzureProject, standin: StandIn, deployed: dict[str, Any]
) -> None:
    assert project.done("model", "--set", "training.seed=5")["registered"]
    assert project.done("deploy", "--status")["due"]["version"] == "2"
    assert not project.done("deploy", "--due", "--model-version", "1")["switched"]
    second = project.done("deploy", "--due", "--model-version", "2")
    assert second["switched"] and second["due"]["is"] is False
    production = project.done("deploy", "--env", "prod", "--status")["due"]
    assert (production["is"], production["version"]) == (True, "2")
    assert "config.yml serves it" in production["reason"]
    assert second["model"]["version"] == "2"
    assert second["endpoint"]["uri"] != deployed["endpoint"]["uri"]
    assert len(services(project)) == 2
    assert second["previous"]["version"] == deployed["model"]["version"]
    back = project.done("deploy", "--rollback")
    assert back["model"]["version"] == deployed["model"]["version"]
    assert back["endpoint"]["uri"] == deployed["endpoint"]["uri"]
    assert project.done("deploy", "--status")["model"]["version"] == "1"
    assert len(services(project)) == 2
    again = project.done("deploy", "--due")
    assert not again["switched"] and "was rolled back" in again["due"]["reason"]


def test_the_services_start_is_watched_through_an_outage(
    project: AzureProject, standin: StandIn, deployed: dict[str, Any]
) -> None:
    fault = standin.fault(path="/services/azure-", method="GET", status=503, count=5, after=1)
    answer = project.drive("deploy", "--model-version", "2")
    assert answer.code == 0, answer.said
    assert fault.hits
    due = project.done("deploy", "--status")["due"]  # named by a person: no rollback's any more
    assert due["reason"].endswith("serves as it should")
    marks = "print(json.dumps(len(workspace.endpoints.get(settings.endpoint.name).withdrawn)))"
    assert run(project, marks) == 0


def test_delete_ends_all_of_it(project: AzureProject, deployed: dict[str, Any]) -> None:
    assert project.done("deploy", "--delete")["deleted"]
    assert services(project) == []
    assert project.done("deploy", "--status")["status"] == "NotDeployed"
    assert not project.done("deploy", "--delete")["deleted"]


def services(project: AzureProject) -> list[str]:
    """The names of the endpoint's services, as another client lists them."""
    name = project.path.name
    found = project.sdk(
        """
        from azureml.core import Webservice
        found = Webservice.list(workspace, tags=[["endpoint", sys.argv[1]]])
        print(json.dumps([service.name for service in found]))
        """,
        name,
    )
    return sorted(found)
