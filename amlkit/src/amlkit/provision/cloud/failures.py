"""Why a command of `az` failed, told from what it wrote, and what to do about it.

`az` prints the service's code where there is one, `(AuthorizationFailed) The client …`. Microsoft
Graph's answers are printed without theirs, `az rest` prints the reason and the body, and Azure
DevOps has codes of its own: so codes are looked up first, then words, then the exit code.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from enum import Enum
from http import HTTPStatus
from typing import Any

from amlkit.provision.cloud.policies import explained
from amlkit.redaction import without_secrets


class Refused(Exception):
    """Something in Azure or in config.yml is in the way: one line that says what to do.

    Args:
        line: what a person reads.
        code: the exit code.
        record: what is reported as JSON beside the line.
    """

    def __init__(
        self, line: str, *, code: int = 1, record: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(line)
        self.code, self.record = code, record or {}


class Kind(Enum):
    """What went wrong: what to do next, and the codes by which services say it."""

    MISSING_AZ = (
        "install the Azure CLI (https://aka.ms/installazurecli) and open a new terminal, or use"
        " Azure Cloud Shell"
    )
    OLD_AZ = "run `az upgrade`, or install the current Azure CLI"
    MISSING_EXTENSION = "run `az extension add --name ml --yes`"
    NOT_LOGGED_IN = "run `az login` (where there is no browser: `az login --use-device-code`)"
    EXPIRED = (
        "the login has expired: run `az login`, then this again",
        "ExpiredAuthenticationToken InvalidAuthenticationToken AuthenticationFailed",
    )
    WRONG_SUBSCRIPTION = (
        "`az account list -o table` shows the subscriptions of this login: put the right id into"
        " config.yml (azure.subscription_id), or `az login --tenant` into the tenant that has it",
        """SubscriptionNotFound InvalidSubscriptionId InvalidAuthenticationTokenTenant
        ReadOnlyDisabledSubscription""",
    )
    FORBIDDEN = (
        "ask an administrator: `python infra/bootstrap.py plan --for-admin` writes the request",
        """AuthorizationFailed AuthorizationPermissionMismatch Authorization_RequestDenied
        LinkedAuthorizationFailed AuthorizationFailure RoleAssignmentUpdateNotPermitted Forbidden
        AccessDenied AccessCheckException UnauthorizedRequestException AccessDeniedException""",
    )
    POLICY = (
        "a policy of your company forbids it: ask an administrator, who knows which",
        """RequestDisallowedByPolicy RequestDisallowedByAzure ScopeLocked
        CredentialInvalidLifetimeAsPerAppPolicy CredentialTypeNotAllowedAsPerAppPolicy""",
    )
    NOT_FOUND = (
        "check the name in config.yml, and that --env is the right one",
        """ResourceNotFound ResourceGroupNotFound NotFound Request_ResourceNotFound
        ParentResourceNotFound RoleDefinitionDoesNotExist ContainerNotFound BlobNotFound
        ProjectDoesNotExistWithNameException ProjectDoesNotExistException
        VariableGroupNotFoundException RoleAssignmentNotFound DeletedVaultNotFound""",
    )
    CONFLICT = (
        "something else has this name or is at work on it: run this again in some minutes",
        """Conflict ResourceGroupBeingDeleted AnotherOperationInProgress OperationNotAllowed
        DeploymentActive InvalidResourceGroupLocation InvalidResourceLocation RoleAssignmentExists
        Request_MultipleObjectsWithSameKeyValue AccountAlreadyExists VariableGroupExistsException
        """,
    )
    NAME_TAKEN = (
        "somebody else in Azure has this name: choose another in config.yml",
        "StorageAccountAlreadyTaken VaultAlreadyExists",
    )
    SOFT_DELETED = (
        "the name is kept by something that was deleted: recover or purge it (`python"
        " infra/bootstrap.py status` says how), or choose another name",
        "SoftDeletedResourceExists FlagMustBeSetForRestore",
    )
    QUOTA = (
        "choose a smaller size or another region in config.yml, or ask for more quota:"
        " https://aka.ms/quotas",
        """QuotaExceeded SkuNotAvailable ResourceQuotaExceeded SubscriptionQuotaExceeded
        ClusterCoreQuotaReached ClusterMinNodesExceedCoreQuota VmSizeNotSupported
        MaxStorageAccountsCountPerSubscriptionExceeded Directory_QuotaExceeded""",
    )
    NOT_REGISTERED = (
        "run `az provider register --namespace NAMESPACE --wait` with the one it names",
        "MissingSubscriptionRegistration SubscriptionNotRegistered",
    )
    PRINCIPAL_UNKNOWN = (
        "the directory does not know it everywhere yet: run this again in a minute",
        "PrincipalNotFound",
    )
    THROTTLED = (
        "Azure asks for patience: run this again in some minutes",
        """TooManyRequests Request_ThrottledTemporarily SubscriptionRequestsThrottled
        RequestBlockedException""",
    )
    UNAVAILABLE = (
        "Azure has a problem (https://status.azure.com): run this again in some minutes",
        """ServiceUnavailable InternalServerError ServerTimeout GatewayTimeout BadGateway
        InternalError""",
    )
    TIMEOUT = "Azure may be at work on it still: run this again, it looks before it creates"
    NETWORK = "check the network and the proxy (HTTPS_PROXY, REQUESTS_CA_BUNDLE), then run it again"
    INTERRUPTED = "run this again, it resumes where it stopped"
    CRASHED = "run it by hand with --debug; `az upgrade` brings the current version"
    INVALID = (
        "check the value that it names in config.yml",
        """BadRequest InvalidParameter LocationNotAvailableForResourceType
        NoRegisteredProviderFound AccountNameInvalid Request_BadRequest""",
    )
    OTHER = "run this again, it resumes where it stopped; by hand, --debug says more"

    def __init__(self, advice: str, codes: str = "") -> None:
        self.advice, self.codes = advice, codes.lower().split()


class Failure(Exception):
    """A call of `az` or `gh` that failed; `str()` says in one line why, and what to do."""

    def __init__(self, kind: Kind, code: str, message: str, advice: str = "") -> None:
        usual = kind.advice
        if kind is Kind.POLICY and "disallowed by policy" in message:
            message, usual = explained(message)
        self.kind, self.code, self.message, self.advice = kind, code, message, advice or usual
        named = f" ({code})" if code and code not in message else ""
        super().__init__(f"{message.rstrip('.')}{named}; {self.advice}")

    def advised(self, how: str, message: str = "") -> Failure:
        """The same failure with other advice, and where one is given with another message."""
        return Failure(self.kind, self.code, message or self.message, how)


_KIND_OF = {code: kind for kind in Kind for code in kind.codes}

# Words, for answers without a code and for codes that mean several things. The first match wins.
_WORDS = [
    (re.compile(pattern, re.IGNORECASE), kind)
    for pattern, kind in [
        (r"run '' to setup|No subscriptions? found|no active accounts"
         r"|Run `az login`|token from MSAL cache", Kind.NOT_LOGGED_IN),
        (r"AADSTS(70043|700082|700084|50173|50076|50078|50079|50132|70008|700024|7000222)\b"
         r"|token (has expired|is expired)|expired or is not yet valid|Lifetime validation failed"
         r"|Interactive authentication is needed", Kind.EXPIRED),
        (r"AADSTS\d+", Kind.NOT_LOGGED_IN),
        (r"Subscription '' not found|subscription .* could not be found", Kind.WRONG_SUBSCRIPTION),
        (r"soft[- ]?deleted|deleted (state|vault)|recoverable state", Kind.SOFT_DELETED),
        (r"disallowed by policy", Kind.POLICY),
        (r"Insufficient privileges|does not have (authorization|permission|.*permissions)"
         r"|TF401027|TF400813|is not authorized to access", Kind.FORBIDDEN),
        (r"\bquota\b", Kind.QUOTA),
        (r"does not exist in the directory", Kind.PRINCIPAL_UNKNOWN),
        (r"read timed out|ReadTimeout", Kind.TIMEOUT),
        (r"Max retries exceeded|Connection (aborted|reset|refused|broken|error)|RemoteDisconnected"
         r"|Failed to establish a new connection|Name or service not known|getaddrinfo failed"
         r"|CERTIFICATE_VERIFY_FAILED|SSLError|ProxyError|Unable to connect to proxy"
         r"|timed? ?out", Kind.NETWORK),
        (r"does not exist|could not be found|was not found|not found", Kind.NOT_FOUND),
        (r"already exists|already (taken|in use)", Kind.CONFLICT),
        (r"too many requests|throttl", Kind.THROTTLED),
    ]
]  # fmt: skip
# What people name and where they look says nothing of what went wrong.
_NAMES = re.compile(r"(?<!\w)'[^']*'|\"[^\"]*\"|https?://\S+|/subscriptions/\S+")

_ERROR = re.compile(r"^(?:ERROR|CRITICAL): ?", re.MULTILINE)
_CODE = re.compile(r"\(([A-Za-z][A-Za-z0-9_]+)\) |Code: ([A-Za-z][A-Za-z0-9_]+)$", re.MULTILINE)
_REASON = re.compile(
    rf"({'|'.join(re.escape(status.phrase) for status in HTTPStatus)})\((.*)\)\s*$", re.DOTALL
)
_CRASH = re.compile(r"unexpected error. Here is the traceback:|^Traceback ", re.MULTILINE)


def classify(exit_code: int, stderr: str) -> tuple[Kind, str, str]:
    """Tells why `az` failed.

    Returns:
        The kind, the service's own code ("" where it gives none), and its message in one
        line (that of a policy whole).
    """
    said = _ERROR.sub("", stderr[match.start() :] if (match := _ERROR.search(stderr)) else stderr)
    said = said.strip()
    if not said:
        return Kind.INTERRUPTED, "", "az ended without a word"
    code, message = _code_and_message(said)
    if _CRASH.search(said):
        message = _last_line_of_traceback(said)
    kind = _kind(exit_code, code, message, said)
    if kind is Kind.POLICY:  # what it is called stands far behind
        whole = re.sub(r"^\(\w+\) ", "", said)
        return kind, code, " ".join(without_secrets(whole).split())
    return kind, code, oneline(message)


def failure_of(status: int, code: str, message: str) -> Failure:
    """The refusal of one request among several that were sent at once."""
    reason = HTTPStatus(status).phrase if status in list(HTTPStatus) else str(status)
    body = json.dumps({"error": {"code": code, "message": message}})
    return Failure(*classify(1, f"ERROR: {reason}({body})"))


def _kind(exit_code: int, code: str, message: str, said: str) -> Kind:
    """The kind that exit code, the service's code and words speak for, in this order."""
    if exit_code == 2:
        if "misspelled or not recognized" in said:
            return Kind.MISSING_EXTENSION if said.startswith("'ml'") else Kind.OLD_AZ
        return Kind.INVALID
    known = _KIND_OF.get(re.sub(r"[^a-z0-9_]", "", code.lower()))
    words = _NAMES.sub("''", f"{code} {message} {said}")
    spoken = next((kind for pattern, kind in _WORDS if pattern.search(words)), None)
    # Behind BadRequest, Conflict and OperationNotAllowed may hide what the words tell better.
    hidden = (Kind.SOFT_DELETED, Kind.QUOTA, Kind.POLICY, Kind.PRINCIPAL_UNKNOWN)
    if known in (Kind.INVALID, Kind.CONFLICT) and spoken in hidden:
        return spoken
    if known or spoken:
        return known or spoken or Kind.OTHER
    if exit_code == 3:
        return Kind.NOT_FOUND
    return Kind.CRASHED if _CRASH.search(said) else Kind.OTHER


