"""What is decided on this machine before Azure ML is asked: no SDK is needed for it."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from pathlib import Path

import pytest

from amlkit.azure.check import Redactor
from amlkit.azure.errors import explain, is_passing, status_of
from amlkit.azure.jobs import seconds_between
from amlkit.content import files_identity, snapshot
from amlkit.lockfile import pins
from amlkit.records import WorkError
from amlkit.settings import Settings, SettingsError, load_settings
from conftest import SAMPLE


@pytest.fixture
def settings() -> Settings:
    environ = {
        "TENANT_ID": str(uuid.uuid4()),
        "SPN_ID": str(uuid.uuid4()),
        "SPN_PASSWORD": "a secret of some length",
        "SUBSCRIPTION_ID": str(uuid.uuid4()),
        "RESOURCE_GROUP": "rg-house",
        "AML_WORKSPACE_NAME": "mlw-house",
    }
    return load_settings(SAMPLE, environ=environ)


@pytest.mark.parametrize(
    ("auth", "missing"),
    [
        ("service-principal", ["TENANT_ID", "SPN_ID", "SPN_PASSWORD", "SUBSCRIPTION_ID"]),
        ("workload-identity", ["TENANT_ID", "SPN_ID", "SUBSCRIPTION_ID"]),
        ("azure-cli", ["SUBSCRIPTION_ID"]),
        ("managed-identity", ["SUBSCRIPTION_ID"]),
    ],
)
def test_each_caller_needs_its_own_settings(auth: str, missing: list[str]) -> None:
    nothing = [
        (f"azure.{key}", "", "--set") for key in ("subscription_id", "tenant_id", "client_id")
    ]
    found = load_settings(SAMPLE, overrides=[("azure.auth", auth, "--set"), *nothing], environ={})
    with pytest.raises(SettingsError) as refused:
        found.require_azure()
    for variable in ("TENANT_ID", "SPN_ID", "SPN_PASSWORD", "SUBSCRIPTION_ID"):
        assert (variable in str(refused.value)) == (variable in missing)


def test_a_secret_in_config_yml_is_refused(tmp_path: Path) -> None:
    text = (SAMPLE / "config.yml").read_text(encoding="utf-8")
    (tmp_path / "config.yml").write_text(
        text.replace("azure:\n", "azure:\n  client_secret: abc\n"), encoding="utf-8"
    )
    with pytest.raises(SettingsError, match="SPN_PASSWORD"):
        load_settings(tmp_path, environ={})


def test_the_locks_lines_are_those_of_the_cluster(tmp_path: Path) -> None:
    lock = tmp_path / "lock.txt"
    lock.write_text(
        "a==1 ; sys_platform == 'win32'\nb==2 ; sys_platform == 'linux'\n"
        "c==3 ; python_full_version < '3.11'\nd==4 \\\n    --hash=sha256:00\n",
        encoding="utf-8",
    )
    target = {"sys_platform": "linux", "python_version": "3.11", "python_full_version": "3.11.0"}
    assert list(pins(lock, target)) == [("b", "2"), ("d", "4")]


def test_a_renamed_package_is_another_snapshot(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "train.py").write_text("x = 1\n", encoding="utf-8")
    found = []
    for name in ("one", "two"):
        files = {f"{name}/train.py": tmp_path / name / "train.py"}
        version, folder = snapshot(files, tmp_path / "code")
        assert version == files_identity(files)
        found.append((folder / "folders.txt").read_text(encoding="utf-8"))
    assert found == [".\none\n", ".\ntwo\n"]


def test_a_transcript_names_nobody(settings: Settings) -> None:
    azure = settings.azure
    text = (
        f"workspace mlw-house as {azure.client_id} of {azure.tenant_id}, {uuid.uuid4()}\n"
        f"{azure.client_secret} https://house.blob.core.windows.net/c/b?sv=1&sig=abc%2F&se=2\n"
        f"Bearer eyJhbGciOi.eyJhdWQiOi.c2ln {Path.home()}/x"
    )
    hidden = Redactor(settings)(text)
    for name in ("mlw-house", azure.client_id, azure.tenant_id, azure.client_secret, "house.blob"):
        assert name not in hidden
    for secret in ("abc%2F", "eyJhdWQiOi", str(Path.home())):
        assert secret not in hidden


class Answered(Exception):
    """An error that knows the HTTP status it was answered with, as SDKs' own do."""

    def __init__(self, words: str, status: int) -> None:
        super().__init__(words)
        self.status_code = status


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (ValueError("x AADSTS7000215: Invalid client secret"), SettingsError, "SPN_PASSWORD"),
        (ValueError("AADSTS7000222: expired"), SettingsError, "az ad app credential reset"),
        (ValueError("AADSTS700016: not found in the directory"), SettingsError, "SPN_ID"),
        (ValueError("AADSTS90002: Tenant not found"), SettingsError, "TENANT_ID"),
        (ValueError("SubscriptionNotFound"), SettingsError, "SUBSCRIPTION_ID"),
        (ValueError("ResourceGroupNotFound"), SettingsError, "RESOURCE_GROUP 'rg-house' ($RES"),
        (ValueError("Workspace not found"), SettingsError, "AML_WORKSPACE_NAME 'mlw-house'"),
        (ValueError("CredentialUnavailableError"), SettingsError, "azure.auth: service-principal"),
        (
            Answered("Could not find datastore with name lake", 404),
            SettingsError,
            "no datastore 'lake' in workspace 'mlw-house'",
        ),
        (Answered("private link is required", 403), WorkError, "its own network"),
        (Answered("AuthorizationFailed", 403), WorkError, "AzureML Data Scientist"),
        (
            Answered(r"perform action \'a/workspaces/models/write\'", 403),
            WorkError,
            "may not do a/workspaces/models/write in workspace 'mlw-house'",
        ),
        (
            Answered("perform action 'a/computes/write' AuthorizationFailed", 403),
            WorkError,
            "AzureML Compute Operator",
        ),
        (Answered("no word of it", 403), WorkError, "has not the rights for this"),
        (Answered("no word of it", 401), WorkError, "does not accept the token"),
        (Answered("QuotaExceeded", 400), WorkError, "azure.compute.size"),
        (Answered("The SDK v1 is not supported: v1 is disabled", 400), WorkError, "SDK v1"),
        (Answered("KeyBasedAuthenticationNotPermitted", 403), WorkError, "--datastore-path"),
        (Answered("boom", 503), WorkError, "try again later"),
    ],
)
def test_errors_become_one_line(
    error: Exception, kind: type[Exception], words: str, settings: Settings
) -> None:
    try:
        try:
            raise error
        except Exception as cause:
            raise RuntimeError("what the SDK made of it") from cause
    except RuntimeError as seen:
        explained = explain(seen, settings)
    assert isinstance(explained, kind)
    assert words in str(explained)
    assert "\n" not in str(explained)
    assert "{" not in str(explained)
    assert settings.azure.client_secret not in str(explained)


