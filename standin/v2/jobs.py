"""Jobs as resources below the workspace: submitted, read, listed, canceled.

A job's run is the run of run history, so that SDK v1 and MLflow see it too, and runs that they
made are listed here. Kinds that are not played are refused with 501.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..account import Principal
from ..routing import ARM, Answer, AzureError, Json, Request, route
from ..runs import ENDED, Run
from . import command, pipeline, sweep
from .assets import TYPE, page
from .command import CommandRun
from .pipeline import Pipeline
from .sweep import Sweep
from .system import system_data

if TYPE_CHECKING:
    from ..standin import Azure

#: Source: the pattern of a job's `id` in the specification.
NAME = re.compile(r"^[a-zA-Z0-9][a-zA-Z0-9\-_]{0,254}$")
_PATH = "{workspace}/jobs/{name}"
_RESULTS = (
    "/subscriptions/{subscription}/providers/Microsoft.MachineLearningServices/locations"
    "/{location}/mfeOperationResults/{operation}"
)


@dataclass
class Record:
    """One job as it was submitted. `given`: the properties of its body."""

    name: str
    given: Json
    run: Run
    creator: Principal | None
    created: float = field(default_factory=time.time)


class JobResources:
    """The workspace's jobs."""

    def __init__(self, azure: Azure) -> None:
        self.azure = azure
        self.records: dict[str, Record] = {}

    # What other parts use.

    def submit(
        self, name: str, given: Json, who: Principal | None, parent: str | None = None
    ) -> Record:
        """Begin a job. AzureError 400 for what the service refuses, 501 for what is not played."""
        kind = str(given.get("jobType"))
        if not NAME.match(name):
            raise AzureError(400, "UserError", f"Job name '{name}' is invalid.")
        if kind == "Sweep":
            sweep.check(self.azure, given)
            record = self.record(name, given, who, parent)
            record.run.more |= {"runType": "hyperdrive", "primaryMetricName": _metric(given)}
            Sweep(self.azure, record).start()
            return record
        if kind == "Pipeline":
            pipeline.check(self.azure, given)
            record = self.record(name, given, who, parent)
            record.run.more["runType"] = "azureml.PipelineRun"
            Pipeline(self.azure, record).start()
            return record
        if kind != "Command":
            raise AzureError(501, "StandInUnhandled", f"Jobs of type {kind} are not played")
        command.check(self.azure, given)
        record = self.record(name, given, who, parent)
        record.run.definition = command.definition(self.azure, given)
        record.run.more["target"] = record.run.definition["target"]
        CommandRun(self.azure, record.run, given).start()
        return record

    def record(
        self, name: str, given: Json, who: Principal | None, parent: str | None = None
    ) -> Record:
        """Note a job and make its run."""
        runs = self.azure.runs
        experiment = runs.ensure_experiment(str(given.get("experimentName") or "Default"))
        run = runs.create(name, experiment, who, parent)
        run.tags.update(given.get("tags") or {})
        run.properties |= {"_azureml.ComputeTargetType": "amlctrain"}
        run.properties.update(given.get("properties") or {})
        run.more |= {
            "displayName": given.get("displayName") or name,
            "description": given.get("description"),
            "runType": "azureml.commandjob",
        }
        run.status = "Starting"
        run.cancel_uri = self._cancel_uri(run)
        self.records[name] = Record(name, given, run, who)
        return self.records[name]

    def _cancel_uri(self, run: Run) -> str:
        account = self.azure.account
        scope = f"{account.workspace_path}/experiments/{run.experiment.name}"
        return f"{account.api}/execution/v1.0{scope}/runId/{run.id}/cancel"

    def find(self, name: str) -> Record:
        """A job, or what v1 or MLflow ran under this name. AzureError 404."""
        if name in self.records:
            return self.records[name]
        run = self.azure.runs.runs.get(name)
        if run is None:
            raise AzureError(404, "UserError", f"Job {name} was not found.")
        return _of_run(run)

    def cancel(self, record: Record) -> None:
        """Ask a job to end."""
        job = self.azure.jobs.jobs.get(record.name)
        if job is not None:
            job.cancel()
        else:
            self.azure.runs.end(record.run, "Canceled")

    def body(self, record: Record) -> Json:
        """A job as it is answered."""
        account, run, given = self.azure.account, record.run, record.given
        target = command.compute_name(given.get("computeId"))
        path = f"{account.workspace_path}/jobs/{record.name}"
        tracking = f"azureml://{account.api.removeprefix('https://')}/mlflow/v1.0"
        studio = f"https://ml.azure.com/runs/{record.name}?wsid={account.workspace_path}"
        return {
            "id": path,
            "name": record.name,
            "type": f"{TYPE}/jobs",
            "properties": {
                "description": run.more.get("description"),
                "tags": dict(run.tags),
                "properties": {**run.properties, **_times(record)},
                "displayName": run.more.get("displayName") or record.name,
                "status": run.status,
                "experimentName": run.experiment.name,
                "services": {
                    "Tracking": _service("Tracking", f"{tracking}{account.workspace_path}?"),
                    "Studio": _service("Studio", studio),
                },
                "computeId": f"{account.workspace_path}/computes/{target}" if target else None,
                "isArchived": bool(run.more.get("hidden")),
                "identity": given.get("identity"),
                "componentId": given.get("componentId"),
                "notificationSetting": given.get("notificationSetting"),
                "parentJobName": run.parent,
                "secretsConfiguration": None,
                "jobType": given["jobType"],
                **self._own(record),
            },
            "systemData": system_data(record.creator, record.created),
        }

    def _own(self, record: Record) -> Json:
        """The properties that only jobs of its kind have."""
        if record.given["jobType"] == "Sweep":
            return sweep.body(record.given, record.name)
        if record.given["jobType"] == "Pipeline":
            return pipeline.body(record.given)
        return command.body(self.azure, record.given, record.name)

    # Answers.

    @route("PUT", ARM, _PATH)
    def put(self, request: Request, name: str) -> Answer:
        """Submit a job (201); change what is said of one (200)."""
        given = request.json().get("properties") or {}
        self.azure.v2.assets.check_named(request, given)
        if name not in self.records:
            made = self.submit(name, given, request.principal)
            return Answer(201, self.body(made))
        record = self.records[name]
        said = {key: given.get(key) for key in ("displayName", "description", "properties")}
        self.azure.runs.change(record.run, said | {"hidden": given.get("isArchived")})
        record.run.tags = {k: str(v) for k, v in (given.get("tags") or {}).items()}
        return Answer(200, self.body(record))

    @route("GET", ARM, _PATH)
    def get(self, request: Request, name: str) -> Json:
        """One job. 404."""
        return self.body(self.find(name))

    @route("GET", ARM, "{workspace}/jobs")
    def list(self, request: Request) -> Json:
        """The jobs that stand on their own, newest first, in pages."""
        query, view = request.query, request.query.get("listViewType") or "ActiveOnly"
        found = []
        for run in list(self.azure.runs.runs.values()):
            record = self.records.get(run.id) or _of_run(run)
            hidden = bool(run.more.get("hidden"))
            shown = view == "All" or hidden == (view == "ArchivedOnly")
            tag, schedule = query.get("tag"), query.get("scheduleId")
            if schedule not in (None, run.more.get("scheduleId")):
                continue
            if run.parent or not shown or not self.azure.listed(run.created):
                continue
            if query.get("jobType") in (None, record.given["jobType"]) and (
                not tag or tag in run.tags
            ):
                found.append(record)
        found.sort(key=lambda one: one.run.created, reverse=True)
        return page(request, [self.body(one) for one in found])

    @route("POST", ARM, _PATH + "/cancel")
    def post_cancel(self, request: Request, name: str) -> Answer:
        """Ask a job to end: 202 and where to poll; 200 for one that has ended."""
        record = self.find(name)
        if record.run.status in ENDED:
            return Answer(200)
        self.cancel(record)
        return self._accepted(f"jc:{self.azure.account.workspace_id}:{name}")

    @route("DELETE", ARM, _PATH)
    def delete(self, request: Request, name: str) -> Answer:
        """Forget a job that has ended; 204 without one, 409 while it runs."""
        run = self.azure.runs.runs.get(name)
        if run is None:
            return Answer(204)
        if run.status not in ENDED:
            raise AzureError(409, "UserError", f"Job {name} is still {run.status}.")
        self.records.pop(name, None)
        del self.azure.runs.runs[name]
        return Answer(200)

    def _accepted(self, operation: str) -> Answer:
        account = self.azure.account
        place = _RESULTS.format(
            subscription=account.subscription_id, location=account.location, operation=operation
        )
        address = f"https://management.azure.com{place}?api-version=2023-02-01-preview"
        return Answer(202, None, {"Location": address, "Retry-After": "1"})

    @route("GET", ARM, _RESULTS)
    def result(self, request: Request, subscription: str, location: str, operation: str) -> Answer:
        """202 until the job, or an operation on an endpoint, has ended."""
        if not operation.startswith("jc:"):
            told: Answer = self.azure.v2.operations.result(request, operation)
            return told
        run = self.azure.runs.runs.get(operation.rpartition(":")[2])
        if run is None or run.status in ENDED:
            return Answer(200)
        return self._accepted(operation)


