"""Who calls: `azure.auth` in config.yml, each with the real azure-identity."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from standin import StandIn
from tests.azure.conftest import AzureProject

NO_PRINCIPAL = {"TENANT_ID": "", "SPN_ID": "", "SPN_PASSWORD": ""}


def auth(kind: str) -> list[str]:
    """The flags of a look at the workspace as another caller."""
    return ["--dry-run", "--set", f"azure.auth={kind}"]


def stand_in_for_az(folder: Path, script: str) -> str:
    """A PATH whose `az` is a stand-in for the command: azure-identity asks it for tokens."""
    folder.mkdir()
    az = folder / "az"
    az.write_text(f"#!/bin/sh\necho x >> {folder}/asked\n{script}\n", encoding="utf-8")
    az.chmod(az.stat().st_mode | stat.S_IXUSR)
    return f"{folder}:/usr/bin:/bin"


def test_the_user_of_az_login(project: AzureProject, standin: StandIn, tmp_path: Path) -> None:
    identity, user = standin.azure.identity, standin.account.user
    lines = []
    for audience in ("https://management.core.windows.net", "https://management.azure.com"):
        token = identity.token(audience + "/", principal=user)
        said = {
            "accessToken": token,
            "expiresOn": "2099-01-01 00:00:00.000000",
            "expires_on": 4070908800,
        }
        lines.append(
            f"case \"$*\" in *{audience.split('//')[1]}*) echo '{json.dumps(said)}';; esac"
        )
    other = identity.token("https://storage.azure.com/", principal=user)
    path = stand_in_for_az(tmp_path / "bin", "\n".join(lines))
    answer = project.drive("environment", *auth("azure-cli"), PATH=path, **NO_PRINCIPAL)
    assert answer.code == 0, answer.said
    assert "`az login`" in answer.said
    assert other not in answer.said
    # One token for each audience, however often the SDK asks.
    assert len((tmp_path / "bin" / "asked").read_text().splitlines()) <= 2


def test_nobody_signed_in(project: AzureProject, tmp_path: Path) -> None:
    path = stand_in_for_az(
        tmp_path / "bin", "echo \"Please run 'az login' to setup account.\" >&2; exit 1"
    )
    answer = project.drive("environment", *auth("azure-cli"), PATH=path, **NO_PRINCIPAL)
    assert answer.code == 2, answer.said
    assert "az login" in answer.record["error"]


def test_no_az_at_all(project: AzureProject, tmp_path: Path) -> None:
    answer = project.drive("environment", *auth("azure-cli"), PATH=str(tmp_path), **NO_PRINCIPAL)
    assert answer.code == 2, answer.said
    assert "az login" in answer.record["error"]


def test_a_managed_identity(project: AzureProject) -> None:
    answer = project.drive("environment", *auth("managed-identity"), **NO_PRINCIPAL)
    assert answer.code == 0, answer.said
    assert "managed identity" in answer.said


@pytest.mark.parametrize("kind", ["azure-cli", "managed-identity"])
def test_what_a_caller_needs_is_named(kind: str, project: AzureProject) -> None:
    nothing = {**NO_PRINCIPAL, "SUBSCRIPTION_ID": ""}
    answer = project.drive("environment", *auth(kind), **nothing)
    assert answer.code == 2
    assert "SUBSCRIPTION_ID" in answer.record["error"]
    assert "SPN_PASSWORD" not in answer.record["error"]
