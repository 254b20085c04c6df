"""A token in place of a secret: who gives it, what is missing, and what Entra's refusals mean.

No SDK is needed for it: the real azure-identity is asked in tests/azure/test_federation.py.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from amlkit.azure import federation
from amlkit.azure.errors import explain, is_passing
from amlkit.azure.federation import lacking, remedy, source
from amlkit.azure.identity import caller
from amlkit.records import WorkError
from amlkit.settings import Settings, SettingsError, load_settings
from conftest import SAMPLE

FEDERATED = [("azure.auth", "workload-identity", "--set azure.auth")]
FILE = {"AZURE_FEDERATED_TOKEN_FILE": "token"}
GITHUB = {"ACTIONS_ID_TOKEN_REQUEST_URL": "https://x", "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "t"}
STEP = {
    "TF_BUILD": "True",
    "SYSTEM_OIDCREQUESTURI": "https://dev.azure.com/x",
    "SYSTEM_ACCESSTOKEN": "t",
    "AZURESUBSCRIPTION_SERVICE_CONNECTION_ID": "c",
    "AZURESUBSCRIPTION_TENANT_ID": "the tenant of the connection",
    "AZURESUBSCRIPTION_CLIENT_ID": "the client of the connection",
}
OLDER = {k: v for k, v in STEP.items() if not k.startswith("AZURESUBS")} | {
    "AZURE_SERVICE_CONNECTION_ID": "c"
}


def settings(**environ: str) -> Settings:
    """Those of a workload identity."""
    return load_settings(SAMPLE, overrides=FEDERATED, environ=environ)


@pytest.fixture(autouse=True)
def no_pipeline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever runs the tests gives no token."""
    for name in (*FILE, *GITHUB, *STEP, *OLDER, "GITHUB_ACTIONS"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("environ", "kind"),
    [
        ({}, ""),
        (FILE, "file"),
        (STEP, "azure-pipelines"),
        (OLDER, "azure-pipelines"),
        (GITHUB, "github-actions"),
        (FILE | STEP | GITHUB, "file"),
        (STEP | GITHUB, "azure-pipelines"),
        (STEP | FILE | {"AZURE_FEDERATED_TOKEN_FILE": ""}, "azure-pipelines"),
        (STEP | {"SYSTEM_ACCESSTOKEN": "$(System.AccessToken)"}, ""),
        (GITHUB | {"ACTIONS_ID_TOKEN_REQUEST_TOKEN": ""}, ""),
    ],
)
def test_who_gives_the_token(
    environ: dict[str, str], kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert source(environ) == kind
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    words = caller(settings(SPN_ID="abc").azure)
    assert words.startswith("the workload identity abc")
    assert (federation.SOURCES[kind] in words) == bool(kind)


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        # actions/toolkit#952: the job lacks the permission, and nothing said which.
        (
            {"GITHUB_ACTIONS": "true"},
            ["ACTIONS_ID_TOKEN_REQUEST_URL and ACTIONS_ID_TOKEN_REQ", "id-token: write", "fork"],
        ),
        # JulianHayward/Azure-MG-Sub-Governance-Reporting#60: nobody mapped it.
        (
            {k: v for k, v in STEP.items() if k != "SYSTEM_ACCESSTOKEN"},
            ["SYSTEM_ACCESSTOKEN not set", "AzureCLI@2", "$(System.AccessToken)"],
        ),
        ({"TF_BUILD": "True"}, ["SYSTEM_OIDCREQUESTURI", "AZURESUBSCRIPTION_SERVICE_CONN"]),
        ({}, ["AZURE_FEDERATED_TOKEN_FILE is not set", "azure-cli"]),
    ],
)
def test_what_is_missing_is_named(environ: dict[str, str], said: list[str]) -> None:
    line = lacking(environ)
    assert all(words in line for words in said), line


def test_a_connection_gives_what_is_not_set() -> None:
    """SPN_PASSWORD is not read, and whoever calls without a connection is told of it."""
    found = settings(**STEP, SPN_PASSWORD="of another time")
    assert found.azure.tenant_id == "the tenant of the connection"
    assert found.azure.client_id == "the client of the connection"
    assert found.azure.client_secret == ""
    assert found.origin("azure.client_id") == "$AZURESUBSCRIPTION_CLIENT_ID"
    named = settings(**STEP, TENANT_ID="mine", SPN_ID="")
    assert (named.azure.tenant_id, named.origin("azure.tenant_id")) == ("mine", "$TENANT_ID")
    assert named.azure.client_id == "the client of the connection"
    own = load_settings(SAMPLE, environ=STEP)  # azure.auth is another one
    assert own.azure.tenant_id != "the tenant of the connection"
    with pytest.raises(SettingsError, match="AzureCLI@2 gives TENANT_ID and SPN_ID"):
        settings().require_azure()