class ConnectionError(Exception):
    """An error of the way to the service: its kind is known by its name, as that of requests is."""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("host='x.azure.com' certificate verify failed", "x.azure.com: its certificate is not tr"),
        ("Tunnel connection failed: 407 Auth needed')", "http://proxy:8 refuses Azure (407 Auth"),
        ("ProxyError", "the proxy http://proxy:8 cannot be reached"),
        ("https://y.azure.com/a getaddrinfo failed", "the name y.azure.com is not known here"),
        ("Read timed out", "does not answer in time"),
        ("Connection reset by peer", "the connection to Azure broke"),
    ],
)
def test_what_is_in_the_way_is_named(
    words: str, said: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://user:password@proxy:8")
    line = str(explain(ConnectionError(words), settings))
    assert said in line
    assert "password" not in line


def test_what_is_wrong_here_is_not_put_on_azure(settings: Settings) -> None:
    for error in (OSError(28, "No space left on device"), KeyError("x"), TypeError("y")):
        assert explain(error, settings) is error


def test_what_may_pass_is_asked_again() -> None:
    assert all(is_passing(Answered("x", status)) for status in (429, 500, 503, 401))
    assert not any(is_passing(Answered("x", status)) for status in (400, 403, 404, 409))
    assert not is_passing(OSError(28, "No space left on device"))
    assert status_of(RuntimeError("Response Code: 503")) == 503


@pytest.mark.parametrize(
    ("began", "ended", "seconds"),
    [
        ("2026-03-01 12:00:00", "2026-03-01 12:01:30", 90.0),
        ("2026-03-01T12:00:00.5000000Z", "2026-03-01T14:01:30.5+02:00", 90.0),
        (datetime(2026, 3, 1, 12), datetime(2026, 3, 1, 12, 1, 30, tzinfo=UTC), 90.0),
        ("2026-03-01 12:00:00", None, None),
    ],
)
def test_how_long_a_run_took_is_told_by_times_however_written(
    began: object, ended: object, seconds: float | None
) -> None:
    assert seconds_between(began, ended) == seconds
