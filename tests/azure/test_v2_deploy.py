"""Managed online endpoints: shares in steps that are watched, ways back, what is left behind."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
import requests

from standin import StandIn
from tests.azure.conftest import KEPT, AzureProject
from tests.azure.test_v2_drivers import SDK
from tests.azure.test_v2_endpoints_rules import make
from tests.conftest import Bake
from tests.environments import give
from tests.forks import ForkServer, place_shim
from tests.parity.places import with_other_package

# Each step is watched for a second: as long as it takes to draw the shares, and to count.
STEPS = ("--set", "azure.traffic.minutes=0.02", "--set", "azure.traffic.steps=[50]")
MIRROR = ("--set", "azure.traffic.minutes=0.02", "--set", "azure.traffic.mirror=50")
METRICS = "Monitoring Reader"
# What the bootstrap gives the pipelines' service principal where traffic is judged.
GIVEN = ("AzureML Data Scientist", "Storage Blob Data Contributor", METRICS)
# Behaves during the smoke test.
LATER = """
asked = []
right = run

def run(raw_data):
    asked.append(raw_data)
    if len(asked) > 1:
        {}
    return right(raw_data)
"""
ROWS = {"data": [{"Island": "Torgersen"}, {"Island": "Dream"}]}


@dataclass
class Client:
    """Asks an endpoint for predictions, with a token of Entra ID."""

    standin: StandIn
    uri: str
    seen: list[tuple[int, str, str]] = field(default_factory=list)
    """(HTTP status, deployment, body) of each answer."""

    def __post_init__(self) -> None:
        proxy, account = self.standin.env["https_proxy"], self.standin.account
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.proxies = {"https": proxy, "http": proxy}
        self._session.verify = self.standin.env["REQUESTS_CA_BUNDLE"]
        form = {
            "grant_type": "client_credentials",
            "client_id": account.client_id,
            "client_secret": account.client_secret,
            "scope": "https://ml.azure.com/.default",
        }
        login = f"https://login.microsoftonline.com/{account.tenant_id}/oauth2/v2.0/token"
        self.token = self._session.post(login, form, timeout=30).json()["access_token"]

    def ask(self, token: str | None = None) -> tuple[int, str, str]:
        """One request."""
        headers = {"Authorization": f"Bearer {self.token if token is None else token}"}
        answer = self._session.post(self.uri, json=ROWS, headers=headers, timeout=60)
        name = answer.headers.get("azureml-model-deployment", "")
        return answer.status_code, name, answer.text

    @contextmanager
    def polling(self) -> Iterator[None]:
        """Asks again and again meanwhile; at the end each request was answered well."""
        over, before = threading.Event(), len(self.seen)

        def poll() -> None:
            while not over.wait(0.02):
                self.seen.append(self.ask())

        thread = threading.Thread(target=poll)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
        asked = self.seen[before:]
        assert len(asked) > 10
        failed = [one for one in asked if one[0] != 200]
        assert not failed, f"{len(failed)} of {len(asked)} requests failed: {failed[:3]}"

    def shares(self) -> Counter[str]:
        """How many requests each deployment has answered."""
        return Counter(name for _, name, _ in self.seen)


@pytest.fixture(scope="module")
def repository(
    bake_anew: Bake, standin: StandIn, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[AzureProject]:
    """A repository of SDK v2 whose model learns in a moment."""
    python = tmp_path_factory.mktemp("sdk") / "python"
    rendered = with_other_package(bake_anew(project_name="Azure online", azureml_sdk="v2"))
    project = AzureProject(rendered.path, standin, str(python))
    give(project, "setup-azure")
    real = project.path / ".venv-azure" / "bin" / "python"
    with ForkServer(real, standin.caller, SDK, KEPT) as server:
        place_shim(python, [str(real)], server.socket)
        project.done("data")
        for force in ((), ("--force",)):
            assert project.done("model", *force)["registered"]
        held = set(standin.account.roles)
        standin.account.set_roles(GIVEN)
        yield project
        standin.account.set_roles(held)


@pytest.fixture(scope="module")
def first(repository: AzureProject) -> dict[str, Any]:
    """What the first deployment was answered."""
    return repository.done("deploy", "--model-version", "1", *STEPS)


@pytest.fixture(scope="module")
def client(standin: StandIn, first: dict[str, Any]) -> Client:
    """A client of the endpoint."""
    return Client(standin, first["endpoint"]["uri"])


@contextmanager
def score_that(repository: AzureProject, text: str) -> Iterator[None]:
    """Another entry script meanwhile."""
    [path] = repository.path.glob("src/*/score.py")
    before = path.read_text(encoding="utf-8")
    path.write_text(before + text, encoding="utf-8")
    try:
        yield
    finally:
        path.write_text(before, encoding="utf-8")


def now(repository: AzureProject) -> tuple[Any, dict[str, int]]:
    """The version that serves, and each deployment's share."""
    record = repository.done("deploy", "--status")
    assert record["status"] == "Ready"
    return record["model"]["version"], {one["name"]: one["share"] for one in record["deployments"]}


