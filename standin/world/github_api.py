"""GitHub's REST API, as far as `gh` sets up a repository's deployments by it.

Shapes: REST API 2022-11-28, deployment environments, deployment branch policies, Actions variables,
secrets and the OIDC subject (github/rest-api-description). A request with a field that they do not
name is refused.
"""

from __future__ import annotations

import base64
import itertools
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import wraps
from typing import TYPE_CHECKING, Any

from ..routing import GITHUB, Answer, Json, Request, route

if TYPE_CHECKING:
    from ..standin import Azure

_R = "/repos/{owner}/{name}"
_E = _R + "/environments/{environment}"
_PLAN = (
    "Failed to create the environment protection rule. Please ensure the billing plan supports the"
    " required reviewers protection rule."
)


@dataclass
class Environment:
    """A deployment environment: as it was PUT, its branches and the names of its secrets."""

    id: int
    given: Json = field(default_factory=dict)
    branches: list[Json] = field(default_factory=list)
    secrets: dict[str, Json] = field(default_factory=dict)


@dataclass
class Repository:
    """A repository; `reviewers` whether its plan has required reviewers, `admin` who asks.

    `immutable` as those are that were made since 2026-07-15: tokens name it with its ids.
    """

    id: int
    full_name: str = ""
    private: bool = True
    reviewers: bool = True
    admin: bool = True
    immutable: bool = True
    owner: int = 77
    environments: dict[str, Environment] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)


