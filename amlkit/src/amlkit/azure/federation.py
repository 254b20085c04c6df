"""A token of the platform in place of a secret (`azure.auth: workload-identity`).

Entra takes it for the application's own where a federated credential of the application names its
issuer, subject and audience. It lives for minutes (5 from GitHub, 10 from Azure Pipelines), and so
it is asked for anew whenever an access token is renewed: Azure/azure-cli#28708.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from amlkit.ci.provider import detect
from amlkit.records import WorkError
from amlkit.settings import Azure, SettingsError

AUDIENCE = "api://AzureADTokenExchange"
FILE = "AZURE_FEDERATED_TOKEN_FILE"
# The connection of the step (AzureCLI@2 sets the first), the address to ask, the job's token.
CONNECTIONS = ("AZURESUBSCRIPTION_SERVICE_CONNECTION_ID", "AZURE_SERVICE_CONNECTION_ID")
PIPELINES = ("SYSTEM_OIDCREQUESTURI", "SYSTEM_ACCESSTOKEN")
GITHUB = ("ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN")
SOURCES = {
    "file": f"the token in {FILE}",
    "azure-pipelines": "the token of a service connection of Azure Pipelines",
    "github-actions": "the OIDC token of GitHub Actions",
    "": "no token",
}


def given(name: str, environ: Mapping[str, str]) -> str:
    """A variable's value; empty, too, where a pipeline left `$(Name)` in place of one."""
    value = environ.get(name, "").strip()
    return "" if re.fullmatch(r"\$\([\w.]+\)", value) else value


def connection(environ: Mapping[str, str]) -> str:
    """The id of the step's service connection; empty where there is none."""
    return next(filter(None, (given(name, environ) for name in CONNECTIONS)), "")


def source(environ: Mapping[str, str]) -> str:
    """Who gives the token, a key of `SOURCES`: a file, before Azure Pipelines, before GitHub."""
    if given(FILE, environ):
        return "file"
    if connection(environ) and all(given(name, environ) for name in PIPELINES):
        return "azure-pipelines"
    return "github-actions" if all(given(name, environ) for name in GITHUB) else ""


def federated(azure: Azure, environ: Mapping[str, str] = os.environ) -> Any:
    """The azure-identity credential that asks for the platform's token whenever it needs one.

    Raises:
        SettingsError: nobody gives one here; says what to add.
    """
    import azure.identity as identity

    known = {"tenant_id": azure.tenant_id, "client_id": azure.client_id}
    match source(environ):
        case "azure-pipelines":
            return identity.AzurePipelinesCredential(
                **known,
                service_connection_id=connection(environ),
                system_access_token=given("SYSTEM_ACCESSTOKEN", environ),
            )
        case "file":  # identity's own class keeps what it read for ten minutes: a token's life
            return identity.ClientAssertionCredential(**known, func=_from_file(environ))
        case "github-actions":
            return identity.ClientAssertionCredential(**known, func=_from_github(environ))
    raise SettingsError(f"azure.auth: workload-identity finds no token: {lacking(environ)}")


def lacking(environ: Mapping[str, str]) -> str:
    """What is missing for a token here, and what to add."""
    system = detect(environ)
    if system == "github-actions" or any(given(name, environ) for name in GITHUB):
        missing = " and ".join(name for name in GITHUB if not given(name, environ))
        return (
            f"{missing} not set. Give the job `permissions: id-token: write` (with `contents: "
            "read`); a pull request from a fork gets no token"
        )
    if system == "azure-pipelines" or any(given(name, environ) for name in PIPELINES):
        names = [name for name in PIPELINES if not given(name, environ)]
        names += [] if connection(environ) else [CONNECTIONS[0]]
        return (
            f"{' and '.join(names)} not set. Run the step by the task AzureCLI@2 with a service "
            "connection by workload identity federation, and with `env: SYSTEM_ACCESSTOKEN: "
            "$(System.AccessToken)`"
        )
    return (
        f"{FILE} is not set, and this is no pipeline. On your own machine set azure.auth: "
        "azure-cli and run `az login`"
    )


def _from_file(environ: Mapping[str, str]) -> Callable[[], str]:
    """Reads the file at each call: what wrote it renews it."""
    path = Path(given(FILE, environ))

    def read() -> str:
        try:
            text = path.read_text(encoding="utf-8-sig").strip()
        except OSError as error:
            raise SettingsError(
                f"{FILE}: {path} cannot be read ({error.strerror or type(error).__name__})"
            ) from None
        except UnicodeDecodeError:
            raise SettingsError(f"{FILE}: {path} is no UTF-8 text, and so no token") from None
        if not text:
            raise SettingsError(f"{FILE}: {path} is empty")
        return text

    return read


def _from_github(environ: Mapping[str, str]) -> Callable[[], str]:
    """Asks the runner at each call, as `@actions/core` does."""
    url, token = (given(name, environ) for name in GITHUB)

    def ask() -> str:
        from azure.core import PipelineClient
        from azure.core.rest import HttpRequest

        request = HttpRequest(
            "GET",
            f"{url}&audience={quote(AUDIENCE, safe='')}",
            headers={"Authorization": f"Bearer {token}", "Accept": "application/json"},
        )
        client: Any = PipelineClient(base_url=url)  # with the retries of the SDKs
        with client:
            answer = client.send_request(request)
            if answer.status_code != 200:
                raise WorkError(
                    f"GitHub Actions gives no OIDC token (HTTP {answer.status_code}); run the job "
                    "again"
                )
            try:
                value = answer.json()["value"]
            except (ValueError, KeyError, TypeError):
                value = ""
        if not value:
            raise WorkError("GitHub Actions answers without an OIDC token; run the job again")
        return str(value)

    return ask


def remedy(environ: Mapping[str, str], client: str) -> str:
    """What to type so that Entra takes the token."""
    command = "`python infra/bootstrap.py pipelines "
    match source(environ):
        case "github-actions":
            return command + "--to github` makes it"
        case "azure-pipelines":
            collection = given("SYSTEM_COLLECTIONURI", environ).rstrip("/").rpartition("/")[2]
            names = (collection, given("SYSTEM_TEAMPROJECT", environ))
            organization, project = (
                name if re.fullmatch(r"[\w.-]+", name) else default
                for name, default in zip(names, ("ORGANIZATION", "PROJECT"), strict=True)
            )
            return f"{command}--organization {organization} --project {project}` makes it"
    return (
        f"make it with `az ad app federated-credential create --id {client}`, with issuer and "
        "subject as the token has them"
    )
