"""The table of what pipelines need in Azure DevOps, in the order in which it is made.

Shapes: core, git, pipelines, build, distributedTask, policy and ims, all 7.1, of
MicrosoftDocs/vsts-rest-api-specs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from amlkit.provision.pipelines.checks import Resource
from amlkit.provision.pipelines.federation import credential, service_connection, subscription
from amlkit.provision.pipelines.names import FILES, Repository
from amlkit.provision.pipelines.table import Call, Row, named, whole
from amlkit.provision.placeholders import Facts, fact

V = "api-version=7.1"
V_PREVIEW = "api-version=7.1-preview.1"
BUILD_VALIDATION = "0609b952-1397-4640-95ec-e00a01b2c241"
_P = f"{fact('organization')}/{fact('project')}/_apis"


@dataclass(frozen=True)
class Wanted:
    """What was asked for."""

    organization: str
    project: str
    repository: Repository
    variables: dict[str, str]
    approvers: list[str]
    production: bool
    federation: bool
    subscription: str
    values: dict[str, str]  # of a variable group without a secret
    github_connection: str = ""

    @property
    def slug(self) -> str:
        """What all the names begin with."""
        return self.variables["variableGroup"]

    @property
    def connection(self) -> str:
        """The service connection's name."""
        return self.variables.get("serviceConnection") or self.slug


def rows(wanted: Wanted) -> list[Row]:
    """The table."""
    branch = wanted.variables["mainBranch"]
    staging = Resource("environment", "staging", f"environment {_staging(wanted)}")
    group = Resource("variablegroup", "group", f"variable group {wanted.slug}")
    table = [_project(wanted), *_repository(wanted)]
    table += [_approver(n, who) for n, who in enumerate(wanted.approvers)]
    table += [*_pipelines(wanted)]
    if wanted.federation:
        table += [*_federation(wanted)]
    table += [
        _environment("staging", _staging(wanted), "the model that is tried out"),
        staging.branch_control(branch),
        staging.exclusive_lock(),
        staging.permission(["pipeline_root", "pipeline_deployment"], "the pipelines"),
        _group(wanted, "group", wanted.slug, ""),
        group.branch_control(
            branch
        ),  # its secret is any branch's otherwise; training needs no lock
        group.permission(_all("data", "environment", "training", "deployment"), "the pipelines"),
    ]
    if wanted.production:
        table += [*_production(wanted, branch)]
    if not wanted.repository.on_github:
        table.append(_branch_policy(branch))
    return table


def _staging(wanted: Wanted) -> str:
    return wanted.variables["stagingEnvironment"]


def _all(*by_hand: str) -> list[str]:
    """The facts with the pipelines' numbers."""
    return ["pipeline_root", *(f"pipeline_{name}" for name in by_hand)]


def _production(wanted: Wanted, branch: str) -> Iterator[Row]:
    """Production's environment and variable group; what protects them comes before what may."""
    name, group_name = (
        wanted.variables[key] for key in ("productionEnvironment", "productionVariableGroup")
    )
    environment = Resource("environment", "production", f"environment {name}")
    group = Resource("variablegroup", "production_group", f"variable group {group_name}")
    yield _environment("production", name, "the model that is in use")
    if wanted.approvers:
        yield approval(name, [f"approver_{n}" for n in range(len(wanted.approvers))])
    for each in (environment, group):
        if each is group:
            yield _group(wanted, "production_group", group_name, " --env prod")
        yield each.branch_control(branch)
        yield each.exclusive_lock()
        yield each.permission(["pipeline_root", "pipeline_deployment"], "the pipelines")


def approval(name: str, approvers: Sequence[str] = ()) -> Row:
    """The approval on production's environment; by itself, it is looked for."""
    return Resource("environment", "production", f"environment {name}").approval(list(approvers))


