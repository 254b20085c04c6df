"""A secret's way to the pipelines with the real `az`: renewed with no gap, and seen by nobody."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.az.cloud import Cloud, Done, Machine
from tests.az.conftest import empty_cloud
from tests.az.disturbances import DENIED
from tests.az.leaks import leaks
from tests.conftest import Bake

TO = ("credentials", "--to", "azure-devops", "--organization", "contoso", "--project", "churn")
# A request whose answer is lost, one that is refused, one that may have been done or not.
# `python -m tests.az.faults` knows more kinds, for a first secret.
STRIKES: dict[str, dict[str, Any]] = {
    "drop after": {"drop": "after"},
    "403": {"status": 403, "code": "AuthorizationFailed", "message": DENIED},
    "503": {"status": 503, "code": "ServiceUnavailable", "message": "not now"},
}


class Remembered(dict[str, str]):
    """The secrets of an application, and all that it ever had."""

    def __init__(self) -> None:
        super().__init__()
        self.ever: set[str] = set()

    def __setitem__(self, key: str, value: str) -> None:
        super().__setitem__(key, value)
        self.ever.add(value)


@dataclass
class Pipelines:
    """A service principal that was handed out, and the variable group that gets its secret."""

    cloud: Cloud
    client_id: str
    secrets: Remembered
    runs: list[Done] = field(default_factory=list)

    def renew(self, *flags: str) -> Done:
        """One run of the command."""
        self.runs.append(self.cloud.bootstrap(*TO, *flags, SPN_ID=self.client_id))
        return self.runs[-1]

    def renewed(self, *flags: str) -> dict[str, Any]:
        """One run that succeeds; what it reported."""
        done = self.renew("--json", *flags)
        assert done.code == 0, str(done)
        return done.record

    @property
    def variables(self) -> dict[str, dict[str, Any]]:
        """What is in the one group; {} where there is none."""
        groups = self.cloud.standin.world.variable_groups
        assert len(groups) <= 1
        return next(iter(groups.values())).variables if groups else {}

    @property
    def stored(self) -> str:
        """The secret that pipelines read."""
        return str(self.variables.get("SpnPassword", {}).get("value", ""))

    def leaks(self) -> list[str]:
        """Where a secret stands that was made at any time, beside the variable group."""
        machine = self.cloud.machine
        said = [text for done in self.runs for text in (done.out, done.err)]
        said += [" ".join(call) for call in machine.program.calls()]
        folders = [self.cloud.project, machine.home, machine.scratch, machine.folder / "bin"]
        wanted = {f"secret {n}": secret for n, secret in enumerate(sorted(self.secrets.ever))}
        return leaks(wanted, folders, *said)


@pytest.fixture(scope="module")
def subscription(
    machine: Machine, bake: Bake, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Cloud]:
    """One cloud for the module: nothing is made in it but applications."""
    machine.forget()
    yield from empty_cloud(machine, bake, tmp_path_factory.mktemp("credentials"))


@pytest.fixture
def pipelines(subscription: Cloud) -> Pipelines:
    """A principal of its own for each test, with a secret that its owner keeps elsewhere."""
    subscription.standin.world.variable_groups.clear()
    name = f"handed-out-{uuid.uuid4()}"  # az takes the application that has the name already
    made = subscription.az("ad", "app", "create", "--display-name", name)
    client_id = str(made["appId"])
    secrets = Remembered()
    subscription.standin.account.credentials[client_id] = secrets
    subscription.az("ad", "sp", "create", "--id", client_id)
    subscription.az("ad", "app", "credential", "reset", "--id", str(made["id"]), "--append")
    return Pipelines(subscription, client_id, secrets)


def test_a_renewal_leaves_what_others_keep(pipelines: Pipelines) -> None:
    """Their secret of the application, their variables, and the projects that share the group."""
    world = pipelines.cloud.standin.world
    theirs = set(pipelines.secrets.values())
    pipelines.renewed()
    assert set(pipelines.secrets.values()) == {*theirs, pipelines.stored}
    first = pipelines.stored
    [group] = world.variable_groups.values()
    pipelines.variables["Region"] = {"value": "north"}
    pipelines.variables["Token"] = {"value": "theirs as well", "isSecret": True}
    other = {"id": world.add_project("contoso", "sales"), "name": "sales"}
    group.body["variableGroupProjectReferences"].append(
        {"name": group.body["name"], "description": None, "projectReference": other}
    )
    record = pipelines.renewed("--authorize")
    assert set(pipelines.secrets.values()) == {*theirs, pipelines.stored}
    assert pipelines.stored != first
    assert len(record["removed"]) == 1
    assert pipelines.variables["Region"] == {"value": "north"}
    assert pipelines.variables["Token"] == {"value": "theirs as well", "isSecret": True}
    [group] = world.variable_groups.values()
    assert group.authorized
    assert other["id"] in group.projects
    assert pipelines.leaks() == []


def test_status_knows_our_secrets_and_destroy_takes_them_back(pipelines: Pipelines) -> None:
    """The principal was handed out: it stays, with the secret that its owner keeps elsewhere."""
    theirs = dict(pipelines.secrets)
    expires = pipelines.renewed()["expires"]
    done = pipelines.cloud.bootstrap("status", SPN_ID=pipelines.client_id)
    place = "azure-devops contoso/churn/penguins-model"
    assert f"secret until {expires} in {place}\n" in done.out, str(done)
    done = pipelines.cloud.bootstrap("destroy", "--yes", SPN_ID=pipelines.client_id)
    assert done.code == 0, str(done)
    assert "secrets of the service principal that were made here" in done.out
    assert pipelines.secrets == theirs


def test_the_secret_signs_in(pipelines: Pipelines, tmp_path: Path) -> None:
    """The real az logs in with what the variable group holds, apart from the user's own login."""
    pipelines.renewed()
    values = {name: str(each["value"]) for name, each in pipelines.variables.items()}
    words = ["login", "--service-principal", "--allow-no-subscriptions", "--password=@-"]
    words += ["-u", values["SpnID"], "--tenant", values["TenantID"]]
    with Machine(tmp_path / "agent", forked=False) as agent:
        there = Cloud(agent, pipelines.cloud.standin, pipelines.cloud.project)
        there.az(*words, given=values["SpnPassword"])
        assert there.az("account", "show")["user"]["name"] == pipelines.client_id


