"""Deploying, as far as it can be tested without the server: flags, records, and the smoke test.

The server itself lives in the serving environment, which the first deployment makes.
"""

from __future__ import annotations

import argparse
import json
import threading
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, cast

import pytest

from amlkit import cli
from amlkit.calls import Calls
from amlkit.flow.deploy import conclude, request_line, status
from amlkit.flow.smoke import smoke_test
from amlkit.flow.switch import Outcome, deploy
from amlkit.local import open_local
from amlkit.records import (
    Deployment,
    DeploymentDefinition,
    Endpoint,
    EnvironmentDefinition,
    Model,
    WorkError,
)
from amlkit.settings import load_settings
from amlkit.workspace import Say
from conftest import SAMPLE, Project

ROWS = [{"x": 1.0}, {"x": 2.0}]
GOOD = {"predictions": ["a", "b"], "probabilities": [[0.9, 0.1], [0.2, 0.8]]}
EXAMPLES = {"data": ROWS, **GOOD}


class Service(HTTPServer):
    """A service that answers every request with what it was told to."""

    status, body = 200, b""

    class Handler(BaseHTTPRequestHandler):
        """Hands out the answer."""

        server: Service

        def do_POST(self) -> None:
            """Read the request, answer."""
            rows = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["data"]
            assert rows == ROWS
            self.send_response(self.server.status)
            self.end_headers()
            self.wfile.write(self.server.body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    def answer(self, value: Any, status: int = 200) -> None:
        """From now on, this is the answer."""
        self.status = status
        self.body = value if isinstance(value, bytes) else json.dumps(value).encode()


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    """A service on a port of its own."""
    with Service(("127.0.0.1", 0), Service.Handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield running
        running.shutdown()


@pytest.fixture
def deployment(service: Service) -> Deployment:
    """A deployment at the service's address."""
    uri = f"http://127.0.0.1:{service.server_port}"
    return Deployment("v3-x", "m", "3", "code", "env", "identity", "now", "Ready", uri)


def test_good_answer_passes(service: Service, deployment: Deployment, tmp_path: Path) -> None:
    service.answer({**GOOD, "model": {"name": "m", "version": "3"}})
    assert smoke_test(open_local(tmp_path), deployment, EXAMPLES) == ""
    assert smoke_test(open_local(tmp_path), deployment, {"data": ROWS}) == ""


@pytest.mark.parametrize(
    ("answer", "status", "words"),
    [
        ({"message": "no column 'x'"}, 400, "HTTP 400: no column 'x'"),
        (b"<html>", 502, "HTTP 502: <html>"),
        (b"<html>", 200, "not JSON"),
        ([1, 2], 200, "no predictions"),
        ({"predictions": ["a"]}, 200, "returned 1 predictions"),
        ({"predictions": ["a", None]}, 200, "row 1 is None"),
        (b'{"predictions": [1.0, NaN]}', 200, "row 1 is nan"),
        ({"predictions": ["a", "b"]}, 200, "no probabilities"),
        ({**GOOD, "probabilities": [[0.9, 0.1], [0.3, 0.7]]}, 200, "row 1: its probabilities"),
        ({**GOOD, "predictions": ["a", "c"]}, 200, "row 1: its predictions"),
        ({**GOOD, "model": {"version": "2"}}, 200, "as version 2, not 3"),
    ],
)
def test_wrong_answer_is_told(
    service: Service, deployment: Deployment, tmp_path: Path, answer: Any, status: int, words: str
) -> None:
    service.answer(answer, status)
    assert words in smoke_test(open_local(tmp_path), deployment, EXAMPLES)


def test_label_may_differ_where_two_are_tied(
    service: Service, deployment: Deployment, tmp_path: Path
) -> None:
    tied = {"predictions": ["a", "b"], "probabilities": [[0.9, 0.1], [0.5, 0.5]]}
    service.answer({**tied, "predictions": ["a", "a"]})
    assert smoke_test(open_local(tmp_path), deployment, {"data": ROWS, **tied}) == ""


def test_number_may_differ_by_a_rounding(
    service: Service, deployment: Deployment, tmp_path: Path
) -> None:
    service.answer({"predictions": [1000.01, 0]})
    known = {"data": ROWS, "predictions": [1000.0, 0.0]}
    assert smoke_test(open_local(tmp_path), deployment, known) == ""
    service.answer({"predictions": [1001.0, 0]})
    assert "row 0" in smoke_test(open_local(tmp_path), deployment, known)


def test_service_that_is_gone_is_an_error_in_words(tmp_path: Path, deployment: Deployment) -> None:
    gone = Deployment(*("v1", "m", "1", "c", "e", "i", "now", "Ready"), "http://127.0.0.1:9")
    with pytest.raises(WorkError, match="v1 does not answer"):
        smoke_test(open_local(tmp_path), gone, EXAMPLES)


class Beside:
    """A double of `Endpoints` whose new deployment starts and then does not answer."""

    shares_traffic = False

    def __init__(
        self, raised: BaseException, refused: str = "", before: Deployment | None = None
    ) -> None:
        self.raised, self.refused, self.before = raised, refused, before
        self.deleted: list[str] = []

    def get(self, name: str) -> Endpoint | None:
        """What serves, if anything does."""
        return self.before and Endpoint(name, "http://x", "Ready", self.before)

    def hold(self, name: str) -> nullcontext[None]:
        """Nobody is in the way."""
        return nullcontext()

    def create_deployment(self, definition: object, say: object) -> Deployment:
        """One that has a name."""
        return Deployment(*("v3-x", "m", "3", "code", "env", "identity", "now"))

    def start(self, endpoint: str, deployment: Deployment) -> Deployment:
        """It starts."""
        return replace(deployment, status="Ready")

    def invoke(self, deployment: Deployment, body: bytes) -> tuple[int, bytes]:
        """It does not answer."""
        raise self.raised

    def logs(self, endpoint: str, deployment: Deployment, lines: int) -> list[str]:
        """They cannot be had."""
        raise WorkError("no log")

    def delete_deployment(self, endpoint: str, deployment: Deployment) -> None:
        """Noted, or refused."""
        if self.refused:
            raise WorkError(self.refused)
        self.deleted.append(deployment.name)


OTHER = Deployment("v1-o", "other", "1", "code", "env", "other", "now")


def a_context(folder: Path, endpoints: Beside) -> cli.Context:
    """A call of the driver with `--local` on these endpoints."""
    workspace: Any = replace(open_local(folder), endpoints=cast(Any, endpoints))
    args = argparse.Namespace(env=None, local=True, set=[], model_version=None)
    return cli.Context(args, load_settings(SAMPLE), workspace, Calls(), print, ("--local",))


def put_beside(endpoints: Beside, folder: Path, say: Say = lambda line: None) -> Outcome:
    """What becomes of a deployment to these endpoints."""
    workspace: Any = replace(open_local(folder), endpoints=cast(Any, endpoints))
    model = Model("m", "3", "there")
    environment = EnvironmentDefinition("e", folder / "lock.txt", ())
    definition = DeploymentDefinition("x", model, environment, "p", folder, "code", 0)
    return deploy(workspace, definition, EXAMPLES, say)


def test_deployment_that_does_not_answer_is_taken_back(tmp_path: Path) -> None:
    endpoints = Beside(WorkError("v3-x does not answer"))
    outcome = put_beside(endpoints, tmp_path)
    assert outcome.rolled_back and not outcome.switched
    assert outcome.reason == "m:3 is not deployed: v3-x does not answer"
    assert endpoints.deleted == ["v3-x"]


def test_deployment_that_cannot_be_taken_back_either_is_told_with_both_reasons(
    tmp_path: Path,
) -> None:
    endpoints = Beside(WorkError("v3-x does not answer"), refused="no network")
    with pytest.raises(WorkError, match="v3-x does not answer; v3-x is left: no network"):
        put_beside(endpoints, tmp_path)


def test_deployment_that_is_interrupted_is_not_left_running(tmp_path: Path) -> None:
    endpoints = Beside(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt, match="interrupted; nothing serves yet"):
        put_beside(endpoints, tmp_path)
    assert endpoints.deleted == ["v3-x"]
    endpoints.before = OTHER
    with pytest.raises(KeyboardInterrupt, match="interrupted; other:1 serves on"):
        put_beside(endpoints, tmp_path)


def test_another_model_at_the_same_endpoint_is_named_and_warned_of(tmp_path: Path) -> None:
    endpoints, said = Beside(WorkError("no answer"), before=OTHER), list[str]()
    outcome = put_beside(endpoints, tmp_path, said.append)
    warning = "warning: whoever asks endpoint x for other will get other answers"
    assert said[:2] == ["starting v3-x with m:3 beside other:1", warning]
    context = a_context(tmp_path, endpoints)
    [line] = conclude(context, outcome, None).words()
    assert line == "still serves: other:1 (v1-o) at http://x"
    endpoints.before, said = replace(OTHER, model="m"), []
    put_beside(endpoints, tmp_path, said.append)
    assert said[0].endswith("beside m:1") and not said[1].startswith("warning")


def test_an_endpoint_where_nothing_has_passed_says_what_is_next(tmp_path: Path) -> None:
    endpoints = Beside(WorkError("no answer"))
    context = a_context(tmp_path, endpoints)
    endpoints.get = lambda name: Endpoint(  # type: ignore[method-assign]
        name, "http://x", "Failed", None, reason="no deployment has passed yet"
    )
    first, then, _ = status(context).words()
    assert first == "endpoint sample: Failed (no deployment has passed yet)"
    assert then == "nothing serves yet; next: python src/deploy.py --local"


def test_nothing_deployed_is_an_answer(shared: Project) -> None:
    answer = shared.call("deploy", "--local", "--env", "test", "--status", "--json")
    assert answer.code == 0
    assert answer.json["status"] == "NotDeployed"
    assert "nothing is deployed" not in answer.err  # said once: as JSON
    assert answer.json["endpoint"]["uri"] is None
    gone = shared.call("deploy", "--local", "--env", "test", "--delete", "--json")
    assert (gone.code, gone.json["deleted"]) == (0, False)
    back = shared.call("deploy", "--local", "--env", "test", "--rollback", "--json")
    assert back.code == 1
    assert "nothing to go back to" in back.json["error"]


def test_model_that_is_not_there_is_named(project: Project) -> None:
    answer = project.call("deploy", "--local", "--json")
    assert answer.code == 2
    assert "no model" in answer.json["error"]
    assert "src/model.py" in answer.json["error"]
    assert not (project.root / ".local-workspace").exists()


@pytest.mark.slow
def test_dry_run_says_what_would_be_served_and_makes_nothing(shared: Project) -> None:
    trained = shared.call("model", "--local", "--env", "test", "--json")
    assert trained.code == 0, trained.err
    workspace = shared.root / ".local-workspace"
    before = sorted(workspace.rglob("*"))
    answer = shared.call("deploy", "--local", "--env", "test", "--dry-run", "--json")
    assert answer.code == 0, answer.err
    assert answer.json["model"] == trained.json["model"]
    wrong = shared.call("deploy", "--local", "--env", "test", "--model-version", "9", "--json")
    assert wrong.code == 2
    assert "it has version 1" in wrong.json["error"]
    assert sorted(workspace.rglob("*")) == before

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt("interrupted; nothing serves yet")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("amlkit.flow.switch.deploy", interrupted)
        ended = shared.call("deploy", "--local", "--env", "test")
    line = "interrupted; nothing serves yet; next: python src/deploy.py --local --env test\n"
    assert (ended.code, ended.err) == (130, line)


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--out", "x.csv"), "belong to --batch"),
        (
            ("--batch", "nothing.csv", "--out", "x.csv"),
            f"no such file {Path('nothing.csv').absolute()}",
        ),
        (("--batch", "data/penguins.csv"), "needs --out"),
        (("--batch", "data/penguins.csv", "--out", "x.xlsx"), "needs --out FILE, a .parquet or"),
        (("--status", "--delete"), "not allowed with"),
        (("--set", "endpoint.name=A_b"), "endpoint.name"),
        (("--set", "endpoint.workers=0"), "endpoint.workers"),
    ],
)
def test_wrong_flags_are_refused(shared: Project, flags: tuple[str, ...], words: str) -> None:
    answer = shared.call("deploy", "--local", "--env", "test", "--json", *flags)
    assert answer.code == 2
    assert words in answer.json["error"]


def test_line_to_ask_with_survives_the_shell() -> None:
    line = request_line("http://127.0.0.1:1/score", {"data": [{"it's": 'a "b"'}]})
    assert json.dumps({"data": [{"it's": 'a "b"'}]}) in line.replace("'\\''", "'").replace(
        "''", "'"
    )
