"""Which pipelines an event starts: a push, a pull request, the clock."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from .documents import load, where
from .errors import NotPlayed


def started(root: Path, files: Iterable[str], reason: str, branch: str) -> list[str]:
    """The pipelines among `files` that start: for IndividualCI, PullRequest or Schedule."""
    key = {"IndividualCI": "trigger", "PullRequest": "pr", "Schedule": "schedules"}[reason]
    return [name for name in files if _starts(load(root, name), key, branch)]


def _starts(document: Mapping[str, Any], key: str, branch: str) -> bool:
    found = document.get(key)
    if key == "schedules":
        return any(_fits(one.get("branches", {}), branch) for one in found or [])
    if found is None or found == "":
        return True  # on the service, what says nothing starts on every branch
    if found == "none":
        return False
    if isinstance(found, list):
        return _fits({"include": found}, branch)
    if unknown := set(found) - {"branches"}:
        raise NotPlayed(f"{where(found)}: key {min(unknown)!r} of {key}")
    return _fits(found["branches"], branch)


def _fits(branches: Mapping[str, list[str]], branch: str) -> bool:
    name = branch.removeprefix("refs/heads/")

    def among(patterns: Iterable[str]) -> bool:
        return any(
            re.fullmatch(re.escape(one.removeprefix("refs/heads/")).replace(r"\*", ".*"), name)
            for one in patterns
        )

    return among(branches.get("include", ["*"])) and not among(branches.get("exclude", []))
