"""Secrets and variables of a GitHub repository, through the user's `gh`."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping

from amlkit.provision.records import Refused
from amlkit.provision.rotation import NotStored
from amlkit.redaction import without_secrets

TIMEOUT = 120


class GitHub:
    """A repository on GitHub, or a deployment environment of it.

    Args:
        repository: OWNER/NAME; empty: the one that the git remote of this folder names.
        environment: the deployment environment; empty: the repository itself.
    """

    def __init__(self, repository: str, environment: str) -> None:
        chosen = [repository] if repository else []
        self.repository = self._run(
            "repo", "view", *chosen, "--json", "nameWithOwner", "--jq", ".nameWithOwner"
        ).strip()
        self._where = ["--repo", self.repository]
        if environment:
            self._where += ["--env", environment]
        self.place = f"github {self.repository}{' ' + environment if environment else ''}"

    @property
    def url(self) -> str:
        """Where a person looks at them."""
        return f"https://github.com/{self.repository}/settings/secrets/actions"

    def store(self, values: Mapping[str, str], secrets: Mapping[str, str]) -> None:
        """Writes all of them as secrets, which is where the workflows read them.

        Raises:
            NotStored: GitHub refused.
            Refused: `gh` failed, and GitHub may have taken it.
        """
        for name, value in {**values, **secrets}.items():
            self._run("secret", "set", name, *self._where, given=value)

    def _run(self, *arguments: str, given: str = "") -> str:
        """Runs `gh`; a value goes in on standard input."""
        try:
            return gh(*arguments, given=given)
        except GhFailure as failure:
            if 400 <= failure.status < 500:
                raise NotStored(str(failure)) from None
            raise


class GhFailure(Refused):
    """`gh` said no; `status` is GitHub's (0: none was told)."""

    def __init__(self, line: str, status: int) -> None:
        super().__init__(line)
        self.status = status


def gh(*arguments: str, given: str = "") -> str:
    """Runs `gh`, and returns what it prints.

    Args:
        arguments: as they are typed after `gh`.
        given: what it reads on standard input; no error shows it.

    Raises:
        GhFailure: it failed.
        Refused: there is none, or it gave no answer.
    """
    program, command = (
        shutil.which("gh"),
        " ".join(("gh", *arguments[: 4 if arguments[0] == "api" else 3])),
    )
    if not program:
        raise Refused("no `gh` on PATH; install the GitHub CLI (https://cli.github.com)")
    try:
        done = subprocess.run(
            [program, *arguments],
            input=given.encode(),
            capture_output=True,
            check=False,
            timeout=TIMEOUT,
            env={**os.environ, "GH_PROMPT_DISABLED": "1", "NO_COLOR": "1", "GH_PAGER": ""},
        )
    except subprocess.TimeoutExpired:
        raise Refused(f"`{command}` gave no answer in {TIMEOUT} s; run this again") from None
    if done.returncode:
        said = done.stderr.decode(errors="replace").replace(given or "\0", "<value>")
        line = f"`{command}` says: {without_secrets(' '.join(said.split()))[:300] or 'nothing'}"
        status = re.search(r"HTTP (\d{3})", said)
        raise GhFailure(f"{line}; {_advice(said)}", int(status.group(1)) if status else 0)
    return done.stdout.decode(errors="replace")


def _advice(said: str) -> str:
    """What to do about what `gh` says."""
    if "gh auth login" in said or "HTTP 401" in said:
        return "`gh auth login` signs in"
    return "`gh auth status` tells who asks, --repo which repository is meant"
