"""The system that runs a step: what can be said to it, and which one it is."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol, TextIO


class Provider(Protocol):
    """What a step can say. Texts are others' and may hold anything; names are ours."""

    secrets: tuple[str, ...]
    """The environment variables whose values are secrets."""

    def mask(self, secret: str) -> None:
        """Has the runner hide a secret, each of its lines, in all that follows."""

    def output(self, name: str, value: str) -> None:
        """Sets an output of this step, for later steps, jobs and stages."""

    def error(self, message: str) -> None:
        """Shows an error on the run's page."""

    def warning(self, message: str) -> None:
        """Shows a warning on the run's page."""

    def summary(self, markdown: str, path: Path) -> None:
        """Shows Markdown on the run's page; `path` is a file that holds it."""

    def folder(self) -> Path:
        """Where files are put of which an artifact is made."""

    def lacks(self, names: list[str]) -> str:
        """Says which settings the step was to have and has not."""

    def resume(self, run_id: str) -> str:
        """Says how a person goes on with a training whose wait is over."""


def detect(environ: Mapping[str, str]) -> str:
    """`azure-pipelines`, `github-actions`, or empty: run by hand.

    Where both say that they are there (one's variable was set in the other), it is the one that
    left what only it leaves: GitHub's runner gives each step a file for its outputs, which exists.
    """
    azure, github = (
        environ.get(name, "").strip().lower() == "true" for name in ("TF_BUILD", "GITHUB_ACTIONS")
    )
    if azure and github:
        github = os.path.isfile(environ.get("GITHUB_OUTPUT", ""))
    return "github-actions" if github else "azure-pipelines" if azure else ""


def open_provider(environ: Mapping[str, str], to: TextIO) -> Provider | None:
    """The system that runs this step; None: a person does.

    Args:
        environ: tells which it is, and where its files are.
        to: the stream that the runner reads, at the start of a line.
    """
    match detect(environ):
        case "azure-pipelines":
            from amlkit.ci.azure_pipelines import AzurePipelines

            return AzurePipelines(environ, to)
        case "github-actions":
            from amlkit.ci.github_actions import GitHubActions

            return GitHubActions(environ, to)
    return None
