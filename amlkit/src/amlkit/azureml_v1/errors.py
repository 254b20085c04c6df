"""What goes wrong on the way to Azure ML, in one line that says which and what to do.

The SDK raises a dozen kinds of exceptions and often loses what the service said; its words are
looked for along the whole chain of causes. `--verbose` shows that chain.
"""

from __future__ import annotations

import os
import re
import socket
import ssl
from collections.abc import Callable, Iterator
from typing import Any

from amlkit.azureml_v1.identity import caller
from amlkit.records import WorkError
from amlkit.settings import ENVIRONMENT_VARIABLES, Settings, SettingsError

# What code raises that is wrong: it keeps its name, so that it can be mended.
_OURS = (LookupError, TypeError, AttributeError, NameError, AssertionError)
PASSING = (408, 425, 429, 500, 502, 503, 504)
LONGEST = 400


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


def explain(error: Exception, settings: Settings) -> Exception:
    """An SDK's error as one of ours: `SettingsError` for a wrong setting, `WorkError` else."""
    if isinstance(error, (SettingsError, WorkError, *_OURS)) or _is_local(error):
        return error
    words, status = words_of(error), status_of(error)
    for pattern, answer in _KNOWN:
        if re.search(pattern, words, re.IGNORECASE):
            return answer(settings, words)
    if status == 403:
        return _no_role(settings, words)
    if status == 401:
        who = caller(settings.azure)
        return WorkError(f"Azure ML does not accept the token of {who}: it has ended")
    for one in chain(error):
        if _is_network(one):
            return _unreachable(one, words)
    again = f" (HTTP {status}; try again later)" if status in PASSING else ""
    return WorkError(f"Azure ML: {_said(error)}{again}; --verbose shows all of it")


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


def _unreachable(error: BaseException, words: str) -> WorkError:
    """Why a service cannot be reached: certificate, proxy, name or connection."""
    found = re.search(r"host='([^']+)'|https?://([A-Za-z0-9.-]+\.[A-Za-z]+)", words)
    host = (found[1] or found[2]) if found else "Azure"
    proxy = os.environ.get("HTTPS_PROXY") or os.environ.get("https_proxy") or ""
    proxy = re.sub(r"//[^@/]*@", "//", proxy)  # it may hold a password
    if re.search(r"CERTIFICATE_VERIFY_FAILED|certificate verify failed", words):
        return WorkError(
            f"{host}: its certificate is not trusted here. Where a company's proxy opens the "
            "connection, let REQUESTS_CA_BUNDLE name the file with the company's certificate"
        )
    if re.search(r"ProxyError|Cannot connect to proxy|Tunnel connection failed", words):
        refused = re.search(r"Tunnel connection failed: (\d+[^'\")]*)", words)
        how = f"refuses {host} ({refused[1].strip()})" if refused else "cannot be reached"
        return WorkError(
            f"the proxy {proxy or '(of this machine)'} {how}; see HTTPS_PROXY, NO_PROXY"
        )
    if re.search(
        r"Name or service not known|getaddrinfo failed|nodename nor servname|"
        r"name resolution|NameResolutionError",
        words,
        re.IGNORECASE,
    ):
        return WorkError(
            f"the name {host} is not known here; a workspace with a private endpoint is reached "
            "from its own network (VPN, a self-hosted agent) and its private DNS"
        )
    if re.search(r"timed? ?out", words, re.IGNORECASE):
        return WorkError(
            f"{host} does not answer in time; a firewall or private endpoint may stand between"
        )
    return WorkError(f"the connection to {host} broke; check the network, then run this again")


def _where(settings: Settings, variable: str) -> str:
    """A setting with its value and origin, such as `RESOURCE_GROUP=rg (config.yml:80)`."""
    key = ENVIRONMENT_VARIABLES[variable]
    return f"{getattr(settings.azure, key.split('.')[1])!r} ({settings.origin(key)})"


def _secret(settings: Settings, words: str) -> SettingsError:
    return SettingsError(
        f"SPN_PASSWORD ({settings.origin('azure.client_secret')}) is not a secret of "
        f"{caller(settings.azure)}: give the secret's value, not its id"
    )


def _old_secret(settings: Settings, words: str) -> SettingsError:
    return SettingsError(
        f"SPN_PASSWORD ({settings.origin('azure.client_secret')}) has expired; make a new secret "
        f"with `az ad app credential reset --append --id {settings.azure.client_id}`"
    )


def _principal(settings: Settings, words: str) -> SettingsError:
    tenant = _where(settings, "TENANT_ID")
    return SettingsError(
        f"SPN_ID {_where(settings, 'SPN_ID')} is no application in tenant {tenant}: "
        "give the application (client) id"
    )


def _tenant(settings: Settings, words: str) -> SettingsError:
    return SettingsError(
        f"TENANT_ID {_where(settings, 'TENANT_ID')} is no tenant; `az account show` names yours"
    )


def _subscription(settings: Settings, words: str) -> SettingsError:
    return SettingsError(
        f"SUBSCRIPTION_ID {_where(settings, 'SUBSCRIPTION_ID')} is not open to "
        f"{caller(settings.azure)}: a wrong id, or no role in it yet"
    )


