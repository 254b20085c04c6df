"""The table of what workflows need on GitHub, in the order in which it is made.

Calls: REST API 2022-11-28, deployment environments, deployment branch policies, Actions variables,
secrets and the OIDC subject.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from amlkit.cli import shell_line
from amlkit.provision.cloud.client import Client, Command, first, github, github_secret, part
from amlkit.provision.cloud.failures import Refused
from amlkit.provision.cloud.placeholders import Facts, fact, filled
from amlkit.provision.pipelines.federation import GITHUB_ISSUER, credential
from amlkit.provision.pipelines.names import SECRET
from amlkit.provision.pipelines.rows import Row, look, named

_ONLY_CHOSEN = {"protected_branches": False, "custom_branch_policies": True}
PLAN = (
    "private repositories have required reviewers on GitHub Enterprise alone: make it public, or"
    " give --no-approval (whoever may push to main then reaches production)"
)


@dataclass(frozen=True)
class Wanted:
    """What was asked for."""

    repository: str
    staging: str
    production: str  # "": staging alone
    branch: str
    approvers: list[str]
    values: dict[str, str]  # secrets, where there is no password; {}: there is one

    @property
    def environments(self) -> list[str]:
        """Those that are set up."""
        return [self.staging, *([self.production] if self.production else [])]

    def place(self, environment: str) -> str:
        """Where GitHub's interface has an environment."""
        return f"repos/{self.repository}/environments/{quote(environment, safe='')}"


def rows(wanted: Wanted) -> list[Row]:
    """The table."""
    table = [_repository(wanted.repository, administered=True), _default_branch(wanted)]
    table += [_approver(n, who) for n, who in enumerate(wanted.approvers)]
    for environment in wanted.environments:
        # The branch before anything else: an environment is open to all until it has one.
        approvers = wanted.approvers if environment == wanted.production else []
        table += [_environment(wanted, environment, approvers), _branch(wanted, environment)]
    if wanted.values:
        table += [_variable(wanted, "AZURE_AUTH", "workload-identity"), _subject(wanted.repository)]
        table += [credential(*trusted(wanted.repository, each)) for each in wanted.environments]
    names = [*wanted.values] or [SECRET]
    table += [_secret(wanted, where, name) for where in wanted.environments for name in names]
    return table


def subject_of(repository: str, client: Client) -> str:
    """How GitHub names the repository in its tokens.

    Raises:
        Refused: `gh` cannot tell.
    """
    facts = look([_repository(repository), _subject(repository)], client, {}).facts
    if "subject" not in facts:
        raise Refused(f"GitHub shows this login no repository {repository}")
    return str(facts["subject"])


def _repository(repository: str, *, administered: bool = False) -> Row:
    """The repository, and the names that its tokens may have for it.

    Who is not its administrator sets up nothing.
    """

    def pick(answer: Any, facts: Facts) -> Any:
        if administered and answer and not part(answer, "permissions", "admin"):
            raise Refused(
                f"setting up {repository} takes the role Admin on it: ask an administrator,"
                " with what --dry-run prints"
            )
        return answer

    return Row(
        key="repository",
        title=f"repository {repository}",
        look=github("get", f"repos/{repository}"),
        pick=pick,
        learns=lambda found: {
            "by_name": f"repo:{found['full_name']}",
            "by_id": "repo:{}@{}/{}@{}".format(
                found["owner"]["login"], found["owner"]["id"], found["name"], found["id"]
            ),
        },
        advice="GitHub shows this login no such repository: `gh auth status` tells who asks",
    )


def _default_branch(wanted: Wanted) -> Row:
    """The branch of the workflow is the default one: the schedule runs for that alone."""

    def pick(answer: Any, facts: Facts) -> Any:
        return answer if answer and answer["default_branch"] == wanted.branch else None

    return Row(
        key="default_branch",
        title=f"default branch {wanted.branch}",
        look=github("get", f"repos/{wanted.repository}"),
        pick=pick,
        advice="the weekly run is for the default branch alone: where that is another, give it as"
        " `branches` of push in train-and-deploy.yml and `branches-ignore` in ci.yml",
        optional=True,
    )


def _approver(number: int, who: str) -> Row:
    """A user by login, or a team as ORGANIZATION/TEAM."""
    organization, _, team = who.rpartition("/")
    path = f"orgs/{organization}/teams/{team}" if organization else f"users/{who}"
    kind = "Team" if organization else "User"
    return Row(
        key=f"approver {who}",
        title=f"approver {who}",
        look=github("get", path),
        learns=lambda found: {f"approver_{number}": found["id"], f"kind_{number}": kind},
        advice="GitHub knows no such user or team: give a login, or ORGANIZATION/TEAM",
    )