def _code_and_message(said: str) -> tuple[str, str]:
    """The service's code and message, from the forms in which `az` prints them."""
    if found := _REASON.search(said):
        reason, body = found.groups()
        try:
            answer = json.loads(body)
            error = answer.get("error", answer)
        except (ValueError, AttributeError):  # a web page, or no object
            return reason, reason
        if isinstance(error, dict):
            code = error.get("code") or error.get("typeKey") or reason
            return str(code), str(error.get("message") or said)
        return reason, str(error)
    if said.startswith("{") and (inner := _innermost(said)):
        return inner
    if found := re.match(r"(AADSTS\d+): ", said):
        return found.group(1), said.split("Trace ID")[0]
    if found := _CODE.search(said):
        return found.group(1) or found.group(2), said[found.end() :] if found.group(1) else said
    return _innermost(said[said.find("{") :]) or ("", said)


def _innermost(said: str) -> tuple[str, str] | None:
    """The code and messages of what a deployment failed on, as az prints them.

    `{"error": {…, "details": […]}}` of one that ran, `{…} Inner Errors: {…} {…}` of one that was
    refused.
    """
    outer, _, inner = said.partition("Inner Errors:")
    try:
        errors = list(_objects(inner.replace("Inner Errors:", ""))) or [json.loads(outer)]
        leaves = [_leaf(error.get("error", error)) for error in errors]
        return str(leaves[0]["code"]), " ".join(str(each["message"]) for each in leaves)
    except (ValueError, KeyError, AttributeError, TypeError, IndexError):
        return None


