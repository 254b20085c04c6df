"""Says which stages of a pipeline have something to do, as outputs `true` or `false`.

A stage runs when its inputs changed since the last run on this branch that succeeded, when it is
asked for, or when nobody knows what changed. Away from the main branch nothing reaches Azure unless
asked for. It is run in the repository's folder, and needs nothing installed but PyYAML.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from amlkit.ci import agent
from amlkit.ci.inputs import changed_files, changed_keys, matches, stage_inputs
from amlkit.say import say
from amlkit.settings import SettingsError, load_settings

STAGES = ("ci", "data", "environment", "training", "deployment")
NEEDED = ("SYSTEM_COLLECTIONURI", "SYSTEM_TEAMPROJECT", "SYSTEM_DEFINITIONID", "BUILD_SOURCEBRANCH")


class NoAnswer(Exception):
    """It is not known which run was the last: one line that says why."""


def main(argv: list[str] | None = None) -> int:
    """Sets an output for each stage and says why."""
    parser = argparse.ArgumentParser(
        prog="python -m amlkit.ci.changes", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--asked", choices=("nothing", *STAGES, "everything"), default="nothing")
    parser.add_argument("--main-branch", default="refs/heads/main", metavar="REF")
    args = parser.parse_args(argv)
    try:
        reasons = why_each_runs(Path.cwd(), args.asked, args.main_branch, os.environ)
    except SettingsError as error:
        agent.error(str(error))
        return 2
    for stage in STAGES:
        why = reasons.get(stage)
        say(agent.harmless(f"{stage:12} {'runs: ' + why if why else 'nothing to do'}"))
        agent.set_output(stage, "true" if why else "false")
    return 0


def why_each_runs(
    root: Path, asked: str, main_branch: str, environ: Mapping[str, str]
) -> dict[str, str]:
    """The stages that run, each with its reason."""
    reason = environ.get("BUILD_REASON", "")
    if reason == "PullRequest":
        return {"ci": "a pull request"}
    reasons = what_changed(root, environ)
    if environ.get("BUILD_SOURCEBRANCH") != main_branch:
        reasons = {stage: why for stage, why in reasons.items() if stage == "ci"}
    if reason == "Schedule":
        reasons.setdefault("training", "the schedule")
    for stage in STAGES:
        if asked in (stage, "everything"):
            reasons.setdefault(stage, "asked for")
    return reasons


def what_changed(root: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """The stages whose inputs changed since the last success; all of them where that is unknown."""
    settings = load_settings(root)
    try:
        base = last_success(environ)
        files, keys = changed_files(root, base), changed_keys(root, base)
    except (NoAnswer, LookupError) as error:
        return dict.fromkeys(STAGES, " ".join(str(error).split()))
    say(f"compared with {base}, the last run here that succeeded: {len(files)} files differ")
    reasons = {"ci": _words(files)} if files else {}
    for stage, inputs in stage_inputs(settings).items():
        if found := matches(inputs, files, keys):
            reasons[stage] = _words(found)
    return reasons


def last_success(environ: Mapping[str, str]) -> str:
    """The commit of the last run on this branch that succeeded, asked of Azure DevOps.

    Raises:
        NoAnswer: there is none, or nobody could be asked.
    """
    token = environ.get("SYSTEM_ACCESSTOKEN")
    if missing := [name for name in NEEDED if not environ.get(name)]:
        raise NoAnswer(f"{', '.join(missing)} not set: this is no run of Azure Pipelines")
    if not token:
        raise NoAnswer("SYSTEM_ACCESSTOKEN is not mapped")
    collection, project, definition, branch = (environ[name] for name in NEEDED)
    query = urllib.parse.urlencode(
        {
            "definitions": definition,
            "branchName": branch,
            "statusFilter": "completed",
            "resultFilter": "succeeded",
            "queryOrder": "finishTimeDescending",
            "$top": 1,
            "api-version": "7.1",
        }
    )
    where = f"{collection.rstrip('/')}/{urllib.parse.quote(project)}/_apis/build/builds?{query}"
    # The agent's own variable names the address.
    request = urllib.request.Request(where, headers={"Authorization": f"Bearer {token}"})  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            runs = json.load(answer)["value"]
    except (OSError, ValueError, KeyError, http.client.HTTPException) as error:
        raise NoAnswer(f"Azure DevOps did not say which run was the last: {error}") from None
    if not runs:
        raise NoAnswer(f"no run on {branch} has succeeded yet")
    return str(runs[0]["sourceVersion"])


def _words(names: list[str]) -> str:
    """The first of some names, and how many more there are; a name may hold a line's end."""
    first = " ".join(names[0].split())
    return first + (f" and {len(names) - 1} more" if len(names) > 1 else "")


if __name__ == "__main__":
    sys.exit(main())