def test_the_first_one_answers_those_who_have_a_token(
    repository: AzureProject, first: dict[str, Any], client: Client
) -> None:
    assert first["switched"] and first["model"]["version"] == "1"
    [one] = first["deployments"]
    assert re.fullmatch(r"v1-[a-z0-9-]+", one["name"]) and one["share"] == 100
    assert (one["instance_type"], one["instance_count"]) == ("Standard_DS3_v2", 1)
    assert client.ask()[0] == 200
    assert [client.ask(token)[0] for token in ("", "no token")] == [401, 401]
    shown = repository.done("deploy", "--show-key")
    assert shown["key"] is None and "--resource https://ml.azure.com" in shown["token_command"]


def test_the_same_again_changes_nothing(
    repository: AzureProject, first: dict[str, Any], standin: StandIn
) -> None:
    mark = standin.journal.mark()
    again = repository.done("deploy", "--model-version", "1")
    assert not again["switched"] and "serves already" in again["reason"]
    assert not standin.journal.find(method="PUT", path_regex="onlineEndpoints", since=mark)


def test_one_that_cannot_start_is_gone_again_and_both_logs_are_shown(
    repository: AzureProject, first: dict[str, Any], client: Client
) -> None:
    before = now(repository)
    with score_that(repository, "\nraise RuntimeError('broken on purpose')\n"), client.polling():
        answer = repository.drive("deploy", "--model-version", "2", *STEPS)
    assert answer.code == 1 and answer.record["rolled_back"]
    assert "broken on purpose" in answer.record["error"]
    assert "container inference-server:" in answer.said
    assert "container storage-initializer:" in answer.said
    assert now(repository) == before


def test_one_that_fails_copies_never_gets_traffic(
    repository: AzureProject, first: dict[str, Any], client: Client
) -> None:
    before = now(repository)
    with score_that(repository, LATER.format("1 / 0")), client.polling():
        answer = repository.drive("deploy", "--model-version", "2", *MIRROR)
    assert answer.code == 1 and answer.record["rolled_back"]
    assert "with copies of 50 % of the requests" in answer.record["error"]
    assert "failed with an error of its own" in answer.record["error"]
    assert "ZeroDivisionError" in answer.said
    assert now(repository) == before


def test_one_that_is_slow_goes_back_from_its_step(
    repository: AzureProject, first: dict[str, Any], client: Client
) -> None:
    before = now(repository)
    slow = LATER.format("__import__('time').sleep(0.3)")
    with score_that(repository, slow), client.polling():
        answer = repository.drive("deploy", "--model-version", "2", *STEPS)
    assert answer.code == 1 and "times as long" in answer.record["error"]
    assert [name[:3] for name in client.shares()] == ["v1-", "v2-"]
    assert now(repository) == before


def test_requests_that_cannot_be_counted_are_said_before_anything_is_made(
    repository: AzureProject, first: dict[str, Any], standin: StandIn
) -> None:
    mark = standin.journal.mark()
    standin.account.revoke(METRICS)
    answer = repository.drive("deploy", "--model-version", "2", *STEPS)
    standin.account.grant(METRICS)
    command = f'`az role assignment create --role "{METRICS}" --assignee'
    assert answer.code == 1 and command in answer.record["error"]
    assert not standin.journal.find(method="PUT", path_regex="onlineEndpoints", since=mark)


