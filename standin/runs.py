"""Experiments and runs: what there is of them, without how they are asked for or executed."""

from __future__ import annotations

import re
import threading
import time
import uuid
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from .account import Principal, timestamp
from .routing import AzureError, Json

if TYPE_CHECKING:
    from .standin import Azure

ENDED = ("Completed", "Failed", "Canceled")
#: The rule that azureml-core's `Experiment` checks before it asks.
EXPERIMENT_NAME = re.compile(r"^[a-zA-Z0-9_.-]{1,256}$")
ORIGIN = "ExperimentRun"
# What run history answers as null unless there is something to say.
_NULL = (
    "cancelationReason", "completeUri", "compute", "computeRequest", "createdFrom",
    "currentAttemptId", "currentComputeTime", "description", "diagnosticsUri",
    "effectiveStartTimeUtc", "inputs", "jobSpecification", "lastStartTimeUtc", "name", "outputs",
    "parentRunUuid", "primaryMetricName", "queueingInfo", "retainForLifetimeOfWorkspace",
    "runDefinition", "runType", "runTypeV2", "scheduleId", "scriptName", "target", "token",
    "tokenExpiryTimeUtc",
)  # fmt: skip


@dataclass
class Experiment:
    """A named set of runs; `dto` has the keys of `ExperimentDto` in azureml-core."""

    name: str
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    created: float = field(default_factory=time.time)
    tags: dict[str, str] = field(default_factory=dict)
    description: str | None = None
    archived: str | None = None

    def dto(self) -> Json:
        """The experiment as run history answers it."""
        return {
            "experimentId": self.id,
            "name": self.name,
            "description": self.description,
            "createdUtc": timestamp(self.created),
            "archivedTime": self.archived,
            "tags": dict(self.tags),
        }


def _user(who: Principal | None) -> Json:
    """Who did something, as run history answers it."""
    return {
        "userObjectId": who.object_id if who else None,
        "userPuId": None,
        "userIdp": None,
        "userAltSecId": None,
        "userIss": None,
        "userTenantId": None,
        "userName": who.name if who else None,
        "upn": None,
    }


@dataclass
class Run:
    """One run. `owner` is None for a run that a client drives by events, not by a job."""

    id: str
    experiment: Experiment
    number: int
    creator: Principal | None
    status: str = "NotStarted"
    uuid: str = field(default_factory=lambda: str(uuid.uuid4()))
    created: float = field(default_factory=time.time)
    started: str | None = None
    ended: str | None = None
    parent: str | None = None
    root: str = ""
    tags: dict[str, str] = field(default_factory=dict)
    properties: dict[str, str] = field(default_factory=dict)
    params: dict[str, str] = field(default_factory=dict)
    definition: Json | None = None
    error: Json | None = None
    warnings: list[Json] = field(default_factory=list)
    inputs: list[Json] = field(default_factory=list)
    outputs: list[Json] = field(default_factory=list)
    cancel_uri: str | None = None
    more: Json = field(default_factory=dict)  # keys that a client sets and the service only keeps

    @property
    def container(self) -> str:
        """The artifact container of the run's files."""
        return f"dcid.{self.id}"

    @property
    def kind(self) -> Json | None:
        """What sort of run a client said that it is, with every field."""
        said = self.more.get("runTypeV2")
        names = ("orchestrator", "traits", "attribution", "computeType")
        return {**dict.fromkeys(names), **said} if said else None

    @property
    def lineage(self) -> list[Json]:
        """The datasets that it reads, with every field of each."""
        plain: Json = {
            "identifier": ("savedId", "registeredId", "registeredVersion"),
            "inputDetails": ("inputName", "mechanism", "pathOnCompute"),
        }
        return [
            {
                **one,
                **{
                    key: {**dict.fromkeys(names), **(one.get(key) or {})}
                    for key, names in plain.items()
                },
            }
            for one in self.inputs
        ]

    @property
    def duration(self) -> str | None:
        """How long it ran, as .NET writes a span of time."""
        if not self.started or not self.ended:
            return None
        spent = datetime.fromisoformat(self.ended) - datetime.fromisoformat(self.started)
        return f"0{spent}" if len(str(spent).split(":")[0]) == 1 else str(spent)

    def dto(self) -> Json:
        """The run as run history answers it: every field, as recorded (see `run_definition`)."""
        by, root = _user(self.creator), self.root or self.id
        changed = self.ended or self.started or timestamp(self.created)
        return {
            **dict.fromkeys(_NULL),
            "displayName": self.id,
            "hidden": False,
            "revision": 1,
            "statusRevision": 1,
            "actionUris": {},
            "uniqueChildRunComputeTargets": [],
            "settings": {},
            "services": {},
            **self.more,
            "runTypeV2": self.kind,
            "runNumber": self.number,
            "rootRunId": root,
            "experimentId": self.experiment.id,
            "createdUtc": timestamp(self.created),
            "createdBy": by,
            "lastModifiedBy": by,
            "lastModifiedUtc": changed,
            "userId": by["userObjectId"],
            "runId": self.id,
            "runUuid": self.uuid,
            "rootRunUuid": self.uuid if root == self.id else None,
            "parentRunId": self.parent,
            "status": self.status,
            "startTimeUtc": self.started,
            "endTimeUtc": self.ended,
            "duration": self.duration,
            "computeDuration": self.duration,
            "dataContainerId": self.container,
            "tags": dict(self.tags),
            "properties": dict(self.properties),
            "parameters": dict(self.params),
            "inputDatasets": self.lineage,
            "outputDatasets": list(self.outputs),
            "cancelUri": self.cancel_uri,
            "error": self.error,
            "warnings": list(self.warnings),
        }


