"""Azure Monitor's metrics of online endpoints, counted from what the router really served.

Names, units and dimensions: "Supported metrics for Microsoft.MachineLearningServices/workspaces/
onlineEndpoints" and ".../deployments"; shape: Microsoft.Insights, metrics 2018-01-01. What is
counted of the machines (CPU, memory, disk, network) is not played.
"""

from __future__ import annotations

import datetime
import re
import statistics
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..routing import ARM, AzureError, Json, Request, route
from .online_rules import seconds as seconds_of

if TYPE_CHECKING:
    from ..standin import Azure

NAMESPACE = "Microsoft.MachineLearningServices/workspaces/onlineEndpoints"
_PATH = "{workspace}/onlineEndpoints/{endpoint}"
_TAIL = "/providers/microsoft.insights/metrics"
INTERVALS = ("PT1M", "PT5M", "PT15M", "PT30M", "PT1H", "PT6H", "PT12H", "P1D")
_TERM = re.compile(r"\s*(\w+)\s+eq\s+'([^']*)'\s*")


@dataclass(frozen=True)
class Answered:
    """One request that was answered; `model_status` is 0 where the container said nothing."""

    deployment: str
    status: int
    model_status: int
    seconds: float
    moment: float = field(default_factory=time.time)

    def dimension(self, name: str) -> str:
        """What a dimension of the metric says of it."""
        if name == "deployment":
            return self.deployment
        if name == "statusCodeClass":
            return f"{self.status // 100}xx"
        if name == "modelStatusCode":
            return str(self.model_status) if self.model_status else ""
        return str(self.status)  # statusCode, and a deployment's envoy_response_code


class Served:
    """What an endpoint has answered."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._all: list[Answered] = []

    def add(self, one: Answered) -> None:
        """Counts a request."""
        with self._lock:
            self._all.append(one)

    def between(self, begin: float, end: float) -> list[Answered]:
        """Those of a time, oldest first."""
        with self._lock:
            return [one for one in self._all if begin <= one.moment < end]


def _quantile(share: float) -> Callable[[Sequence[Answered]], float]:
    def value(answered: Sequence[Answered]) -> float:
        ordered = sorted(one.seconds for one in answered)
        return ordered[min(int(share * len(ordered)), len(ordered) - 1)] * 1000

    return value


@dataclass(frozen=True)
class Metric:
    """One metric: its value in a minute."""

    words: str
    unit: str
    dimensions: tuple[str, ...]
    value: Callable[[Sequence[Answered]], float]


def _metrics(requests: tuple[str, ...], latency: tuple[str, ...]) -> dict[str, Metric]:
    said = {
        f"RequestLatency_P{p}": Metric(
            f"Request Latency P{p}", "MilliSeconds", latency, _quantile(p / 100)
        )
        for p in (50, 90, 95, 99)
    }
    return said | {"RequestsPerMinute": Metric("Requests Per Minute", "Count", requests, len)}


DEPLOYMENT = _metrics(("envoy_response_code",), ())
ENDPOINT = _metrics(
    ("deployment", "statusCode", "statusCodeClass", "modelStatusCode"), ("deployment",)
) | {
    "RequestLatency": Metric(
        "Request Latency",
        "MilliSeconds",
        ("deployment",),
        lambda answered: statistics.fmean(one.seconds for one in answered) * 1000,
    )
}


class OnlineMetrics:
    """Azure Monitor for the workspace's online endpoints."""

    def __init__(self, azure: Azure) -> None:
        self.azure = azure

    @route("GET", ARM, _PATH + _TAIL, needs="metrics")
    def of_endpoint(self, request: Request, endpoint: str) -> Json:
        """The metrics of an endpoint. AzureError 400, 404."""
        served = self.azure.v2.online_endpoints.find(endpoint).served
        return self._answer(request, served, ENDPOINT, NAMESPACE)

    @route("GET", ARM, _PATH + "/deployments/{name}" + _TAIL, needs="metrics")
    def of_deployment(self, request: Request, endpoint: str, name: str) -> Json:
        """The metrics of a deployment. AzureError 400, 404."""
        self.azure.v2.online_deployments.find(endpoint, name)
        served = self.azure.v2.online_endpoints.find(endpoint).served
        return self._answer(request, served, DEPLOYMENT, f"{NAMESPACE}/deployments", name)

    def _answer(
        self,
        request: Request,
        served: Served,
        metrics: dict[str, Metric],
        namespace: str,
        deployment: str = "",
    ) -> Json:
        query = {name.lower(): value for name, value in request.query.items()}
        begin, end = _timespan(query.get("timespan"))
        interval = query.get("interval") or "PT1M"
        if interval not in INTERVALS:
            raise _wrong(f"Invalid time grain duration: {interval}, supported ones are: "
                         f"{', '.join(INTERVALS)}")  # fmt: skip
        wanted = [one for one in (query.get("metricnames") or "").split(",") if one]
        names = {name.lower(): name for name in metrics}
        for name in wanted or [""]:
            if name.lower() not in names:
                provider, _, kind = namespace.partition("/")
                raise _wrong(
                    f"Failed to find metric configuration for provider: {provider}, "
                    f"resource Type: {kind}, metric: {name}, Valid metrics: {','.join(metrics)}"
                )
        # The service shows a request some time after it was answered.
        seen = served.between(begin, min(end, time.time() - self.azure.lag))
        if deployment:
            seen = [one for one in seen if one.deployment == deployment]
        return {
            "cost": 0,
            "timespan": f"{_moment(begin)}/{_moment(end)}",
            "interval": interval,
            "namespace": namespace,
            "resourceregion": self.azure.account.location,
            "value": [
                _value(request, names[name.lower()], metrics, seen, query, (begin, end, interval))
                for name in wanted
            ],
        }


