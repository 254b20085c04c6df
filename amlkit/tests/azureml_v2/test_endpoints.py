"""What an endpoint of SDK v2 remembers, and what is made of an owner's functions; no Azure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from amlkit.azureml_v2 import deployments, traffic
from amlkit.azureml_v2.batch import _without_mltable
from amlkit.azureml_v2.endpoints import _status
from amlkit.calls import DeploymentParts, EndpointParts
from amlkit.records import (
    Answered,
    Deployment,
    DeploymentDefinition,
    EnvironmentDefinition,
    Model,
    Scale,
    Withdrawal,
    WorkError,
)

OLD = Deployment(*("v1-a", "m", "1", "code", "env", "one", "2026-01-01"), status="Ready")
NEW = Deployment(*("v2-b", "m", "2", "code", "env", "two", "2026-01-02"), status="Ready")
FOREIGN = replace(OLD, name="blue", identity="", created="")
DEFINITION = DeploymentDefinition(
    *("penguins", Model("m", "12", "azureml:m:12"), EnvironmentDefinition("e", Path("lock"), ())),
    *("p", Path("/there/code"), "code", 0),
    scale=Scale(2, "Standard_DS3_v2", 3),
    identity="0123456789ab",
)

ROLES: dict[str, tuple[dict[str, str], dict[str, int], list[Deployment], list[str | None]]] = {
    "nothing yet": ({}, {}, [], [None, None, None]),
    "made and not switched to": ({}, {}, [NEW], [None, None, "v2-b"]),
    "one serves": ({"serving": "v1-a"}, {"v1-a": 100}, [OLD], ["v1-a", None, None]),
    "in a step": (
        *({"serving": "v1-a"}, {"v1-a": 10, "v2-b": 90}, [NEW, OLD]),
        ["v1-a", None, "v2-b"],
    ),
    "switched": (
        *({"serving": "v2-b", "previous": "v1-a"}, {"v2-b": 100, "v1-a": 0}, [NEW, OLD]),
        ["v2-b", "v1-a", None],
    ),
    "switched by hand in the portal": (
        *({"serving": "v1-a"}, {"v2-b": 100}, [NEW, OLD]),
        ["v2-b", None, "v1-a"],
    ),
    "what served is gone": (
        *({"serving": "v0-x", "previous": "v1-a"}, {}, [OLD]),
        [None, "v1-a", None],
    ),
    "others' beside ours": (
        *({"serving": "v1-a"}, {"v1-a": 50, "blue": 50}, [OLD, FOREIGN]),
        ["v1-a", None, None],
    ),
}


@pytest.mark.parametrize("name", ROLES)
def test_which_deployment_is_which(name: str) -> None:
    tags, shares, found, expected = ROLES[name]
    roles = traffic.roles_of(tags, shares, found)
    told = [one and one.name for one in (roles.serving, roles.previous, roles.candidate)]
    assert told == expected


def test_tags_follow_the_traffic_once_all_of_it_has_moved() -> None:
    known = ("v1-a", "v2-b")
    first = traffic.tags_after({"team": "x"}, {"v1-a": 100}, known)
    assert first == {"team": "x", "serving": "v1-a"}
    assert traffic.tags_after(first, {"v1-a": 90, "v2-b": 10}, known) == first
    assert traffic.tags_after(first, {"v1-a": 100, "v2-b": 0}, known) == first
    then = traffic.tags_after(first, {"v2-b": 100}, known)
    assert (then["serving"], then["previous"]) == ("v2-b", "v1-a")
    assert then["retired"].startswith("20")


def test_marks_of_rollbacks_are_read_back_and_never_too_many() -> None:
    tags: dict[str, str] = {"serving": "v1-a"}
    for number in range(30):
        one = replace(NEW, model="a:b", model_version=str(number), identity=f"{number:012}")
        tags = traffic.with_withdrawal(tags, one)
    marks = traffic.withdrawals_of(tags)
    assert len(marks) == traffic.MOST_WITHDRAWN and tags["serving"] == "v1-a"
    assert Withdrawal("a:b", "29", f"{29:012}") in marks
    assert max(map(len, tags.values())) <= 256


COUNTED = {
    ("200", "200"): (1, 0, 0),
    ("200", ""): (1, 0, 0),
    ("424", "500"): (1, 1, 0),
    ("424", "400"): (1, 0, 1),
    ("424", ""): (1, 1, 0),
    ("429", ""): (1, 0, 1),
    ("502", "502"): (1, 1, 0),
    ("408", "0"): (1, 0, 1),
}


@pytest.mark.parametrize("statuses", COUNTED)
def test_whose_error_a_status_is(statuses: tuple[str, str]) -> None:
    found = traffic._added(Answered(), 1, traffic._told(*statuses))
    assert (found.requests, found.server_errors, found.client_errors) == COUNTED[statuses]


def test_names_are_as_azure_takes_them_and_never_twice() -> None:
    found = {deployments.name_for(DEFINITION) for _ in range(50)}
    assert len(found) == 50
    odd = replace(DEFINITION, model=Model("m", "2024.01.RC_1-with-much-behind-it", ""))
    for name in found | {deployments.name_for(odd)}:
        assert re.fullmatch(r"[a-z][a-z0-9-]{1,30}[a-z0-9]", name), name


def sdk(**fields: Any) -> Any:
    """A deployment as the SDK's object has it."""
    known = {"tags": {}, "model": None, "instance_type": None, "instance_count": None}
    return SimpleNamespace(**{**known, "name": "n", "provisioning_state": "Succeeded", **fields})


