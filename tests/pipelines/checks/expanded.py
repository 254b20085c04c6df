"""A pipeline with its templates expanded, as the checks look at it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.pipelines.runner.documents import Table
from tests.pipelines.runner.model import Job, Pipeline, Stage, Step, read
from tests.pipelines.runner.syntax import Call, Every, Index, Literal, Tree
from tests.pipelines.runner.templates import Expander

# What templates may read before a run begins; the values do not matter to the checks.
BEFORE = {
    "Build.Reason": "Manual",
    "Build.SourceBranch": "refs/heads/main",
    "Build.SourceBranchName": "main",
}


@dataclass(frozen=True)
class Expanded:
    """A pipeline of a repository; `groups` are the variable groups, their secrets as `Secret`."""

    root: Path
    file: str
    document: Table
    pipeline: Pipeline
    groups: Mapping[str, Mapping[str, str]]

    def steps(self) -> Iterator[tuple[Stage, Job, Step]]:
        """Every step, with the stage and the job that it belongs to."""
        for stage in self.pipeline.stages:
            for job in stage.jobs:
                for step in (*job.steps, *job.on_failure, *job.on_success):
                    yield stage, job, step


def expand(
    root: Path,
    file: str = "azure-pipelines.yml",
    groups: Mapping[str, Mapping[str, str]] | None = None,
    **parameters: Any,
) -> Expanded:
    """Expand a pipeline. PipelineError where the service, or the runner, would refuse it."""
    document = Expander(root).pipeline(file, parameters, BEFORE)
    return Expanded(root, file, document, read(document), groups or {})


def paths(tree: Tree) -> Iterator[tuple[str, ...]]:
    """The dotted references of an expression: `a.b['c']` is ("a", "b", "c")."""
    path: list[str] = []
    inner = tree
    while isinstance(inner, Index) and isinstance(inner.key, Literal):
        path.insert(0, str(inner.key.value))
        inner = inner.target
    if not isinstance(inner, Call | Every | Index | Literal):
        yield (inner.name, *path)
    elif isinstance(inner, Call):
        for argument in inner.arguments:
            yield from paths(argument)
    elif isinstance(inner, Every):
        yield from paths(inner.target)
    elif isinstance(inner, Index):
        yield from paths(inner.target)
        yield from paths(inner.key)
