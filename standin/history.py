"""Run history: experiments and runs as clients read, query and change them.

Paths and bodies are those of `run_operations.py`, `experiment_operations.py`,
`events_operations.py` and their models in azureml-core's `_restclient`.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from .account import timestamp
from .odata import page
from .refusals import data_plane_error
from .routing import API, AzureError, Json, Request, route
from .run_definition import answered
from .runs import ORIGIN, Run, Runs

if TYPE_CHECKING:
    from .standin import Azure

BASE = "/history/v1.0{workspace}"
F = TypeVar("F", bound=Callable[..., Any])
#: What an event of a client's own run makes of its status (azureml-core, contracts/events.py).
EVENTS = {
    "Microsoft.MachineLearning.Run.Start": "Running",
    "Microsoft.MachineLearning.Run.Completed": "Completed",
    "Microsoft.MachineLearning.Run.Failed": "Failed",
    "Microsoft.MachineLearning.Run.Canceled": "Canceled",
    "Microsoft.MachineLearning.Run.CancelRequested": "CancelRequested",
}
COUNTED: tuple[str, ...] = (
    "Provisioning",
    "Queued",
    "NotStarted",
    "Starting",
    "Preparing",
    "Running",
    "Completed",
    "Failed",
    "Canceled",
    "NotResponding",
)


def of_experiment(method: str, tail: str, *, needs: str = "") -> Callable[[F], F]:
    """A route below an experiment, which is named or given by its id."""

    def mark(function: F) -> F:
        for kind in ("experiments", "experimentids"):
            function = route(method, API, f"{BASE}/{kind}/{{experiment}}{tail}", needs=needs)(
                function
            )
        return function

    return mark


class History:
    """The run history service."""

    def __init__(self, azure: Azure) -> None:
        self.azure = azure

    @property
    def runs(self) -> Runs:
        """The store of experiments and runs."""
        runs: Runs = self.azure.runs
        return runs

    @route("POST", API, BASE + "/experiments/{experiment}")
    def create_experiment(self, request: Request, experiment: str) -> Json:
        """Makes an experiment, or answers the one that is there."""
        return self.runs.ensure_experiment(experiment).dto()

    @of_experiment("GET", "")
    def get_experiment(self, request: Request, experiment: str) -> Json:
        """One experiment."""
        return self.runs.experiment(experiment).dto()

    @route("PATCH", API, BASE + "/experimentids/{experiment}")
    def patch_experiment(self, request: Request, experiment: str) -> Json:
        """Changes tags and description, archives, or brings back."""
        found, body = self.runs.experiment(experiment), request.json()
        found.tags.update(body.get("tags") or {})
        found.description = body.get("description", found.description)
        if "archive" in body:
            found.archived = timestamp() if body["archive"] else None
        return found.dto()

    @route("POST", API, BASE + "/experimentids/{experiment}/tags:delete")
    def delete_experiment_tags(self, request: Request, experiment: str) -> Json:
        """Takes tags away."""
        found = self.runs.experiment(experiment)
        for tag in request.json().get("tags") or []:
            found.tags.pop(tag, None)
        return found.dto()

    @route("DELETE", API, BASE + "/experimentids/{experiment}")
    def delete_experiment(self, request: Request, experiment: str) -> Json:
        """Deletes an experiment that has no runs; 400 for one that has."""
        found = self.runs.experiment(experiment)
        if any(run.experiment is found for run in self.runs.runs.values()):
            raise AzureError(400, "UserError", "Only empty experiments can be deleted.")
        del self.runs.experiments[found.id]
        return {}

    @route("POST", API, BASE + "/experiments:query", needs="read")
    def query_experiments(self, request: Request) -> Json:
        """Lists experiments."""
        body = request.json()
        known = [
            one.dto()
            for one in self.runs.experiments.values()
            if self.azure.listed(one.created)
            and bool(one.archived) == (body.get("viewType") == "ArchivedOnly")
        ]
        return page(
            known, body.get("filter"), _order(body), body.get("top"), body.get("continuationToken")
        )

    @of_experiment("GET", "/runs/{run}")
    @route("GET", API, BASE + "/runs/{run}")
    def get(self, request: Request, run: str, experiment: str = "") -> Json:
        """One run."""
        return self.runs.get(run, experiment).dto()

    @of_experiment("PATCH", "/runs/{run}")
    @route("PATCH", API, BASE + "/runs/{run}")
    def patch(self, request: Request, run: str, experiment: str = "") -> Json:
        """Changes a run, or makes one that the client drives by events."""
        return self._modify(request, experiment, run, request.json()).dto()

    def _modify(self, request: Request, experiment: str, run_id: str, body: Json) -> Run:
        runs = self.runs
        with runs.lock:
            if run_id in runs.runs:
                run = runs.get(run_id, experiment)
            else:
                found = runs.experiment(experiment)
                run = runs.create(run_id, found, request.principal, body.get("parentRunId"))
                run.status = body.get("status") or "NotStarted"
            runs.change(run, body)
        return run

    @of_experiment("PATCH", "/batch/runs")
    def patch_batch(self, request: Request, experiment: str) -> Json:
        """Makes or changes several runs."""
        made: Json = {}
        errors: Json = {}
        for body in request.json().get("runs") or []:
            try:
                made[body["runId"]] = self._modify(request, experiment, body["runId"], body).dto()
            except AzureError as error:
                errors[body["runId"]] = data_plane_error(error)
        return {"runs": made, "errors": errors}

    @of_experiment("GET", "/runs/{run}/details")
    @route("GET", API, BASE + "/runs/{run}/details")
    def details(self, request: Request, run: str, experiment: str = "") -> Json:
        """What a client polls: status, error, log files with their addresses."""
        found, artifacts = self.runs.get(run, experiment), self.azure.artifacts
        status = found.status  # before the logs: an ended run answers the whole of them
        logs = {
            path: self.azure.blobs.sas(
                "azureml", artifacts.blob_name(ORIGIN, found.container, path)
            )
            for path in self.runs.files(found)
            if path.split("/")[0] in ("user_logs", "system_logs", "azureml-logs", "logs")
        }
        return {
            "runId": found.id,
            "target": found.more.get("target"),
            "status": status,
            "startTimeUtc": found.started,
            "endTimeUtc": found.ended,
            "services": {},
            "error": found.error,
            "warnings": list(found.warnings),
            "properties": dict(found.properties),
            "inputDatasets": found.lineage,
            "outputDatasets": list(found.outputs),
            "runDefinition": answered(found.definition),
            "logFiles": logs,
        }

    @of_experiment("GET", "/runs/{run}/token")
    @of_experiment("POST", "/runs/{run}/token")
    def token(self, request: Request, experiment: str, run: str) -> Json:
        """A token that a job uses to report on its run."""
        found = self.runs.get(run, experiment)
        seconds = 86400
        return {
            "token": self.azure.jobs.run_token(found, seconds),
            "expiryTimeUtc": timestamp(time.time() + seconds),
        }

    @of_experiment("GET", "/runs/{run}/children")
    @route("GET", API, BASE + "/runs/{run}/children")
    def children(self, request: Request, run: str, experiment: str = "") -> Json:
        """The runs right below a run."""
        asked = {key.lstrip("$").lower(): value for key, value in request.query.items()}
        self.runs.get(run, experiment)
        below = [one.dto() for one in self._listed() if one.parent == run]
        return page(
            below,
            asked.get("filter"),
            asked.get("orderby"),
            asked.get("top"),
            asked.get("continuationtoken"),
        )

    @of_experiment("POST", "/runs:query", needs="read")
    def query(self, request: Request, experiment: str) -> Json:
        """The runs of an experiment that fit a filter."""
        found, body = self.runs.experiment(experiment), request.json()
        among = [one.dto() for one in self._listed() if one.experiment is found]
        return page(
            among, body.get("filter"), _order(body), body.get("top"), body.get("continuationToken")
        )

    def _listed(self) -> list[Run]:
        runs = list(self.runs.runs.values())
        return [run for run in runs if self.azure.listed(run.created)]

    @of_experiment("GET", "/runcounts")
    def counts(self, request: Request, experiment: str) -> Json:
        """How many runs there are in each status."""
        found = self.runs.experiment(experiment)
        statuses = [run.status for run in self._listed() if run.experiment is found]
        return {name[:1].lower() + name[1:]: statuses.count(name) for name in COUNTED}

    @of_experiment("DELETE", "/runs/{run}/tags")
    def delete_tags(self, request: Request, experiment: str, run: str) -> Json:
        """Takes tags away; the body is a list of them, or holds one."""
        found = self.runs.get(run, experiment)
        body = json.loads(request.body or b"[]")
        for tag in body if isinstance(body, list) else body.get("tags") or []:
            found.tags.pop(tag, None)
        return found.dto()

    @of_experiment("POST", "/runs/{run}/events")
    def event(self, request: Request, experiment: str, run: str) -> None:
        """Takes an event of a run."""
        self._take(self.runs.get(run, experiment), request.json())

    @of_experiment("POST", "/batch/events")
    def events(self, request: Request, experiment: str) -> Json:
        """Takes the events of several runs."""
        for one in request.json().get("events") or []:
            run = (one.get("data") or {}).get("RunId") or ""
            self._take(self.runs.get(run, experiment), one)
        return {"errors": []}

    def _take(self, run: Run, event: Json) -> None:
        """A job's status is its own: events change that of a client's run only."""
        data = event.get("data") or {}
        name = event.get("name") or ""
        if name.endswith(".Warning"):
            run.warnings.append({"source": data.get("Source"), "message": data.get("Message")})
        if name.endswith(".Error"):
            run.error = _whole(data.get("ErrorResponse") or {})
        status = EVENTS.get(name)
        if status is None or self.azure.jobs.owns(run):
            return
        if status == "Running":
            self.runs.begin(run)
        elif status == "CancelRequested":
            run.status = status
        else:
            self.runs.end(run, status)


def _order(body: Json) -> str | None:
    """`orderby` is a text, or a list of them."""
    order = body.get("orderby") or body.get("orderBy")
    return ",".join(order) if isinstance(order, list) else order


def _whole(given: Json) -> Json:
    """The error that a client says of its own run, with what the service adds."""
    said = {key: value for key, value in (given.get("error") or {}).items() if value is not None}
    made = data_plane_error(AzureError(400, said.get("code") or "UserError", ""))
    made["error"] |= said
    return made | {key: value for key, value in given.items() if key != "error" and value}
