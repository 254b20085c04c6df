"""Endpoints of this machine: a foreign model is served, switched, and never taken down.

The package is `other_model`, which knows nothing of amlkit; the inference server is a double.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from amlkit.content import environment_version, read_json
from amlkit.flow.server_log import SHOWN_LINES
from amlkit.flow.switch import deploy
from amlkit.local import open_local
from amlkit.records import Endpoint, Scale, WorkError
from conftest import TESTS
from local.served import BODY, Served

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals"),
    pytest.mark.slow,  # each starts a server
]
SCORE = (TESTS / "other_model" / "score.py").read_text("utf-8")


def line(after: int) -> str:
    """A line after the script's own, as an error names it."""
    return f"src/other_model/score.py:{len(SCORE.splitlines()) + after}"


def test_foreign_model_is_served_by_its_own_entry_script(served: Served) -> None:
    assert served.endpoints.get("e") is None
    assert not served.endpoints.delete("e")
    deployment = served.create()
    assert (deployment.status, deployment.uri) == ("Stopped", "")
    with served.endpoints.hold("e"):
        started = served.endpoints.start("e", deployment)
        assert started.status == "Ready"
        status, body = served.endpoints.invoke(started, BODY)
        assert (status, json.loads(body)["predictions"]) == (200, ["Chinstrap", None])
        beside = served.get()
        assert (beside.status, beside.traffic) == ("Failed", {})
        endpoint = served.endpoints.set_traffic("e", {deployment.name: 100})
    assert endpoint.status == "Ready" and endpoint.serving is not None
    assert endpoint.traffic == {deployment.name: 100}
    assert [each.name for each in endpoint.deployments] == [deployment.name]
    assert (endpoint.serving.model, endpoint.serving.model_version) == ("m", "3")
    assert endpoint.serving.environment_version == served.endpoints.shape(served.definition)
    assert (endpoint.keyed, served.endpoints.key("e")) == (False, "")
    assert served.ask() == ["Chinstrap", None]
    assert served.endpoints.delete("e")
    assert served.endpoints.get("e") is None
    assert not served.home.exists()


def test_no_request_is_lost_in_switches_and_on_the_way_back(served: Served) -> None:
    first = served.deploy()
    assert first.serving is not None
    with served.client() as client:
        second = served.deploy(SCORE.replace('RULE.get(row.get("Island"))', '"changed"'))
        assert second.serving is not None and second.previous is not None
        assert second.uri == first.uri
        assert second.previous.name == first.serving.name
        assert [each.name for each in second.deployments] == [
            second.serving.name,
            first.serving.name,
        ]
        assert served.ask() == ["changed", "changed"]
        with served.endpoints.hold("e"):
            again = served.endpoints.start("e", second.previous)
            assert again.status == "Ready"
            back = served.endpoints.set_traffic("e", {again.name: 100, second.serving.name: 0})
        assert back.serving is not None and back.serving.name == first.serving.name
        assert served.ask() == ["Chinstrap", None]
    assert client.failures == []
    assert client.asked > 20


def test_deployment_that_fails_tells_why_and_leaves_its_log(served: Served) -> None:
    before = served.deploy()
    assert before.serving is not None
    with served.client() as client, served.endpoints.hold("e"):
        broken = served.create(SCORE + "\nimport a_package_that_is_not_there\n")
        started = served.endpoints.start("e", broken)
        assert started.status == "Failed"
        log = served.home / "deployments" / broken.name / "server.log"
        why = "ModuleNotFoundError: No module named 'a_package_that_is_not_there'"
        assert (started.reason, started.log) == (why, str(log))
        assert served.endpoints.logs("e", broken)[-1] == why
        assert len(served.endpoints.logs("e", broken, 2)) == 2
        served.endpoints.delete_deployment("e", broken)
        assert why in log.read_text("utf-8")
        assert [path.name for path in log.parent.iterdir()] == ["server.log"]
        after = served.get()
    assert client.failures == []
    assert (after.status, after.serving, after.previous) == ("Ready", before.serving, None)
    assert [each.name for each in after.deployments] == [before.serving.name]
    with pytest.raises(WorkError, match="serves at endpoint e"):
        served.endpoints.delete_deployment("e", before.serving)
    served.create()
    assert not log.exists()  # kept until the next deployment


@pytest.mark.parametrize(
    ("score", "why", "last"),
    [
        (
            "\nimport not_there\n",
            f"m:3 is not deployed: {line(2)}: ModuleNotFoundError: No module named",
            "not_there",
        ),
        (
            "\ndef run(raw):\n    1 / 0\n",
            f"HTTP 500: {line(3)}: ZeroDivisionError: division by zero",
            "ZeroDivisionError: ",
        ),
        ("\ndef run(raw):\n    return print(raw)\n", "returned no predictions", '"Dream"'),
    ],
    ids=["does not start", "fails", "is wrong"],
)
def test_deployment_that_is_taken_back_shows_its_log_and_where_it_is(
    served: Served, score: str, why: str, last: str
) -> None:
    """The end of what its server wrote, whatever went wrong; what served before serves on."""
    before = served.deploy()
    workspace = replace(open_local(served.home.parents[1]), endpoints=served.endpoints)
    said: list[str] = []
    outcome = deploy(
        workspace, served.changed(SCORE + score), {"data": [{"Island": "Dream"}]}, said.append
    )
    assert outcome.rolled_back and why in outcome.reason and "\n" not in outcome.reason
    log = Path(outcome.reason.rpartition("; its log: ")[2])
    shown = said[said.index(f"the last lines of what {log.parent.name} wrote:") + 1 :]
    assert [line[2:] for line in shown] == log.read_text("utf-8").splitlines()[-SHOWN_LINES:]
    assert any(last in line for line in shown)
    after = served.get()
    assert after.serving == before.serving and served.ask() == ["Chinstrap", None]