def test_deployment_is_read_back_by_its_tags() -> None:
    one = replace(NEW, commit_time=7)
    made = sdk(name="v2-b", tags=deployments.tags_of(one), instance_type="T", instance_count=2)
    found = deployments.record_of(made, "https://x/score", "2026-02-02")
    expected = replace(
        *(one,), uri="https://x/score", instance_type="T", instance_count=2, retired="2026-02-02"
    )
    assert found == expected


def test_deployment_of_others_says_which_model_it_has() -> None:
    place = "/subscriptions/s/resourceGroups/g/providers/p/workspaces/w/models/theirs/versions/4"
    for address in (place, "azureml:theirs:4"):
        found = deployments.record_of(sdk(name="blue", model=address), "")
        assert (found.model, found.model_version, found.identity) == ("theirs", "4", "")


def test_state_of_an_endpoint_is_that_of_what_serves() -> None:
    assert _status("Succeeded", None) == ("Failed", "no deployment has passed yet")
    assert _status("Creating", None)[0] == "Starting"
    assert _status("Updating", OLD)[0] == "Ready"
    assert _status("Succeeded", replace(OLD, status="Starting"))[0] == "Ready"
    assert _status("Succeeded", replace(OLD, status="Failed"))[0] == "Failed"


def test_logs_are_of_both_containers() -> None:
    said = {"inference-server": "a\nTraceback\nb", "storage-initializer": ""}
    asked: list[tuple[Any, ...]] = []

    def get_logs(name: str, endpoint: str, lines: int, *, container_type: str) -> str:
        asked.append((name, endpoint, container_type))
        return said[container_type]

    lines = deployments.log_of(SimpleNamespace(get_logs=get_logs), "e", "v1", 2)
    assert lines == [
        *("container inference-server:", "Traceback", "b"),
        "container storage-initializer: no log",
    ]
    assert {one[:2] for one in asked} == {("v1", "e")}


def a_deployment(parts: DeploymentParts, **changed: Any) -> Any:
    """What the template's driver returns."""
    entities = pytest.importorskip("azure.ai.ml.entities")
    given: Mapping[str, Any] = {
        "name": parts.name,
        "endpoint_name": parts.endpoint,
        "model": parts.model,
        "code_configuration": entities.CodeConfiguration(
            code=parts.code, scoring_script=parts.entry_script
        ),
        "environment": parts.environment,
        "instance_type": parts.instance_type,
        "instance_count": parts.instance_count,
    }
    return entities.ManagedOnlineDeployment(**{**given, **changed})


