"""Takes a run through its stages and jobs: order, conditions, outputs, approvals, locks."""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .agent import Agent, skipped
from .coverage import RUNTIME
from .documents import NOWHERE, Text, where
from .errors import ExpressionError, NotPlayed, PipelineError
from .expressions import Known, evaluate
from .functions import Function
from .model import Job, Pipeline, Stage
from .results import CANCELED, FAILED, SKIPPED, JobResult, Run, StageResult, worst
from .status import ancestors, in_order, of_dependent
from .values import to_boolean, to_string
from .variables import Variables

if TYPE_CHECKING:
    from .service import Service

Items = tuple[Mapping[str, str], ...]
Contexts = Mapping[str, Any]
TIMED_OUT = "timed out"
SUPERSEDED = "superseded"


@dataclass(frozen=True)
class Stop:
    """A place where a run may have to wait: before a stage takes its locks, and once it has."""

    stage: Stage
    holds: bool = False


class Orchestrator:
    """One run."""

    def __init__(
        self, service: Service, run: Run, pipeline: Pipeline, variables: Variables
    ) -> None:
        self.service = service
        self.run = run
        self.pipeline = pipeline
        self.variables = variables
        self.canceled = False

    def execute(self) -> None:
        """All stages, in the order of their dependencies, with no other run in the way."""
        for _ in self.moves():
            pass

    def moves(self) -> Generator[Stop, str | None]:
        """The same, with a stop before each stage that runs; `SUPERSEDED` is sent to end one."""
        self._define(self.variables, self.pipeline.variables, {})
        stages = {stage.name: stage for stage in self.pipeline.stages}
        graph = {name: stage.depends_on for name, stage in stages.items()}
        for name in in_order(graph, "stage"):
            before = {one: self.run.stages[one].result for one in ancestors(name, graph)}
            started = time.monotonic()
            self.run.stages[name] = yield from self._stage(stages[name], before)
            self.run.stages[name].seconds = time.monotonic() - started
        result = worst(stage.result for stage in self.run.stages.values())
        self.run.result = CANCELED if self.canceled else result

    def _stage(
        self, stage: Stage, before: Mapping[str, str]
    ) -> Generator[Stop, str | None, StageResult]:
        result = StageResult(stage.name)
        if stage.name in self.run.left_out:
            result.reason = "left out by hand"
            return result
        contexts = {
            "variables": self.variables,
            "dependencies": Known(
                f"{stage.where}: dependencies",
                {name: self._shown(self.run.stages[name]) for name in stage.depends_on},
            ),
        }
        if not self._wanted(stage.condition, contexts, before):
            result.reason = f"condition: {stage.condition or 'succeeded()'}"
            return result
        if self._refused(stage, result):
            return result
        if (yield Stop(stage)) == SUPERSEDED:
            result.result, result.reason = CANCELED, "a newer run waits for the same lock"
            return result
        yield Stop(stage, holds=True)
        self._jobs_of(stage, contexts, result)
        return result

    def _refused(self, stage: Stage, result: StageResult) -> bool:
        """Whether somebody refuses the stage, or nobody answers in time, which passes for success.

        A time-out leaves the stage skipped and the run good: azure-pipelines-tasks#14584.
        """
        for environment in sorted(stage.environments):
            answer = self.service.approvals.get(environment, True)
            if callable(answer):  # someone who takes their time: what happens meanwhile
                answer = answer()
            if answer is not True:
                timed_out = answer == TIMED_OUT
                result.result = SKIPPED if timed_out else FAILED
                what = TIMED_OUT if timed_out else "was rejected"
                result.reason = f"{environment}: the approval {what}"
                return True
        return False

    def _jobs_of(self, stage: Stage, contexts: Contexts, result: StageResult) -> None:
        """The jobs of a stage, in the order of their dependencies."""
        self.canceled = self.canceled or self.run.cancel_at == stage.name
        variables = self.variables.copy()
        self._define(variables, stage.variables, contexts)
        variables.update({"System.StageName": stage.name})
        graph = {job.name: job.depends_on for job in stage.jobs}
        jobs = {job.name: job for job in stage.jobs}
        for name in in_order(graph, "job"):
            earlier = {one: result.jobs[one].result for one in ancestors(name, graph)}
            result.jobs[name] = self._job(stage, jobs[name], variables, result, earlier)
        result.result = worst(job.result for job in result.jobs.values())
        result.reason = next((job.reason for job in result.jobs.values() if job.reason), "")

    def _job(
        self,
        stage: Stage,
        job: Job,
        given: Variables,
        so_far: StageResult,
        before: Mapping[str, str],
    ) -> JobResult:
        contexts = {
            "variables": given,
            "dependencies": Known(
                f"{job.where}: dependencies",
                {name: _outcome(so_far.jobs[name]) for name in job.depends_on},
            ),
            "stageDependencies": Known(
                f"{job.where}: stageDependencies",
                {name: self._jobs(job, self.run.stages[name]) for name in stage.depends_on},
            ),
        }
        if lost := self.run.lost.get(f"{stage.name}.{job.name}"):
            return JobResult(job.name, lost, reason="canceled alone, or its agent was lost")
        if self.run.cancel_at == stage.name and not job.condition:
            return JobResult(job.name, CANCELED, reason="the run was canceled")
        if not self._wanted(job.condition, contexts, before):
            return skipped(job, f"condition: {job.condition or 'succeeded()'}")
        _pool(job)
        variables = given.copy()
        self._define(variables, job.variables, contexts)
        variables.update({"System.JobName": job.name, "Agent.JobName": job.name})
        if job.environment:
            variables.set("Environment.Name", job.environment)
        done = Agent(self.service, self.run, job, variables).execute()
        self.canceled = self.canceled or any(step.canceled for step in done.steps)
        return done

    def _wanted(
        self, condition: Text | None, contexts: Mapping[str, Any], before: Mapping[str, str]
    ) -> bool:
        text = condition or Text.at(NOWHERE, "succeeded()")
        functions = of_dependent(before, canceled=self.canceled)
        wanted = to_boolean(self._evaluate(text, contexts, functions))
        self.service.coverage.decide(text, wanted)
        return wanted

    def _define(self, variables: Variables, items: Items, contexts: Mapping[str, Any]) -> None:
        """Define variables in their order; `$[ ]` sees those before it and the contexts."""
        for item in items:
            if "group" in item:
                variables.update(self.service.group(item["group"]))
                continue
            text = item["value"]
            runtime = RUNTIME.fullmatch(text.strip())
            if runtime:
                for place in getattr(text, "origins", ()):
                    self.service.coverage.meet("runtime expressions", place, runtime[1])
                seen = {**contexts, "variables": variables}
                text = to_string(self._evaluate(Text.at(where(text), runtime[1]), seen, {}))
            elif "$[" in text:
                raise PipelineError(f"{where(text)}: $[ ] stands alone or not at all: {text}")
            variables.set(item["name"], text)

    def _evaluate(
        self, text: str, contexts: Mapping[str, Any], functions: Mapping[str, Function]
    ) -> Any:
        try:
            return evaluate(text, contexts, functions)
        except ExpressionError as error:
            raise type(error)(f"{where(text)}: {error}") from None

    @staticmethod
    def _jobs(job: Job, stage: StageResult) -> Mapping[str, Any]:
        """The jobs of a stage, as jobs of later stages see them; none of one that was skipped."""
        found = {one.name: _outcome(one) for one in stage.jobs.values()}
        return Known(f"{job.where}: stage {stage.name}", found) if found else {}

    @staticmethod
    def _shown(stage: StageResult) -> dict[str, Any]:
        """A stage as conditions of stages see it."""
        outputs = {
            f"{job.name}.{name}": value
            for job in stage.jobs.values()
            for name, value in job.outputs.items()
        }
        return {"result": stage.result, "outputs": outputs}


def _outcome(job: JobResult) -> dict[str, Any]:
    """A job as conditions and variables of jobs see it."""
    return {"result": job.result, "outputs": job.outputs}


def _pool(job: Job) -> None:
    """A job needs a hosted image that is pinned, or a pool of one's own."""
    pool = job.pool
    if isinstance(pool, str) and pool:
        return
    if not isinstance(pool, Mapping) or set(pool) not in ({"vmImage"}, {"name"}):
        raise NotPlayed(f"{job.where}: pool {pool!r}")
    if str(pool.get("vmImage", "")).endswith("-latest"):
        raise PipelineError(f"{job.where}: the image {pool['vmImage']} is not pinned")