def test_whom_azure_devops_does_not_know_gets_no_secret(pipelines: Pipelines) -> None:
    world = pipelines.cloud.standin.world
    before = dict(pipelines.secrets)
    administrator = pipelines.cloud.standin.account.administrator.object_id
    world.strangers.add(administrator)
    done = pipelines.renew("--json")
    world.strangers.discard(administrator)
    assert done.code == 1
    assert "TF400813" in done.record["error"]
    assert pipelines.secrets == before


def test_whoever_does_not_own_the_application_is_told_so(pipelines: Pipelines) -> None:
    world = pipelines.cloud.standin.world
    world.may_register_applications = False
    done = pipelines.renew("--json")
    world.may_register_applications = True
    assert done.code == 1
    assert "az ad app owner add" in done.record["error"]
    assert pipelines.variables == {}


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--organization", "nowhere"), "knows no project 'churn' in nowhere"),
        (("--project", "no such"), "knows no project 'no such' in contoso"),
    ],
)
def test_a_wrong_address_is_one_line(
    flags: tuple[str, ...], words: str, pipelines: Pipelines
) -> None:
    before = dict(pipelines.secrets)
    done = pipelines.renew("--json", *flags)
    assert done.code == 1
    assert words in done.record["error"]
    assert pipelines.secrets == before


# In `make test` the kinds take turns at the requests; in `make sweep` each strikes every request.
@pytest.mark.parametrize("all_kinds", [False, pytest.param(True, marks=pytest.mark.sweep)])
def test_a_fault_at_every_request_of_a_renewal(
    all_kinds: bool,
    pipelines: Pipelines,
    record_property: Callable[[str, object], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What pipelines read is valid all along; the next run leaves one secret of ours."""
    standin = pipelines.cloud.standin
    theirs = set(pipelines.secrets.values())
    pipelines.renewed()
    mark = standin.journal.mark()
    pipelines.renewed()
    hosts = "graph.microsoft.com|dev.azure.com"
    requests = [e for e in standin.journal.since(mark) if e.host in hosts.split("|")]
    assert len(requests) > 6
    tried = 0
    for number, request in enumerate(requests):
        turn = list(STRIKES)[number % len(STRIKES)]
        for name in STRIKES if all_kinds else [turn]:
            fault = standin.fault(host=hosts, after=number, **STRIKES[name])
            done = pipelines.renew()
            what = f"{name} at {request.method} {request.path}: {done}"
            assert fault.hits == 1, what
            assert "Traceback" not in done.err, what
            assert pipelines.stored in pipelines.secrets.values(), what
            standin.clear_faults()
            if done.code:
                pipelines.renewed()
            assert set(pipelines.secrets.values()) == {*theirs, pipelines.stored}, what
            tried += 1
    record_property("tried", tried)
    with capsys.disabled():
        print(f"\nfaults during a renewal: {tried} tried, {tried} survived")
    assert pipelines.leaks() == []
