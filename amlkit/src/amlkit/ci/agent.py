"""What is said to the agent that runs a pipeline, in the lines that it understands.

Azure Pipelines' commands: https://learn.microsoft.com/azure/devops/pipelines/scripts/logging-commands
"""

from __future__ import annotations

import re
import sys
import unicodedata
from pathlib import Path
from typing import TextIO

# A line that begins so, or holds so, would command the agent.
_COMMAND = re.compile(r"##(vso)?\[", re.IGNORECASE)


def set_output(name: str, value: str, to: TextIO | None = None) -> None:
    """Sets an output of this step, for later steps, jobs and stages."""
    _say(f"##vso[task.setvariable variable={name};isOutput=true]{_escaped(value)}", to)


def error(message: str, to: TextIO | None = None) -> None:
    """Shows an error on the run's page."""
    _say(f"##vso[task.logissue type=error]{_escaped(harmless(message))}", to)


def warning(message: str, to: TextIO | None = None) -> None:
    """Shows a warning on the run's page."""
    _say(f"##vso[task.logissue type=warning]{_escaped(harmless(message))}", to)


def summary(path: Path, to: TextIO | None = None) -> None:
    """Shows a Markdown file on the run's page."""
    _say(f"##vso[task.uploadsummary]{path.resolve()}", to)


def harmless(text: str) -> str:
    """A text of others, unable to command the agent. A text that cannot is returned as it is.

    The agent's search for its prefix may pass over characters that show nothing (a zero-width
    space, a soft hyphen, a NUL): a text that commands without them loses them.
    """
    plain = text
    if not text.isascii() or not text.isprintable():
        plain = "".join(sign for sign in text if sign in "\t\r\n" or not _shows_nothing(sign))
    return re.sub("#(?=#)", "# ", plain) if _COMMAND.search(plain) else text


def _shows_nothing(sign: str) -> bool:
    """Whether a character is a control or a format character."""
    return unicodedata.category(sign) in ("Cc", "Cf")


def _say(command: str, to: TextIO | None) -> None:
    """Prints a command on a line of its own."""
    print(command, file=to or sys.stdout, flush=True)


def _escaped(value: str) -> str:
    """The value as a command's message holds it."""
    return value.replace("%", "%AZP25").replace("\r", "%0D").replace("\n", "%0A")
