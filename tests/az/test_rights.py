"""Whoever has which rights, handed whichever part: complete, or told before anything is made.

What is told names a line of config.yml or the request for an administrator; following it ends
complete. Printed: cases, complete, told beforehand, anything else.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from standin.account import ROLES, Assignment, Principal
from standin.world.directory_objects import application_body
from standin.world.providers import TYPES
from standin.world.roles import DEFINITIONS, Role
from tests.az.cloud import Cloud
from tests.az.settings import with_settings

GROUP, SUBSCRIPTION = "group", "subscription"
ROLES_BY_HAND = {"bootstrap": {"roles": "skip"}}
NO_PRINCIPAL = {"bootstrap": {"roles": "skip", "service_principal": "skip"}}
IN_A_GROUP = {"bootstrap": {"resource_group": "existing", "roles": "skip"}}
OF_OTHERS = {
    "bootstrap": dict.fromkeys(("resource_group", "workspace", "compute"), "existing")
    | dict.fromkeys(
        ("storage_account", "container", "key_vault", "app_insights", "providers"), "skip"
    )
    | {"service_principal": "skip", "roles": "skip"}
}
MADE = ("storage_account", "container", "key_vault", "app_insights", "workspace", "compute")
# Roles that a company has defined by itself.
MAKER, NO_TEMPLATES, PLATFORM, USER = (
    "maker of the zoo",
    "maker of the zoo, no templates",
    "platform of the zoo",
    "data scientist of the zoo",
)
_MAKES = (
    "Microsoft.Resources/subscriptions/resourceGroups/read",
    "Microsoft.Resources/subscriptions/resourceGroups/resources/read",
    "Microsoft.Storage/storageAccounts/*",
    "Microsoft.KeyVault/vaults/*",
    "Microsoft.OperationalInsights/workspaces/*",
    "Microsoft.Insights/components/*",
    "Microsoft.MachineLearningServices/workspaces/*",
)
_TEMPLATES = "Microsoft.Resources/deployments/*"
CUSTOM = {
    MAKER: (*_MAKES, _TEMPLATES),
    NO_TEMPLATES: _MAKES,
    PLATFORM: (
        *(*_MAKES, _TEMPLATES, "Microsoft.Resources/subscriptions/resourceGroups/write"),
        *("*/register/action", "Microsoft.Resources/subscriptions/providers/read"),
    ),
    USER: (
        *("Microsoft.Resources/subscriptions/resourceGroups/read", "*/computes/read"),
        "Microsoft.MachineLearningServices/workspaces/read",
    ),
}
OUTCOMES = {"complete": 0, "told beforehand": 0, "anything else": 0}


@dataclass(frozen=True)
class Case:
    """Somebody's roles by scope, and what they were given.

    `says`: words of what is told beforehand; `then`: the settings that it advises, "request" for
    the request for an administrator, "register" for providers that an administrator registers.
    """

    name: str
    roles: dict[str, tuple[str, ...]]
    settings: dict[str, Any] = field(default_factory=dict)
    group: bool = False
    registered: bool = True
    registers_applications: bool = True
    says: str = ""
    then: Any = None


CASES = [
    Case("owner of the subscription", {SUBSCRIPTION: ("Owner",)}, registered=False),
    Case(
        "contributor of the subscription",
        {SUBSCRIPTION: ("Contributor",)},
        says="azure.bootstrap.roles",
        then=ROLES_BY_HAND,
    ),
    Case(
        "contributor of the subscription who gives roles",
        {SUBSCRIPTION: ("Contributor", "User Access Administrator")},
        registers_applications=False,
        says="azure.bootstrap.service_principal",
        then=NO_PRINCIPAL,
    ),
    Case(
        "owner of a group alone",
        {GROUP: ("Owner",)},
        {"bootstrap": {"resource_group": "existing"}},
        group=True,
    ),
    Case(
        "owner of a group that is left alone",
        {GROUP: ("Owner",)},
        {"bootstrap": {"resource_group": "skip"}},
        group=True,
    ),
    Case("contributor of a group alone", {GROUP: ("Contributor",)}, IN_A_GROUP, group=True),
    Case(
        "contributor of a group, reader above, providers missing",
        {SUBSCRIPTION: ("Reader",), GROUP: ("Contributor",)},
        IN_A_GROUP,
        group=True,
        registered=False,
        says="azure.bootstrap.providers",
        then="register",
    ),
    Case(
        "data scientist in a workspace of others",
        {GROUP: ("Reader", "AzureML Data Scientist")},
        OF_OTHERS,
        group=True,
        says="workspace",
        then="administrator",
    ),
    Case("custom role on a group", {GROUP: (MAKER,)}, IN_A_GROUP, group=True),
    Case(
        "custom role on a group without templates",
        {GROUP: (NO_TEMPLATES,)},
        IN_A_GROUP,
        group=True,
        says="workspace",
        then="request",
    ),
    Case(
        "custom role on the subscription",
        {SUBSCRIPTION: (PLATFORM,)},
        ROLES_BY_HAND,
        registered=False,
    ),
    Case(
        "custom role in a workspace of others",
        {GROUP: (USER,)},
        OF_OTHERS,
        group=True,
        says="workspace",
        then="administrator",
    ),
    Case("reader", {SUBSCRIPTION: ("Reader",)}, says="--for-admin", then="request"),
]


def login_somebody(cloud: Cloud) -> None:
    """az is whoever the case is about."""
    cloud.login("6" * 8 + "-0000-4000-8000-" + "6" * 12, "a-secret-of-somebody")


def somebody(cloud: Cloud, case: Case) -> None:
    """A principal of a test's own with the roles of the case; az is logged in as it."""
    account, world = cloud.standin.account, cloud.standin.world
    who = Principal(
        "5" * 8 + "-0000-4000-8000-" + "5" * 12, "6" * 8 + "-0000-4000-8000-" + "6" * 12
    )
    account.principals[who.object_id] = who
    account.credentials[who.client_id] = {"": "a-secret-of-somebody"}
    body = {"displayName": "somebody", "appId": who.client_id}
    cloud.standin.azure.service_principals.add(application_body(body), who.object_id, 0.0)
    root = f"/subscriptions/{account.subscription_id}"
    scopes = {SUBSCRIPTION: root, GROUP: account.group_path_of(cloud.configured("resource_group"))}
    for place, roles in case.roles.items():
        for role in roles:
            path = f"{scopes[place]}/providers/Microsoft.Authorization/roleAssignments/{role}"
            account.assignments[path.lower()] = Assignment(path, scopes[place], who.object_id, role)
    if not case.registers_applications:
        world.may_not_register.add(who.object_id)
    login_somebody(cloud)


