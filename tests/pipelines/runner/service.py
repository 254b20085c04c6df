"""A project of Azure DevOps: repository, variable groups, environments, caches, past runs."""

from __future__ import annotations

import subprocess
import tarfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from standin.archives import unpack

from .checkout import git
from .coverage import Coverage
from .errors import PipelineError
from .model import Pipeline, read
from .orchestrator import Orchestrator
from .results import Run
from .templates import Expander
from .variables import Masker, Secret, Variables

Approval = bool | str | Callable[[], bool | str]


PROJECT = "churn"


@dataclass
class Service:
    """Runs the pipelines of a repository.

    `groups` are the variable groups, with `Secret` values; `environments` and `connections` (by
    name, with the variables of an AzureCLI@2 step) are what else a run may name, None for all.
    `approvals` say of an environment whether a run that reaches it is let in: True, False or
    "timed out", a function that says so later, or nothing where nobody is asked; `locks` are the
    environments with an exclusive lock. `machine` is the environment of a hosted machine, `pythons`
    its interpreters by version; an agent of one's own has no tool cache with them. The folders of
    `before` are in front of all that a job puts before PATH.
    """

    repository: Path
    folder: Path
    machine: Mapping[str, str]
    pythons: Mapping[str, str] = field(default_factory=dict)
    before: list[str] = field(default_factory=list)
    groups: dict[str, dict[str, str]] = field(default_factory=dict)
    environments: set[str] | None = None
    connections: dict[str, dict[str, str]] = field(default_factory=dict)
    approvals: dict[str, Approval] = field(default_factory=dict)
    locks: set[str] = field(default_factory=set)
    minute: float = 60.0
    collection: str = "https://dev.azure.com/example/"
    access_token: str = "job-access-token-0f6e4c"
    coverage: Coverage = field(default_factory=Coverage)
    runs: list[Run] = field(default_factory=list)
    definitions: list[str] = field(default_factory=list)

    def start(
        self,
        file: str = "azure-pipelines.yml",
        *,
        parameters: Mapping[str, Any] | None = None,
        reason: str = "Manual",
        branch: str = "refs/heads/main",
        commit: str = "",
        **happens: Any,
    ) -> Run:
        """Run a pipeline to its end.

        `reason` is Manual, IndividualCI, PullRequest or Schedule; `happens` is what else becomes of
        it (`Run`). PipelineError if the service would refuse to start.
        """
        run, orchestrator = self.queue(
            file, parameters=parameters, reason=reason, branch=branch, commit=commit, **happens
        )
        started = time.monotonic()
        orchestrator.execute()
        run.seconds = time.monotonic() - started
        return run

    def queue(
        self,
        file: str,
        *,
        parameters: Mapping[str, Any] | None,
        reason: str,
        branch: str,
        commit: str,
        **happens: Any,
    ) -> tuple[Run, Orchestrator]:
        """A run that has not begun, and what takes it through its stages."""
        number = len(self.runs) + 1
        commit = commit or git(self.repository, "rev-parse", "HEAD")
        folder = self.folder / "runs" / str(number)
        run = Run(number, file, folder, commit, branch, reason, number=f"{number}", **happens)
        known = self._before(run)
        checked_out = self.files(commit)
        pipeline = read(Expander(checked_out, self.coverage).pipeline(file, parameters, known))
        self._exist(pipeline)
        variables = Variables(Masker())
        variables.update({**known, **self._during(run)})
        run.masker = variables.masker
        run.artifacts.mkdir(parents=True)
        self.runs.append(run)
        return run, Orchestrator(self, run, pipeline, variables)

    def python(self, version: str, target: Path) -> Path | None:
        """A Python of this version, the machine's own, to be changed at will."""
        interpreter = self.pythons.get(version)
        if interpreter is None:
            return None
        made = self.folder / "pythons" / version
        if not made.exists():
            subprocess.run([interpreter, "-m", "venv", str(made)], check=True)
            for script in made.glob("bin/pip*"):  # they name their own interpreter
                script.unlink()
        if not target.exists():
            subprocess.run(["cp", "-al", str(made), str(target)], check=True)
        return target

    def group(self, name: str) -> Mapping[str, str]:
        """A variable group. PipelineError if there is none."""
        if name not in self.groups:
            raise PipelineError(f"variable group {name} was not found or is not authorised")
        return self.groups[name]

    def _exist(self, pipeline: Pipeline) -> None:
        """What a run names is there before it starts: a missing environment is not made."""
        scopes = [pipeline.variables]
        scopes += [stage.variables for stage in pipeline.stages]
        scopes += [job.variables for stage in pipeline.stages for job in stage.jobs]
        for item in (item for scope in scopes for item in scope if "group" in item):
            self.group(item["group"])
        for stage in pipeline.stages:
            for name in sorted(stage.environments):
                if self.environments is not None and name not in self.environments:
                    raise PipelineError(
                        f"environment {name} could not be found or is not authorised"
                    )
            for step in (step for job in stage.jobs for step in job.steps):
                name = step.inputs.get("azureSubscription", "")
                if step.kind == "task" and name and name not in self.connections:
                    raise PipelineError(f"service connection {name} could not be found")

    def files(self, commit: str) -> Path:
        """The files of a commit, where the service reads YAML."""
        target = self.folder / "files" / commit
        if not target.exists():
            archive = self.folder / "files" / f"{commit}.tar"
            archive.parent.mkdir(parents=True, exist_ok=True)
            git(self.repository, "archive", f"--output={archive}", commit)
            with tarfile.open(archive) as files:
                unpack(files, target)
        return target

    def _before(self, run: Run) -> dict[str, str]:
        """Predefined variables that templates may read."""
        return {
            "Build.Reason": run.reason,
            "Build.SourceBranch": run.branch,
            "Build.SourceBranchName": run.branch.rsplit("/", 1)[-1],
            "Build.SourceVersion": run.commit,
            "Build.DefinitionName": Path(run.pipeline).stem,
            "Build.Repository.Name": self.repository.name,
            "Build.Repository.Provider": "TfsGit",
            "System.TeamProject": PROJECT,
            "System.CollectionUri": self.collection,
            "System.TeamFoundationCollectionUri": self.collection,
            "System.DefinitionId": str(self.definition(run.pipeline)),
        }

    def _during(self, run: Run) -> dict[str, str]:
        """Predefined variables that are there once the run has begun."""
        return {
            "Build.BuildId": str(run.id),
            "Build.BuildNumber": run.number,
            "Build.DefinitionVersion": "1",
            "System.TeamProjectId": "6f1f6f7a-3f3b-4dd5-9d6c-0d7d2f7a5a10",
            "System.HostType": "build",
            "System.JobAttempt": "1",
            "System.StageAttempt": "1",
            "System.AccessToken": Secret(self.access_token),
        }

    def definition(self, file: str) -> int:
        """The number of a pipeline: each file is registered as one."""
        if file not in self.definitions:
            self.definitions.append(file)
        return self.definitions.index(file) + 1
