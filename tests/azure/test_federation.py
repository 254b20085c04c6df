"""No secret: the real azure-identity, doubles of the issuers, and Entra's part that compares."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from standin import StandIn
from standin.issuers import GITHUB, Issuers
from tests.azure.conftest import AzureProject

SUBJECT = "repo:contoso/churn:environment:churn-staging"
NOBODY = {"TENANT_ID": "", "SPN_ID": "", "SPN_PASSWORD": ""}
SIGN_IN = """
import json
from pathlib import Path
from amlkit.azure.errors import explain
from amlkit.azure.identity import caller, credential
from amlkit.settings import load_settings
overrides = [("azure.auth", "workload-identity", "--set azure.auth")]
settings = load_settings(Path("."), overrides=overrides)
try:
    credential(settings.azure).get_token("https://management.azure.com/.default")
    said = [0, caller(settings.azure)]
except Exception as error:
    said = [type(explain(error, settings)).__name__, str(explain(error, settings))]
print(json.dumps(said))
"""


@pytest.fixture
def issuers(standin: StandIn) -> Iterator[Issuers]:
    """The doubles that sign; what a test changes of them and of the application ends with it."""
    yield standin.azure.issuers
    standin.azure.issuers.seconds = None
    standin.account.token_seconds = 3599
    for one in standin.world.applications.values():
        one.federated.clear()


def run(project: AzureProject, script: str, *arguments: str, **variables: str) -> Any:
    """The JSON that a script prints, run as a driver is."""
    done = subprocess.run(
        [project.python, "-c", dedent(script), *arguments],
        cwd=project.path,
        env=project.environment(**variables),
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def trusted_step(standin: StandIn, **made: str) -> dict[str, str]:
    """The variables of an AzureCLI@2 step whose connection the application trusts."""
    client, issuers = standin.account.client_id, standin.azure.issuers
    step = issuers.pipelines_step(client, **made)
    connection = issuers.connections[step["AZURESUBSCRIPTION_SERVICE_CONNECTION_ID"]]
    standin.azure.federated.add(client, *connection)
    return step


def forged(issuers: Issuers) -> str:
    """A token whose claims were changed after it was signed."""
    head, _, signature = issuers.token(GITHUB, "repo:stranger/x:ref:main").split(".")
    return ".".join([head, issuers.token(GITHUB, SUBJECT).split(".")[1], signature])


def outdated(issuers: Issuers) -> str:
    """A token whose key its issuer shows no longer."""
    token = issuers.token(GITHUB, SUBJECT)
    issuers.renew_key(GITHUB)
    return token


# What the application trusts (issuer, subject, audience), and the kind and words of the line.
Trust = tuple[str, str] | tuple[str, str, str]
REPORTED: dict[str, tuple[Trust | None, str, str]] = {
    "Azure/login#379, another environment": (
        (GITHUB, "repo:contoso/churn:environment:churn-prod"), "SettingsError", f"'{SUBJECT}'"
    ),
    "Azure/login#515, capital letters": (
        (GITHUB, SUBJECT.title()), "SettingsError", "other capital letters"
    ),
    "Azure/azure-workload-identity#340, a slash": (
        (GITHUB + "/", SUBJECT), "SettingsError", f"the issuer '{GITHUB}'"
    ),
    "another cloud's audience": (
        (GITHUB, SUBJECT, "api://AzureADTokenExchangeChina"), "SettingsError", "for the audience"
    ),
    "no credential": (None, "SettingsError", "no federated credential at all"),
}  # fmt: skip


@pytest.mark.parametrize("case", REPORTED)
def test_whom_the_application_does_not_trust(
    case: str, project: AzureProject, standin: StandIn, issuers: Issuers
) -> None:
    trust, kind, words = REPORTED[case]
    if trust is not None:
        standin.azure.federated.add(standin.account.client_id, *trust)
    said = run(project, SIGN_IN, SPN_PASSWORD="", **issuers.github_step(SUBJECT))
    assert said[0] == kind and words in said[1], said


@pytest.mark.parametrize(
    ("token", "words"),
    [
        (lambda issuers: issuers.token(GITHUB, SUBJECT, seconds=-1), "has ended"),
        (outdated, "with a key that its issuer does not show"),
        (forged, "with a key that its issuer does not show"),
        (lambda issuers: "an access key of another kind", "is no token"),
        (lambda issuers: "", "is empty"),
    ],
    ids=["azure-cli#28708", "azure-workload-identity#1232", "forged", "ebpf#2867", "empty"],
)
def test_a_token_that_is_none(
    token: Callable[[Issuers], str],
    words: str,
    project: AzureProject,
    standin: StandIn,
    issuers: Issuers,
    tmp_path: Path,
) -> None:
    standin.azure.federated.add(standin.account.client_id, GITHUB, SUBJECT)
    (tmp_path / "token").write_text(token(issuers), encoding="utf-8")
    said = run(project, SIGN_IN, AZURE_FEDERATED_TOKEN_FILE=str(tmp_path / "token"))
    assert said[0] == "SettingsError" and words in said[1], said


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"SYSTEM_ACCESSTOKEN": "of another job"}, "gives no token for the service connection"),
        ({"AZURESUBSCRIPTION_SERVICE_CONNECTION_ID": "0"}, "service connection 0"),
        ({"SYSTEM_ACCESSTOKEN": ""}, "SYSTEM_ACCESSTOKEN not set"),
        ({"AZURESUBSCRIPTION_CLIENT_ID": "7"}, "SPN_ID '7' ($AZURESUBSCRIPTION_CLIENT_ID)"),
    ],
    ids=["azure-sdk-for-cpp#5786", "vsts-rest-api-specs#709", "not mapped", "another client"],
)
def test_a_step_that_is_not_set_up(
    wrong: dict[str, str],
    words: str,
    project: AzureProject,
    standin: StandIn,
    issuers: Issuers,
) -> None:
    said = run(project, SIGN_IN, **NOBODY, **(trusted_step(standin) | wrong))
    assert said[0] == "SettingsError" and words in said[1], said


def test_an_issuer_that_is_away(project: AzureProject, standin: StandIn, issuers: Issuers) -> None:
    """Azure/azure-cli#28863; the connection is of the older kind, whose issuer is Azure DevOps."""
    step = trusted_step(standin, issuer="https://vstoken.dev.azure.com/1", subject="sc://o/p/c")
    standin.fault(host="vstoken", path="openid-configuration")
    away, again = (run(project, SIGN_IN, **NOBODY, **step) for _ in range(2))
    assert away == ["WorkError", away[1]] and "cannot reach the issuer" in away[1]
    assert again[0] == 0 and "service connection of Azure Pipelines" in again[1]


