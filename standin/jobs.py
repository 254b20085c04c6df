"""The execution service: takes snapshots to run, and ends runs that are canceled.

The request is that of `azureml/_execution/_commands.py` in azureml-core.
"""

from __future__ import annotations

import time
from threading import Thread
from typing import TYPE_CHECKING, Protocol

from . import job_inputs, job_outputs
from .environments import content_of
from .job import Job
from .odata import page
from .routing import API, Answer, AzureError, Json, Request, route
from .runs import Run

if TYPE_CHECKING:
    from .standin import Azure

BASE = "/execution/v1.0{workspace}/experiments/{experiment}"


class Running(Protocol):
    """What is under way for a run: one job, or one that runs others."""

    thread: Thread

    def cancel(self, patience: float = 5.0) -> None:
        """Ask it to end."""


class Jobs:
    """The execution service and the jobs it has begun."""

    def __init__(self, azure: Azure) -> None:
        self.azure = azure
        self.jobs: dict[str, Running] = {}

    def owns(self, run: Run) -> bool:
        """Whether a run is executed here, so that its status is not a client's to set."""
        return run.id in self.jobs

    def run_token(self, run: Run, seconds: int) -> str:
        """A bearer token that acts for the one who submitted the run."""
        principal = run.creator or self.azure.account.service_principal
        token: str = self.azure.identity.token(self.azure.account.api, principal, seconds)
        return token

    @route("POST", API, BASE + "/snapshotrun")
    def submit(self, request: Request, experiment: str) -> Json:
        """Begins a run of a snapshot. AzureError 400 for what cannot be run."""
        body = request.json()
        definition = body.get("Configuration") or {}
        target = definition.get("target")
        if not self.azure.computes.find(target or ""):
            raise AzureError(
                400, "UserError", f"Unknown compute target '{target}'. It was not found."
            )
        run = self.made(request, experiment, body, definition, "amlctrain")
        snapshot = run.properties["ContentSnapshotId"] = body.get("SnapshotId") or ""
        self.start(run, Job(self.azure, run, snapshot))
        return {"runId": run.id}

    def made(
        self, request: Request, experiment: str, body: Json, definition: Json, kind: str
    ) -> Run:
        """A run of a definition on a kind of compute target. AzureError 400."""
        if not definition.get("script") and not definition.get("command"):
            raise AzureError(400, "UserError", "A run needs a script or a command.")
        job_inputs.check(definition)
        job_outputs.check(definition)
        runs = self.azure.runs
        environment = self.azure.environments.resolve(definition.get("environment") or {})
        run_id = request.query.get("runId") or f"{experiment}_{time.time_ns()}"
        run = runs.create(
            run_id, runs.ensure_experiment(experiment), request.principal, body.get("ParentRunId")
        )
        scope = self.azure.account.workspace_path
        address = f"{self.azure.account.api}/execution/v1.0{scope}/experiments/{experiment}"
        run.cancel_uri = f"{address}/runId/{run.id}/cancel"
        run.definition = {
            **definition,
            "environment": {
                **content_of(environment),
                "name": environment["name"],
                "version": environment["version"],
            },
        }
        run.properties |= {
            "_azureml.ComputeTargetType": kind,
            "_azureml.ClusterName": str(definition.get("target")),
        }
        run.more |= {
            "runType": "azureml.scriptrun",
            "scriptName": definition.get("script"),
            "target": definition.get("target"),
        }
        return run

    def start(self, run: Run, job: Job) -> None:
        """Executes a run."""
        run.status = "Starting"
        self.jobs[run.id] = job
        job.thread.start()

    @route("POST", API, BASE + "/runId/{run}/cancel")
    def cancel(self, request: Request, experiment: str, run: str) -> Answer:
        """Asks a job to end; one that has ended stays as it is."""
        found = self.azure.runs.get(run, experiment)
        job = self.jobs.get(found.id)
        if job is None:
            self.azure.runs.end(found, "Canceled")
        else:
            job.cancel()
        return Answer(200, {"runId": found.id})

    @route("GET", API, "/history/v1.0{workspace}/computes/{compute}/runs")
    def of_compute(self, request: Request, compute: str) -> Json:
        """The runs that were sent to a compute target."""
        runs = self.azure.runs.runs.values()
        return page([run.dto() for run in runs if run.more.get("target") == compute], *[None] * 4)

    def close(self) -> None:
        """Ends all jobs."""
        for job in list(self.jobs.values()):
            job.cancel(patience=0.5)
        for job in list(self.jobs.values()):
            job.thread.join(10)
