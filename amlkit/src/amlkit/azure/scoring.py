"""A table scored on this machine with a workspace's model, whichever SDK reads it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from amlkit.records import DeploymentDefinition
from amlkit.workspace import Models, Progress, Say


def score_here(
    models: Models,
    root: Path,
    definition: DeploymentDefinition,
    source: Path,
    target: Path,
    keep: Sequence[str],
    say: Say,
    progress: Progress,
) -> int:
    """See `Endpoints.score`; `root` is the repository, whose serving environment is used."""
    from amlkit.local.batch import score_table
    from amlkit.local.environments import LocalEnvironments

    folder = models.download(definition.model)
    here = replace(definition, model=replace(definition.model, source=str(folder)))
    environments = LocalEnvironments(root / ".local-workspace")
    return score_table(here, environments, source, target, keep, say, progress)