def _project(wanted: Wanted) -> Row:
    url = f"https://dev.azure.com/{wanted.organization}"
    return Row(
        key="project",
        title=f"project {wanted.project} in {wanted.organization}",
        look=Call("get", f"{url}/_apis/projects/{quote(wanted.project, safe='')}", (V,)),
        pick=whole,
        learns=lambda found: {
            "organization": url,
            "project": found["id"],
            "project_name": found["name"],
        },
        advice=f"Azure DevOps shows this login no such project: look at {url}",
    )


def _repository(wanted: Wanted) -> Iterator[Row]:
    """Azure Repos' repository, or the service connection by which Azure DevOps reads GitHub's."""
    name = wanted.repository.name
    if not wanted.repository.on_github:
        yield Row(
            key="repository",
            title=f"repository {name}",
            look=Call("get", f"{_P}/git/repositories", (V,)),
            pick=named(name),
            learns=lambda found: {"repository": found["id"]},
            advice="push this one to Azure Repos first, or name another by --repository",
        )
        return
    chosen = wanted.github_connection

    def pick(answer: Any, facts: Facts) -> Any:
        found = [each for each in answer["value"] if each["type"].lower() == "github"]
        if chosen:
            found = [each for each in found if each["name"].lower() == chosen.lower()]
        return found[0] if len(found) == 1 else None

    which = f" {chosen}" if chosen else ""
    yield Row(
        key="github_connection",
        title=f"the one service connection to GitHub{which}",
        look=Call("get", f"{_P}/serviceendpoint/endpoints", (V, "type=github")),
        pick=pick,
        learns=lambda found: {"github_connection": found["id"]},
        advice=(
            "Project settings, Service connections, New, GitHub (or install the app Azure"
            " Pipelines on GitHub); where there are several, name one by --github-connection"
        ),
    )


def _approver(number: int, who: str) -> Row:
    """A person or group of the organization, by mail address or name."""

    def pick(answer: Any, facts: Facts) -> Any:
        found = [each for each in answer["value"] if each.get("isActive", True)]
        same = [each for each in found if who.lower() in _called(each)]
        return same[0] if len(same) == 1 else None

    url = f"https://vssps.dev.azure.com/{fact('organization_name')}/_apis/identities"
    return Row(
        key=f"approver {who}",
        title=f"approver {who}",
        look=Call("get", url, (V, "searchFilter=General", f"filterValue={who}")),
        pick=pick,
        learns=lambda found: {f"approver_{number}": found["id"]},
        advice="Azure DevOps knows nobody, or several, of this name: give the mail address of a"
        " member of the organization, or [PROJECT]\\GROUP",
    )


def _called(identity: dict[str, Any]) -> set[str]:
    """What an identity is called, in lower case."""
    properties = identity.get("properties") or {}
    texts = [(properties.get(key) or {}).get("$value") for key in ("Account", "Mail")]
    texts += [identity.get("providerDisplayName"), identity.get("customDisplayName")]
    return {str(text).lower() for text in texts if text}


def _pipelines(wanted: Wanted) -> Iterator[Row]:
    """The pipeline of the stages, and the five by hand; a file that is registered stays so."""
    repository: dict[str, Any] = {
        "id": fact("repository"), "name": wanted.repository.name, "type": "azureReposGit",
    }  # fmt: skip
    if wanted.repository.on_github:
        repository = {
            "fullName": wanted.repository.name,
            "connection": {"id": fact("github_connection")},
            "type": "gitHub",
        }
    for key, path in FILES.items():
        name = wanted.slug if key == "root" else f"{wanted.slug}-{key}"
        body = {
            "name": name,
            "folder": "\\",
            "configuration": {"type": "yaml", "path": path, "repository": repository},
        }
        yield Row(
            key=f"pipeline {key}",
            title=f"pipeline {name} ({path})",
            look=Call("get", f"{_P}/build/definitions", (V, "includeAllProperties=true")),
            pick=_of_file(wanted.repository, path),
            make=Call("post", f"{_P}/pipelines", (V,), body),
            learns=lambda found, key=key: {f"pipeline_{key}": found["id"]},  # type: ignore[misc]
        )