def _metric(given: Json) -> str:
    return str((given.get("objective") or {}).get("primaryMetric"))


def _of_run(run: Run) -> Record:
    """What v1 or MLflow ran, as a job: its command or script, where there is one."""
    known = run.definition or {}
    text = known.get("command") or f"python {known.get('script') or ''}".strip()
    environment = known.get("environment") or {}
    name = f"{environment.get('name') or 'none'}:{environment.get('version') or '1'}"
    given: Json = {
        "jobType": "Command",
        "command": text if isinstance(text, str) else " ".join(map(str, text)),
        "environmentId": f"azureml:{name}",
        "computeId": known.get("target"),
    }
    return Record(run.id, given, run, run.creator, run.created)


def _times(record: Record) -> Json:
    """When a command job ran, among its properties: UTC, to the second.

    No recording holds a job that has ended; public scripts read them so (`%Y-%m-%d %H:%M:%S`), and
    not those of a pipeline.
    """
    if record.given.get("jobType") != "Command":
        return {}
    known = {"StartTimeUtc": record.run.started, "EndTimeUtc": record.run.ended}
    return {name: at[:19].replace("T", " ") for name, at in known.items() if at}


def _service(kind: str, endpoint: str) -> Json:
    return {
        "jobServiceType": kind,
        "port": None,
        "endpoint": endpoint,
        "status": None,
        "errorMessage": None,
        "properties": None,
        "nodes": None,
    }
