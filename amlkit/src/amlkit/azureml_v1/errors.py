"""What goes wrong on the way to Azure ML, in one line that says which and what to do.

The SDK raises a dozen kinds of exceptions and often loses what the service said; its words are
looked for along the whole chain of causes. `--verbose` shows that chain.
"""

from __future__ import annotations

import os
import re
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass

from amlkit.azureml_v1.identity import caller
from amlkit.records import WorkError
from amlkit.settings import ENVIRONMENT_VARIABLES, Settings, SettingsError

# What code raises that is wrong: it keeps its name, so that it can be mended.
_OURS = (LookupError, TypeError, AttributeError, NameError, AssertionError)
PASSING = (408, 425, 429, 500, 502, 503, 504)
LONGEST = 400


@dataclass(frozen=True)
class Row:
    """An error as it is recognised, and its line; the first row that fits is taken."""

    kind: type[SettingsError] | type[WorkError]
    """A wrong setting (exit 2), or work that failed (exit 1)."""
    words: str
    """A pattern in what the error and its causes say; its groups are names for `line`."""
    line: str
    """With names of `_facts`: {SPN_ID} is a setting's value and origin."""
    status: int | None = None
    """The HTTP status that it must tell of."""
    network: bool = False
    """Whether it must come from the way to the service."""
    auth: str = ""
    """The `azure.auth` that it is about."""


_THERE = (
    "in workspace {workspace}: an owner gives it the role '%s' there; a new role takes some minutes"
)
_ROLE = _THERE % "AzureML Data Scientist"
_NO_LOGIN = (
    r"CredentialUnavailable|az login|Azure CLI not found|No managed identity|"
    r"ManagedIdentityCredential auth|AADSTS70021"
)

