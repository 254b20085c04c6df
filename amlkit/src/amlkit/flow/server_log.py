"""What the log of a deployment's server tells of a failure."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from amlkit.records import Deployment, WorkError
from amlkit.tracebacks import owners_error
from amlkit.workspace import Say, Workspace

SHOWN_LINES = 30  # the server says much after its traceback
SEARCHED_LINES = 300
RAISED = "HTTP 500: "  # how the smoke test says that the entry script raised
CONTAINER = "container "  # a line that begins so heads the log of one of several
CRASHED = "container has crashed"  # all that a managed endpoint says of it


def read_log(workspace: Workspace, name: str, deployment: Deployment) -> list[str]:
    """The end of a server's log; nothing where it cannot be had."""
    with suppress(WorkError):  # what has failed before is the news
        return workspace.endpoints.logs(name, deployment, SEARCHED_LINES)
    return []


def show_log(log: Sequence[str], deployment: Deployment, say: Say) -> list[str]:
    """Shows the last lines of a server's log, and returns them."""
    lines = _shown(log)
    if lines:
        say(f"the last lines of what {deployment.name} wrote:")
    for line in lines:
        say(f"  {line}")
    return lines


def _shown(log: Sequence[str]) -> list[str]:
    """The last lines of a log; of each container where it is of several."""
    heads = [place for place, line in enumerate(log) if line.startswith(CONTAINER)]
    if not heads:
        return list(log[-SHOWN_LINES:])
    shown: list[str] = []
    for begin, end in zip(heads, [*heads[1:], len(log)], strict=True):
        shown += [log[begin], *log[begin + 1 : end][-SHOWN_LINES // len(heads) :]]
    return shown


def with_cause(problem: str, log: Sequence[str], package: str) -> str:
    """What is wrong, with the owner's exception in place of what the server says of it.

    Where the answers are wrong, or there are none, an exception in the log is not why.
    """
    cause = owners_error(log, package)
    asked, raised, _ = problem.partition(RAISED)
    if cause and raised:
        return f"{asked}{raised}{cause}"
    did_not_start = cause.endswith(f": {problem}") or CRASHED in problem
    return cause if cause and did_not_start else problem
