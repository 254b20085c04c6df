"""Training pipelines of this machine: the steps one after the other, each a job of its own."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from amlkit.content import new_folder, read_json, write_json
from amlkit.flow.steps import LOCAL
from amlkit.local.jobs import LocalJobs, new_record
from amlkit.pipelines import Chain, Schedule, Step
from amlkit.records import FINISHED, Run, WorkError
from amlkit.settings import SettingsError

RECORD = "pipeline.json"


class LocalPipelines:
    """`workspace.Pipelines`, below the folder of the workspace; each step is one of `jobs`."""

    def __init__(self, folder: Path, jobs: LocalJobs) -> None:
        self._folder = folder.absolute()
        self._jobs = jobs
        self._chains: dict[str, Chain] = {}

    def shape(self, chain: Chain, cron: str = "") -> str:
        """See `Pipelines.shape`: the owner's function is not asked here."""
        return ""

    def find(self, identity: str, experiment: str) -> Run | None:
        """See `Pipelines.find`: one that is under way ends with the driver, and is not found."""
        found = (read_json(path) for path in (self._folder / "pipelines").glob(f"*/{RECORD}"))
        equal = [
            _run(record, self._home(record["id"]))
            for record in found
            if (record["identity"], record["experiment"]) == (identity, experiment)
            and record["status"] == "Completed"
        ]
        return max(equal, key=lambda run: run.created, default=None)

    def create(self, chain: Chain) -> Run:
        """See `Pipelines.create`: nothing runs before `stream`."""
        record: dict[str, Any] = {**new_record(chain.job), "status": "NotStarted", "steps": {}}
        home = self._home(record["id"])
        with new_folder(home) as half:
            write_json(half / RECORD, record)
        self._chains[record["id"]] = chain
        return _run(record, home)

    def stream(
        self, run_id: str, on_log: Callable[[str, str], None], *, seconds: float | None = None
    ) -> Run:
        """See `Pipelines.stream`: runs the steps; a step that fails is the last one.

        Raises:
            WorkError: another process has started it.
        """
        chain = self._chains.get(run_id)
        if chain is None:
            raise WorkError(f"{run_id} is not of this call: with --local a pipeline is not resumed")
        home, status = self._home(run_id), "Completed"
        record = read_json(home / RECORD)
        for step in chain.steps:
            run = self._jobs.create(self._job(chain, step, home))
            record["steps"][step.name] = run.id
            write_json(home / RECORD, {**record, "status": "Running"})
            try:
                run = self._jobs.stream(run.id, lambda line, name=step.name: on_log(name, line))  # type: ignore[misc]
            except KeyboardInterrupt:
                self._jobs.cancel(run.id)
                write_json(home / RECORD, {**record, "status": "Canceled"})
                raise
            if run.status != "Completed":
                status = run.status
                break
        else:  # what was handed over is needed no more
            for name in {output for step in chain.steps for output in step.outputs}:
                shutil.rmtree(home / name, ignore_errors=True)
        write_json(home / RECORD, {**record, "status": status})
        return _run({**record, "status": status}, home)

    def steps(self, run_id: str) -> Mapping[str, Run]:
        """See `Pipelines.steps`."""
        record = read_json(self._home(run_id) / RECORD) or {"steps": {}}
        runs = {name: self._jobs.get(run) for name, run in record["steps"].items()}
        return dict(sorted(runs.items(), key=lambda step: step[1].created))

    def schedule(self, name: str) -> Schedule | None:
        """See `Pipelines.schedule`."""
        raise SettingsError(_NO_SCHEDULES)

    def put_schedule(self, name: str, cron: str, identity: str, chain: Chain) -> Schedule:
        """See `Pipelines.put_schedule`."""
        raise SettingsError(_NO_SCHEDULES)

    def remove_schedule(self, name: str) -> bool:
        """See `Pipelines.remove_schedule`."""
        raise SettingsError(_NO_SCHEDULES)

    def last_of(self, name: str) -> Run | None:
        """See `Pipelines.last_of`."""
        raise SettingsError(_NO_SCHEDULES)

    def _home(self, run_id: str) -> Path:
        return self._folder / "pipelines" / run_id

    def _job(self, chain: Chain, step: Step, home: Path) -> Any:
        """A step as a job of this machine."""
        words = ["python", "-m", chain.module, step.name]
        for name in (*step.inputs, *step.outputs):
            words += [f"--{name}", str(home / name)]
        for name in step.outputs:
            (home / name).mkdir(exist_ok=True)
        variables = {**chain.job.variables, LOCAL: str(self._folder)}
        return replace(chain.job, command=tuple(words), inputs={}, variables=variables, identity="")


_NO_SCHEDULES = "this machine has no schedules: leave --local out, they are Azure ML's"


def _run(record: Mapping[str, Any], home: Path) -> Run:
    """A pipeline's record as a run."""
    return Run(
        id=record["id"],
        experiment=record["experiment"],
        status=record["status"] if record["status"] in FINISHED else "Running",
        created=record["created"],
        seconds=None,
        identity=record["identity"],
        model_name=record["model_name"],
        tags={},
        champion=None,
        url=str(home),
    )
