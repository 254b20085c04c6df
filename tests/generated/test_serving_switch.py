"""Switches, good and bad, under a client that asks all the time; and what a kill leaves behind."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import environment
from tests.generated.conftest import ReadyProject
from tests.generated.serving import Client, Served, serve

pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("switch"),  # the tests share an endpoint
    pytest.mark.skipif(sys.platform == "win32", reason="set up with make; POSIX signals"),
]


@pytest.fixture
def score(served: Served) -> Iterator[Path]:
    """The entry script, restored afterwards."""
    script = served.project.path / "src" / "penguins_model" / "score.py"
    text = script.read_text(encoding="utf-8")
    yield script
    script.write_text(text, encoding="utf-8")


@pytest.fixture
def client(served: Served) -> Client:
    """Asks for the rows that the training left."""
    rows = json.loads((served.model / "examples.json").read_text("utf-8"))["data"]
    return Client(served, json.dumps({"data": rows}).encode())


def change(script: Path) -> None:
    """Make the code another version."""
    with script.open("a", encoding="utf-8") as file:
        file.write(f"# {time.time_ns()}\n")


def test_no_request_is_lost_in_a_good_switch_a_bad_one_and_a_rollback(
    served: Served, score: Path, client: Client
) -> None:
    first = served.status()["deployment"]
    text = score.read_text(encoding="utf-8")
    with client:
        change(score)
        good = served.deploy()
        assert good["switched"]
        assert good["deployment"] != first

        score.write_text(text + "\nimport a_package_that_is_not_there\n", encoding="utf-8")
        code, broken = served.drive("deploy")
        assert (code, broken["rolled_back"], broken["switched"]) == (1, True, False)
        end, place = len(text.splitlines()), "src/penguins_model/score.py"
        why = f"{place}:{end + 2}: ModuleNotFoundError: No module named 'a_package_that_is_not"
        assert why in broken["error"]
        assert broken["deployment"] == good["deployment"]

        failing = "\n\n@rawhttp\ndef run(request):\n    return 1 / 0\n"
        score.write_text(text + failing, encoding="utf-8")
        code, failed = served.drive("deploy")
        assert (code, failed["rolled_back"]) == (1, True)
        why = f"HTTP 500: {place}:{end + 5}: ZeroDivisionError: division by zero"
        assert why in failed["error"]

        # It starts and answers, and what it answers is not what the model said at training.
        score.write_text(
            text.replace(
                "    return AMLResponse(body,",
                "    body = body.replace(b'MALE', b'')\n    return AMLResponse(body,",
            ),
            encoding="utf-8",
        )
        code, wrong = served.drive("deploy")
        assert (code, wrong["rolled_back"]) == (1, True)
        assert Path(wrong["error"].rpartition("; its log: ")[2]).is_file()
        assert served.status()["deployment"] == good["deployment"]

        back = served.deploy("--rollback")
        assert (back["switched"], back["deployment"]) == (True, first)
        assert served.deploy("--rollback")["deployment"] == good["deployment"]
        asked = client.requests
    assert client.failures == []
    assert asked > 100


def test_model_that_fails_its_smoke_test_does_not_serve(served: Served, client: Client) -> None:
    serving = served.status()["model"]["version"]
    flags = "--set=training.estimator=sklearn.linear_model.LogisticRegression"
    code, answer = served.drive("model", flags, "--replace-champion")
    assert code == 0, answer
    version = answer["model"]["version"]
    assert version != serving
    runs = served.project.path / ".local-workspace" / "runs"
    model = runs / answer["run_id"] / "outputs" / "model"
    # The files of a model are swapped: schema.json still tells of the other ONNX copy's content.
    first = next(path for path in runs.glob("*/outputs/model") if path != model)
    own = {name: (model / name).read_bytes() for name in ("model.joblib", "model.onnx")}
    for name in own:
        (model / name).write_bytes((first / name).read_bytes())
    with client:
        code, refused = served.drive("deploy", "--model-version", version)
    for name, content in own.items():
        (model / name).write_bytes(content)
    assert (code, refused["rolled_back"]) == (1, True)
    assert "at training they were" in refused["error"]
    assert served.status()["model"]["version"] == serving
    assert client.failures == []


def test_killed_worker_and_server_are_replaced(served: Served, client: Client) -> None:
    server = served.server()
    (worker,) = server.children()
    worker.kill()
    served.wait_until_ready()
    assert served.request(client.body)[0] == 200
    server.kill()
    told = served.status()
    assert told["status"] in ("Starting", "Ready")
    served.wait_until_ready()
    assert served.request(client.body)[0] == 200
    assert served.server().pid != server.pid


@pytest.mark.parametrize(
    "after",
    [0.5, *(pytest.param(n / 10, marks=pytest.mark.sweep) for n in (12, *range(2, 32, 3)))],
)
def test_driver_killed_in_the_middle_of_a_switch(
    served: Served, score: Path, client: Client, after: float
) -> None:
    change(score)
    command = [served.project.python, "src/deploy.py", "--local", "--json"]
    with client:
        driver = subprocess.Popen(
            command,
            cwd=served.project.path,
            env=environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(after)
        driver.kill()
        driver.wait()
        told = served.status()
        again = served.deploy()
    assert told["status"] == "Ready"
    assert client.failures == []
    assert again["deployment"] == served.status()["deployment"]
    limit = time.monotonic() + 30  # what the killed driver had started is ended
    while len(served.processes("start_server.py")) > 2:
        assert time.monotonic() < limit, served.processes("start_server.py")
        time.sleep(0.1)


def test_killed_supervisor_is_told_and_the_next_deployment_works(
    served: Served, client: Client
) -> None:
    (supervisor,) = served.processes("amlkit.local.supervisor")
    supervisor.send_signal(signal.SIGKILL)
    supervisor.wait(10)
    assert served.status()["status"] == "Stopped"
    limit = time.monotonic() + 30
    while served.processes("start_server.py"):
        assert time.monotonic() < limit, "a server outlives its supervisor"
        time.sleep(0.1)
    before = served.uri
    assert served.deploy()["endpoint"]["status"] == "Ready"
    assert served.uri == before
    assert served.request(client.body)[0] == 200


def test_two_deployments_at_once_do_not_mix(served: Served, score: Path) -> None:
    change(score)
    command = [served.project.python, "src/deploy.py", "--local", "--json"]
    both = [
        subprocess.Popen(
            command, cwd=served.project.path, env=environment(), stdout=subprocess.PIPE
        )
        for _ in range(2)
    ]
    answers = [json.loads(driver.communicate()[0]) for driver in both]
    done = [answer for answer in answers if answer["status"] == "Ready"]
    refused = [answer for answer in answers if "another deployment" in answer.get("error", "")]
    assert len(done) + len(refused) == 2, answers
    assert done
    assert served.status()["status"] == "Ready"


def test_where_no_socket_is_passed_on_a_switch_has_a_gap_and_says_so(
    trained: ReadyProject, tmp_path: Path
) -> None:
    """As on Windows: the supervisor is started by hand, told that it cannot pass sockets on."""
    served = serve(trained, tmp_path)
    home = served.home
    (supervisor,) = served.processes("amlkit.local.supervisor")
    supervisor.kill()
    supervisor.wait(10)
    script = (
        "import sys; from pathlib import Path; import amlkit.local.server as a, "
        "amlkit.local.supervisor as b; a.PASSES_SOCKETS = b.PASSES_SOCKETS = False; "
        "b.main(Path(sys.argv[1]))"
    )
    other = subprocess.Popen(
        [served.project.python, "-c", script, str(home)], cwd=served.project.path / "src"
    )
    try:
        served.wait_until_ready()
        change(served.project.path / "src" / "penguins_model" / "score.py")
        done = served.project.run(served.project.python, "src/deploy.py", "--local")
        assert done.returncode == 0, done.stderr
        assert "interrupts for a moment" in done.stdout
        assert served.status()["status"] == "Ready"
    finally:
        served.drive("deploy", "--delete")
        assert other.wait(30) == 0
    assert not home.exists()


def test_taken_port_is_told_and_another_one_used(trained: ReadyProject, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        served = serve(trained, tmp_path)
        project = served.project
        served.drive("deploy", "--delete")
        done = project.run(
            *(project.python, "src/deploy.py", "--local", "--set", f"endpoint.port={port}")
        )
        assert done.returncode == 0, done.stderr
        assert f"port {port} is taken" in done.stdout
        assert served.status()["status"] == "Ready"
        served.drive("deploy", "--delete")
