"""The last run of this pipeline that succeeded, asked of Azure DevOps."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping

NEEDED = ("SYSTEM_COLLECTIONURI", "SYSTEM_TEAMPROJECT", "SYSTEM_DEFINITIONID", "BUILD_SOURCEBRANCH")


class NoAnswer(Exception):
    """It is not known which run was the last: one line that says why."""


def last_success(environ: Mapping[str, str]) -> str:
    """The commit of the last run on this branch that succeeded.

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
    except (OSError, ValueError, KeyError) as error:
        raise NoAnswer(f"Azure DevOps did not say which run was the last: {error}") from None
    if not runs:
        raise NoAnswer(f"no run on {branch} has succeeded yet")
    return str(runs[0]["sourceVersion"])
