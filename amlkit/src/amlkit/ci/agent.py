"""What is said to the agent that runs a pipeline, in the lines that it understands.

Azure Pipelines' commands: https://learn.microsoft.com/azure/devops/pipelines/scripts/logging-commands
"""

from __future__ import annotations

import re
from pathlib import Path

# A line that begins so, or holds so, would command the agent.
_COMMAND = re.compile(r"##(vso)?\[")


def set_variable(name: str, value: str, *, output: bool = False) -> None:
    """Sets a variable for later steps; an output is there for later jobs and stages too."""
    shared = ";isOutput=true" if output else ""
    print(f"##vso[task.setvariable variable={name}{shared}]{_escaped(value)}", flush=True)


def error(message: str) -> None:
    """Shows an error on the run's page."""
    print(f"##vso[task.logissue type=error]{_escaped(harmless(message))}", flush=True)


def warning(message: str) -> None:
    """Shows a warning on the run's page."""
    print(f"##vso[task.logissue type=warning]{_escaped(harmless(message))}", flush=True)


def summary(path: Path) -> None:
    """Shows a Markdown file on the run's page."""
    print(f"##vso[task.uploadsummary]{path.resolve()}", flush=True)


def harmless(text: str) -> str:
    """The text, unable to command the agent: a training's log, say, is anybody's words."""
    return _COMMAND.sub(lambda found: found[0].replace("##", "# #"), text)


def _escaped(value: str) -> str:
    """The value as a command's message holds it."""
    return value.replace("%", "%AZP25").replace("\r", "%0D").replace("\n", "%0A")