@pytest.fixture(scope="module", autouse=True)
def figures(request: pytest.FixtureRequest) -> Iterator[None]:
    """Printed at the end, whatever pytest does with output."""
    yield
    with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        print(f"\nrights: {len(CASES)} cases, {OUTCOMES}")


# One of each way that a case may end, but for the owner's: test_lifecycle.py.
SAMPLE = (
    "contributor of a group alone",
    "contributor of a group, reader above, providers missing",
    "reader",
)


@pytest.mark.parametrize(
    "case",
    [pytest.param(case, marks=[] if case.name in SAMPLE else pytest.mark.sweep) for case in CASES],
    ids=lambda case: case.name,
)
def test_each_ends_complete_or_is_told_beforehand(
    case: Case, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    OUTCOMES["anything else"] += 1
    for number, (role, actions) in enumerate(CUSTOM.items()):
        defined = Role(f"{number}" * 8 + "-0000-4000-8000-" + "c" * 12, role, actions)
        monkeypatch.setitem(DEFINITIONS, role, defined)
        monkeypatch.setitem(ROLES, role, ROLES["Reader" if role is USER else "Contributor"])
    world = cloud.standin.world
    if case.registered:
        world.providers |= {name.lower(): "Registered" for name in TYPES}
    if case.group:
        cloud.az("group", "create", "-n", cloud.configured("resource_group"), "-l", "westeurope")
    with_settings(cloud, case.settings)
    somebody(cloud, case)
    before = cloud.inventory()
    done = cloud.bootstrap("apply", "--yes", "--json")
    if case.says:
        assert done.code in (1, 2), str(done)
        assert "nothing was made" in done.record["error"], str(done)
        assert case.says in " ".join([done.record["error"], *done.record.get("problems", [])])
        assert cloud.inventory() == before
        follow(cloud, case)
        done = cloud.bootstrap("apply", "--yes", "--json")
    assert done.code == 0, str(done)
    assert cloud.inventory()["Microsoft.MachineLearningServices/workspaces"] == 1
    OUTCOMES["anything else"] -= 1
    OUTCOMES["told beforehand" if case.says else "complete"] += 1


def follow(cloud: Cloud, case: Case) -> None:
    """Do as one was told."""
    account, world = cloud.standin.account, cloud.standin.world
    if case.then == "register":
        world.providers |= {name.lower(): "Registered" for name in TYPES}
    elif case.then == "administrator":  # who makes the workspace by a repository of their own
        mine = (cloud.project / "config.yml").read_text(encoding="utf-8")
        with_settings(cloud, {"bootstrap": dict.fromkeys(MADE, "create")})
        cloud.login(account.administrator.client_id, account.administrator_secret)
        cloud.apply()
        (cloud.project / "config.yml").write_text(mine, encoding="utf-8")
        shutil.rmtree(cloud.project / ".azure-bootstrap")
        login_somebody(cloud)
    elif case.then != "request":
        with_settings(cloud, case.then)
    else:
        request = cloud.bootstrap("plan", "--for-admin", "--json").record["request"]
        world.replication = 0
        cloud.login(account.administrator.client_id, account.administrator_secret)
        cloud.follow(request)
        login_somebody(cloud)
        to = ("--to", "azure-devops", "--organization", "contoso", "--project", "churn")
        done = cloud.bootstrap("credentials", *to, "--json")
        assert done.code == 0, str(done)