def _objects(text: str) -> Iterator[dict[str, Any]]:
    """The JSON objects that stand in a text one after the other."""
    decoder, rest = json.JSONDecoder(), text.strip()
    while rest.startswith("{"):
        value, end = decoder.raw_decode(rest)
        yield value
        rest = rest[end:].strip()


def _leaf(error: dict[str, Any]) -> dict[str, Any]:
    """The innermost of an error's details, which a message may hold as JSON of its own."""
    while True:
        details = [each for each in error.get("details") or [] if each.get("code")]
        held = str(error.get("message") or "").strip()
        if details:
            error = details[0]
        elif held.startswith("{"):
            inner = json.loads(held, strict=False)
            error = inner.get("error") or {key.lower(): value for key, value in inner.items()}
        else:
            return error


def _last_line_of_traceback(said: str) -> str:
    """The exception's own line: unindented, after the frames."""
    lines = [line for line in said.splitlines() if re.match(r"[\w.]+(Error|Exception)\b", line)]
    return lines[-1] if lines else said


def oneline(message: str) -> str:
    """The message without secrets, line ends, the code's repetition, or more than one can read."""
    message = re.split(r"\s*\nCode: ", message)[0]
    words = " ".join(without_secrets(message).split())
    return words if len(words) <= 400 else words[:399] + "…"