def _wrong(message: str) -> AzureError:
    return AzureError(400, "BadRequest", message)


def _moment(seconds: float) -> str:
    moment = datetime.datetime.fromtimestamp(seconds, datetime.UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _timespan(given: str | None) -> tuple[float, float]:
    """Begin and end of `BEGIN/END`, of `DURATION`, or of the last hour."""
    now = time.time()
    if not given:
        return now - 3600, now
    if given.startswith("P"):
        return now - seconds_of(given), now
    try:
        begin, end = (datetime.datetime.fromisoformat(one) for one in given.split("/"))
    except ValueError:
        raise _wrong(f"Invalid timespan: {given}") from None
    utc = datetime.UTC
    return tuple(  # type: ignore[return-value]
        (one if one.tzinfo else one.replace(tzinfo=utc)).timestamp() for one in (begin, end)
    )


def _split(metric: Metric, query: dict[str, str]) -> tuple[list[str], dict[str, str]]:
    """The dimensions to split by, and those that must have a value. AzureError 400."""
    split, only = [], {}
    for term in filter(None, re.split(r"\s+and\s+", query.get("$filter") or "", flags=re.I)):
        found = _TERM.fullmatch(term)
        known = {name.lower(): name for name in metric.dimensions}
        if found is None or found[1].lower() not in known:
            raise _wrong(
                f"Metric: {metric.words.replace(' ', '')} does not support requested dimension "
                f"combination: {term.strip()}, supported ones are: {','.join(metric.dimensions)}"
            )
        name = known[found[1].lower()]
        split.append(name)
        if found[2] != "*":
            only[name] = found[2]
    return split, only


def _value(
    request: Request,
    name: str,
    metrics: dict[str, Metric],
    seen: list[Answered],
    query: dict[str, str],
    span: tuple[float, float, str],
) -> Json:
    """One metric with its series, one for each combination of the dimensions asked for."""
    metric = metrics[name]
    split, only = _split(metric, query)
    groups: dict[tuple[str, ...], list[Answered]] = {} if split else {(): []}
    for one in seen:
        if all(one.dimension(key) == value for key, value in only.items()):
            groups.setdefault(tuple(one.dimension(key) for key in split), []).append(one)
    words = {"value": name, "localizedValue": metric.words}
    kinds = (query.get("aggregation") or "average").lower().split(",")
    return {
        "id": f"{request.path.rsplit('/providers/', 1)[0]}/providers/Microsoft.Insights/metrics/"
        f"{name}",
        "type": "Microsoft.Insights/metrics",
        "name": words,
        "displayDescription": metric.words,
        "unit": metric.unit,
        "timeseries": [
            {
                "metadatavalues": [
                    {"name": {"value": key.lower(), "localizedValue": key.lower()}, "value": value}
                    for key, value in zip(split, values, strict=True)
                ],
                "data": _data(metric, answered, kinds, span),
            }
            for values, answered in groups.items()
        ],
        "errorCode": "Success",
    }


def _data(
    metric: Metric, answered: list[Answered], kinds: list[str], span: tuple[float, float, str]
) -> list[Json]:
    """The points of a series: aggregates of the values of each minute; a gap has a time only."""
    begin, end, interval = span
    step = seconds_of(interval)
    minutes: dict[float, list[Answered]] = {}
    for one in answered:
        minutes.setdefault(one.moment // 60 * 60, []).append(one)
    points = []
    start = begin // 60 * 60
    while start < end:
        values = [
            metric.value(group) for at, group in minutes.items() if start <= at < start + step
        ]
        points.append({"timeStamp": _moment(start), **_aggregates(values, kinds)})
        start += step
    return points


def _aggregates(values: list[float], kinds: list[str]) -> dict[str, float]:
    """Those asked for of the values in an interval. AzureError 400 for an unknown one."""
    known: dict[str, Callable[[list[float]], float]] = {
        "average": statistics.fmean,
        "total": sum,
        "count": len,
        "minimum": min,
        "maximum": max,
    }
    if unknown := [one for one in kinds if one.strip() not in known]:
        raise _wrong(f"Invalid aggregation type: {unknown[0]}")
    return {kind.strip(): float(known[kind.strip()](values)) for kind in kinds if values}
