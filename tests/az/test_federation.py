"""No secret, with the real az: federated credentials that it makes, and who signs in by them."""

from __future__ import annotations

import json
import subprocess
import time

import pytest

from standin.issuers import AUDIENCE, GITHUB
from tests.az.cloud import Cloud

SUBJECT = "repo:contoso/churn:environment:churn-staging"
TRUSTED = {"name": "staging", "issuer": GITHUB, "subject": SUBJECT, "audiences": [AUDIENCE]}


@pytest.fixture
def client(cloud: Cloud) -> str:
    """The client id of an application that trusts the environment `churn-staging` on GitHub."""
    application = cloud.az("ad", "app", "create", "--display-name", "pipelines")
    cloud.az("ad", "sp", "create", "--id", application["id"])
    credential = ("ad", "app", "federated-credential")
    of = ("--id", application["id"])
    cloud.az(*credential, "create", *of, "--parameters", json.dumps(TRUSTED))
    [made] = cloud.az(*credential, "list", *of)
    assert {name: made[name] for name in TRUSTED} == TRUSTED
    return str(application["appId"])


def login(cloud: Cloud, client: str, token: str) -> str:
    """What `az login --federated-token` says against it; empty where it signs in."""
    words = ["login", "--service-principal", "-u", client, "--federated-token", token]
    return az(
        cloud, *words, "--tenant", cloud.standin.account.tenant_id, "--allow-no-subscriptions"
    )


def az(cloud: Cloud, *words: str) -> str:
    """What a call of az says against it; empty where it succeeds."""
    done = subprocess.run(
        ["az", *words],
        env=cloud.environment(),
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )
    return done.stderr if done.returncode else ""


def test_who_is_trusted_signs_in(cloud: Cloud, client: str) -> None:
    """Issuer, subject, audience, signature and time are compared, and each counts."""
    issuers = cloud.standin.azure.issuers
    head, _, signature = issuers.token(GITHUB, "repo:stranger/x:pull_request").split(".")
    refused = {
        "AADSTS700211": issuers.token(issuers.entra, SUBJECT),
        "AADSTS700213": issuers.token(GITHUB, "repo:contoso/churn:pull_request"),
        "AADSTS7002138": issuers.token(GITHUB, SUBJECT.upper()),
        "AADSTS700212": issuers.token(GITHUB, SUBJECT, "https://github.com/contoso"),
        "AADSTS700024": issuers.token(GITHUB, SUBJECT, seconds=-1),
        "AADSTS50013": f"{head}.{issuers.token(GITHUB, SUBJECT).split('.')[1]}.{signature}",
    }
    for code, token in refused.items():
        assert f"{code}:" in login(cloud, client, token), code
    assert login(cloud, client, issuers.token(GITHUB, SUBJECT)) == ""


def test_az_keeps_the_token_that_it_was_given(cloud: Cloud, client: str) -> None:
    """Azure/azure-cli#28708: why a long wait needs `workload-identity`, and not `azure-cli`."""
    issuers = cloud.standin.azure.issuers
    token = issuers.token(GITHUB, SUBJECT, seconds=6)
    ends = time.time() + 6
    assert login(cloud, client, token) == ""
    time.sleep(max(0.0, ends - time.time()))
    said = az(cloud, "account", "get-access-token", "--scope", "https://vault.azure.net/.default")
    assert "AADSTS700024" in said


def test_a_credential_is_changed_and_taken_away(cloud: Cloud, client: str) -> None:
    """By its name; there is one of a name, and one of an issuer with a subject."""
    credential = ("ad", "app", "federated-credential")
    number = next(
        n for n, one in cloud.standin.world.applications.items() if one.body["appId"] == client
    )
    of = ("--id", number, "--federated-credential-id", "staging")
    again = json.dumps({**TRUSTED, "name": "another"})
    said = az(cloud, *credential, "create", "--id", number, "--parameters", again)
    assert "already exists" in said
    moved = {**TRUSTED, "subject": SUBJECT.replace("staging", "prod")}
    cloud.az(*credential, "update", *of, "--parameters", json.dumps(moved))
    assert cloud.az(*credential, "show", *of)["subject"] == moved["subject"]
    cloud.az(*credential, "delete", *of)
    assert "AADSTS70025" in login(cloud, client, cloud.standin.azure.issuers.token(GITHUB, SUBJECT))
