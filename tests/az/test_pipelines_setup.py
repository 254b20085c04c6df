"""`infra/bootstrap.py pipelines` by the real `az` against Azure DevOps as it was published."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from standin.world.devops import VariableGroup
from standin.world.devops_pipelines import Set
from tests.az.cloud import Cloud, Done, Machine
from tests.az.conftest import empty_cloud
from tests.az.disturbances import KINDS, lay
from tests.az.sweep import Sweep, any_struck, as_another_clone, bad_manners
from tests.az.world.caller import signs_in
from tests.conftest import Bake

WORDS = ("pipelines", "--organization", "contoso", "--project", "churn")
REPOSITORY = ("--repository", "churn")
APPROVER = ("--approver", "ada@contoso.example")


@pytest.fixture(scope="module")
def subscription(
    machine: Machine, bake: Bake, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Cloud]:
    """One cloud for the module: a test empties what Azure DevOps holds."""
    machine.forget()
    for cloud in empty_cloud(machine, bake, tmp_path_factory.mktemp("pipelines")):
        cloud.standin.azure.devops_pipelines.add_member("ada@contoso.example", "Ada")
        cloud.standin.azure.devops_pipelines.add_member("bob@contoso.example", "Bob")
        made = cloud.az("ad", "app", "create", "--display-name", "handed-out")
        cloud.az("ad", "sp", "create", "--id", str(made["appId"]))
        yield cloud


@pytest.fixture
def cloud(subscription: Cloud) -> Cloud:
    """A project with a repository on Azure Repos and both variable groups."""
    azure = subscription.standin.azure
    azure.devops_pipelines.projects.clear()
    azure.world.variable_groups.clear()
    for application in azure.world.applications.values():
        application.federated.clear()
    azure.devops_pipelines.add_repository("contoso", "churn", "churn")
    subscription.standin.clear_faults()
    return subscription


def group(cloud: Cloud, suffix: str) -> None:
    """A variable group, as `credentials` leaves it."""
    name = names(cloud) + suffix
    project = cloud.standin.world.projects["contoso"]["churn"]
    reference = {"name": name, "projectReference": {"id": project, "name": "churn"}}
    body: dict[str, Any] = {"name": name, "variableGroupProjectReferences": [reference]}
    number = len(cloud.standin.world.variable_groups) + 1
    made = VariableGroup(number, "contoso", body, {"TenantID": {"value": "x"}})
    cloud.standin.world.variable_groups[number] = made


def names(cloud: Cloud) -> str:
    """What all names begin with."""
    return cloud.project.name


def run(cloud: Cloud, *flags: str, **more: str) -> Done:
    """One run, unasked."""
    [application] = cloud.standin.world.applications.values()
    more.setdefault("SPN_ID", application.body["appId"])
    return cloud.bootstrap(*WORDS, *flags, "--yes", "--json", **more)


def held(cloud: Cloud) -> Set:
    """What the project holds."""
    return cloud.standin.azure.devops_pipelines.of("contoso", "churn")


def writes(cloud: Cloud, since: int = 0) -> int:
    """How many requests of the journal wrote."""
    entries = cloud.standin.journal.entries[since:]
    hosts = ("dev.azure.com", "graph.microsoft.com")
    return sum(e.method != "GET" and e.host.endswith(hosts) for e in entries)


def taken(cloud: Cloud, token: str) -> bool:
    """Whether `az login` takes a token of somebody else's for the application's."""
    [application] = cloud.standin.world.applications.values()
    return signs_in(cloud.standin, str(application.body["appId"]), token)


def checks(cloud: Cloud) -> Counter[str]:
    """How many checks of each type there are on each kind of resource."""
    found = held(cloud).checks.values()
    return Counter(f"{one['type']['name']} {one['resource']['type']}" for one in found)


def test_a_first_run_makes_all_and_a_second_nothing(cloud: Cloud) -> None:
    group(cloud, "")
    group(cloud, "-prod")
    first = run(cloud, *REPOSITORY, *APPROVER)
    assert first.code == 0, str(first)
    there = held(cloud)
    files = {one["process"]["yamlFilename"] for one in there.pipelines.values()}
    assert "azure-pipelines.yml" in files and len(files) == 6
    assert len(there.environments) == 2 and len(there.policies) == 1
    assert checks(cloud) == {
        "Approval environment": 1,
        "Task Check environment": 2,
        "ExclusiveLock environment": 2,
        "Task Check variablegroup": 2,
        "ExclusiveLock variablegroup": 1,
    }
    assert first.record["next"] == ["production: 'on' in pipelines/variables.yml"]
    since = len(cloud.standin.journal.entries)
    second = run(cloud, *REPOSITORY, *APPROVER)
    assert second.code == 0 and second.record["made"] == [], str(second)
    assert writes(cloud, since) == 0
    # Another approver joins the one that is there.
    third = run(cloud, *REPOSITORY, "--approver", "bob@contoso.example")
    assert third.code == 0 and len(third.record["made"]) == 1, str(third)
    [approval] = [o for o in there.checks.values() if o["type"]["name"] == "Approval"]
    assert len(approval["settings"]["approvers"]) == 2


def test_federation_needs_no_secret_and_reads_issuer_and_subject_back(cloud: Cloud) -> None:
    flags = (*REPOSITORY, *APPROVER, "--set", "azure.auth=workload-identity")
    done = run(cloud, *flags)
    assert done.code == 0, str(done)
    [connection] = held(cloud).endpoints.values()
    parameters = connection["authorization"]["parameters"]
    [application] = cloud.standin.world.applications.values()
    [credential] = application.federated
    assert credential["issuer"] == parameters["workloadIdentityFederationIssuer"]
    assert credential["subject"] == parameters["workloadIdentityFederationSubject"]
    assert credential["audiences"] == ["api://AzureADTokenExchange"]
    assert parameters["serviceprincipalid"] == application.body["appId"]
    # Entra takes the connection's tokens for the application's, and no other's.
    issuers = cloud.standin.azure.issuers
    assert taken(cloud, issuers.token(*issuers.connections[connection["id"]]))
    assert not taken(cloud, issuers.token(credential["issuer"], credential["subject"] + "x"))
    assert checks(cloud)["Task Check endpoint"] == 1
    groups = cloud.standin.world.variable_groups.values()
    assert len(groups) == 2 and not any("SpnPassword" in one.variables for one in groups)
    [last] = done.record["next"]
    assert last.startswith(f"serviceConnection: {names(cloud)} and production: 'on'")
    since = len(cloud.standin.journal.entries)
    assert run(cloud, *flags).code == 0 and writes(cloud, since) == 0


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (REPOSITORY, "nobody approves what goes to production"),
        ((*REPOSITORY, "--approver", "eve@contoso.example"), "approver eve@contoso.example is"),
        (("--repository", "nowhere", "--no-approval"), "repository nowhere is missing"),
        ((*REPOSITORY, *APPROVER), "credentials --to azure-devops"),
        ((*REPOSITORY, "--no-approval", "--project", "none"), "project none in contoso is missing"),
        (("--repository", "contoso/churn", *APPROVER), "service connection to GitHub is missing"),
        (APPROVER, "git's remote `origin` names no repository"),
    ],
    ids=["no approver", "unknown one", "no repository", "no group", "no project", "GitHub", "git"],
)
def test_what_is_in_the_way_is_told_before_anything_is_made(
    cloud: Cloud, flags: tuple[str, ...], words: str
) -> None:
    done = run(cloud, *flags)
    assert done.code == 2 and words in str(done), str(done)
    there = held(cloud)
    assert not (there.pipelines or there.environments or there.checks or there.policies)


def test_who_may_not_set_checks_is_told_in_a_line(cloud: Cloud) -> None:
    group(cloud, "")
    message = "Access denied: Ada needs Administer permissions to perform the action."
    cloud.standin.fault(
        ".*/checks/configurations",
        "POST",
        status=403,
        code="AccessDeniedException",
        message=message,
    )
    done = run(cloud, *REPOSITORY, "--staging-only")
    error = done.record["error"]
    assert done.code == 1 and "\n" not in error, str(done)
    assert "project administrator" in error and "--dry-run" in error


def test_a_plan_shows_each_request_and_changes_nothing(cloud: Cloud) -> None:
    group(cloud, "")
    since = len(cloud.standin.journal.entries)
    done = run(cloud, *REPOSITORY, "--staging-only", "--dry-run")
    assert done.code == 0 and done.record["status"] == "planned", str(done)
    assert writes(cloud, since) == 0
    wanted = [row for row in done.record["rows"] if row["state"] == "to create"]
    assert wanted and all(row["commands"] for row in wanted)


def test_pipelines_of_a_repository_on_github(cloud: Cloud) -> None:
    group(cloud, "")
    cloud.standin.azure.devops_checks.add_github("contoso", "churn", "github.com_ada")
    flags = ("--repository", "contoso/churn", "--staging-only")
    done = run(cloud, *flags)
    assert done.code == 0, str(done)
    kinds = {one["repository"]["type"] for one in held(cloud).pipelines.values()}
    assert kinds == {"GitHub"} and not held(cloud).policies
    since = len(cloud.standin.journal.entries)
    assert run(cloud, *flags).code == 0 and writes(cloud, since) == 0


# In `make test` the kinds take turns at each fifth request; in `make sweep` each strikes each.
ROWS = [(6, 5), *(pytest.param(n, 1, marks=pytest.mark.sweep) for n in range(len(KINDS)))]


@pytest.mark.parametrize(("first", "every"), ROWS)
def test_a_fault_at_every_request_of_a_set_up_is_survived(
    cloud: Cloud, first: int, every: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each run goes on where the one before was cut, from another clone every other time."""
    group(cloud, "")
    [application] = cloud.standin.world.applications.values()
    flags: tuple[str, ...] = (*REPOSITORY, "--staging-only", "--yes", "--json")
    flags += ("--set", "azure.auth=workload-identity")
    flags += ("--set", f"azure.client_id={application.body['appId']}")
    sweep = Sweep(cloud.machine, cloud.project, cloud.project, steps=((*WORDS, *flags),))
    faults = lay(cloud.standin, first, every)
    ended: list[Done] = []
    tried = 0
    while True:
        waiting = faults[tried:]
        killers = [fault for fault in waiting if fault.kind == "kill"]
        ended += sweep.run(cloud, partial(any_struck, killers))
        if len(ended) % 2:
            as_another_clone(cloud)
        assert not bad_manners(ended), bad_manners(ended)
        struck = [fault for fault in waiting if fault.hits]
        tried += len(struck)
        if not struck and ended[-1].code == 0:
            break
        assert struck, f"no fault, and no success: {ended[-1]}"
    cloud.standin.clear_faults()
    with capsys.disabled():
        print(f"\npipelines: faults tried {tried}, survived {tried}")
    assert tried > 15 // every
    last = run(cloud, *flags[:3], *flags[5:7])
    assert last.code == 0 and last.record["made"] == [], str(last)
    assert len(held(cloud).pipelines) == 6 and len(held(cloud).environments) == 1
    assert len(held(cloud).endpoints) == 1 and len(held(cloud).policies) == 1
    assert checks(cloud) == {
        "Task Check environment": 1,
        "ExclusiveLock environment": 1,
        "Task Check variablegroup": 1,
        "Task Check endpoint": 1,
    }
    assert len(application.federated) == 1
