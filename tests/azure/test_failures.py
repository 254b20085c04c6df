"""What goes wrong on the way to Azure ML: one line, an exit code, and nothing lost."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from standin import StandIn
from tests.azure.conftest import AzureProject

VARIABLES = (
    "TENANT_ID",
    "SPN_ID",
    "SPN_PASSWORD",
    "SUBSCRIPTION_ID",
    "RESOURCE_GROUP",
    "AML_WORKSPACE_NAME",
)
# An id of nothing; fixed, since the tests' names must be the same in every worker.
UNKNOWN = "5f1ab9f0-7d0c-4c1e-9a52-0d6c1de8f0aa"


@pytest.fixture(autouse=True, scope="module")
def the_same_command_works_afterwards(project: AzureProject) -> Iterator[None]:
    """After all that went wrong nothing is left that hinders."""
    yield
    answer = project.drive("environment", "--dry-run")
    assert answer.code == 0, answer.said


def one_line(project: AzureProject, code: int, *arguments: str, **variables: str) -> str:
    """The one line that a driver ends with."""
    answer = project.drive("environment", "--dry-run", *arguments, **variables)
    lines = [line for line in answer.said.splitlines() if line.startswith("error: ")]
    assert answer.code == code, answer.said
    assert len(lines) == 1, answer.said
    assert "Traceback" not in answer.said
    assert answer.record["error"] == lines[0].removeprefix("error: ")
    return lines[0]


def test_what_is_missing_is_named_at_once(project: AzureProject) -> None:
    # The template has names of its own for some of them; emptied, they are missing too.
    empty = dict.fromkeys(VARIABLES, "")
    settings = ["azure.resource_group=''", "azure.workspace_name=''"]
    flags = [word for setting in settings for word in ("--set", setting)]
    line = one_line(project, 2, *flags, **empty)
    assert all(variable in line for variable in VARIABLES)


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("SPN_PASSWORD", "wrong", ("SPN_PASSWORD", "secret")),
        ("TENANT_ID", UNKNOWN, ("TENANT_ID",)),
        ("SPN_ID", UNKNOWN, ("SPN_ID", "tenant")),
        ("SUBSCRIPTION_ID", UNKNOWN, ("SUBSCRIPTION_ID",)),
        ("RESOURCE_GROUP", "elsewhere", ("RESOURCE_GROUP", "elsewhere", "$RESOURCE_GROUP")),
        ("AML_WORKSPACE_NAME", "elsewhere", ("AML_WORKSPACE_NAME", "elsewhere")),
    ],
)
def test_a_wrong_setting_is_named(
    variable: str, value: str, words: tuple[str, ...], project: AzureProject
) -> None:
    line = one_line(project, 2, **{variable: value})
    assert all(word in line for word in words), line
    assert "wrong" not in line or variable != "SPN_PASSWORD"


@pytest.mark.parametrize(
    ("roles", "code", "words"),
    [
        ([], 2, ("SUBSCRIPTION_ID", "no role in it yet")),
        (["Storage Blob Data Contributor"], 1, ("AzureML Data Scientist", "workspaces/read")),
    ],
)
def test_a_missing_role_is_named(
    roles: list[str], code: int, words: tuple[str, ...], project: AzureProject, standin: StandIn
) -> None:
    held = set(standin.account.roles)
    standin.account.set_roles(roles)
    try:
        line = one_line(project, code)
    finally:
        standin.account.set_roles(held)
    assert all(word in line for word in words), line


def test_a_reader_may_look_and_not_register(project: AzureProject, standin: StandIn) -> None:
    roles = set(standin.account.roles)
    standin.account.set_roles(["Reader"])
    try:
        answer = project.drive("environment")
    finally:
        standin.account.set_roles(roles)
    assert answer.code == 1
    assert "AzureML Data Scientist" in answer.record["error"], answer.said


def test_a_certificate_that_is_not_trusted(project: AzureProject) -> None:
    import certifi

    line = one_line(project, 1, REQUESTS_CA_BUNDLE=certifi.where(), SSL_CERT_FILE=certifi.where())
    assert "REQUESTS_CA_BUNDLE" in line


def test_a_proxy_that_cannot_be_reached(project: AzureProject) -> None:
    nowhere = "http://127.0.0.1:9"
    line = one_line(project, 1, HTTPS_PROXY=nowhere, https_proxy=nowhere)
    assert nowhere in line
    assert "HTTPS_PROXY" in line


def test_a_private_workspace_without_its_dns(project: AzureProject) -> None:
    # Without the proxy the names must be resolved here, which this machine cannot or may not do.
    nothing = dict.fromkeys(("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"), "")
    line = one_line(project, 1, **nothing)
    assert "login.microsoftonline.com" in line


def test_a_workspace_closed_to_public_networks(project: AzureProject, standin: StandIn) -> None:
    standin.account.public_network_access = False
    try:
        line = one_line(project, 1)
    finally:
        standin.account.public_network_access = True
    assert "own network" in line


def test_verbose_shows_what_the_sdk_said(project: AzureProject) -> None:
    answer = project.drive("environment", "--dry-run", "--verbose", SPN_PASSWORD="wrong")
    assert answer.code == 2
    assert "AADSTS7000215" in answer.said


def test_a_cluster_that_is_not_there(project: AzureProject) -> None:
    project.done("data")
    answer = project.drive("model", "--set", "azure.compute.name=nowhere")
    assert answer.code == 2
    assert "nowhere" in answer.record["error"]
    assert "azure.compute.create" in answer.record["error"]
