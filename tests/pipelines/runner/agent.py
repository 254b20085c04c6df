"""An agent: runs the steps of one job in a folder of its own, as a hosted machine does."""

from __future__ import annotations

import os
import shutil
import time
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from .caching import clear
from .commands import Command, parse
from .documents import Place, Text
from .errors import ExpressionError, NotPlayed, PipelineError, StepFailed
from .expressions import evaluate
from .model import Job, Step
from .processes import end_marked, run_script
from .results import (
    CANCELED,
    FAILED,
    GOOD,
    ISSUES,
    SKIPPED,
    SUCCEEDED,
    Issue,
    JobResult,
    StepResult,
)
from .status import of_step
from .values import to_boolean
from .variables import Variables, leaks

if TYPE_CHECKING:
    from .results import Run
    from .service import Service

# Folders that a job finds empty, whatever was there before.
EMPTIED = ("Agent.TempDirectory", "Build.StagingDirectory", "Common.TestResultsDirectory")
# Of no interest when files are searched for secrets: other people's packages.
PACKAGES = {".venv", ".venv-azure", "site-packages", ".uv-cache", ".tools", "python"}


class Agent:
    """The machine of one job: a hosted one is new, one's own keeps what jobs left in its folder."""

    def __init__(self, service: Service, run: Run, job: Job, given: Variables) -> None:
        self.service = service
        self.run = run
        self.job = job
        self.variables = given
        self.hosted = "vmImage" in (job.pool or {})
        own = f"own-{service.definition(run.pipeline)}"
        # All hosted machines have the same paths: bytecode that one of them kept serves the next.
        self.folder = service.folder / "agents" / ("hosted" if self.hosted else own)
        self.work = self.folder / "work" / "1"
        self.sources = self.work / "s"
        self.paths: list[str] = []  # before PATH, newest first
        self.after: list[Callable[[], None]] = []  # what tasks left for the end of the job
        self.result = JobResult(job.name)
        self.status = SUCCEEDED
        self.began = time.time()
        self.mark = uuid.uuid4().hex  # of this job's processes, among those of other test sessions
        self.deadline = time.monotonic() + float(job.timeout) * service.minute
        self.readonly: set[str] = set()
        self.set_up()

    def set_up(self) -> None:
        """The folders, and the variables that name them."""
        named = {
            "Pipeline.Workspace": self.work,
            "Agent.BuildDirectory": self.work,
            "Agent.HomeDirectory": self.folder,
            "Agent.WorkFolder": self.work.parent,
            "Agent.TempDirectory": self.folder / "work" / "_temp",
            "Agent.ToolsDirectory": self.folder / "work" / "_tool",
            "Build.SourcesDirectory": self.sources,
            "Build.ArtifactStagingDirectory": self.work / "a",
            "Build.StagingDirectory": self.work / "a",
            "Build.BinariesDirectory": self.work / "b",
            "Common.TestResultsDirectory": self.work / "TestResults",
        }
        for name in (
            "Agent.TempDirectory",
            "Build.StagingDirectory",
            "Common.TestResultsDirectory",
        ):
            shutil.rmtree(named[name], ignore_errors=True)
        for name, path in named.items():
            path.mkdir(parents=True, exist_ok=True)
            self.variables.set(name, str(path))
        (self.folder / "home").mkdir(exist_ok=True)
        self.variables.set("System.DefaultWorkingDirectory", str(self.sources))
        self.variables.set("Build.Repository.LocalPath", str(self.sources))
        for name, value in (
            ("OS", "Linux"),
            ("OSArchitecture", "X64"),
            ("Name", "Azure Pipelines"),
            ("IsSelfHosted", "0" if self.hosted else "1"),
        ):
            self.variables.set(f"Agent.{name}", value)

    def execute(self) -> JobResult:
        """All steps, then what tasks left for the end; the folder is gone afterwards."""
        try:
            steps = list(self.job.steps)
            if not self.job.deployment and not any(step.kind == "checkout" for step in steps):
                steps.insert(0, Step("checkout", "self", {}, self.job.where, title="Checkout"))
            for step in steps:
                self._step(step)
            for step in self.job.on_success if self.status in GOOD else self.job.on_failure:
                self._step(step, always=True)
            for task in reversed(self.after):
                task()
            self.run.leaks += self._leaks()
        finally:
            end_marked(self.mark, self.began)
            if self.hosted:
                clear(self.folder)
        tolerated = to_boolean(self._flag(self.job.continue_on_error)) and self.status == FAILED
        self.result.result = ISSUES if tolerated else self.status
        return self.result

    def environment(self, step: Step) -> dict[str, str]:
        """What the processes of a step find: no secret but those that are mapped."""
        mapped = {}
        for name, text in step.env.items():
            self.known(text, f"{step.where}: env {name}")
            mapped[name] = self.variables.expand(text)
        machine = dict(self.service.machine)
        path = os.pathsep.join([*self.service.before, *self.paths, machine["PATH"]])
        own = {"HOME": str(self.folder / "home"), "VSTS_PROCESS_LOOKUP_ID": self.mark}
        temp = self.variables["Agent.TempDirectory"]
        return {**machine, **own, "TMPDIR": temp, "PATH": path, "TF_BUILD": "True"} | (
            self.variables.environment() | mapped
        )

    def known(self, text: str, what: str) -> None:
        """Note a macro without its variable: it stays as it is written, as on the service."""
        self.run.unknown += [f"{what}: $({name})" for name in self.variables.unknown(text)]

    def handle(self, command: Command, step: Step, result: StepResult) -> None:
        """Do what a logging command says."""
        data = command.data
        match command.name:
            case "task.setvariable":
                self._set_variable(command, step)
            case "task.setsecret":
                self.variables.masker.add(data)
            case "task.logissue":
                result.issues.append(Issue(command.properties.get("type", ""), data))
            case "task.complete":
                result.result = command.properties.get("result", SUCCEEDED)
                result.reason = data
            case "task.prependpath":
                self.paths.insert(0, data)
            case "task.uploadsummary":
                self.run.summaries.append(Path(data).read_text(encoding="utf-8"))
            case "task.uploadfile":
                shutil.copy2(data, self.run.folder)
            case "build.updatebuildnumber":
                self.run.number = data
            case "build.addbuildtag":
                self.run.tags.append(data)
            case "task.setprogress":
                pass  # a bar on the run's page

    def _set_variable(self, command: Command, step: Step) -> None:
        name, text = command.properties["variable"], command.data
        secret = command.flag("issecret")
        if name.upper() in self.readonly:
            raise StepFailed(f"variable {name} is read-only")
        if command.flag("isreadonly"):
            self.readonly.add(name.upper())
        if not command.flag("isoutput"):
            self.variables.set(name, text, secret=secret)
            return
        if not step.name:
            raise PipelineError(f"{step.where}: an output needs a step with a name")
        self.variables.set(f"{step.name}.{name}", text, secret=secret)
        prefix = f"{self.job.name}." if self.job.deployment else ""
        self.result.outputs[f"{prefix}{step.name}.{name}"] = text

    def _step(self, step: Step, *, always: bool = False) -> None:
        """One step, if its condition says so; what became of it becomes the job's."""
        result = StepResult(step.name, self.variables.expand(step.title))
        self.result.steps.append(result)
        if time.monotonic() > self.deadline and self.status != CANCELED:
            self.status = CANCELED
            self.result.reason = f"ran longer than {self.job.timeout} minutes"
        if not to_boolean(self._flag(step.enabled)) or not (always or self._wanted(step)):
            return
        self.service.coverage.meet("steps", step.where)
        started = time.monotonic()
        result.result = SUCCEEDED
        try:
            self._run(step, result)
        except StepFailed as failure:
            result.result, result.reason = FAILED, str(failure)
        if result.canceled:
            result.result = self.status = CANCELED
            self.result.reason = "the run was canceled"
        result.seconds = time.monotonic() - started
        if result.result == FAILED and to_boolean(self._flag(step.continue_on_error)):
            result.result = ISSUES
        if result.result == FAILED and self.status != CANCELED:
            self.status = FAILED
            self.result.reason = self.result.reason or f"{result.title}: {result.reason}"
        elif result.result == ISSUES and self.status == SUCCEEDED:
            self.status = ISSUES

    def _wanted(self, step: Step) -> bool:
        condition = step.condition or Text.at(Place("", 0), "succeeded()")
        try:
            value = evaluate(condition, {"variables": self.variables}, of_step(self.status))
        except ExpressionError as error:
            raise type(error)(f"{step.where}: condition: {error}") from None
        self.service.coverage.decide(condition, to_boolean(value))
        return to_boolean(value)

    def _flag(self, text: str) -> bool:
        found = self.variables.expand(text).lower()
        if found not in ("true", "false"):
            raise PipelineError(f"{text!r} is neither true nor false")
        return found == "true"

    def _run(self, step: Step, result: StepResult) -> None:
        from .tasks import run_task

        if step.kind not in ("bash", "script"):
            run_task(self, step, result)
            return
        if unknown := set(step.inputs) - {"workingDirectory"}:
            raise NotPlayed(f"{step.where}: {min(unknown)} of a script")
        self.script(step, step.value, result)

    def script(
        self, step: Step, text: str, result: StepResult, more: Mapping[str, str] | None = None
    ) -> None:
        """Run the script of a step; `more` is what its task puts into its environment."""
        self.known(text, f"{step.where}: {step.kind}")
        folder = Path(self.variables.expand(step.inputs.get("workingDirectory", str(self.sources))))
        file = Path(self.variables["Agent.TempDirectory"]) / f"{len(self.result.steps)}.sh"
        file.write_text(self.variables.expand(text), encoding="utf-8")
        seconds = self.deadline - time.monotonic()
        if float(step.timeout):
            seconds = min(seconds, float(step.timeout) * self.service.minute)
        canceled = self.run.cancel_at == f"{self.variables['System.StageName']}.{step.name}"
        environment = {**self.environment(step), **(more or {})}
        stop = self.run.cancel_when if canceled else None
        done = run_script(file, self.sources / folder, environment, seconds, stop)
        result.canceled = canceled
        for line in done.output.splitlines(keepends=True):
            command = parse(line)
            if command is not None:
                self.handle(command, step, result)
            result.log += self.variables.masker.mask(line)
        file.unlink()
        if result.canceled:
            return
        if done.code is None:
            raise StepFailed("ran longer than it may")
        if done.code and result.result == SUCCEEDED:
            raise StepFailed(f"exit code {done.code}")

    def _leaks(self) -> list[str]:
        """The files of this machine in which a secret stands."""
        files = []
        for folder, folders, names in os.walk(self.folder):
            folders[:] = set(folders) - PACKAGES
            files += [Path(folder, name) for name in names]
        regular = [path for path in files if path.is_file()]
        texts = ((str(path.relative_to(self.folder)), path.read_bytes()) for path in regular)
        return leaks(texts, self.variables.masker.secrets)


def skipped(job: Job, reason: str) -> JobResult:
    """The result of a job that was not run."""
    return JobResult(job.name, SKIPPED, reason=reason)