TABLE = (
    Row(
        SettingsError,
        r"AADSTS7000215",
        "SPN_PASSWORD {SPN_PASSWORD} is not a secret of {caller}: give the secret's value, not its "
        "id",
    ),
    Row(
        SettingsError,
        r"AADSTS7000222",
        "SPN_PASSWORD {SPN_PASSWORD} has expired; make a new secret with `az ad app credential "
        "reset --append --id {client}`",
    ),
    Row(
        SettingsError,
        r"AADSTS700016",
        "SPN_ID {SPN_ID} is no application in tenant {TENANT_ID}: give the application (client) id",
    ),
    Row(
        SettingsError,
        r"AADSTS90002|AADSTS900023|Unable to get authority configuration",
        "TENANT_ID {TENANT_ID} is no tenant; `az account show` names yours",
    ),
    Row(
        SettingsError,
        r"don't have access to \S+ subscription|SubscriptionNotFound|InvalidSubscriptionId",
        "SUBSCRIPTION_ID {SUBSCRIPTION_ID} is not open to {caller}: a wrong id, or no role in it "
        "yet",
    ),
    Row(
        SettingsError,
        r"ResourceGroupNotFound",
        "RESOURCE_GROUP {RESOURCE_GROUP} does not exist in subscription {SUBSCRIPTION_ID}",
    ),
    Row(
        SettingsError,
        r"Workspace not found|workspaces/[^' ]+' under resource group '[^']*' was not found",
        "AML_WORKSPACE_NAME {AML_WORKSPACE_NAME} does not exist in resource group {RESOURCE_GROUP}",
    ),
    Row(
        SettingsError,
        _NO_LOGIN,
        "nobody is signed in for azure.auth: azure-cli; run `az login` "
        "(and `az account set --subscription {subscription}`)",
        auth="azure-cli",
    ),
    Row(
        SettingsError,
        _NO_LOGIN,
        "azure.auth: workload-identity ({auth_origin}) is not accepted for SPN_ID {client}: look "
        "at its federation",
        auth="workload-identity",
    ),
    Row(
        SettingsError,
        _NO_LOGIN,
        "azure.auth: {auth} ({auth_origin}) finds no identity on this machine",
    ),
    Row(
        SettingsError,
        r"Could not find datastore(?: with name '?(?P<datastore>[\w-]+))?",
        "there is no datastore '{datastore}' in workspace {workspace}; its studio lists them under "
        "Data",
    ),
    Row(
        WorkError,
        r"KeyBasedAuthenticationNotPermitted",
        "the storage account forbids keys: register data that lies there already, with "
        "`--datastore NAME --datastore-path PATH`, or let the datastore use identities",
    ),
    Row(
        WorkError,
        r"PublicNetworkAccess|public network|private ?link|"
        r"private ?endpoint (connection )?is required",
        "workspace {workspace} is closed to public networks: reach it from its own network (VPN, "
        "a self-hosted agent)",
    ),
    Row(
        WorkError,
        r"\bv1\b[^.]{0,60}\b(disabled|not supported|not allowed|forbidden)|"
        r"\b(disabled|not supported|not allowed|forbidden)\b[^.]{0,40}\b(SDK )?v1\b",
        "workspace {workspace} does not take SDK v1 (azureml-core), whose support ended on "
        "2026-06-30; use another workspace, or ask its owner to allow it",
    ),
    # Where the SDK quotes an answer's bytes, their quotes are escaped.
    Row(
        WorkError,
        r"perform action \\?'(?P<action>[^'\\]*/computes/[^'\\]*)",
        "{caller} may not do {action} " + _THERE % "AzureML Compute Operator",
    ),
    Row(
        WorkError,
        r"perform action \\?'(?P<action>[^'\\]+)",
        "{caller} may not do {action} " + _ROLE,
    ),
    Row(
        WorkError,
        r"AuthorizationFailed|does not have authorization",
        "{caller} has not the rights for this " + _ROLE,
    ),
    Row(
        WorkError,
        r"QuotaExceeded|exceed(s|ing)? .{0,40}quota",
        "the subscription's quota does not cover {size} in {location}: ask for more, or set "
        "azure.compute.size",
    ),
    Row(WorkError, r"", "{caller} has not the rights for this " + _ROLE, status=403),
    Row(WorkError, r"", "Azure ML does not accept the token of {caller}: it has ended", status=401),
    Row(
        WorkError,
        r"CERTIFICATE_VERIFY_FAILED|certificate verify failed",
        "{host}: its certificate is not trusted here. Where a company's proxy opens the "
        "connection, let REQUESTS_CA_BUNDLE name the file with the company's certificate",
        network=True,
    ),
    Row(
        WorkError,
        r"Tunnel connection failed: (?P<why>\d+[^'\")]*[^'\")\s])",
        "the proxy {proxy} refuses {host} ({why}); see HTTPS_PROXY, NO_PROXY",
        network=True,
    ),
    Row(
        WorkError,
        r"ProxyError|Cannot connect to proxy|Tunnel connection failed",
        "the proxy {proxy} cannot be reached; see HTTPS_PROXY, NO_PROXY",
        network=True,
    ),
    Row(
        WorkError,
        r"Name or service not known|getaddrinfo failed|nodename nor servname|"
        r"name resolution|NameResolutionError",
        "the name {host} is not known here; a workspace with a private endpoint is reached from "
        "its own network (VPN, a self-hosted agent) and its private DNS",
        network=True,
    ),
    Row(
        WorkError,
        r"timed? ?out",
        "{host} does not answer in time; a firewall or private endpoint may be in the way",
        network=True,
    ),
    Row(
        WorkError,
        r"",
        "the connection to {host} broke; check the network, then run this again",
        network=True,
    ),
)


def explain(error: Exception, settings: Settings) -> Exception:
    """An SDK's error as one of ours: `SettingsError` for a wrong setting, `WorkError` else."""
    if isinstance(error, (SettingsError, WorkError, *_OURS)) or _is_local(error):
        return error
    words, status = words_of(error), status_of(error)
    network = any(_is_network(one) for one in chain(error))
    for row in TABLE:
        if row.network > network or row.status not in (None, status):
            continue
        if row.auth not in ("", settings.azure.auth):
            continue
        found = re.search(row.words, words, re.IGNORECASE)
        if found:
            named = {name: text or "" for name, text in found.groupdict().items()}
            return row.kind(row.line.format_map(_facts(settings, words) | named))
    again = f" (HTTP {status}; try again later)" if status in PASSING else ""
    return WorkError(f"Azure ML: {_said(error)}{again}; --verbose shows all of it")