def _of_file(repository: Repository, path: str) -> Any:
    """Picks the pipeline of a file of this repository, whatever it is called."""
    kind = "github" if repository.on_github else "tfsgit"

    def pick(answer: Any, facts: Facts) -> Any:
        for each in answer["value"]:
            theirs = each.get("repository") or {}
            known = str(theirs.get("id")), str(theirs.get("name"))
            ours = str(facts.get("repository")), repository.name
            same = any(a.lower() == b.lower() for a, b in zip(known, ours, strict=True))
            file = str((each.get("process") or {}).get("yamlFilename") or "").lstrip("/")
            if same and file == path and str(theirs.get("type")).lower() == kind:
                return each
        return None

    return pick


def _environment(key: str, name: str, what: str) -> Row:
    place = f"{_P}/distributedtask/environments"
    return Row(
        key=f"environment {key}",
        title=f"environment {name}",
        look=Call("get", place, (V, f"name={name}")),
        pick=named(name),
        make=Call("post", place, (V,), {"name": name, "description": what}),
        learns=lambda found: {key: str(found["id"])},
    )


def _group(wanted: Wanted, key: str, name: str, flags: str) -> Row:
    """A variable group: `credentials` makes the one with a secret; without one, it is made here."""
    reference = {
        "name": name,
        "description": "",
        "projectReference": {"id": fact("project"), "name": fact("project_name")},
    }
    body = {
        "type": "Vsts",
        "name": name,
        "description": "",
        "variables": {key: {"value": value} for key, value in wanted.values.items()},
        "variableGroupProjectReferences": [reference],
    }
    place = f"{fact('organization')}/_apis/distributedtask/variablegroups"
    make = Call("post", place, (V,), body)
    return Row(
        key=f"variable_group {key}",
        title=f"variable group {name}",
        look=Call("get", f"{_P}/distributedtask/variablegroups", (V, f"groupName={name}")),
        pick=named(name),
        make=make if wanted.federation else None,
        learns=lambda found: {key: str(found["id"])},
        advice="" if wanted.federation else (
            "`python infra/bootstrap.py credentials --to azure-devops --organization"
            f" {wanted.organization} --project {quote(wanted.project)}{flags}` makes it"
        ),
    )  # fmt: skip


def _federation(wanted: Wanted) -> Iterator[Row]:
    """A service connection for main alone, and the credential that lets it in.

    No lock: training holds a connection for hours, and staging would wait for it.
    """
    name = wanted.connection
    connection = Resource("endpoint", "connection", f"service connection {name}")
    yield subscription(wanted.subscription)
    yield service_connection(name)
    title = f"the service connection {name}"
    known_by = f"azure-devops-{wanted.organization}-{wanted.project}-{name}"
    yield credential(known_by, title, fact("issuer"), fact("subject"))
    yield connection.branch_control(wanted.variables["mainBranch"])
    pipelines = _all("data", "environment", "training", "deployment")
    yield connection.permission(pipelines, "the pipelines")


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

    def pick(answer: Any, facts: Facts) -> Any:
        for each in answer["value"]:
            settings = each["settings"]
            for one in settings.get("scope") or []:
                here = one.get("repositoryId") in (None, facts.get("repository"))
                if (
                    here
                    and one.get("refName") == branch
                    and settings.get("buildDefinitionId") == facts.get("pipeline_root")
                    and each["isEnabled"]
                    and each["isBlocking"]
                ):
                    return each
        return None

    place = f"{_P}/policy/configurations"
    return Row(
        key="branch_policy",
        title=f"branch policy on {branch}: pull requests pass CI",
        look=Call("get", place, (V, f"policyType={BUILD_VALIDATION}")),
        pick=pick,
        make=Call("post", place, (V,), body),
    )