class Runs:
    """The store of experiments and runs."""

    def __init__(self, azure: Azure) -> None:
        self.azure = azure
        self.lock = threading.RLock()
        self.experiments: dict[str, Experiment] = {}
        self.runs: dict[str, Run] = {}

    def experiment(self, name_or_id: str) -> Experiment:
        """An experiment by name or id. AzureError 404 when there is none."""
        with self.lock:
            for one in self.experiments.values():
                if name_or_id == one.id or name_or_id.lower() == one.name.lower():
                    return one
        raise AzureError(404, "UserError", f"Experiment {name_or_id} was not found.")

    def ensure_experiment(self, name: str) -> Experiment:
        """The experiment of that name, made if there is none. AzureError 400 for a bad name."""
        with self.lock:
            for one in self.experiments.values():
                if name.lower() == one.name.lower():
                    return one
            if not EXPERIMENT_NAME.match(name):
                raise AzureError(400, "UserError", f"Experiment name {name} is invalid.")
            made = Experiment(name)
            self.experiments[made.id] = made
            return made

    def get(self, run_id: str, experiment: str = "") -> Run:
        """A run, in that experiment where one is named. AzureError 404 when there is none."""
        run = self.runs.get(run_id)
        if run is None or (experiment and self.experiment(experiment) is not run.experiment):
            raise AzureError(404, "UserError", f"Run {run_id} was not found.")
        return run

    def create(
        self,
        run_id: str,
        experiment: Experiment,
        creator: Principal | None,
        parent: str | None = None,
    ) -> Run:
        """A new run. AzureError 409 when the id is taken."""
        with self.lock:
            if run_id in self.runs:
                raise AzureError(409, "UserError", f"Run {run_id} already exists.")
            run = Run(run_id, experiment, len(self.runs) + 1, creator)
            if parent:
                above = self.get(parent)
                run.parent, run.root = parent, above.root or above.id
            self.runs[run_id] = run
            return run

    def change(self, run: Run, body: Json) -> None:
        """Takes over what a client may set. AzureError 400 for a property that would change."""
        with self.lock:
            for key, value in (body.get("properties") or {}).items():
                if run.properties.get(key, value) != value:
                    raise AzureError(
                        400, "UserError", f"Property {key} of run {run.id} is immutable."
                    )
            run.properties.update(
                {k: str(v) for k, v in (body.get("properties") or {}).items() if v is not None}
            )
            run.tags.update({k: str(v) for k, v in (body.get("tags") or {}).items()})
            for key in ("name", "displayName", "description", "hidden", "scriptName", "target"):
                if body.get(key) is not None:
                    run.more[key] = body[key]
            for key in ("runType", "runTypeV2", "createdFrom", "primaryMetricName"):
                if body.get(key) is not None:
                    run.more[key] = body[key]
            if body.get("runDefinition") is not None and run.definition is None:
                run.definition = body["runDefinition"]
            run.inputs.extend(body.get("inputDatasets") or [])
            run.outputs.extend(body.get("outputDatasets") or [])

    def files(self, run: Run) -> list[str]:
        """The paths of a run's files."""
        paths: list[str] = self.azure.artifacts.list(ORIGIN, run.container)
        return paths

    def begin(self, run: Run) -> None:
        """Marks a run as running."""
        run.started = run.started or timestamp()
        run.status = "Running"

    def end(self, run: Run, status: str, error: Json | None = None) -> None:
        """Marks a run as ended; one that has ended stays as it is."""
        with self.lock:
            if run.status in ENDED:
                return
            run.error = error or run.error
            run.ended = timestamp()
            run.status = status
