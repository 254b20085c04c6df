"""Long waits on Azure ML: outages, and steps that resume a run; the rest is in tests/parity."""

from __future__ import annotations

from typing import Any

import pytest

from standin import StandIn
from tests.azure.conftest import AzureProject
from tests.foreign import replace_package

# What the job of docs/contract.md does besides: it takes a while, or fails.
SLOW = """
import sys
import time

print("[1/1] wait", flush=True)
time.sleep(6)
if json.loads(sys.argv[sys.argv.index("--settings") + 1])["parameters"]:
    sys.exit("no parameter is known here")
"""


@pytest.fixture(scope="module")
def ready(project: AzureProject) -> AzureProject:
    """A repository whose data is registered, and whose training takes a while but no work."""
    with replace_package(project.path).open("a", encoding="utf-8") as train:
        train.write(SLOW)
    project.done("data")
    return project


def seed(number: int) -> tuple[str, str]:
    """The flag that makes a training of its own."""
    return "--set", f"training.seed={number}"


RUN = r"/history/v1\.0/.*/runs/[^/]+(/details)?$"


@pytest.mark.parametrize(
    ("number", "fault"),
    [
        (1, {"status": 503, "count": 6}),
        pytest.param(3, {"drop": True, "count": 6}, marks=pytest.mark.sweep),
        pytest.param(
            5,
            {"status": 500, "code": "InternalServerError", "count": 4},
            marks=pytest.mark.sweep,
        ),
    ],
)
def test_an_outage_during_the_wait_is_outlived(
    number: int, fault: dict[str, Any], ready: AzureProject, standin: StandIn
) -> None:
    laid = standin.fault(path=RUN, method="GET", after=1, **fault)
    answer = ready.drive("model", *seed(number))
    assert answer.code == 0, answer.said
    assert laid.hits > 0
    assert answer.record["status"] == "Completed"


def test_a_federated_token_that_ended_is_outlived(ready: AzureProject, standin: StandIn) -> None:
    """Azure/azure-cli#28708: it lives for minutes, and a training for hours."""
    issuers, client = standin.azure.issuers, standin.account.client_id
    step = issuers.pipelines_step(client)
    del step["TF_BUILD"]
    connection = step["AZURESUBSCRIPTION_SERVICE_CONNECTION_ID"]
    standin.azure.federated.add(client, *issuers.connections[connection])
    issuers.seconds = 3  # whole seconds are counted: with 1 it may end at once
    laid = standin.fault(path=RUN, method="GET", after=1, expire_token=True)
    mark = standin.journal.mark()
    nobody = {"TENANT_ID": "", "SPN_ID": "", "SPN_PASSWORD": ""}
    flags = ("--set", "azure.auth=workload-identity")
    answer = ready.drive("model", *seed(6), *flags, **nobody, **step)
    issuers.seconds = None
    assert answer.code == 0, answer.said
    assert laid.hits > 0
    assert answer.record["status"] == "Completed"
    asked = [entry for entry in standin.journal.since(mark) if entry.path.endswith("/oidctoken")]
    assert len(asked) >= 2


def test_a_later_step_resumes_the_run(ready: AzureProject) -> None:
    started = ready.done("model", "--no-wait", *seed(11))
    assert started["status"] not in ("Completed", "Failed")
    finished = ready.done("model", "--resume", started["run_id"])
    assert finished["status"] == "Completed"
    assert finished["decision"]


def test_a_wait_that_has_an_end_leaves_the_run_going(ready: AzureProject) -> None:
    going = ready.done("model", "--wait-minutes", "0.02", *seed(14))
    assert going["status"] not in ("Completed", "Failed")
    assert not going["registered"]
    finished = ready.done("model", "--resume", going["run_id"], "--wait-minutes", "5")
    assert finished["status"] == "Completed"
    assert finished["decision"]


def test_a_run_under_way_is_not_started_twice(ready: AzureProject) -> None:
    started = ready.done("model", "--no-wait", *seed(12))
    again = ready.done("model", *seed(12))
    assert again["run_id"] == started["run_id"]


def test_cancel_ends_the_run(ready: AzureProject) -> None:
    started = ready.done("model", "--no-wait", *seed(13))
    ended = ready.done("model", "--cancel", started["run_id"])
    assert ended["status"] == "Canceled"
    answer = ready.drive("model", "--resume", started["run_id"])
    assert answer.code == 1
    assert "canceled" in answer.record["reason"]


def test_a_run_that_is_not_there(ready: AzureProject) -> None:
    answer = ready.drive("model", "--resume", "nowhere_1")
    assert answer.code == 1
    assert "nowhere_1" in answer.record["error"]


def test_a_failed_run_shows_the_end_of_its_own_log(ready: AzureProject) -> None:
    answer = ready.drive("model", "--set", "training.parameters={C: -1}")
    assert answer.code == 1
    assert answer.record["status"] == "Failed"
    assert "no parameter is known here" in answer.said
    assert "no parameter is known here" in answer.record["reason"]