@pytest.mark.parametrize(
    "shares", [{}, {"a": 50, "b": 50}, {"a": 90}, {"a": 100, "b": 10}, {"a": 0}]
)
def test_traffic_is_not_shared_here(served: Served, shares: dict[str, int]) -> None:
    with pytest.raises(WorkError, match="one deployment gets 100 %") as refused:
        served.endpoints.set_traffic("e", shares)
    assert "\n" not in str(refused.value)
    with pytest.raises(WorkError, match="has no deployment a"):
        served.endpoints.set_traffic("e", {"a": 100})
    assert not served.home.exists()


def test_model_that_was_killed_is_started_again(served: Served) -> None:
    served.deploy()
    state = served.state()
    pid = state["servers"][state["answers"]]["pid"]
    psutil.Process(pid).kill()
    limit = time.monotonic() + 30
    while served.state()["servers"].get(state["serving"], {}).get("pid") in (pid, None):
        assert time.monotonic() < limit
        time.sleep(0.05)
    served.wait_for("Ready")
    assert served.ask() == ["Chinstrap", None]


def test_killed_supervisor_is_told_and_the_next_deployment_has_its_address(served: Served) -> None:
    before = served.deploy()
    state = served.state()
    server = psutil.Process(state["servers"][state["answers"]]["pid"])
    psutil.Process(state["pid"]).kill()
    stopped = served.wait_for("Stopped")
    assert stopped.serving is not None and "deploy again" in stopped.reason
    psutil.wait_procs([server], timeout=30)
    assert not server.is_running() or server.status() == psutil.STATUS_ZOMBIE
    after = served.deploy()
    assert (after.status, after.uri) == ("Ready", before.uri)
    assert served.ask() == ["Chinstrap", None]


def test_candidate_ends_with_its_driver(served: Served) -> None:
    """Nobody holds the endpoint any more: what a killed driver has started is ended."""
    with served.endpoints.hold("e"):
        deployment = served.create()
        assert served.endpoints.start("e", deployment).status == "Ready"
        pid = served.state()["servers"][deployment.name]["pid"]
    psutil.wait_procs([psutil.Process(pid)], timeout=30)
    assert served.state()["candidate"] is None


def test_second_deployment_at_once_is_refused(served: Served) -> None:
    refused = pytest.raises(WorkError, match="another deployment to e")
    with served.endpoints.hold("e"), refused, served.endpoints.hold("e"):
        pass


def test_port_that_is_taken_is_told_and_another_one_used(served: Served) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        served.definition = replace(served.definition, port=port)
        endpoint = served.deploy()
    assert endpoint.notes == (f"port {port} is taken; the endpoint is at port {_port(endpoint)}",)
    assert served.ask() == ["Chinstrap", None]


def _port(endpoint: Endpoint) -> int:
    return int(endpoint.uri.rsplit(":", 1)[1].split("/")[0])


def test_what_this_machine_does_not_have_is_said(served: Served) -> None:
    said: list[str] = []
    scale = Scale(workers=3, instance_count=2, instance_type="Standard_DS3_v2")
    deployment = served.endpoints.create_deployment(
        replace(served.definition, scale=scale), said.append
    )
    assert said == ["not on this machine: 2 instances of Standard_DS3_v2; workers count here"]
    record = read_json(served.home / "deployments" / deployment.name / "deployment.json")
    assert record["workers"] == 3


def test_shape_is_that_of_the_environment(served: Served) -> None:
    lock = served.definition.environment.lock
    assert served.endpoints.shape(served.definition) == environment_version(lock, ())
    lock.write_text("x==2\n", encoding="utf-8")
    assert served.endpoints.shape(served.definition) == environment_version(lock, ())


def test_secrets_do_not_reach_the_server(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPN_PASSWORD", "s3cret")
    served.deploy(SCORE.replace('RULE.get(row.get("Island"))', 'os.environ.get("SPN_PASSWORD")'))
    assert served.ask() == [None, None]


def test_where_no_socket_is_passed_on_a_switch_has_a_gap_and_says_so(served: Served) -> None:
    """As on Windows: the supervisor is started by hand, told that it cannot pass sockets on."""
    deployment = served.create()
    script = (
        "import sys; from pathlib import Path; import amlkit.local.server as a, "
        "amlkit.local.supervisor as b; a.PASSES_SOCKETS = b.PASSES_SOCKETS = False; "
        "b.main(Path(sys.argv[1]))"
    )
    supervisor = subprocess.Popen([sys.executable, "-c", script, str(served.home)])
    limit = time.monotonic() + 30
    while not (served.home / "state.json").is_file():
        assert time.monotonic() < limit
        time.sleep(0.05)
    with served.endpoints.hold("e"):
        assert served.endpoints.start("e", deployment).status == "Ready"
        endpoint = served.endpoints.set_traffic("e", {deployment.name: 100})
    assert "interrupts for a moment" in endpoint.notes[0]
    assert served.wait_for("Ready").serving is not None
    assert served.ask() == ["Chinstrap", None]
    assert served.endpoints.delete("e")
    assert supervisor.wait(30) == 0
