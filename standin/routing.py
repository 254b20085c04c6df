"""How a part says which requests it answers: `@route`, Request, Answer, AzureError."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from .account import Account, Principal
from .errors import AzureError as AzureError  # parts take it from here
from .errors import not_played

Json = dict[str, Any]

# The kinds of host that are played. A request to any other is refused by the proxy.
LOGIN = r"login\.microsoftonline\.com"
ARM = r"management\.azure\.com"
API = r"[a-z0-9.-]+\.api\.azureml\.ms"
BLOB = r"[a-z0-9]+\.blob\.core\.windows\.net"
SERVICE = r"[a-z0-9.-]+\.azurecontainer\.io"
INFERENCE = r"[a-z0-9-]+\.[a-z0-9-]+\.inference\.ml\.azure\.com"
REGISTRY = r"cert-[a-z0-9-]+\.experiments\.azureml\.net"
IMDS = r"169\.254\.169\.254"
CONTROL = r"standin\.invalid"
TELEMETRY = r"dc\.services\.visualstudio\.com"
GRAPH = r"graph\.microsoft\.com"
DEVOPS = r"(?:vssps\.)?dev\.azure\.com"
EXTENSIONS = r"aka\.ms"
VSTOKEN = r"vstoken\.dev\.azure\.com"
GITHUB = r"api\.github\.com"
GITHUB_OIDC = r"[a-z0-9-]+\.actions\.githubusercontent\.com"
HOSTS = (
    LOGIN, ARM, API, BLOB, SERVICE, INFERENCE, REGISTRY, IMDS, CONTROL, TELEMETRY, GRAPH, DEVOPS,
    EXTENSIONS, VSTOKEN, GITHUB, GITHUB_OIDC,
)  # fmt: skip

_WORKSPACE = (
    r"/subscriptions/(?P<_s>[^/]+)/resourceGroups/(?P<_g>[^/]+)"
    r"/providers/Microsoft\.MachineLearningServices/workspaces/(?P<_w>[^/]+)"
)


@dataclass
class Request:
    """One request after the proxy: `path` unquoted, without query, with '//' made '/'."""

    method: str
    host: str
    path: str
    query: dict[str, str]
    headers: Mapping[str, str]
    body: bytes = b""
    principal: Principal | None = None
    target: str = ""  # path and query as they stood on the wire
    scheme: str = "https"

    def json(self) -> Json:
        """The body as a JSON object. AzureError 400 if it is none."""
        try:
            value = json.loads(self.body.decode("utf-8-sig") or "{}")
        except ValueError as error:
            raise AzureError(400, "BadRequest", f"The request body is no JSON: {error}") from None
        if not isinstance(value, dict):
            raise AzureError(400, "BadRequest", "The request body must be a JSON object.")
        return value


@dataclass
class Answer:
    """What is sent back; a dict or list is sent as JSON."""

    status: int = 200
    body: bytes | Json | list[Any] | None = None
    headers: dict[str, str] = field(default_factory=dict)


F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True)
class Rule:
    """What `@route` says of a handler; `needs` is the right that the principal must hold."""

    method: str
    host: str
    path: str
    needs: str
    auth: bool


def route(
    method: str, host: str, path: str, *, needs: str = "", auth: bool = True
) -> Callable[[F], F]:
    """Mark a part's method as the handler of `method host path`; may be stacked.

    `path` is a template: {x} matches one segment, {x:path} the rest (empty too), {workspace} the
    ARM id of a workspace. `needs`: "read", "write", "compute", "workspace", "service", "metrics",
    or "" for "read" on GET and HEAD and "write" else. `auth=False`: no bearer token is asked for.
    """

    def mark(function: F) -> F:
        right = needs or ("read" if method in ("GET", "HEAD") else "write")
        rules: list[Rule] = getattr(function, "_rules", [])
        function._rules = [*rules, Rule(method, host, path, right, auth)]  # type: ignore[attr-defined]
        return function

    return mark


def _pattern(template: str) -> str:
    """A regular expression for a path template."""
    out = []
    for piece in re.split(r"(\{[^}]+\})", template.replace("{workspace}", "\0")):
        if piece.startswith("{"):
            name, _, kind = piece[1:-1].partition(":")
            out.append(f"(?P<{name}>{'.*' if kind == 'path' else '[^/]+'})")
        else:
            out.append(re.escape(piece).replace(re.escape("\0"), _WORKSPACE))
    return "".join(out) + ("" if template.endswith(":path}") else "/?")


def _breadth(template: str) -> list[int]:
    """Sorts templates so that the one that says most stands first."""
    kinds = []
    for segment in template.replace("{workspace}", "/w/w/w/w/w/w/w/w").split("/"):
        kinds.append(3 if ":path}" in segment else 2 if segment.startswith("{") else "{" in segment)
    return [int(kind) for kind in kinds]


@dataclass(frozen=True)
class Route:
    """A rule bound to the method of a part that answers it."""

    rule: Rule
    host: re.Pattern[str]
    path: re.Pattern[str]
    handler: Callable[..., Any]
    name: str

    def match(self, request: Request) -> dict[str, str] | None:
        """The values of the template's placeholders, or None when this is another's request."""
        if request.method != self.rule.method or not self.host.fullmatch(request.host):
            return None
        found = self.path.fullmatch(request.path)
        return {k: v or "" for k, v in found.groupdict().items()} if found else None


def routes_of(part: object) -> Iterator[Route]:
    """All routes that the methods of `part` are marked with."""
    for attribute in dir(type(part)):
        for rule in getattr(getattr(type(part), attribute), "_rules", []):
            yield Route(
                rule,
                re.compile(rule.host, re.I),
                re.compile(_pattern(rule.path), re.I),
                getattr(part, attribute),
                f"{type(part).__name__}.{attribute}",
            )


class Router:
    """Finds the handler of a request, after existence and rights have been checked."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.routes: list[Route] = []

    def add(self, part: object) -> None:
        """Take in the routes of a part."""
        self.routes.extend(routes_of(part))
        self.routes.sort(key=lambda one: _breadth(one.rule.path))

    def find(self, request: Request) -> tuple[Route, dict[str, str]]:
        """The route of a request and its arguments. AzureError 501 when no part plays it."""
        for one in self.routes:
            values = one.match(request)
            if values is not None:
                return one, values
        where = f"{request.method} {request.host}{request.path}"
        raise not_played(where)

    def answer(self, request: Request, found: tuple[Route, dict[str, str]]) -> Answer:
        """Call the handler found. Raises AzureError as the service would refuse."""
        one, values = found
        scope = (values.pop("_s", ""), values.pop("_g", ""), values.pop("_w", ""))
        if one.rule.auth:
            if request.principal is None:
                raise self.account.no_token()
            if scope[2]:
                self.account.check_workspace(request, scope)
                self.account.check_right(request, one.rule.needs)
        result = one.handler(request, **values)
        return result if isinstance(result, Answer) else Answer(body=result)
