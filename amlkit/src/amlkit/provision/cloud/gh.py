"""Runs the user's `gh`: its answer, or one clear line that says what to do."""

from __future__ import annotations

import json
import os
import re
import shutil
from typing import Any

from amlkit.provision.cloud.az import ran
from amlkit.provision.cloud.failures import Failure, Kind, Refused
from amlkit.redaction import without_secrets

TIMEOUT = 120
_VERSION = ("--header", "X-GitHub-Api-Version: 2022-11-28")
# What GitHub refuses, by its status; any other of the 400s is a request that will not do.
_KINDS = {
    "401": Kind.NOT_LOGGED_IN,
    "403": Kind.FORBIDDEN,
    "404": Kind.NOT_FOUND,
    "409": Kind.CONFLICT,
    "429": Kind.THROTTLED,
}


def gh(*words: str, given: str = "") -> str:
    """Runs `gh`, and returns what it prints.

    Args:
        words: as they are typed after `gh`.
        given: what it reads on standard input; no error shows it.

    Raises:
        Failure: it failed, or gave no answer.
        Refused: there is none.
    """
    program = shutil.which("gh")
    if not program:
        raise Refused("no `gh` on PATH; install the GitHub CLI (https://cli.github.com)")
    command = " ".join(("gh", *words[: 4 if words[0] == "api" else 3]))
    environ = {**os.environ, "GH_PROMPT_DISABLED": "1", "NO_COLOR": "1", "GH_PAGER": ""}
    done = ran([program, *words], command, given, environ, TIMEOUT, "run this again")
    if not done.returncode:
        return done.stdout.decode(errors="replace")
    said = done.stderr.decode(errors="replace").replace(given or "\0", "<value>")
    line = f"`{command}` says: {without_secrets(' '.join(said.split()))[:300] or 'nothing'}"
    found = re.search(r"HTTP (4\d\d)", said)
    kind = _KINDS.get(found.group(1), Kind.INVALID) if found else Kind.OTHER
    how = "`gh auth status` tells who asks, --repo which repository is meant"
    if "gh auth login" in said or kind is Kind.NOT_LOGGED_IN:
        how = "`gh auth login` signs in"
    raise Failure(kind, "", line, how)


def gh_answer(words: tuple[str, ...], given: str | None) -> Any:
    """What GitHub's REST interface answers; None for nothing."""
    asks = words[0] == "api"
    text = gh(*words, *(_VERSION if asks else ()), given=given or "")
    return json.loads(text) if asks and text.strip() else None
