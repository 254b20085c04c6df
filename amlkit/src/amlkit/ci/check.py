"""Has Azure DevOps judge the pipelines of this folder, none of them run: `make check-pipelines`.

The service's preview compiles a YAML text as a run would. Templates it takes from the branch as
pushed, so that what differs there is named. It is run in the repository's folder.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import quote

from amlkit.provision.cloud.facts import DEVOPS, DEVOPS_VERSION
from amlkit.provision.pipelines.names import FILES
from amlkit.say import say

PIPELINES = tuple(FILES.values())
API = f"api-version={DEVOPS_VERSION}"


class CheckError(Exception):
    """It could not be asked: one line that says why (exit 1)."""


class Refused(Exception):
    """The service's own words on a request or a pipeline that will not do."""


def main(argv: list[str] | None = None) -> int:
    """Checks each pipeline; returns 1 if any is refused."""
    args = arguments().parse_args(argv)
    root = Path.cwd()
    project = f"{organization_url(args.organization)}/{quote(args.project)}"
    try:
        branch = args.branch or git(root, "branch", "--show-current") or "main"
        number = args.pipeline or registered_pipeline(root, project)
        if different := unpushed(root, branch):
            say(
                f"warning: the templates are those of origin/{branch}, from which "
                f"{', '.join(different)} differ here; push to have them judged"
            )
        refused = 0
        for name in PIPELINES:
            try:
                preview(project, number, branch, (root / name).read_text(encoding="utf-8"))
                say(f"{name}: good")
            except Refused as error:
                refused += 1
                say(f"{name}: {error}")
    except (CheckError, Refused) as error:
        say(f"error: {error}", error=True)
        return 1
    return 1 if refused else 0


def arguments() -> argparse.ArgumentParser:
    """The command's flags."""
    parser = argparse.ArgumentParser(
        prog="python -m amlkit.ci.check", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--organization", required=True, metavar="NAME", help="or its URL")
    parser.add_argument("--project", required=True, metavar="NAME")
    parser.add_argument(
        "--pipeline", type=int, metavar="ID", help="any pipeline of this repository (default: asks)"
    )
    parser.add_argument("--branch", metavar="NAME", help="where templates are from (default: this)")
    return parser


def organization_url(organization: str) -> str:
    """The address of an organization that is given by name or address."""
    if "://" in organization:
        return organization.rstrip("/")
    return f"https://dev.azure.com/{quote(organization)}"


def registered_pipeline(root: Path, project: str) -> int:
    """A pipeline of this repository that is registered: it lends its rights and its branch."""
    remote = git(root, "remote", "get-url", "origin")
    name = remote.rstrip("/").removesuffix(".git").rsplit("/", 1)[-1].lower() or root.name.lower()
    listed = rest("get", f"{project}/_apis/build/definitions", {"includeAllProperties": "true"})
    for known in listed["value"]:
        repository = known.get("repository", {}).get("name", "")
        if repository.rsplit("/", 1)[-1].lower() == name:
            return int(known["id"])
    raise CheckError(
        f"none of the project's {len(listed['value'])} pipelines belongs to the repository {name}: "
        "register azure-pipelines.yml first (docs/pipelines.md), or give --pipeline ID"
    )


def preview(project: str, pipeline: int, branch: str, text: str) -> str:
    """The YAML that the service would run, all templates expanded.

    Raises:
        Refused: it would not run; the service's words.
    """
    body = {
        "previewRun": True,
        "yamlOverride": text,
        "resources": {"repositories": {"self": {"refName": f"refs/heads/{branch}"}}},
    }
    answer = rest("post", f"{project}/_apis/pipelines/{pipeline}/preview", {}, body)
    return str(answer["finalYaml"])


def rest(method: str, url: str, query: dict[str, str], body: Any = None) -> Any:
    """An answer of Azure DevOps, asked with the user's own `az login`."""
    az = shutil.which("az")
    if az is None:
        raise CheckError("the Azure CLI is not installed: https://aka.ms/azure-cli")
    command = [az, "rest", "--method", method, "--url", url, "--resource", DEVOPS]
    # Apart from the address: on Windows, az is a script to whose shell & means something.
    command += ["--url-parameters", API, *(f"{key}={value}" for key, value in query.items())]
    with tempfile.TemporaryDirectory() as folder:
        if body is not None:
            path = Path(folder, "body.json")
            path.write_text(json.dumps(body), encoding="utf-8")
            command += ["--body", f"@{path}", "--headers", "Content-Type=application/json"]
        done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    if done.returncode:
        raise Refused(words_of(done.stderr))
    try:
        return json.loads(done.stdout)
    except ValueError:  # a page, with a status that az takes for success
        raise CheckError(
            "Azure DevOps sent its sign-in page: `az login` as one of the organization"
        ) from None


def words_of(stderr: str) -> str:
    """The service's message in what `az rest` said: `ERROR: Bad Request({"message": …})`."""
    start, end = stderr.find("{"), stderr.rfind("}")
    try:
        message = json.loads(stderr[start : end + 1])["message"]
    except (ValueError, KeyError, TypeError):
        message = stderr.strip() or "az rest failed and said nothing"
    return " ".join(str(message).split())


def unpushed(root: Path, branch: str) -> list[str]:
    """The templates that differ here from the branch as pushed."""
    listed = git(root, "diff", "--name-only", f"origin/{branch}", "--", "pipelines")
    roots = set(PIPELINES)  # these are sent as they stand here
    return [name for name in listed.splitlines() if name not in roots]


def git(root: Path, *arguments: str) -> str:
    """What git says of a repository; empty where it says nothing or fails."""
    command = ["git", "-C", str(root), *arguments]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


if __name__ == "__main__":
    sys.exit(main())