def test_shape_of_a_deployment_is_its_content_alone(tmp_path: Path) -> None:
    pytest.importorskip("azure.ai.ml")

    def shape(name: str, code: str, **changed: Any) -> dict[str, Any]:
        parts = deployments.parts_of(DEFINITION, name, code, "azureml:environment:1")
        definition = replace(DEFINITION, definition=lambda given: a_deployment(given, **changed))
        made = deployments.deployment_of(definition, parts, tmp_path)
        return deployments.shape_of(made, {code: "src"})

    one = shape("v1-a", "/there/src")
    assert one == shape("v2-b", "/elsewhere/src", tags={"a": "b"}, description="words")
    assert one["code_configuration"] == {"code": "src", "scoring_script": "p/score.py"}
    assert one["environment_variables"] == {"WORKER_COUNT": "2"}
    assert one != shape("v1-a", "/there/src", app_insights_enabled=True)
    assert one != shape("v1-a", "/there/src", instance_type="Standard_F4s_v2")


def test_kubernetes_is_deployed_to_by_the_same_functions(tmp_path: Path) -> None:
    entities = pytest.importorskip("azure.ai.ml.entities")
    parts = deployments.parts_of(DEFINITION, "v1-a", "/there", "azureml:environment:1")

    def function(given: DeploymentParts) -> Any:
        code = entities.CodeConfiguration(code=given.code, scoring_script=given.entry_script)
        return entities.KubernetesOnlineDeployment(
            name=given.name,
            endpoint_name=given.endpoint,
            model=given.model,
            code_configuration=code,
            environment=given.environment,
            instance_count=1,
        )

    made = deployments.deployment_of(replace(DEFINITION, definition=function), parts, tmp_path)
    assert deployments.shape_of(made, {})["type"] == "kubernetes"
    assert deployments.record_of(made, "").instance_type == ""
    endpoint = deployments.endpoint_of(
        lambda given: entities.KubernetesOnlineEndpoint(name=given.name, compute="azureml:k8s"),
        EndpointParts("e", "key"),
        tmp_path,
    )
    assert deployments.endpoint_shape(endpoint)["compute"] == "azureml:k8s"


def test_wrong_functions_are_refused_by_name(tmp_path: Path) -> None:
    pytest.importorskip("azure.ai.ml")
    parts = deployments.parts_of(DEFINITION, "v1-a", "/there", "azureml:environment:1")

    def nothing(parts: Any) -> None:
        return None

    for function, words in (
        (nothing, "nothing() .* must return an azure.ai.ml.entities.ManagedOnlineDeployment"),
        (lambda given: a_deployment(given, name="blue"), "whose name is 'blue'"),
        (lambda given: a_deployment(given, endpoint_name="x"), "whose endpoint_name is 'x'"),
    ):
        with pytest.raises(WorkError, match=words.replace("()", r"\(\)")):
            deployments.deployment_of(replace(DEFINITION, definition=function), parts, tmp_path)
    with pytest.raises(WorkError, match="ManagedOnlineEndpoint; it returns NoneType"):
        deployments.endpoint_of(nothing, EndpointParts("e", "key"), tmp_path)
    assert deployments.endpoint_of(None, EndpointParts("e", "aad_token"), tmp_path).name == "e"


@pytest.mark.parametrize(
    ("files", "words"),
    [
        (["in/MLTable"], ""),
        (["in/MLTable", "in/a.csv"], "name its file azureml://datastores/s/paths/in/a.csv, or "),
        (["in/MLTable", "in/a.csv", "in/b.csv"], "name one of its files at a time, such as "
         "azureml://datastores/s/paths/in/a.csv, or "),
        (["in/MLTable", "in/d/a.csv", "in/d/b.csv"], "name the folder of its files, "
         "azureml://datastores/s/paths/in/d, or "),
    ],
)  # fmt: skip
def test_what_a_batch_endpoint_reads_is_named_instead_of_an_mltable(
    files: list[str], words: str
) -> None:
    assert _without_mltable("s", "in", files) == words
