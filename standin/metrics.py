"""The metrics of runs: one store for `Run.log*` of azureml-core and for MLflow.

Paths and bodies are those of `metric_operations.py` and the models `MetricV2Dto`, `MetricV2Value`
in azureml-core's `_restclient`.
"""

from __future__ import annotations

import datetime
import threading
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .account import timestamp
from .routing import API, AzureError, Json, Request, route

if TYPE_CHECKING:
    from .standin import Azure

BASE = "/metric/v2.0{workspace}/runs/{run}"
INGEST = "/runs/{run}/metricsingest/wait"
SCALAR = "azureml.v1.scalar"


@dataclass
class Metric:
    """All that was logged to a run under one name; a value is a row over the columns."""

    name: str
    kind: str
    columns: dict[str, str] = field(default_factory=dict)
    rows: list[Json] = field(default_factory=list)

    def points(self) -> list[Json]:
        """The rows as MLflow gives them: key, value, timestamp in milliseconds, step."""
        if self.kind != SCALAR:
            return []
        return [
            {
                "key": self.name,
                "value": value,
                "timestamp": milliseconds(row["createdUtc"]),
                "step": row.get("step") or 0,
            }
            for row in self.rows
            if isinstance(value := row["data"].get(self.name), int | float)
        ]


class Metrics:
    """The metric service."""

    def __init__(self, azure: Azure) -> None:
        self.azure = azure
        self.lock = threading.RLock()
        self.metrics: dict[str, dict[str, Metric]] = {}

    def of_run(self, run: str) -> dict[str, Metric]:
        """A run's metrics by name."""
        with self.lock:
            return dict(self.metrics.get(run, {}))

    def add(
        self, run: str, name: str, columns: dict[str, str], rows: list[Json], kind: str = SCALAR
    ) -> None:
        """Adds rows, `{"data": {column: value}, "step", "createdUtc", "metricId"}`, to a metric."""
        with self.lock:
            named = self.metrics.setdefault(run, {})
            metric = named.setdefault(name, Metric(name, kind))
            metric.columns.update(columns)
            for row in rows:
                metric.rows.append(
                    {
                        "metricId": row.get("metricId") or str(uuid.uuid4()),
                        "createdUtc": row.get("createdUtc") or timestamp(),
                        "step": row.get("step"),
                        "data": row.get("data") or {},
                    }
                )

    def add_point(self, run: str, point: Json) -> None:
        """Adds what MLflow logs: `{"key", "value", "timestamp", "step"}`."""
        moment = int(point.get("timestamp") or 0) / 1000 or None
        row = {
            "data": {point["key"]: float(point["value"])},
            "step": int(point.get("step") or 0),
            "createdUtc": timestamp(moment),
        }
        self.add(run, point["key"], {point["key"]: "Double"}, [row])

    @route("POST", API, BASE + "/batch")
    def post_batch(self, request: Request, run: str) -> Json:
        """Takes a batch of metrics."""
        self.azure.runs.get(run)
        errors: list[Any] = []
        for value in request.json().get("values") or []:
            kind = (value.get("properties") or {}).get("uxMetricType") or SCALAR
            self.add(run, value["name"], value.get("columns") or {}, value.get("value") or [], kind)
        return {"errors": errors}

    @route("POST", API, BASE + "/list", needs="read")
    def list_names(self, request: Request, run: str) -> Json:
        """The names and columns of a run's metrics."""
        self.azure.runs.get(run)
        return {
            "value": [
                {"metricKey": {"namespace": "", "name": one.name}, "columns": one.columns}
                for one in self.of_run(run).values()
            ],
            "continuationToken": None,
        }

    @route("POST", API, BASE + "/full", needs="read")
    def full(self, request: Request, run: str) -> Json:
        """All rows of one metric; 404 where a run has none of that name."""
        asked = request.json()
        name = asked.get("metricName") or ""
        metric = self.of_run(run).get(name)
        if metric is None:
            raise AzureError(404, "UserError", f"Metric {name} was not found in run {run}.")
        since = milliseconds(asked["startTime"]) if asked.get("startTime") else 0
        return {
            "dataContainerId": self.azure.runs.get(run).container,
            "name": metric.name,
            "columns": metric.columns,
            "value": [row for row in metric.rows if milliseconds(row["createdUtc"]) >= since],
            "continuationToken": None,
            "properties": {"uxMetricType": metric.kind},
        }

    @route("GET", API, "/history/v1.0{workspace}/experiments/{experiment}" + INGEST)
    @route("GET", API, "/history/v1.0{workspace}/experimentids/{experiment}" + INGEST)
    def wait(self, request: Request, experiment: str, run: str) -> Json:
        """Answers once all that was posted can be read, which here is at once."""
        self.azure.runs.get(run)
        return {}


def milliseconds(moment: str) -> int:
    """An ISO 8601 moment in milliseconds since 1970."""
    parsed = datetime.datetime.fromisoformat(moment.replace("Z", "+00:00"))
    if parsed.tzinfo is None:
        parsed = parsed.replace(tzinfo=datetime.UTC)
    return int(parsed.timestamp() * 1000)