def _group(settings: Settings, words: str) -> SettingsError:
    return SettingsError(
        f"RESOURCE_GROUP {_where(settings, 'RESOURCE_GROUP')} does not exist in subscription "
        f"{_where(settings, 'SUBSCRIPTION_ID')}"
    )


def _workspace(settings: Settings, words: str) -> SettingsError:
    if "ResourceGroupNotFound" in words:
        return _group(settings, words)
    return SettingsError(
        f"AML_WORKSPACE_NAME {_where(settings, 'AML_WORKSPACE_NAME')} does not exist in resource "
        f"group {_where(settings, 'RESOURCE_GROUP')}"
    )


def _no_role(settings: Settings, words: str) -> WorkError:
    # Where the SDK quotes an answer's bytes, their quotes are escaped.
    action = re.search(r"perform action \\?'([^'\\]+)", words)
    what = f"may not do {action[1]}" if action else "has not the rights for this"
    role = "AzureML Data Scientist"
    if action and "/computes/" in action[1]:
        role = "AzureML Compute Operator"
    return WorkError(
        f"{caller(settings.azure)} {what} in workspace {settings.azure.workspace_name!r}: an owner "
        f"gives it the role '{role}' there; a new role takes some minutes"
    )


def _no_login(settings: Settings, words: str) -> SettingsError:
    if settings.azure.auth == "azure-cli":
        return SettingsError(
            "nobody is signed in for azure.auth: azure-cli; run `az login` "
            f"(and `az account set --subscription {settings.azure.subscription_id}`)"
        )
    what = "finds no identity on this machine"
    if settings.azure.auth == "workload-identity":
        what = f"is not accepted for SPN_ID {settings.azure.client_id}: look at its federation"
    return SettingsError(
        f"azure.auth: {settings.azure.auth} ({settings.origin('azure.auth')}) {what}"
    )


def _no_v1(settings: Settings, words: str) -> WorkError:
    return WorkError(
        f"workspace {settings.azure.workspace_name!r} does not take SDK v1 (azureml-core), whose "
        "support ended on 2026-06-30; use another workspace, or ask its owner to allow it"
    )


def _private(settings: Settings, words: str) -> WorkError:
    return WorkError(
        f"workspace {settings.azure.workspace_name!r} is closed to public networks: reach it from "
        "its own network (VPN, a self-hosted agent)"
    )


def _no_keys(settings: Settings, words: str) -> WorkError:
    return WorkError(
        "the storage account forbids keys: register data that lies there already, with "
        "`--datastore NAME --datastore-path PATH`, or let the datastore use identities"
    )


def _no_datastore(settings: Settings, words: str) -> SettingsError:
    found = re.search(r"datastore with name '?([\w-]+)", words)
    return SettingsError(
        f"there is no datastore {found[1] if found else ''!r} in workspace "
        f"{settings.azure.workspace_name!r}; its studio lists them under Data"
    )


def _quota(settings: Settings, words: str) -> WorkError:
    return WorkError(
        f"the subscription's quota does not cover {settings.azure.compute.size} in "
        f"{settings.azure.location}: ask for more, or set azure.compute.size"
    )


_KNOWN: tuple[tuple[str, Callable[[Settings, str], Exception]], ...] = (
    (r"AADSTS7000215", _secret),
    (r"AADSTS7000222", _old_secret),
    (r"AADSTS700016", _principal),
    (r"AADSTS90002|AADSTS900023|Unable to get authority configuration", _tenant),
    (
        r"don't have access to \S+ subscription|SubscriptionNotFound|InvalidSubscriptionId",
        _subscription,
    ),
    (r"ResourceGroupNotFound", _group),
    (
        r"Workspace not found|workspaces/[^' ]+' under resource group '[^']*' was not found",
        _workspace,
    ),
    (
        r"CredentialUnavailable|az login|Azure CLI not found|No managed identity|"
        r"ManagedIdentityCredential auth|AADSTS70021",
        _no_login,
    ),
    (r"Could not find datastore", _no_datastore),
    (r"KeyBasedAuthenticationNotPermitted", _no_keys),
    (
        r"PublicNetworkAccess|public network|private ?link|"
        r"private ?endpoint (connection )?is required",
        _private,
    ),
    (
        r"\bv1\b[^.]{0,60}\b(disabled|not supported|not allowed|forbidden)|"
        r"\b(disabled|not supported|not allowed|forbidden)\b[^.]{0,40}\b(SDK )?v1\b",
        _no_v1,
    ),
    (r"AuthorizationFailed|does not have authorization", _no_role),
    (r"QuotaExceeded|exceed(s|ing)? .{0,40}quota", _quota),
)


def on_azure(verb: Callable[..., Any]) -> Callable[..., Any]:
    """Decorates a platform's verb: what the SDK raises leaves it as an error of ours.

    What the SDK prints goes nowhere: a driver's stdout may be one JSON object.
    """
    import contextlib
    import functools
    import io

    @functools.wraps(verb)
    def told(self: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                _ = self.workspace  # first of all: a missing workspace is no missing asset
                return verb(self, *args, **kwargs)
        except Exception as error:
            explained = explain(error, self.settings)
            if explained is error:
                raise
            raise explained from error

    return told