def _environment(wanted: Wanted, name: str, approvers: list[str]) -> Row:
    """An environment for chosen branches; reviewers and waits that others set stay.

    A PUT replaces all of it, so what is there goes into the request again.
    """
    place = wanted.place(name)
    people = [
        {"type": fact(f"kind_{number}"), "id": fact(f"approver_{number}")}
        for number in range(len(approvers))
    ]
    body: dict[str, Any] = {"deployment_branch_policy": _ONLY_CHOSEN}
    if people:
        # Without reviewers GitHub refuses prevent_self_review, and older servers do not know it.
        body |= {"reviewers": people}
        body |= {"prevent_self_review": True} if len(people) > 1 else {}

    def change(found: Any, facts: Facts) -> Command | None:
        there, kept = _rules(found)
        meant = zip(people, filled(people, facts), strict=True)
        missing = [each for each, person in meant if person not in there]
        chosen = found.get("deployment_branch_policy") or {}
        if not missing and chosen.get("custom_branch_policies"):
            return None
        now = {**kept, "deployment_branch_policy": _ONLY_CHOSEN}
        if there or missing:
            now["reviewers"] = there + missing
        return github("put", place, body=now)

    return Row(
        key=f"environment {name}",
        title=f"environment {name}" + (" with reviewers" if people else ""),
        look=github("get", place),
        make=github("put", place, body=body),
        change=change,
        advice=PLAN if people else "",
    )


def _rules(found: dict[str, Any]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """An environment's reviewers, and the rest of its rules as a PUT takes them."""
    people: list[dict[str, Any]] = []
    rest: dict[str, Any] = {}
    for rule in found.get("protection_rules") or []:
        if rule["type"] == "required_reviewers":
            people = [
                {"type": each["type"], "id": each["reviewer"]["id"]} for each in rule["reviewers"]
            ]
            if people and rule.get("prevent_self_review"):
                rest["prevent_self_review"] = True
        if rule["type"] == "wait_timer":
            rest["wait_timer"] = rule["wait_timer"]
    return people, rest


def has_reviewers(found: Any) -> bool:
    """Whether somebody approves what goes to an environment."""
    return bool(found and _rules(found)[0])


def _branch(wanted: Wanted, environment: str) -> Row:
    """The branch whose runs may use an environment."""
    branch, place = wanted.branch, f"{wanted.place(environment)}/deployment-branch-policies"

    def is_it(policy: dict[str, Any], facts: Facts | None = None) -> bool:
        return policy["name"] == branch and policy.get("type", "branch") == "branch"

    def remark(answer: Any) -> str:
        others = [each for each in part(answer, "branch_policies") or [] if not is_it(each)]
        if not others:
            return ""
        names = ", ".join(f"{each.get('type', 'branch')} {each['name']}" for each in others)
        typed = shell_line("gh", "api", "--method", "DELETE", f"{place}/{others[0]['id']}")
        return (
            f"environment {environment} lets in others than {branch}: {names}; if they are not to"
            f" reach it, `{typed}` takes back the first"
        )

    return Row(
        key=f"branch {environment}",
        title=f"branch {branch} for environment {environment}",
        look=github("get", f"{place}?per_page=100"),
        pick=first(is_it, inside="branch_policies"),
        make=github("post", place, body={"name": branch}),
        remark=remark,
    )


def _variable(wanted: Wanted, name: str, value: str) -> Row:
    """A variable, which everybody may see who sees the repository."""
    place, body = f"repos/{wanted.repository}/actions/variables", {"name": name, "value": value}

    def change(found: Any, facts: Facts) -> Command | None:
        return None if found["value"] == value else github("patch", f"{place}/{name}", body=body)

    return Row(
        key=f"variable {name}",
        title=f"variable {name}: {value}",
        look=github("get", f"{place}/{name}"),
        make=github("post", place, body=body),
        change=change,
    )


def _secret(wanted: Wanted, environment: str, name: str) -> Row:
    """What workflows read of Azure: a secret of an environment, which main alone can read.

    What it holds nobody can read: one that is there is left as it is.
    """
    flags = " --env prod" if environment == wanted.production else ""
    where = ("--repo", wanted.repository, "--env", environment)
    value = wanted.values.get(name)
    return Row(
        key=f"secret {environment} {name}",
        title=f"secret {name} of environment {environment}",
        look=github("get", f"{wanted.place(environment)}/secrets?per_page=100"),
        pick=named(name, inside="secrets"),
        make=None if value is None else github_secret(name, where, value),
        advice=f"`python infra/bootstrap.py credentials --to github{flags}` stores it",
        optional=True,
    )


def _subject(repository: str) -> Row:
    """How GitHub names the repository in its tokens, which Entra compares letter by letter.

    Repositories made since 2026-07-15 are named with their ids, so that nobody can take over a
    name: https://github.blog/changelog/2026-04-23-immutable-subject-claims-for-github-actions-oidc-tokens/
    """

    def pick(answer: Any, facts: Facts) -> Any:
        found = answer or {}
        if found.get("use_default") is False:
            raise Refused(
                f"{repository} has OIDC subjects of its own making: make the federated credentials"
                " by hand, or set the default again (Settings, Actions, OIDC)"
            )
        told = str(found.get("sub_claim_prefix") or "").rstrip(":")
        known = facts["by_id"] if found.get("use_immutable_subject") else facts["by_name"]
        return {"subject": told if told.startswith("repo:") else known}

    return Row(
        key="oidc_subject",
        title=f"the name of {repository} in GitHub's tokens",
        look=github("get", f"repos/{repository}/actions/oidc/customization/sub"),
        pick=pick,
        learns=lambda found: {"subject": found["subject"]},
    )


def trusted(repository: str, environment: str) -> tuple[str, str, str, str]:
    """The federated credential of an environment: every job that reaches Azure names one.

    Returns:
        Its name, what it lets in, who signs the tokens, and whom they are about.
    """
    return (
        f"github-{repository}-{environment}",
        f"the environment {environment} of {repository}",
        GITHUB_ISSUER,
        f"{fact('subject')}:environment:{environment}",
    )
