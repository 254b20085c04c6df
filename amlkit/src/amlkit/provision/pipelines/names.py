"""What the pipelines are called: read from their own files and from the git remote."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote

from amlkit.provision.cloud.failures import Refused

_AZURE = re.compile(
    r"(?:https://(?:[^@/]+@)?dev\.azure\.com/[^/]+/[^/]+/_git/"
    r"|https://(?:[^@/]+@)?[^/]+\.visualstudio\.com/(?:DefaultCollection/)?[^/]+/_git/"
    r"|(?:ssh://)?[^@]+@(?:ssh\.dev\.azure\.com|vs-ssh\.visualstudio\.com)[:/]v3/[^/]+/[^/]+/)"
    r"(?P<name>[^/]+?)/?"
)
_GITHUB = re.compile(
    r"(?:https://(?:[^@/]+@)?github\.com/|(?:ssh://)?git@github\.com[:/])"
    r"(?P<name>[^/]+/[^/]+?)(?:\.git)?/?"
)

SECRET = "SPN_PASSWORD"  # noqa: S105 - a name
# The pipelines' names for what the drivers read from their environment.
PIPELINE_NAMES = {
    "TENANT_ID": "TenantID",
    "SPN_ID": "SpnID",
    SECRET: "SpnPassword",
    "SUBSCRIPTION_ID": "SubscriptionID",
    "RESOURCE_GROUP": "ResourceGroup",
    "AML_WORKSPACE_NAME": "AmlWorkspaceName",
}
T = TypeVar("T")

VARIABLES = "pipelines/variables.yml"
WORKFLOW = ".github/workflows/train-and-deploy.yml"
# The pipeline of the stages, and those that are run by hand.
FILES = {"root": "azure-pipelines.yml"} | {
    name: f"pipelines/{name}.yml"
    for name in ("ci", "data", "environment", "training", "deployment")
}


@dataclass(frozen=True)
class Repository:
    """Where the code is: `name` in the project on Azure Repos, OWNER/NAME on GitHub."""

    name: str
    on_github: bool


def _read(root: Path, path: str, pick: Callable[[Any], T], otherwise: str) -> T:
    """What is picked of a YAML file of the repository.

    Raises:
        Refused: there is no such file, or nothing to pick: the line says so.
    """
    import yaml

    try:
        return pick(yaml.safe_load((root / path).read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, LookupError, TypeError, ValueError, yaml.YAMLError):
        raise Refused(otherwise, code=2) from None


def variables(root: Path) -> dict[str, str]:
    """The names in pipelines/variables.yml.

    Raises:
        Refused: there is no such file, or one is missing.
    """
    found = _read(
        root,
        VARIABLES,
        lambda file: {str(each["name"]): str(each["value"]) for each in file["variables"]},
        f"{VARIABLES} cannot be read: it names the groups and environments",
    )
    wanted = ("variableGroup", "productionVariableGroup", "stagingEnvironment")
    for name in (*wanted, "productionEnvironment", "mainBranch"):
        if not found.get(name):
            raise Refused(f"{VARIABLES}: {name} is missing", code=2)
    return found


def connection_name(variables: dict[str, str]) -> str:
    """The service connection's name, from those in pipelines/variables.yml."""
    return variables.get("serviceConnection") or variables["variableGroup"]


def environments(root: Path) -> tuple[str, str]:
    """The environments of staging and production that the GitHub workflow names.

    Raises:
        Refused: it does not name two.
    """

    def named(file: Any, job: str) -> str:
        given = file["jobs"][job]["environment"]
        return str(given["name"] if isinstance(given, dict) else given)

    return _read(
        root,
        WORKFLOW,
        lambda file: (named(file, "staging"), named(file, "production")),
        f"{WORKFLOW} names no environments for its jobs staging and production",
    )


def workflow_branch(root: Path) -> str:
    """The branch whose pushes the GitHub workflow runs for.

    Raises:
        Refused: it does not name one.
    """
    return _read(
        root,
        WORKFLOW,
        lambda file: str(file[True]["push"]["branches"][0]),  # YAML 1.1 reads the key `on` as true
        f"{WORKFLOW} names no branch whose pushes it runs for",
    )


def named_group(root: Path, env: str, otherwise: str) -> str:
    """The variable group that the pipelines read: pipelines/variables.yml says it.

    Args:
        root: the repository's folder.
        env: `--env`; empty: staging's. One that has no group there has staging's and its name.
        otherwise: azure.bootstrap.variable_group, where there are no such pipelines.

    Raises:
        Refused: the file cannot be read; neither names a group.
    """
    group, said = otherwise, {}
    if (root / VARIABLES).is_file():
        found = variables(root)
        group = found["variableGroup"]
        said = {"": group, "prod": found["productionVariableGroup"]}
    where = f"{VARIABLES} (variableGroup)"
    return said.get(env) or _derived(group, env, "the variable group", where)


def named_environment(root: Path, env: str, otherwise: str) -> str:
    """The environment on GitHub whose secrets the workflows read: train-and-deploy.yml says it.

    As `named_group`; `otherwise` is what its name begins with.
    """
    begins, said = otherwise, {}
    if (root / WORKFLOW).is_file():
        staging, production = environments(root)
        begins, said = staging.removesuffix("-staging"), {"": staging, "prod": production}
    return said.get(env) or _derived(begins, env or "staging", "the environment", WORKFLOW)


def _derived(begins: str, env: str, what: str, where: str) -> str:
    """What is called after an environment of config.yml.

    Raises:
        Refused: nothing says how its name begins.
    """
    if not begins:
        line = f"nothing names {what}: neither {where} nor config.yml"
        raise Refused(f"{line} (azure.bootstrap.variable_group)", code=2)
    return f"{begins}-{env}" if env else begins


def repository(root: Path, given: str) -> Repository:
    """The repository that a person names, or that git's remote `origin` names.

    Raises:
        Refused: neither tells.
    """
    if given and not re.match(r"\w+://|\S+@\S+:", given):
        return Repository(given, on_github="/" in given)
    address = given or _origin(root)
    if found := _AZURE.fullmatch(address):
        return Repository(unquote(found["name"]), on_github=False)
    if found := _GITHUB.fullmatch(address):
        return Repository(found["name"], on_github=True)
    raise Refused(
        "git's remote `origin` names no repository of Azure Repos or GitHub: push this one first,"
        " or give --repository (NAME on Azure Repos, OWNER/NAME on GitHub)",
        code=2,
    )


def _origin(root: Path) -> str:
    """The address of git's remote `origin`; "" where there is none."""
    try:
        done = subprocess.run(
            ["git", "-C", str(root), "remote", "get-url", "origin"],
            capture_output=True,
            check=False,
            timeout=30,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.decode(errors="replace").strip()