class _Refusal(Exception):
    """What GitHub refuses, with its status and words."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message


def _asked(function: Callable[..., Any]) -> Callable[..., Any]:
    """401 without the login's token; refusals in GitHub's shape."""

    @wraps(function)
    def handler(self: GitHubApi, request: Request, **values: str) -> Any:
        try:
            if (request.headers.get("Authorization") or "").split(" ")[-1] != self.token:
                raise _Refusal(401, "Bad credentials")
            if "owner" in values:
                found = self.repositories.get(f"{values.pop('owner')}/{values.pop('name')}".lower())
                if found is None:
                    raise _Refusal(404, "Not Found")
                if request.method != "GET" and not found.admin:
                    raise _Refusal(403, "Must have admin rights to Repository.")
                return function(self, request, found, **values)
            return function(self, request, **values)
        except _Refusal as refusal:
            body = {
                "message": refusal.message,
                "documentation_url": "https://docs.github.com/rest",
                "status": str(refusal.status),
            }
            return Answer(refusal.status, body)

    return handler


class GitHubApi:
    """api.github.com for one login."""

    def __init__(self, azure: Azure) -> None:
        self.azure = azure
        self.token = "gho_" + secrets.token_urlsafe(30)
        self.repositories: dict[str, Repository] = {}
        self.users: dict[str, int] = {}
        self.teams: dict[str, int] = {}
        self._ids = itertools.count(1001)

    def add_repository(
        self, name: str, *, reviewers: bool = True, admin: bool = True
    ) -> Repository:
        """A private repository OWNER/NAME."""
        made = Repository(next(self._ids), name, reviewers=reviewers, admin=admin)
        return self.repositories.setdefault(name.lower(), made)

    def add_user(self, login: str) -> int:
        """A user; their id."""
        return self.users.setdefault(login.lower(), next(self._ids))

    @route("GET", GITHUB, "/users/{login}", auth=False)
    @_asked
    def user(self, request: Request, login: str) -> Json:
        """A user by login."""
        if login.lower() not in self.users:
            raise _Refusal(404, "Not Found")
        return {"login": login, "id": self.users[login.lower()], "type": "User"}

    @route("GET", GITHUB, "/orgs/{organization}/teams/{team}", auth=False)
    @_asked
    def team(self, request: Request, organization: str, team: str) -> Json:
        """A team by its organization and slug."""
        if f"{organization}/{team}".lower() not in self.teams:
            raise _Refusal(404, "Not Found")
        number = self.teams[f"{organization}/{team}".lower()]
        return {"id": number, "slug": team, "name": team}

    @route("GET", GITHUB, _R, auth=False)
    @_asked
    def repository(self, request: Request, found: Repository) -> Json:
        """A repository, and what whoever asks may do."""
        rights = {"admin": found.admin, "push": True, "pull": True}
        owner, _, name = found.full_name.partition("/")
        return {
            "id": found.id,
            "name": name,
            "full_name": found.full_name,
            "owner": {"login": owner, "id": found.owner, "type": "Organization"},
            "private": found.private,
            "default_branch": "main",
            "permissions": rights,
        }

    @route("GET", GITHUB, _R + "/actions/oidc/customization/sub", auth=False)
    @_asked
    def subject(self, request: Request, found: Repository) -> Json:
        """How tokens name a repository."""
        return {"use_default": True, "use_immutable_subject": found.immutable}

    # Environments.

    def _environment(self, found: Repository, environment: str) -> Environment:
        if environment not in found.environments:
            raise _Refusal(404, "Not Found")
        return found.environments[environment]

    def _shown(self, name: str, one: Environment) -> Json:
        rules: list[Json] = []
        if one.given.get("wait_timer"):
            rules.append({"id": 1, "type": "wait_timer", "wait_timer": one.given["wait_timer"]})
        if one.given.get("reviewers"):
            people = [
                {"type": each["type"], "reviewer": {"id": each["id"]}}
                for each in one.given["reviewers"]
            ]
            alone = bool(one.given.get("prevent_self_review"))
            rules.append(
                {
                    "id": 2,
                    "type": "required_reviewers",
                    "prevent_self_review": alone,
                    "reviewers": people,
                }
            )
        policy = one.given.get("deployment_branch_policy")
        if policy:
            rules.append({"id": 3, "type": "branch_policy"})
        return {
            "id": one.id,
            "name": name,
            "protection_rules": rules,
            "deployment_branch_policy": policy,
        }

    @route("GET", GITHUB, _E, auth=False)
    @_asked
    def environment(self, request: Request, found: Repository, environment: str) -> Json:
        """An environment with its rules."""
        return self._shown(environment, self._environment(found, environment))

    @route("PUT", GITHUB, _E, auth=False)
    @_asked
    def put_environment(self, request: Request, found: Repository, environment: str) -> Json:
        """Make an environment, or replace all its rules. 422 where the plan has no reviewers."""
        given = request.json()
        known = {"wait_timer", "prevent_self_review", "reviewers", "deployment_branch_policy"}
        if set(given) - known:
            raise _Refusal(422, "Invalid request. Not a permitted key.")
        people, policy = given.get("reviewers") or [], given.get("deployment_branch_policy")
        if given.get("prevent_self_review") and not people:
            raise _Refusal(422, "Required reviewers must have at least one reviewer.")
        if policy and policy["protected_branches"] == policy["custom_branch_policies"]:
            raise _Refusal(422, "protected_branches and custom_branch_policies cannot be the same.")
        ids = {"User": set(self.users.values()), "Team": set(self.teams.values())}
        if len(people) > 6 or any(one["id"] not in ids[one["type"]] for one in people):
            raise _Refusal(422, "Up to six users or teams may review.")
        if people and found.private and not found.reviewers:
            raise _Refusal(422, _PLAN)
        number = next(self._ids)
        one = found.environments.setdefault(environment, Environment(number))
        one.given = given
        if not (policy or {}).get("custom_branch_policies"):
            one.branches.clear()
        return self._shown(environment, one)

    @route("GET", GITHUB, _E + "/deployment-branch-policies", auth=False)
    @_asked
    def branches(self, request: Request, found: Repository, environment: str) -> Json:
        """The branches that may use an environment."""
        known = self._environment(found, environment).branches
        return {"total_count": len(known), "branch_policies": known}

    @route("POST", GITHUB, _E + "/deployment-branch-policies", auth=False)
    @_asked
    def add_branch(self, request: Request, found: Repository, environment: str) -> Json:
        """One more. 404 unless the environment has custom policies."""
        one, given = self._environment(found, environment), request.json()
        if not (one.given.get("deployment_branch_policy") or {}).get("custom_branch_policies"):
            raise _Refusal(404, "Not Found")
        if set(given) - {"name", "type"} or not given.get("name"):
            raise _Refusal(422, "Invalid request.")
        made = {"id": next(self._ids), "type": "branch", **given}
        one.branches.append(made)
        return made

    # Variables and secrets.

    @route("GET", GITHUB, _R + "/actions/variables", auth=False)
    @_asked
    def variables(self, request: Request, found: Repository) -> Json:
        """The variables of a repository."""
        known = [{"name": name, "value": value} for name, value in found.variables.items()]
        return {"total_count": len(known), "variables": known}

    @route("POST", GITHUB, _R + "/actions/variables", auth=False)
    @_asked
    def add_variable(self, request: Request, found: Repository) -> Answer:
        """A new variable (201). 409 where it is there."""
        given = request.json()
        if set(given) != {"name", "value"}:
            raise _Refusal(422, "Invalid request.")
        if given["name"] in found.variables:
            raise _Refusal(409, "Already exists - Variable already exists")
        found.variables[given["name"]] = given["value"]
        return Answer(201, {})

    @route("GET", GITHUB, _R + "/actions/variables/{variable}", auth=False)
    @_asked
    def variable(self, request: Request, found: Repository, variable: str) -> Json:
        """A variable by name."""
        if variable not in found.variables:
            raise _Refusal(404, "Not Found")
        return {"name": variable, "value": found.variables[variable]}

    @route("PATCH", GITHUB, _R + "/actions/variables/{variable}", auth=False)
    @_asked
    def change_variable(self, request: Request, found: Repository, variable: str) -> Answer:
        """Another value (204)."""
        if variable not in found.variables:
            raise _Refusal(404, "Not Found")
        found.variables[variable] = request.json()["value"]
        return Answer(204)

    @route("GET", GITHUB, _E + "/secrets", auth=False)
    @_asked
    def secrets(self, request: Request, found: Repository, environment: str) -> Json:
        """The names of an environment's secrets."""
        known = [{"name": name} for name in self._environment(found, environment).secrets]
        return {"total_count": len(known), "secrets": known}

    @route("GET", GITHUB, _E + "/secrets/public-key", auth=False)
    @_asked
    def public_key(self, request: Request, found: Repository, environment: str) -> Json:
        """The key that secrets are sealed for."""
        self._environment(found, environment)
        return {"key_id": "1", "key": base64.b64encode(b"\x09" * 32).decode()}

    @route("PUT", GITHUB, _E + "/secrets/{secret}", auth=False)
    @_asked
    def put_secret(
        self, request: Request, found: Repository, environment: str, secret: str
    ) -> Answer:
        """Store a sealed secret (201)."""
        given = request.json()
        if not {"encrypted_value", "key_id"} <= set(given):
            raise _Refusal(422, "Invalid request.")
        self._environment(found, environment).secrets[secret] = given
        return Answer(201, {})
