"""What an endpoint of SDK v2 remembers in its tags, and what its deployments have answered.

The tags say what serves, what served before and until when, and what rollbacks took away; they are
written together with the shares, so that whoever is killed leaves a state that can be read.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from amlkit.azure.identity import caller
from amlkit.azureml_v2.deployments import now
from amlkit.records import Answered, Deployment, Withdrawal
from amlkit.settings import Azure

SERVING, PREVIOUS, RETIRED, SHAPE = "serving", "previous", "retired", "shape"
WITHDRAWN = "withdrawn-"
# Azure takes 50 tags on a resource: the oldest marks go.
MOST_WITHDRAWN = 20
METRICS_VERSION = "2018-01-01"
ARM = "https://management.azure.com"
ASK_LIMIT = 60.0
ROLE = "Monitoring Reader"


@dataclass(frozen=True)
class Roles:
    """Which deployment is which."""

    serving: Deployment | None
    previous: Deployment | None
    candidate: Deployment | None


def roles_of(
    tags: Mapping[str, str], shares: Mapping[str, int], deployments: Sequence[Deployment]
) -> Roles:
    """Which deployment is which, by the tags; where somebody moved the traffic, by the shares.

    Args:
        tags: the endpoint's.
        shares: in per cent, by name; those of 0 may be there.
        deployments: all that it has, the newest first.
    """
    known = {one.name: one for one in deployments}
    given = {name: share for name, share in shares.items() if share and name in known}
    serving = known.get(tags.get(SERVING, ""))
    if given and (serving is None or serving.name not in given):
        serving = known[max(given, key=lambda name: given[name])]
    elif not given:
        serving = None
    before = known.get(tags.get(PREVIOUS, ""))
    previous = before if before is not serving else None
    others = (one for one in deployments if one not in (serving, previous))
    return Roles(serving, previous, next((one for one in others if one.identity), None))


def tags_after(
    tags: Mapping[str, str], shares: Mapping[str, int], deployments: Iterable[str]
) -> dict[str, str]:
    """The endpoint's tags once these shares are given."""
    changed = dict(tags)
    [name, *others] = [name for name, share in shares.items() if share] or [""]
    serving = tags.get(SERVING, "")
    if name and not others and name != serving:
        changed[SERVING] = name
        if serving in deployments:
            changed |= {PREVIOUS: serving, RETIRED: now()}
    return changed


def withdrawals_of(tags: Mapping[str, str]) -> tuple[Withdrawal, ...]:
    """What rollbacks took away: `withdrawn-IDENTITY` is `MOMENT MODEL:VERSION`."""
    found = []
    for key, text in tags.items():
        if key.startswith(WITHDRAWN):
            model, _, version = text.partition(" ")[2].rpartition(":")
            found.append(Withdrawal(model, version, key.removeprefix(WITHDRAWN)))
    return tuple(found)


def with_withdrawal(tags: Mapping[str, str], deployment: Deployment) -> dict[str, str]:
    """The tags with one mark more."""
    marks = sorted((text, key) for key, text in tags.items() if key.startswith(WITHDRAWN))
    gone = {key for _, key in marks[: max(0, len(marks) + 1 - MOST_WITHDRAWN)]}
    kept = {key: text for key, text in tags.items() if key not in gone}
    text = f"{now()} {deployment.model}:{deployment.model_version}"[:256]
    return kept | {WITHDRAWN + deployment.identity: text}


