"""What the pipelines are called: read from their own files and from the git remote."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from amlkit.provision.records import Refused

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


def variables(root: Path) -> dict[str, str]:
    """The names in pipelines/variables.yml.

    Raises:
        Refused: there is no such file, or one is missing.
    """
    import yaml

    path = root / "pipelines" / "variables.yml"
    try:
        listed = yaml.safe_load(path.read_text(encoding="utf-8"))["variables"]
        found = {str(each["name"]): str(each["value"]) for each in listed}
    except (OSError, UnicodeDecodeError, KeyError, TypeError, yaml.YAMLError):
        raise Refused(
            "pipelines/variables.yml cannot be read: it names the groups and environments", code=2
        ) from None
    wanted = ("variableGroup", "productionVariableGroup", "stagingEnvironment")
    for name in (*wanted, "productionEnvironment", "mainBranch"):
        if not found.get(name):
            raise Refused(f"pipelines/variables.yml: {name} is missing", code=2)
    return found


def environments(root: Path) -> tuple[str, str]:
    """The environments of staging and production that the GitHub workflow names.

    Raises:
        Refused: it does not name two.
    """
    import yaml

    path = root / WORKFLOW
    try:
        jobs = yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"]
        given = [jobs[name]["environment"] for name in ("staging", "production")]
        staging, production = (str(e["name"] if isinstance(e, dict) else e) for e in given)
    except (OSError, UnicodeDecodeError, KeyError, TypeError, yaml.YAMLError):
        raise Refused(
            f"{WORKFLOW} names no environments for its jobs staging and production",
            code=2,
        ) from None
    return staging, production


def workflow_branch(root: Path) -> str:
    """The branch whose pushes the GitHub workflow runs for.

    Raises:
        Refused: it does not name one.
    """
    import yaml

    try:
        found = yaml.safe_load((root / WORKFLOW).read_text(encoding="utf-8"))
        # YAML 1.1 reads the key `on` as true.
        return str(found[True]["push"]["branches"][0])
    except (OSError, UnicodeDecodeError, LookupError, TypeError, yaml.YAMLError):
        raise Refused(f"{WORKFLOW} names no branch whose pushes it runs for", code=2) from None


def named_group(root: Path, env: str, otherwise: str) -> str:
    """The variable group that the pipelines read: pipelines/variables.yml says it.

    Args:
        root: the repository's folder.
        env: `--env`; empty: staging's. One that has no group there has staging's and its name.
        otherwise: azure.bootstrap.variable_group, where there are no such pipelines.

    Raises:
        Refused: the file cannot be read; neither names a group.
    """
    if (root / "pipelines" / "variables.yml").is_file():
        found = variables(root)
        if env == "prod":
            return found["productionVariableGroup"]
        otherwise = found["variableGroup"]
    if not otherwise:
        raise Refused(
            "nothing names the variable group: neither pipelines/variables.yml (variableGroup) nor"
            " config.yml (azure.bootstrap.variable_group)",
            code=2,
        )
    return f"{otherwise}-{env}" if env else otherwise


def named_environment(root: Path, env: str, otherwise: str) -> str:
    """The environment on GitHub whose secrets the workflows read: train-and-deploy.yml says it.

    As `named_group`; `otherwise` is what its name begins with.
    """
    if (root / WORKFLOW).is_file():
        staging, production = environments(root)
        if env in ("", "prod"):
            return production if env else staging
        otherwise = staging.removesuffix("-staging")
    if not otherwise:
        raise Refused(
            f"nothing names the environment: neither {WORKFLOW} nor config.yml"
            " (azure.bootstrap.variable_group)",
            code=2,
        )
    return f"{otherwise}-{env or 'staging'}"


def repository(root: Path, given: str) -> Repository:
    """The repository that a person names, or that git's remote `origin` names.

    Raises:
        Refused: neither tells.
    """
    if given and not re.match(r"\w+://|\S+@\S+:", given):
        on_github = "/" in given
        return Repository(given, on_github)
    address = given or _origin(root)
    if found := _AZURE.fullmatch(address):
        return Repository(unquote(found.group("name")), on_github=False)
    if found := _GITHUB.fullmatch(address):
        return Repository(found.group("name"), on_github=True)
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