VERIFY = """
import json, sys
import jwt
found = []
for url, token in json.loads(sys.argv[1]):
    key = jwt.PyJWKClient(url).get_signing_key_from_jwt(token)
    claims = jwt.decode(token, key.key, ["RS256"], audience="api://AzureADTokenExchange")
    found.append(claims["sub"])
print(json.dumps(found))
"""


def test_the_doubles_sign_as_anybody_verifies(project: AzureProject, issuers: Issuers) -> None:
    """By PyJWT, which knows nothing of them, with the keys that they show."""
    places = {
        GITHUB: f"{GITHUB}/.well-known/jwks",
        "https://vstoken.dev.azure.com/1": "https://vstoken.dev.azure.com/1/.well-known/jwks",
        issuers.entra: issuers.entra.replace("/v2.0", "/discovery/v2.0/keys"),
    }
    signed = [(url, issuers.token(issuer, SUBJECT)) for issuer, url in places.items()]
    assert run(project, VERIFY, json.dumps(signed)) == [SUBJECT] * 3


RENEW = """
import json, os, sys, time
from pathlib import Path
from amlkit.azure import identity
from amlkit.azure.federation import federated
from amlkit.settings import load_settings
identity.RENEWED_BEFORE = 0
overrides = [("azure.auth", "workload-identity", "--set azure.auth")]
azure = load_settings(Path("."), overrides=overrides).azure
file = os.environ.pop("AZURE_FEDERATED_TOKEN_FILE")
github = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("ACTIONS_")}
sources = [{"AZURE_FEDERATED_TOKEN_FILE": file}, dict(os.environ), github]
ask = [identity.kept_tokens(federated(azure, environ)) for environ in sources]
first = [one("https://management.azure.com/") for one in ask]
kept = [one("https://management.azure.com/") for one in ask]
ends = time.time() + 2.1
os.replace(file + ".next", file)
time.sleep(max(0, ends - time.time()))
then = [one("https://management.azure.com/") for one in ask]
print(json.dumps([first, kept, then]))
"""


def test_a_token_that_ends_is_asked_for_anew(
    project: AzureProject, standin: StandIn, issuers: Issuers, tmp_path: Path
) -> None:
    """From each source: the platform's token had ended, too, when the second one was needed."""
    standin.azure.federated.add(standin.account.client_id, GITHUB, SUBJECT)
    step = trusted_step(standin) | issuers.github_step(SUBJECT)
    issuers.seconds, standin.account.token_seconds = 2, 2
    file = tmp_path / "token"
    file.write_text(issuers.token(GITHUB, SUBJECT), encoding="utf-8")
    issuers.seconds = 600
    (tmp_path / "token.next").write_text(issuers.token(GITHUB, SUBJECT), encoding="utf-8")
    issuers.seconds = 2
    mark = standin.journal.mark()
    found = run(project, RENEW, AZURE_FEDERATED_TOKEN_FILE=str(file), **NOBODY, **step)
    first, kept, then = found
    assert first == kept and not set(first) & set(then)
    asked = [entry.host for entry in standin.journal.since(mark)]
    assert asked.count("dev.azure.com") == 2
    assert sum("githubusercontent" in host for host in asked) == 2


def test_drivers_sign_in_without_a_secret(
    project: AzureProject, standin: StandIn, issuers: Issuers, tmp_path: Path
) -> None:
    """As a step types it: tenant and client come from the connection, and no secret is there."""
    flags = ("--dry-run", "--set", "azure.auth=workload-identity")
    standin.azure.federated.add(standin.account.client_id, GITHUB, SUBJECT)
    mapped = {**NOBODY, "SPN_PASSWORD": "$(SpnPassword)"}
    staging = {"BUILD_ARTIFACTSTAGINGDIRECTORY": str(tmp_path)}
    answer = project.drive("environment", *flags, **mapped, **staging, **trusted_step(standin))
    assert answer.code == 0, answer.said
    assert "by the token of a service connection of Azure Pipelines" in answer.said
    files = {"RUNNER_TEMP": str(tmp_path), "GITHUB_OUTPUT": str(tmp_path / "output")}
    answer = project.drive(
        "environment", *flags, SPN_PASSWORD="", **files, **issuers.github_step(SUBJECT)
    )
    assert answer.code == 0, answer.said
    assert "by the OIDC token of GitHub Actions" in answer.said
    answer = project.drive("environment", *flags, SPN_PASSWORD="", GITHUB_ACTIONS="true", **files)
    assert answer.code == 2 and "id-token: write" in answer.record["error"], answer.said