def chain(error: BaseException) -> Iterator[BaseException]:
    """An error and what caused it, the outermost first."""
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        one = waiting.pop(0)
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        causes = (one.__cause__, one.__context__, getattr(one, "inner_exception", None))
        waiting += [cause for cause in (*causes, *one.args) if isinstance(cause, BaseException)]


def status_of(error: BaseException) -> int | None:
    """The HTTP status that an error tells of; None if it tells of none."""
    for one in chain(error):
        response = getattr(one, "response", None)
        for value in (getattr(one, "status_code", None), getattr(response, "status_code", None)):
            if isinstance(value, int):
                return value
    found = re.search(r"(?:Response Code|Code|status code)\W+([1-5]\d\d)\b", words_of(error))
    return int(found[1]) if found else None


def is_passing(error: BaseException) -> bool:
    """Whether the same request may succeed a moment later: throttled, overloaded, cut off."""
    status = status_of(error)
    if status is not None:
        return status in (*PASSING, 401)  # a token that ended on the way is renewed
    if any("CERTIFICATE_VERIFY_FAILED" in str(one) for one in chain(error)):
        return False
    return any(_is_network(one) for one in chain(error))


def words_of(error: BaseException) -> str:
    """All that an error and its causes say, in one line."""
    return " ".join(" ".join(str(one) for one in chain(error)).split())


def _facts(settings: Settings, words: str) -> dict[str, str]:
    """What the lines of the table may name; of the secret, its origin alone."""
    azure = settings.azure
    found = re.search(r"host='([^']+)'|https?://([A-Za-z0-9.-]+\.[A-Za-z]+)", words)
    proxy = os.environ.get("HTTPS_PROXY") or os.environ.get("https_proxy") or ""
    facts = {
        "caller": caller(azure),
        "workspace": repr(azure.workspace_name),
        "client": azure.client_id,
        "subscription": azure.subscription_id,
        "auth": azure.auth,
        "auth_origin": settings.origin("azure.auth"),
        "size": azure.compute.size,
        "location": azure.location,
        "host": (found[1] or found[2]) if found else "Azure",
        "proxy": re.sub(r"//[^@/]*@", "//", proxy) or "(of this machine)",  # it may hold a password
    }
    for variable, key in ENVIRONMENT_VARIABLES.items():
        value = getattr(azure, key.split(".")[1])
        shown = "" if variable == "SPN_PASSWORD" else f"{value!r} "
        facts[variable] = f"{shown}({settings.origin(key)})"
    return facts


def _is_local(error: BaseException) -> bool:
    """Whether an error is of this machine's files: a full disk, a file that is not there."""
    network = (ConnectionError, TimeoutError, socket.gaierror, ssl.SSLError)
    mine = isinstance(error, OSError) and type(error).__module__ == "builtins"
    return mine and not isinstance(error, network)


def _said(error: BaseException) -> str:
    """The one sentence of an error that people can use."""
    text = str(error) or type(error).__name__
    found = re.search(
        r"\bMessage:\s*(.+?)\s*(?:\n\s*(?:InnerException|Details|Headers)|\Z)", text, re.S
    )
    text = " ".join((found[1] if found else text).split())
    inner = re.search(r'"message":\s*"((?:[^"\\]|\\.)+)"', text)
    text = inner[1] if inner else text
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def _is_network(error: BaseException) -> bool:
    """Whether an error comes from the way to the service and not from the service."""
    kinds = {kind.__name__ for kind in type(error).__mro__}
    network = {"ConnectionError", "Timeout", "HTTPError", "ServiceRequestError", "MaxRetryError"}
    network |= {"ServiceResponseError", "ClientRequestError", "ProtocolError", "NewConnectionError"}
    if "HTTPError" in kinds and getattr(error, "response", None) is not None:
        return False
    return bool(kinds & network)
