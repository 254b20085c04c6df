"""Which pipelines an event starts: a push, a pull request, the clock."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from .documents import load, where
from .errors import NotPlayed


def started(
    root: Path,
    files: Iterable[str],
    reason: str,
    branch: str,
    changed: Iterable[str] | None = None,
) -> list[str]:
    """The pipelines among `files` that start: for IndividualCI, PullRequest or Schedule.

    `branch` is the one pushed to, or the target of a pull request; `changed` are the files that a
    push or pull request changes, None for some that no filter knows.
    """
    key = {"IndividualCI": "trigger", "PullRequest": "pr", "Schedule": "schedules"}[reason]
    touched = None if changed is None else list(changed)
    return [name for name in files if _starts(load(root, name), key, branch, touched)]


def _starts(document: Mapping[str, Any], key: str, branch: str, changed: list[str] | None) -> bool:
    found = document.get(key)
    if key == "schedules":
        return any(_fits(one.get("branches", {}), branch) for one in found or [])
    if found is None or found == "":
        return True  # on the service, what says nothing starts on every branch
    if found == "none":
        return False
    if isinstance(found, list):
        return _fits({"include": found}, branch)
    known = {"branches", "paths", "batch"} if key == "trigger" else {"branches", "paths", "drafts"}
    if unknown := set(found) - known:
        raise NotPlayed(f"{where(found)}: key {min(unknown)!r} of {key}")
    paths = found.get("paths")
    touches = not paths or changed is None or any(_touches(paths, name) for name in changed)
    return _fits(found.get("branches", {}), branch) and touches


def _fits(branches: Mapping[str, list[str]], branch: str) -> bool:
    name = branch.removeprefix("refs/heads/")

    def among(patterns: Iterable[str]) -> bool:
        return any(
            re.fullmatch(re.escape(one.removeprefix("refs/heads/")).replace(r"\*", ".*"), name)
            for one in patterns
        )

    return among(branches.get("include", ["*"])) and not among(branches.get("exclude", []))


def _touches(paths: Mapping[str, list[str]], name: str) -> bool:
    """Whether a file counts; a path is a folder and all in it, `*` stays within one folder."""

    def among(patterns: Iterable[str]) -> bool:
        return any(
            re.fullmatch(re.escape(one.strip("/")).replace(r"\*", "[^/]*") + "(/.*)?", name)
            for one in patterns
        )

    return (not paths.get("include") or among(paths["include"])) and not among(
        paths.get("exclude", [])
    )
