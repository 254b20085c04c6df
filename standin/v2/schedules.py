"""Schedules: they begin pipeline jobs by themselves, in the minute in which they are due.

Shapes: Schedule (machineLearningServices 2023-06-01-preview) and the recordings schedule of
azure-sdk-for-python. Monitors and other actions are refused.
"""

from __future__ import annotations

import copy
import datetime
import re
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..account import Principal
from ..routing import ARM, Answer, AzureError, Json, Request, route
from . import pipeline, triggers
from .assets import NAME, TYPE, page
from .system import system_data

if TYPE_CHECKING:
    from ..standin import Azure
    from .jobs import Record

_PATH = "{workspace}/schedules/{name}"
_EVERY = 1.0  # seconds between two looks at the clock


@dataclass
class Schedule:
    """One schedule. `given`: its properties."""

    name: str
    given: Json
    creator: Principal | None
    created: float = field(default_factory=time.time)
    changed: float = field(default_factory=time.time)

    @property
    def enabled(self) -> bool:
        """Whether it fires."""
        return self.given.get("isEnabled") is not False

    @property
    def job(self) -> Json:
        """The properties of the job that it begins."""
        job: Json = self.given["action"]["jobDefinition"]
        return job


class Schedules:
    """The workspace's schedules, and the clock that watches them."""

    def __init__(self, azure: Azure) -> None:
        self.azure = azure
        self.schedules: dict[str, Schedule] = {}
        self._stop = threading.Event()
        self._clock: threading.Thread | None = None
        self._minute = 0

    def close(self) -> None:
        """Stop the clock."""
        self._stop.set()

    def _find(self, name: str) -> Schedule:
        if name not in self.schedules:
            raise AzureError(404, "UserError", f"Schedule {name} was not found.")
        return self.schedules[name]

    def tick(self, moment: datetime.datetime) -> list[str]:
        """Begin the jobs that are due in this minute; their names."""
        begun = []
        for one in list(self.schedules.values()):
            created = datetime.datetime.fromtimestamp(one.created, datetime.UTC)
            if one.enabled and triggers.due(one.given["trigger"], moment, created):
                begun.append(self._fire(one, moment).name)
        return begun

    def _watch(self) -> None:
        while not self._stop.wait(_EVERY):
            minute = int(time.time() // 60)
            if minute != self._minute:
                self._minute = minute
                self.tick(datetime.datetime.fromtimestamp(minute * 60, datetime.UTC))

    def _fire(self, one: Schedule, moment: datetime.datetime) -> Record:
        """Begin the job of a schedule, named after it and the moment (documented)."""
        stamp = moment.astimezone(datetime.UTC).strftime("%Y%m%dT%H%M%SZ")
        name = f"{one.name}-{stamp}"
        given = self._definition(one.job)
        given["displayName"] = name
        values = {"name": name, "creation_context.trigger_time": stamp}
        for told in (given.get("inputs") or {}).values():
            if "value" in told:
                told["value"] = _put(str(told["value"]), values)
        record = self.azure.v2.jobs.submit(name, given, one.creator)
        record.run.more["scheduleId"] = one.name
        return record

    def _definition(self, job: Json) -> Json:
        """A job as it is to be submitted: its own definition, or that of the one it names."""
        source = str(job.get("sourceJobId") or "").rstrip("/").rpartition("/")[2]
        if job.get("jobs") or not source:
            return copy.deepcopy(job)
        known = copy.deepcopy(self.azure.v2.jobs.find(source).given)
        named = ("experimentName", "inputs", "outputs", "settings", "computeId")
        return known | {key: copy.deepcopy(job[key]) for key in named if job.get(key)}

    def _check(self, given: Json) -> None:
        """AzureError for a schedule that is refused, or cannot be honoured."""
        action = given.get("action") or {}
        if action.get("actionType") != "CreateJob":
            kind = action.get("actionType")
            raise AzureError(501, "StandInUnhandled", f"Actions of type {kind} are not played")
        triggers.check(given.get("trigger") or {})
        job = self._definition(action.get("jobDefinition") or {})
        if job.get("jobType") != "Pipeline":
            raise AzureError(
                501, "StandInUnhandled", f"Schedules of {job.get('jobType')} jobs are not played"
            )
        pipeline.check(self.azure, job)

    def _body(self, one: Schedule) -> Json:
        given, job = one.given, one.job
        source = job.get("sourceJobId")
        definition: Json = {
            "description": job.get("description"),
            "tags": job.get("tags") or {},
            "properties": job.get("properties") or {},
            "displayName": job.get("displayName"),
            "status": "NotStarted",
            "experimentName": job.get("experimentName") or "Default",
            "services": None,
            "computeId": job.get("computeId"),
            "isArchived": False,
            "identity": job.get("identity"),
            "componentId": None,
            "notificationSetting": None,
            "jobType": "Pipeline",
            **pipeline.body(job),
            "sourceJobId": source,
        }
        return {
            "id": f"{self.azure.account.workspace_path}/schedules/{one.name}",
            "name": one.name,
            "type": f"{TYPE}/schedules",
            "properties": {
                "description": given.get("description"),
                "tags": given.get("tags") or {},
                "properties": given.get("properties") or {},
                "displayName": given.get("displayName"),
                "isEnabled": one.enabled,
                "provisioningState": "Succeeded",
                "trigger": given["trigger"],
                "action": {"actionType": "CreateJob", "jobDefinition": definition},
            },
            "systemData": system_data(one.creator, one.created, one.creator, one.changed),
        }

    @route("PUT", ARM, _PATH)
    def put(self, request: Request, name: str) -> Answer:
        """Make a schedule (201) or change one (200), behind an operation. 400, 501."""
        if not NAME.match(name):
            raise AzureError(400, "UserError", f"Schedule name '{name}' is invalid.")
        given = request.json().get("properties") or {}
        self.azure.v2.assets.check_named(request, given)
        self._check(given)
        old = self.schedules.get(name)
        made = Schedule(name, given, request.principal)
        if old is not None:
            made.created = old.created
        self.schedules[name] = made
        if self._clock is None:
            self._minute = int(time.time() // 60)
            self._clock = threading.Thread(target=self._watch, name="schedules", daemon=True)
            self._clock.start()
        operations = self.azure.v2.operations
        begun = operations.begin("s", lambda: None)
        return Answer(200 if old else 201, self._body(made), operations.headers(request, begun))

    @route("GET", ARM, _PATH)
    def get(self, request: Request, name: str) -> Json:
        """One schedule. 404."""
        return self._body(self._find(name))

    @route("GET", ARM, "{workspace}/schedules")
    def list(self, request: Request) -> Json:
        """The schedules: the enabled ones, the disabled, or all."""
        view = request.query.get("listViewType") or "EnabledOnly"
        wanted = {"EnabledOnly": (True,), "DisabledOnly": (False,)}.get(view, (True, False))
        seen = [
            one
            for one in self.schedules.values()
            if self.azure.listed(one.created) and one.enabled in wanted
        ]
        return page(request, [self._body(one) for one in seen])

    @route("DELETE", ARM, _PATH)
    def delete(self, request: Request, name: str) -> Answer:
        """Delete a schedule that is disabled (200). 204 without one, 400 for one that fires."""
        found = self.schedules.get(name)
        if found is None:
            return Answer(204)
        if found.enabled:
            raise AzureError(400, "UserError", f"Schedule {name} must be disabled to be deleted.")
        del self.schedules[name]
        return Answer(200)

    @route("POST", ARM, _PATH + "/trigger")
    def trigger(self, request: Request, name: str) -> Json:
        """Begin the job of a schedule now."""
        text = str(request.json().get("scheduleTime") or "")
        moment = datetime.datetime.now(datetime.UTC)
        if text:
            moment = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=datetime.UTC)
        return {
            "scheduleActionType": "CreateJob",
            "submissionId": self._fire(self._find(name), moment).name,
        }


def _put(text: str, values: dict[str, str]) -> str:
    """A text with `${{name}}` and `${{creation_context.trigger_time}}` put in."""
    return re.sub(r"\$\{\{\s*([\w.]+)\s*\}\}", lambda m: values.get(m[1], m[0]), text)
