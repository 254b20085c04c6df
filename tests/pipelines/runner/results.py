"""What became of a run: results of steps, jobs and stages, by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from .variables import Masker

SUCCEEDED, ISSUES, FAILED, CANCELED, SKIPPED = (
    *("Succeeded", "SucceededWithIssues", "Failed"),
    *("Canceled", "Skipped"),
)
GOOD = (SUCCEEDED, ISSUES)


def worst(results: Iterable[str]) -> str:
    """The result of a whole: that of its worst part; Skipped if all were."""
    found = list(results)
    for result in (FAILED, CANCELED, ISSUES, SUCCEEDED):
        if result in found:
            return result
    return SKIPPED


@dataclass
class Issue:
    """An error or warning that a step put on the run's page."""

    kind: str
    text: str


@dataclass
class StepResult:
    """What became of a step, and what it printed, masked."""

    name: str
    title: str
    result: str = SKIPPED
    log: str = ""
    seconds: float = 0.0
    reason: str = ""
    issues: list[Issue] = field(default_factory=list)
    canceled: bool = False  # while it ran, someone canceled the run


@dataclass
class JobResult:
    """What became of a job; `outputs` by `step.variable`."""

    name: str
    result: str = SKIPPED
    steps: list[StepResult] = field(default_factory=list)
    outputs: dict[str, str] = field(default_factory=dict)
    reason: str = ""

    def step(self, title: str) -> StepResult:
        """The step with this name or title."""
        found = [step for step in self.steps if title in (step.name, step.title)]
        if len(found) != 1:
            raise KeyError(f"{len(found)} steps are called {title!r} in job {self.name}")
        return found[0]


@dataclass
class StageResult:
    """What became of a stage."""

    name: str
    result: str = SKIPPED
    jobs: dict[str, JobResult] = field(default_factory=dict)
    reason: str = ""
    seconds: float = 0.0


@dataclass
class Run:
    """A run of a pipeline, and the folder with what it published."""

    id: int
    pipeline: str
    folder: Path
    commit: str = ""
    branch: str = ""
    reason: str = ""
    number: str = ""
    # What happens to it: the stage in which someone cancels it, or `stage.step` and when;
    # stages left out by hand; jobs (`stage.job`) that end otherwise than by their steps.
    cancel_at: str = ""
    cancel_when: Callable[[], bool] | None = None
    left_out: tuple[str, ...] = ()
    lost: Mapping[str, str] = field(default_factory=dict)
    result: str = ""
    stages: dict[str, StageResult] = field(default_factory=dict)
    summaries: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    tests: dict[str, int] = field(default_factory=dict)
    line_coverage: float | None = None
    masker: Masker = field(default_factory=Masker)
    unknown: list[str] = field(default_factory=list)  # macros that name no variable
    leaks: list[str] = field(default_factory=list)  # files in which a secret stood
    seconds: float = 0.0

    @property
    def secrets(self) -> frozenset[str]:
        """What is masked in its log."""
        return self.masker.secrets

    @property
    def results(self) -> dict[str, str]:
        """The result of each stage."""
        return {name: stage.result for name, stage in self.stages.items()}

    def job(self, stage: str, job: str) -> JobResult:
        """A job of a stage."""
        return self.stages[stage].jobs[job]

    @property
    def agent_jobs(self) -> list[str]:
        """The jobs that took an agent."""
        return [
            f"{stage.name}.{job.name}"
            for stage in self.stages.values()
            for job in stage.jobs.values()
            if job.steps
        ]

    @property
    def steps(self) -> list[StepResult]:
        """All steps, in the order in which they came."""
        return [
            step
            for stage in self.stages.values()
            for job in stage.jobs.values()
            for step in job.steps
        ]

    @property
    def log(self) -> str:
        """Everything that was printed."""
        return "".join(step.log for step in self.steps)

    @property
    def failed(self) -> list[str]:
        """The titles of the steps that failed, with the end of what they said."""
        return [
            f"{step.title}: {step.reason}\n{step.log[-3000:]}"
            for step in self.steps
            if step.result == FAILED
        ]

    @property
    def artifacts(self) -> Path:
        """The folder with a folder for each artifact."""
        return self.folder / "artifacts"