@dataclass
class Counter:
    """Counts what deployments answered, by Azure Monitor's metrics of their endpoint.

    Metrics and dimensions: "Supported metrics for Microsoft.MachineLearningServices/workspaces/
    onlineEndpoints". An answer of the model that is not HTTP 200 leaves the endpoint as HTTP 424;
    `modelStatusCode` says what it was.
    """

    token: Callable[[], str]
    asked: dict[str, list[float]] = field(default_factory=dict)
    """When this process itself asked a deployment, Unix time: nobody's requests but a test's."""

    def note(self, deployment: str) -> None:
        """This process asks a deployment, successfully."""
        self.asked.setdefault(deployment, []).append(time.time())

    def since(self, resource: str, moment: datetime) -> dict[str, Answered]:
        """What each deployment has answered since the minute of a moment.

        Args:
            resource: the endpoint's id.
            moment: from when on; metrics are counted by the minute.
        """
        begin = moment.astimezone(UTC).replace(second=0, microsecond=0)
        wanted = "deployment eq '*' and statusCode eq '*' and modelStatusCode eq '*'"
        found: dict[str, Answered] = {}
        for labels, values in self._series(resource, begin, "RequestsPerMinute", wanted):
            name, count = labels.get("deployment", ""), sum(values)
            model, status = labels.get("modelstatuscode", ""), labels.get("statuscode", "")
            found[name] = _added(found.get(name, Answered()), count, _told(status, model))
        for name, moments in self.asked.items():
            mine = sum(at >= begin.timestamp() for at in moments)
            if name in found and mine:
                found[name] = replace(found[name], requests=max(0.0, found[name].requests - mine))
        for labels, values in self._series(
            resource, begin, "RequestLatency_P50", "deployment eq '*'"
        ):
            name = labels.get("deployment", "")
            if name in found and values:
                found[name] = replace(found[name], median_ms=sum(values) / len(values))
        return found

    def _series(
        self, resource: str, begin: datetime, metric: str, dimensions: str
    ) -> Iterable[tuple[dict[str, str], list[float]]]:
        """(dimensions, values by the minute) of each series of a metric."""
        import requests

        span = (begin, datetime.now(UTC))
        answer = requests.get(
            f"{ARM}{resource}/providers/microsoft.insights/metrics",
            {
                "api-version": METRICS_VERSION,
                "metricnames": metric,
                "timespan": "/".join(at.strftime("%Y-%m-%dT%H:%M:%SZ") for at in span),
                "interval": "PT1M",
                "aggregation": "Average",
                "$filter": dimensions,
            },
            headers={"Authorization": f"Bearer {self.token()}"},
            timeout=ASK_LIMIT,
        )
        answer.raise_for_status()
        for value in answer.json()["value"]:
            for series in value["timeseries"]:
                labels = {
                    one["name"]["value"].lower(): str(one["value"])
                    for one in series.get("metadatavalues") or ()
                }
                points = (point.get("average") for point in series.get("data") or ())
                yield labels, [float(point) for point in points if point is not None]


def uncounted(endpoint: str, azure: Azure, workspace: str) -> str:
    """Why an endpoint's requests are not counted, and the command that lets them be.

    Args:
        endpoint: its name.
        azure: who asks.
        workspace: the workspace's id; whoever may read its metrics may read its endpoints'.
    """
    who = azure.client_id or "WHO"
    return (
        f"the requests of endpoint {endpoint} cannot be counted: {caller(azure)} may not read its "
        "metrics. `python infra/bootstrap.py apply` gives the pipelines' service principal the "
        f'role {ROLE}, an owner anyone: `az role assignment create --role "{ROLE}" '
        f'--assignee {who} --scope "{workspace}"`; a new role takes some minutes. Without '
        "azure.traffic.steps and mirror nothing is counted"
    )


def _told(status: str, model: str) -> str:
    """Whose error an answer is: "server", "client" or "" by its HTTP status and the model's."""
    said = model if model[:1] in "12345" and model else status
    if said[:1] == "5" or (said == "424"):  # 424 alone: the model gave no status
        return "server"
    return "client" if said[:1] == "4" else ""


def _added(answered: Answered, count: float, whose: str) -> Answered:
    counted: dict[str, Any] = {"requests": answered.requests + count}
    if whose:
        key = f"{whose}_errors"
        counted[key] = getattr(answered, key) + count
    return replace(answered, **counted)
