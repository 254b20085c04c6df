"""The table of what pipelines need in Azure DevOps, in the order in which it is made.

Shapes: core, git, pipelines, build, distributedTask, policy and ims, all 7.1, of
MicrosoftDocs/vsts-rest-api-specs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from amlkit.provision.cloud.client import devops, first, part
from amlkit.provision.cloud.placeholders import Facts, fact
from amlkit.provision.pipelines.checks import Protected
from amlkit.provision.pipelines.federation import (
    credential,
    reference,
    service_connection,
    subscription,
)
from amlkit.provision.pipelines.names import FILES, PIPELINE_NAMES, Repository, connection_name
from amlkit.provision.pipelines.rows import Row, named

BUILD_VALIDATION = "0609b952-1397-4640-95ec-e00a01b2c241"
_P = f"{fact('organization')}/{fact('project')}/_apis"
# The facts with the numbers of the pipelines that deploy, and of all that reach Azure.
_DEPLOYING = ["pipeline_root", "pipeline_deployment"]
_REACHING = [f"pipeline_{key}" for key in ("root", "data", "environment", "training", "deployment")]


@dataclass(frozen=True)
class Wanted:
    """What was asked for."""

    organization: str
    project: str
    repository: Repository
    variables: dict[str, str]
    approvers: list[str]
    production: bool
    subscription: str
    values: dict[str, str]  # of a variable group without a secret; {}: pipelines have one
    github_connection: str = ""

    @property
    def slug(self) -> str:
        """What all the names begin with."""
        return self.variables["variableGroup"]


def rows(wanted: Wanted) -> list[Row]:
    """The table."""
    names, branch = wanted.variables, wanted.variables["mainBranch"]
    approvers = [f"approver_{n}" for n in range(len(wanted.approvers))]
    table = [_project(wanted), _repository(wanted)]
    table += [_approver(n, who) for n, who in enumerate(wanted.approvers)]
    table += [_pipeline(wanted, key, path) for key, path in FILES.items()]
    if wanted.values:
        table += _federation(wanted)
    name = names["stagingEnvironment"]
    table += _environment(branch, "staging", name, "the model that is tried out")
    table += _group(wanted, "group", wanted.slug, _REACHING, lock=False)  # training needs none
    if wanted.production:
        name, group = names["productionEnvironment"], names["productionVariableGroup"]
        table += _environment(branch, "production", name, "the model that is in use", approvers)
        table += _group(wanted, "production_group", group, _DEPLOYING, flags=" --env prod")
    if not wanted.repository.on_github:
        table.append(_branch_policy(branch))
    return table


def approval(name: str, approvers: Sequence[str] = ()) -> Row:
    """The approval on production's environment; by itself, it is looked for."""
    return Protected("environment", "production", f"environment {name}").approval(list(approvers))


def _federation(wanted: Wanted) -> list[Row]:
    """A service connection for main alone, and the credential that lets it in.

    No lock: training holds a connection for hours, and staging would wait for it.
    """
    name = connection_name(wanted.variables)
    title = f"service connection {name}"
    known_by = f"azure-devops-{wanted.organization}-{wanted.project}-{name}"
    guarded = Protected("endpoint", "connection", title)
    return [
        subscription(wanted.subscription),
        service_connection(name),
        credential(known_by, f"the {title}", fact("issuer"), fact("subject")),
        *guarded.guards(wanted.variables["mainBranch"], _REACHING, lock=False),
    ]


def _project(wanted: Wanted) -> Row:
    url = f"https://dev.azure.com/{wanted.organization}"
    return Row(
        key="project",
        title=f"project {wanted.project} in {wanted.organization}",
        look=devops("get", f"{url}/_apis/projects/{quote(wanted.project, safe='')}"),
        learns=lambda found: {
            "organization": url,
            "project": found["id"],
            "project_name": found["name"],
        },
        advice=f"Azure DevOps shows this login no such project: look at {url}",
    )


def _repository(wanted: Wanted) -> Row:
    """Azure Repos' repository, or the service connection by which Azure DevOps reads GitHub's."""
    name, chosen = wanted.repository.name, wanted.github_connection
    if not wanted.repository.on_github:
        return Row(
            key="repository",
            title=f"repository {name}",
            look=devops("get", f"{_P}/git/repositories"),
            pick=named(name),
            learns=lambda found: {"repository": found["id"]},
            advice="push this one to Azure Repos first, or name another by --repository",
        )

    def pick(answer: Any, facts: Facts) -> Any:
        found = [each for each in answer["value"] if each["type"].lower() == "github"]
        if chosen:
            found = [each for each in found if each["name"].lower() == chosen.lower()]
        return found[0] if len(found) == 1 else None

    which = f" {chosen}" if chosen else ""
    return Row(
        key="github_connection",
        title=f"the one service connection to GitHub{which}",
        look=devops("get", f"{_P}/serviceendpoint/endpoints", "type=github"),
        pick=pick,
        learns=lambda found: {"github_connection": found["id"]},
        advice="Project settings, Service connections, New, GitHub (or install the app Azure"
        " Pipelines on GitHub); where there are several, name one by --github-connection",
    )


