"""What is said to GitHub Actions: files for outputs and the summary, lines for the rest.

https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands; escaped as
`@actions/core` does.
"""

from __future__ import annotations

import os
import re
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import TextIO

from amlkit.ci.harmless import harmless
from amlkit.say import command

LIMIT = 1024 * 1024  # bytes of a step's summary; the runner shows nothing of a longer one
_CUT = "\n\n(The summary is cut here: it is longer than GitHub shows.)\n"


class GitHubActions:
    """A step of GitHub Actions."""

    secrets: tuple[str, ...] = (
        "SPN_PASSWORD",
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
        "GITHUB_TOKEN",
        "GH_TOKEN",
    )

    def __init__(self, environ: Mapping[str, str], to: TextIO) -> None:
        self.environ, self.to = environ, to

    def mask(self, secret: str) -> None:
        """Has the runner hide each line of a secret."""
        for line in filter(str.strip, secret.splitlines()):
            command(f"::add-mask::{escaped(line)}", self.to)

    def output(self, name: str, value: str) -> None:
        """Appends an output to the step's file, up to a line that no value can hold."""
        end = f"ghadelimiter_{uuid.uuid4()}"
        self._append("GITHUB_OUTPUT", f"{name}<<{end}\n{harmless(value)}\n{end}\n")

    def error(self, message: str) -> None:
        """Shows an error on the run's page."""
        command(f"::error::{escaped(harmless(message))}", self.to)

    def warning(self, message: str) -> None:
        """Shows a warning on the run's page."""
        command(f"::warning::{escaped(harmless(message))}", self.to)

    def summary(self, markdown: str, path: Path) -> None:
        """Appends to the step's summary what still finds room in it."""
        place = self.environ.get("GITHUB_STEP_SUMMARY", "")
        room = LIMIT - (os.path.getsize(place) if os.path.isfile(place) else 0)
        self._append("GITHUB_STEP_SUMMARY", cut(markdown, room))

    def folder(self) -> Path:
        """The folder that the workflow uploads; `results` where there is no runner's folder."""
        temporary = self.environ.get("RUNNER_TEMP")
        return Path(temporary, "report") if temporary else Path("results")

    def lacks(self, names: list[str]) -> str:
        """The secrets and variables that the repository was to hold."""
        return f"The repository or its environment has no secret or variable {', '.join(names)}."

    def resume(self, run_id: str) -> str:
        """The workflow and its input."""
        return f"run .github/workflows/train-and-deploy.yml with runId {run_id} to resume it"

    def _append(self, variable: str, text: str) -> None:
        """Adds to one of the runner's files; a step without it goes on and says so."""
        path = self.environ.get(variable)
        if not path:
            self.warning(f"{variable} is not set: what this step says there is lost")
            return
        with open(path, "a", encoding="utf-8", errors="replace", newline="\n") as file:
            file.write(text)


def cut(text: str, room: int) -> str:
    """The text in `room` bytes of UTF-8, cut at the end of a line."""
    if len(text.encode(errors="replace")) <= room:
        return text
    kept = text.encode(errors="replace")[: max(0, room - len(_CUT) - 8)]
    lines = kept[: kept.rfind(b"\n") + 1].decode(errors="ignore")
    fences = re.findall(r"^````+", lines, re.MULTILINE)
    whole = lines + (f"{fences[-1]}\n" if len(fences) % 2 else "") + _CUT
    return whole if len(whole.encode()) <= room else ""


def escaped(value: str) -> str:
    """A message as a command's data holds it."""
    return value.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