def test_a_tokens_file_is_read_anew(tmp_path: Path) -> None:
    """What wrote it renews it; what is no token is an error that names the file."""
    path = tmp_path / "token"
    read = federation._from_file({"AZURE_FEDERATED_TOKEN_FILE": str(path)})
    with pytest.raises(SettingsError, match=r"token cannot be read \(No such file"):
        read()
    for text in ("one", "\ufefftwo\r\n"):
        path.write_text(text, encoding="utf-8")
        assert read() == text.strip("\ufeff\r\n")
    path.write_text("\n", encoding="utf-8")
    with pytest.raises(SettingsError, match="is empty"):
        read()
    path.write_bytes("eyJ".encode("utf-16"))  # as older PowerShells write it
    with pytest.raises(SettingsError, match="no UTF-8"):
        read()


_RECORD = "No matching federated identity record found for presented assertion"


# What Entra said in the reports that each comment names.
@pytest.mark.parametrize(
    ("said", "words"),
    [
        # Azure/login#482
        (
            f"AADSTS700213: {_RECORD} subject 'repo:m/chatbot:environment:dev'. Check your",
            ["subject 'repo:m/chatbot:environment:dev'", "pipelines --organization contoso --proj"],
        ),
        # dotnet/maui#31978: the runner hid it
        (f"AADSTS700213: {_RECORD} subject '***'. Check your", ["subject '***'"]),
        # Azure/login#515
        (
            f"AADSTS7002138: {_RECORD} subject 'repo:C/I:environment:Production'. The subject "
            "matches with case-insensitive comparison",
            ["'repo:C/I:environment:Production' with other capital letters"],
        ),
        # Azure/azure-workload-identity#1200
        (
            f"AADSTS700211: {_RECORD} issuer 'https://eastus2.oic.azure.com/7/c/'. Please check",
            ["the issuer 'https://eastus2.oic.azure.com/7/c/'", "a last slash"],
        ),
        # GitLab's documentation, "No matching federated identity record"
        (
            f"AADSTS700212: {_RECORD} audience 'https://gitlab.com'. Check",
            ["audience 'https://gitlab.com'", "api://AzureADTokenExchange"],
        ),
        # Azure/azure-workload-identity#616, in the older words
        (f"AADSTS70021: {_RECORD}. Assertion Issuer: 'https://k'", ["that fits", "some minutes"]),
        # 365Evergreen/AIBusinessBrisbane and others
        ("AADSTS70025: The client 'x'(y) has no configured federated", ["no federated credential"]),
        # Azure/azure-cli#28708
        ("AADSTS700024: Client assertion is not within its valid time range.", ["has ended"]),
        # Azure/azure-workload-identity#1232
        ("AADSTS7000272: The certificate with identifier D could not be found", ["with a key"]),
        # microsoft/ebpf-for-windows#2867
        ("AADSTS50027: JWT token is invalid or malformed.", ["is no token"]),
    ],
)
def test_entras_refusals_say_what_to_do(
    said: str, words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in STEP.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("SYSTEM_COLLECTIONURI", "https://dev.azure.com/contoso/")
    monkeypatch.setenv("SYSTEM_TEAMPROJECT", "churn")
    line = explain(ValueError(said), settings(**STEP))
    assert isinstance(line, SettingsError)
    assert all(text in str(line) for text in words), str(line)
    assert "{" not in str(line) and "\n" not in str(line)
    assert not is_passing(ValueError(said))


def test_an_issuer_that_is_away_is_waited_for() -> None:
    """Azure/azure-cli#28863: for half a day Entra could not ask Azure DevOps for its keys."""
    error = ValueError("AADSTS50166: Request to External OIDC endpoint failed.")
    assert isinstance(explain(error, settings()), WorkError)
    assert is_passing(error)


def test_what_to_type_is_safe_to_type() -> None:
    """A project's name that a shell would read otherwise is not put into a command."""
    environ = STEP | {"SYSTEM_COLLECTIONURI": "https://x/a b/", "SYSTEM_TEAMPROJECT": "$(rm)"}
    assert "--organization ORGANIZATION --project PROJECT`" in remedy(environ, "c")
    assert "pipelines --to github`" in remedy(GITHUB, "c")
    assert "--id c`," in remedy(FILE, "c")
