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

from amlkit.azure import federation
from amlkit.azure.error_table import TABLE
from amlkit.azure.identity import caller
from amlkit.records import WorkError
from amlkit.settings import ENVIRONMENT_VARIABLES, Settings, SettingsError

# What code raises that is wrong: it keeps its name, so that it can be mended.
_OURS = (LookupError, TypeError, AttributeError, NameError, AssertionError)
PASSING = (408, 425, 429, 500, 502, 503, 504)
# Entra cannot reach a token's issuer, or asks for patience.
ENTRA_PASSING = r"AADSTS(?:50166|501661|90061|90033)\b"
LONGEST = 400


def explain(error: Exception, settings: Settings) -> Exception:
    """An SDK's error as one of ours: `SettingsError` for a wrong setting, `WorkError` else."""
    if _is_own(error) or isinstance(error, _OURS) or _is_local(error):
        return error
    if ours := next((e for e in chain(error) if isinstance(e, SettingsError | WorkError)), None):
        return ours  # what the SDK wrapped: a token's file that cannot be read
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


def _is_own(error: Exception) -> bool:
    """Whether an error is of this library: a table that is refused, a wrong flag or setting."""
    return type(error).__module__.partition(".")[0] == __name__.partition(".")[0]


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
    if "AADSTS" in (words := words_of(error)) and status not in PASSING:
        return re.search(ENTRA_PASSING, words) is not None
    if status is not None:
        return status in (*PASSING, 401)  # a token that ended on the way is renewed
    if any("CERTIFICATE_VERIFY_FAILED" in str(one) for one in chain(error)):
        return False
    return any(_is_network(one) for one in chain(error))


def words_of(error: BaseException) -> str:
    """All that an error and its causes say, in one line."""
    return " ".join(" ".join(f"{one} {_asked(one)}" for one in chain(error)).split())


def _asked(error: BaseException) -> str:
    """What was asked, where an error tells the answer's words alone: a federated token."""
    request = getattr(getattr(error, "response", None), "request", None)
    return "(OIDC token endpoint)" if "/oidctoken?" in str(getattr(request, "url", "")) else ""


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
        "source": federation.SOURCES[federation.source(os.environ)],
        "connection": federation.connection(os.environ),
        "remedy": federation.remedy(os.environ, azure.client_id),
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
    text = re.sub(r"\x1b\[[\d;]*m", "", str(error)) or type(error).__name__  # v2 colours its own
    if details := re.search(r"\(x\)\s*(.+?)\s*(?:\n\s*Resolutions:|\Z)", text, re.S):
        text = details[1]
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
