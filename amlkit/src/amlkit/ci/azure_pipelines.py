"""What is said to Azure Pipelines, in the lines that its agent understands.

https://learn.microsoft.com/azure/devops/pipelines/scripts/logging-commands
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TextIO

from amlkit.ci.harmless import harmless
from amlkit.say import command


class AzurePipelines:
    """A step of Azure Pipelines."""

    secrets: tuple[str, ...] = ("SPN_PASSWORD", "SYSTEM_ACCESSTOKEN")

    def __init__(self, environ: Mapping[str, str], to: TextIO) -> None:
        self.environ, self.to = environ, to

    def mask(self, secret: str) -> None:
        """Has the agent hide each line of a secret."""
        for line in filter(str.strip, secret.splitlines()):
            command(f"##vso[task.setsecret]{escaped(line)}", self.to)

    def output(self, name: str, value: str) -> None:
        """Sets an output of this step."""
        text = escaped(harmless(value))
        command(f"##vso[task.setvariable variable={name};isOutput=true]{text}", self.to)

    def error(self, message: str) -> None:
        """Shows an error on the run's page."""
        command(f"##vso[task.logissue type=error]{escaped(harmless(message))}", self.to)

    def warning(self, message: str) -> None:
        """Shows a warning on the run's page."""
        command(f"##vso[task.logissue type=warning]{escaped(harmless(message))}", self.to)

    def summary(self, markdown: str, path: Path) -> None:
        """Shows a file on the run's page."""
        command(f"##vso[task.uploadsummary]{escaped(str(path.resolve()))}", self.to)

    def folder(self) -> Path:
        """The folder that the pipeline publishes; `results` where it has none."""
        return Path(self.environ.get("BUILD_ARTIFACTSTAGINGDIRECTORY") or "results")

    def lacks(self, names: list[str]) -> str:
        """The variables that the group was to hold."""
        return f"The variable group has no variable {', '.join(names)}."

    def resume(self, run_id: str) -> str:
        """The pipeline and its parameter."""
        return f"run pipelines/training.yml with runId {run_id} to resume it"


def escaped(value: str) -> str:
    """A value as a command's message holds it: what `CommandStringConvertor.Unescape` undoes."""
    return value.replace("%", "%AZP25").replace("\r", "%0D").replace("\n", "%0A")
