"""What `amlkit.ci.changes` says to Azure Pipelines; goes when it does."""

from __future__ import annotations

import os
import sys
from typing import TextIO

from amlkit.ci.azure_pipelines import AzurePipelines
from amlkit.ci.harmless import harmless as harmless


def set_output(name: str, value: str, to: TextIO | None = None) -> None:
    """Sets an output of this step, for later steps, jobs and stages."""
    AzurePipelines(os.environ, to or sys.stdout).output(name, value)


def error(message: str, to: TextIO | None = None) -> None:
    """Shows an error on the run's page."""
    AzurePipelines(os.environ, to or sys.stdout).error(message)
