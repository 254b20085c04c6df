"""The table of what workflows need on GitHub, in the order in which it is made.

Calls: REST API 2022-11-28, deployment environments, deployment branch policies, Actions variables,
secrets and the OIDC subject.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from amlkit.cli import shell_line
from amlkit.provision.pipelines.engine import look
from amlkit.provision.pipelines.federation import GITHUB_ISSUER, credential
from amlkit.provision.pipelines.requests import Requests
from amlkit.provision.pipelines.table import Call, Row, named, whole
from amlkit.provision.placeholders import Facts, fact
from amlkit.provision.records import Refused

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
    federation: bool
    values: dict[str, str]


def rows(wanted: Wanted) -> list[Row]:
    """The table."""
    administered = _administered(wanted.repository)
    table = [_repository(wanted.repository, administered), _default_branch(wanted)]
    table += [*map(_approver, range(99), wanted.approvers)]
    table += [_environment(wanted.repository, wanted.staging, [])]
    table += [_branch(wanted.repository, wanted.staging, wanted.branch)]
    if wanted.production:
        # The branch before anything else: an environment is open to all until it has one.
        table += [_environment(wanted.repository, wanted.production, wanted.approvers)]
        table += [_branch(wanted.repository, wanted.production, wanted.branch)]
    if wanted.federation:
        table += [_variable(wanted, "AZURE_AUTH", "workload-identity")]
        table += [_subject(wanted.repository), *_credentials(wanted)]
    return [*table, *_secrets(wanted)]


def subject_of(repository: str, requests: Requests) -> str:
    """How GitHub names the repository in its tokens.

    Raises:
        Refused: `gh` cannot tell.
    """
    facts = look([_repository(repository, whole), _subject(repository)], requests, {}).facts
    if "subject" not in facts:
        raise Refused(f"GitHub shows this login no repository {repository}")
    return str(facts["subject"])


def _administered(repository: str) -> Callable[[Any, Facts], Any]:
    """Picks the repository; who is not its administrator sets up nothing."""

    def pick(answer: Any, facts: Facts) -> Any:
        if answer and not (answer.get("permissions") or {}).get("admin"):
            raise Refused(
                f"setting up {repository} takes the role Admin on it: ask an administrator,"
                " with what --dry-run prints"
            )
        return answer

    return pick


def _repository(repository: str, pick: Callable[[Any, Facts], Any]) -> Row:
    """The repository, and the names that its tokens may have for it."""
    return Row(
        key="repository",
        title=f"repository {repository}",
        look=Call("get", f"repos/{repository}"),
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
        look=Call("get", f"repos/{wanted.repository}"),
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
        look=Call("get", path),
        pick=whole,
        learns=lambda found: {f"approver_{number}": found["id"], f"kind_{number}": kind},
        advice="GitHub knows no such user or team: give a login, or ORGANIZATION/TEAM",
    )


def _environment(repository: str, name: str, approvers: list[str]) -> Row:
    """An environment for chosen branches; reviewers and waits that others set stay.

    A PUT replaces all of it, so what is there goes into the request again.
    """
    place = f"repos/{repository}/environments/{quote(name, safe='')}"
    people = [
        {"type": fact(f"kind_{number}"), "id": fact(f"approver_{number}")}
        for number in range(len(approvers))
    ]
    body: dict[str, Any] = {"deployment_branch_policy": _ONLY_CHOSEN}
    if people:
        # Without reviewers GitHub refuses prevent_self_review, and older servers do not know it.
        body |= {"reviewers": people}
        body |= {"prevent_self_review": True} if len(people) > 1 else {}

    def change(found: Any, facts: Facts) -> Call | None:
        there, kept = _rules(found)
        known = {(each["type"], each["id"]) for each in there}
        missing = [
            each
            for number, each in enumerate(people)
            if (facts.get(f"kind_{number}"), facts.get(f"approver_{number}")) not in known
        ]
        chosen = found.get("deployment_branch_policy") or {}
        if not missing and chosen.get("custom_branch_policies"):
            return None
        now = {**kept, "deployment_branch_policy": _ONLY_CHOSEN}
        if there or missing:
            now["reviewers"] = there + missing
        return Call("put", place, (), now)

    title = f"environment {name}" + (" with reviewers" if people else "")
    return Row(
        key=f"environment {name}",
        title=title,
        look=Call("get", place),
        pick=whole,
        make=Call("put", place, (), body),
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


def _branch(repository: str, environment: str, branch: str) -> Row:
    """The branch whose runs may use an environment."""
    place = f"repos/{repository}/environments/{quote(environment, safe='')}"
    place += "/deployment-branch-policies"

    def is_it(policy: dict[str, Any]) -> bool:
        return policy["name"] == branch and policy.get("type", "branch") == "branch"

    def pick(answer: Any, facts: Facts) -> Any:
        return next(filter(is_it, (answer or {}).get("branch_policies") or []), None)

    def remark(answer: Any) -> str:
        others = [each for each in (answer or {}).get("branch_policies") or [] if not is_it(each)]
        names = ", ".join(f"{each.get('type', 'branch')} {each['name']}" for each in others)
        if not others:
            return ""
        typed = shell_line("gh", "api", "--method", "DELETE", f"{place}/{others[0]['id']}")
        return (
            f"environment {environment} lets in others than {branch}: {names}; if they are not to"
            f" reach it, `{typed}` takes back the first"
        )

    return Row(
        key=f"branch {environment}",
        title=f"branch {branch} for environment {environment}",
        look=Call("get", f"{place}?per_page=100"),
        pick=pick,
        make=Call("post", place, (), {"name": branch}),
        remark=remark,
    )


def _variable(wanted: Wanted, name: str, value: str) -> Row:
    """A variable, which everybody may see who sees the repository."""
    place, body = f"repos/{wanted.repository}/actions/variables", {"name": name, "value": value}

    def change(found: Any, facts: Facts) -> Call | None:
        return None if found["value"] == value else Call("patch", f"{place}/{name}", (), body)

    return Row(
        key=f"variable {name}",
        title=f"variable {name}: {value}",
        look=Call("get", f"{place}/{name}"),
        pick=whole,
        make=Call("post", place, (), body),
        change=change,
    )


def _secrets(wanted: Wanted) -> Iterator[Row]:
    """What workflows read of Azure: secrets of an environment, which main alone can read.

    What a secret holds nobody can read: one that is there is left as it is.
    """
    repository = wanted.repository
    for environment in filter(None, (wanted.staging, wanted.production)):
        flags = " --env prod" if environment == wanted.production else ""
        place = f"repos/{repository}/environments/{quote(environment, safe='')}/secrets"
        for name in wanted.values if wanted.federation else ["SPN_PASSWORD"]:
            where = ("--repo", repository, "--env", environment)
            store = Call("secret", name, where, wanted.values.get(name))
            yield Row(
                key=f"secret {environment} {name}",
                title=f"secret {name} of environment {environment}",
                look=Call("get", f"{place}?per_page=100"),
                pick=named(name, inside="secrets"),
                make=store if wanted.federation else None,
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
        look=Call("get", f"repos/{repository}/actions/oidc/customization/sub"),
        pick=pick,
        learns=lambda found: {"subject": found["subject"]},
    )


def _credentials(wanted: Wanted) -> Iterator[Row]:
    """Federated credentials of the environments: every job that reaches Azure names one."""
    repository = wanted.repository
    for environment in filter(None, (wanted.staging, wanted.production)):
        yield credential(
            f"github-{repository}-{environment}",
            f"the environment {environment} of {repository}",
            GITHUB_ISSUER,
            f"{fact('subject')}:environment:{environment}",
        )