def test_ctrl_c_goes_back_and_the_next_call_goes_on(
    repository: AzureProject, first: dict[str, Any], client: Client
) -> None:
    """The good switch: shares in steps, with a client that notices nothing."""
    flags = ("--model-version", "2", "--set", "azure.traffic.steps=[10]")
    with client.polling():
        process = repository.start("deploy", *flags)
        assert process.stderr
        for line in process.stderr:
            if "gets 10 % of the traffic" in line:
                break
        time.sleep(1)
        process.send_signal(signal.SIGINT)
        out, said = process.communicate(timeout=60)
        assert process.returncode == 130, said
        assert "gets all of the traffic again" in json.loads(out)["error"]
    version, shares = now(repository)
    assert version == "1" and sorted(shares.values()) == [0, 100]
    client.seen.clear()
    with client.polling():
        answer = repository.drive("deploy", "--model-version", "2", *STEPS)
    assert answer.code == 0 and answer.record["switched"], answer.said
    assert "which was made for this before" in answer.said
    assert re.search(
        r"with 50 % of the traffic: v2-\S+ answered [1-9]\d* requests, 0 ", answer.said
    )
    assert {name[:3] for name in client.shares()} == {"v1-", "v2-"}
    assert client.ask()[1].startswith("v2-")
    version, shares = now(repository)
    assert version == "2" and sorted(shares.values()) == [0, 100]


def test_a_rollback_is_quick_and_nobody_notices(
    repository: AzureProject, client: Client, standin: StandIn
) -> None:
    mark = standin.journal.mark()
    with client.polling():
        back = repository.done("deploy", "--rollback")
    assert back["switched"] and back["model"]["version"] == "1"
    assert client.ask()[1].startswith("v1-")
    assert not standin.journal.find(method="PUT", path_regex="/deployments/", since=mark)
    due = repository.done("deploy", "--due")["due"]
    assert due["is"] is False and "was rolled back" in due["reason"]
    assert len(now(repository)[1]) == 2


def test_what_served_before_is_deleted_after_its_time(repository: AzureProject) -> None:
    record = repository.done("deploy", "--due", "--set", "azure.traffic.keep_hours=0")
    assert record["previous"] is None
    assert list(now(repository)[1].values()) == [100]


def test_two_at_once_are_kept_apart(repository: AzureProject, tmp_path: Path) -> None:
    script = """
    import sys
    from amlkit.azureml_v2 import datastores, holds
    from amlkit.azureml_v2.connection import Connection
    from amlkit.records import WorkError
    from amlkit.settings import load_settings
    from pathlib import Path
    settings = load_settings(Path(sys.argv[1]))
    container = datastores.container(Connection(settings, print, Path("nowhere")))
    said = []
    with holds.held(container, "one", said.append):
        with holds.held(container, "another", said.append):
            pass
        try:
            with holds.held(container, "one", said.append, 0):
                said.append("both")
        except WorkError as error:
            said.append(str(error))
    with holds.held(container, "one", said.append, 0):
        said.append("after")
    print(said)
    """
    done = subprocess.run(
        [repository.python, "-c", dedent(script), str(repository.path)],
        env=repository.environment(),
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "another deployment to one is under way; try again later" in done.stdout
    assert "'after'" in done.stdout and "both" not in done.stdout


def test_a_name_that_somebody_else_has_is_said(repository: AzureProject, standin: StandIn) -> None:
    make(standin, standin.account.workspace_path, "batchEndpoints", "taken-online")
    answer = repository.drive("deploy", "--set", "endpoint.name=taken-online")
    assert answer.code == 2
    assert (
        "somebody else has an endpoint named taken-online in westeurope" in answer.record["error"]
    )


@pytest.mark.sweep
def test_an_endpoint_of_keys_says_its_key_and_all_of_it_is_deleted(
    repository: AzureProject, standin: StandIn, client: Client
) -> None:
    named = ("--set", "endpoint.name=online-keys", "--set", "azure.online.auth=key")
    made = repository.done("deploy", *named)
    key = repository.done("deploy", "--show-key", *named)["key"]
    keyed = Client(standin, made["endpoint"]["uri"])
    assert [keyed.ask(one)[0] for one in (key, "no key")] == [200, 401]
    assert repository.done("deploy", "--delete", *named)["deleted"]
    assert not repository.done("deploy", "--delete", *named)["deleted"]
    assert repository.done("deploy", "--status", *named)["status"] == "NotDeployed"