def _approver(number: int, who: str) -> Row:
    """A person or group of the organization, by mail address or name."""

    def called(identity: dict[str, Any]) -> set[str]:
        texts = [part(identity, "properties", key, "$value") for key in ("Account", "Mail")]
        texts += [identity.get("providerDisplayName"), identity.get("customDisplayName")]
        return {str(text).lower() for text in texts if text}

    def pick(answer: Any, facts: Facts) -> Any:
        found = [each for each in answer["value"] if each.get("isActive", True)]
        same = [each for each in found if who.lower() in called(each)]
        return same[0] if len(same) == 1 else None

    url = f"https://vssps.dev.azure.com/{fact('organization_name')}/_apis/identities"
    return Row(
        key=f"approver {who}",
        title=f"approver {who}",
        look=devops("get", url, "searchFilter=General", f"filterValue={who}"),
        pick=pick,
        learns=lambda found: {f"approver_{number}": found["id"]},
        advice="Azure DevOps knows nobody, or several, of this name: give the mail address of a"
        " member of the organization, or [PROJECT]\\GROUP",
    )


def _pipeline(wanted: Wanted, key: str, path: str) -> Row:
    """The pipeline of a file of this repository; one that is registered stays, by any name."""
    ours, slug = wanted.repository, wanted.slug
    name = slug if key == "root" else f"{slug}-{key}"
    kind = "github" if ours.on_github else "tfsgit"
    repository: Any = {"id": fact("repository"), "name": ours.name, "type": "azureReposGit"}
    if ours.on_github:
        connection = {"id": fact("github_connection")}
        repository = {"fullName": ours.name, "connection": connection, "type": "gitHub"}

    def is_it(pipeline: dict[str, Any], facts: Facts) -> bool:
        theirs = pipeline.get("repository") or {}
        same = str(theirs.get("name")).lower() == ours.name.lower() or (
            str(theirs.get("id")).lower() == str(facts.get("repository")).lower()
        )
        file = str(part(pipeline, "process", "yamlFilename") or "").lstrip("/")
        return same and file == path and str(theirs.get("type")).lower() == kind

    body = {
        "name": name,
        "folder": "\\",
        "configuration": {"type": "yaml", "path": path, "repository": repository},
    }
    return Row(
        key=f"pipeline {key}",
        title=f"pipeline {name} ({path})",
        look=devops("get", f"{_P}/build/definitions", "includeAllProperties=true"),
        pick=first(is_it),
        make=devops("post", f"{_P}/pipelines", body=body),
        learns=lambda found: {f"pipeline_{key}": found["id"]},
    )


def _environment(
    branch: str, key: str, name: str, what: str, approvers: Sequence[str] = ()
) -> list[Row]:
    """An environment, who approves what goes there, and what protects it."""
    place = f"{_P}/distributedtask/environments"
    environment = Row(
        key=f"environment {key}",
        title=f"environment {name}",
        look=devops("get", place, f"name={name}"),
        pick=named(name),
        make=devops("post", place, body={"name": name, "description": what}),
        learns=lambda found: {key: str(found["id"])},
    )
    approvals = [approval(name, approvers)] if approvers else []
    guarded = Protected("environment", key, environment.title)
    return [environment, *approvals, *guarded.guards(branch, _DEPLOYING)]


def _group(
    wanted: Wanted, key: str, name: str, pipelines: list[str], *, lock: bool = True, flags: str = ""
) -> list[Row]:
    """A variable group, and what protects its secret: it is any branch's otherwise.

    `credentials` makes the one with a secret; without one, it is made here.
    """
    body = {
        "type": "Vsts",
        "name": name,
        "description": "",
        "variables": {PIPELINE_NAMES[each]: {"value": it} for each, it in wanted.values.items()},
        "variableGroupProjectReferences": [reference(name)],
    }
    place = f"{fact('organization')}/_apis/distributedtask/variablegroups"
    advice = (
        "`python infra/bootstrap.py credentials --to azure-devops --organization"
        f" {wanted.organization} --project {quote(wanted.project)}{flags}` makes it"
    )
    group = Row(
        key=f"variable_group {key}",
        title=f"variable group {name}",
        look=devops("get", f"{_P}/distributedtask/variablegroups", f"groupName={name}"),
        pick=named(name),
        make=devops("post", place, body=body) if wanted.values else None,
        learns=lambda found: {key: str(found["id"])},
        advice="" if wanted.values else advice,
    )
    guarded = Protected("variablegroup", key, group.title)
    return [group, *guarded.guards(wanted.variables["mainBranch"], pipelines, lock=lock)]


def _branch_policy(branch: str) -> Row:
    """Pull requests run CI: `pr:` in the YAML does nothing on Azure Repos."""
    scope = {"repositoryId": fact("repository"), "refName": branch, "matchKind": "Exact"}
    body = {
        "isEnabled": True,
        "isBlocking": True,
        "type": {"id": BUILD_VALIDATION},
        "settings": {
            "buildDefinitionId": fact("pipeline_root"),
            "displayName": "CI",
            "queueOnSourceUpdateOnly": True,
            "manualQueueOnly": False,
            "validDuration": 720,
            "scope": [scope],
        },
    }

    def is_it(policy: dict[str, Any], facts: Facts) -> bool:
        settings, repositories = policy["settings"], (None, facts.get("repository"))
        runs_ci = settings.get("buildDefinitionId") == facts.get("pipeline_root")
        here = any(
            one.get("repositoryId") in repositories and one.get("refName") == branch
            for one in settings.get("scope") or []
        )
        return here and runs_ci and policy["isEnabled"] and policy["isBlocking"]

    place = f"{_P}/policy/configurations"
    return Row(
        key="branch_policy",
        title=f"branch policy on {branch}: pull requests pass CI",
        look=devops("get", place, f"policyType={BUILD_VALIDATION}"),
        pick=first(is_it),
        make=devops("post", place, body=body),
    )
