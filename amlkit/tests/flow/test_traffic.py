"""How traffic moves from one deployment to another, as far as no service is needed for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from amlkit.flow.switch import Outcome, deploy, roll_back
from amlkit.flow.traffic import delete_retired, lines_of, objection
from amlkit.local import open_local
from amlkit.records import (
    Answered,
    Deployment,
    DeploymentDefinition,
    Endpoint,
    EnvironmentDefinition,
    Model,
    WorkError,
)
from amlkit.settings.azure import Traffic

OLD = Deployment(
    *("v1-a", "m", "1", "code", "env", "old", "2026-01-02T03:04:05"),
    status="Ready",
    instance_type="Standard_DS3_v2",
    instance_count=2,
)
NEW = replace(OLD, name="v2-b", model_version="2", identity="new")
QUICK = Traffic(steps=[10, 50], minutes=0.0, max_error_rate=0.01, max_slowdown=3.0)
EXAMPLES = {"data": [{"x": 1}], "predictions": ["a"]}


class Shared:
    """A double of endpoints that share the traffic; it answers what it is told to."""

    shares_traffic = True
    counting_delay = 0.0

    def __init__(self, answers: Sequence[Mapping[str, Answered]] = ()) -> None:
        self.answers = list(answers)
        self.deployments = {OLD.name: OLD}
        self.serving, self.previous = OLD.name, ""
        self.traffic: dict[str, int] = {OLD.name: 100}
        self.moves: list[dict[str, int]] = []
        self.mirrored: list[dict[str, int]] = []
        self.withdrawn: list[str] = []
        self.raised: BaseException | None = None

    def get(self, name: str) -> Endpoint:
        """It as it is now."""
        found = self.deployments
        rest = [one for each, one in found.items() if each not in (self.serving, self.previous)]
        candidate = rest[0] if rest else None
        return Endpoint(
            *(name, "http://x", "Ready", found[self.serving], found.get(self.previous), candidate),
            deployments=tuple(found.values()),
            traffic=dict(self.traffic),
        )

    def hold(self, name: str) -> nullcontext[None]:
        """Nobody is in the way."""
        return nullcontext()

    def create_deployment(self, definition: object, say: object) -> Deployment:
        """The new one."""
        return NEW

    def start(self, endpoint: str, deployment: Deployment) -> Deployment:
        """It is ready at once."""
        self.deployments[deployment.name] = deployment
        return deployment

    def invoke(self, deployment: Deployment, body: bytes) -> tuple[int, bytes]:
        """It answers as at training."""
        return 200, b'{"predictions": ["a"]}'

    def logs(self, endpoint: str, deployment: Deployment, lines: int) -> list[str]:
        """One line."""
        return ["it wrote this"]

    def set_traffic(
        self, endpoint: str, shares: Mapping[str, int], mirrored: Mapping[str, int] | None = None
    ) -> Endpoint:
        """Noted; once all of it has moved, the one before is where a rollback goes."""
        self.moves.append(dict(shares))
        self.mirrored.append(dict(mirrored or {}))
        if self.raised and set(shares.values()) != {100}:
            raise self.raised
        self.traffic = dict(shares)
        [name, *others] = shares
        if not others and name != self.serving:
            self.serving, self.previous = name, self.serving
        return self.get(endpoint)

    def answered(self, endpoint: str, since: datetime) -> Mapping[str, Answered]:
        """What it was told to say, the last of it again and again."""
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def delete_deployment(self, endpoint: str, deployment: Deployment) -> None:
        """Gone, unless it has traffic: Azure refuses that."""
        assert not self.traffic.get(deployment.name), "it would be refused"
        del self.deployments[deployment.name]

    def withdraw(self, endpoint: str, deployment: Deployment) -> None:
        """Noted."""
        self.withdrawn.append(deployment.name)


def workspace_of(endpoints: Shared, folder: Path) -> Any:
    """A workspace with these endpoints."""
    return replace(open_local(folder), endpoints=cast(Any, endpoints))


def switch(endpoints: Shared, folder: Path, how: Traffic, said: list[str]) -> Outcome:
    """What becomes of version 2 beside version 1."""
    environment = EnvironmentDefinition("e", folder / "lock.txt", ())
    definition = DeploymentDefinition(
        *("x", Model("m", "2", "there"), environment, "p", folder, "code", 0), identity="new"
    )
    workspace = workspace_of(endpoints, folder)
    return deploy(workspace, definition, EXAMPLES, said.append, how=how)


FINE = {"v1-a": Answered(90, median_ms=20), "v2-b": Answered(10, median_ms=25)}


def test_good_one_gets_the_traffic_in_steps(tmp_path: Path) -> None:
    endpoints, said = Shared([FINE]), list[str]()
    outcome = switch(endpoints, tmp_path, replace(QUICK, mirror=20), said)
    assert outcome.switched and outcome.endpoint
    assert endpoints.moves == [
        {"v1-a": 100},
        {"v1-a": 90, "v2-b": 10},
        {"v1-a": 50, "v2-b": 50},
        {"v2-b": 100},
    ]
    assert endpoints.mirrored == [{"v2-b": 20}, {}, {}, {}]
    assert outcome.endpoint.previous == OLD
    assert "with 10 % of the traffic: v2-b answered 10 requests, 0 with an error" in str(said)


def test_bad_step_goes_back_by_itself(tmp_path: Path) -> None:
    bad = {"v1-a": Answered(50), "v2-b": Answered(50, server_errors=9)}
    endpoints, said = Shared([{}, FINE, bad]), list[str]()
    outcome = switch(endpoints, tmp_path, QUICK, said)
    assert outcome.rolled_back and not outcome.switched
    assert "with 50 % of the traffic, 9 of 50 requests failed" in outcome.reason
    assert endpoints.traffic == {"v1-a": 100}
    assert list(endpoints.deployments) == ["v1-a"]
    assert outcome.log == ("it wrote this",)


def test_nobody_asked_is_said(tmp_path: Path) -> None:
    endpoints, said = Shared([{}]), list[str]()
    assert switch(endpoints, tmp_path, QUICK, said).switched
    assert sum("nobody asked v2-b, so this step was not judged" in line for line in said) == 2


def test_traffic_that_cannot_be_counted_goes_back(tmp_path: Path) -> None:
    endpoints, said = Shared(), list[str]()
    known: list[Any] = [{}]  # it could be counted before
    endpoints.answered = (  # type: ignore[method-assign]
        lambda *_: known.pop() if known else raising(WorkError("no role"))
    )
    outcome = switch(endpoints, tmp_path, QUICK, said)
    assert outcome.rolled_back and "no role" in outcome.reason
    assert endpoints.traffic == {"v1-a": 100}


def raising(error: BaseException) -> Any:
    """Raises it."""
    raise error


def test_interrupted_one_stays_at_nothing_and_is_gone_on_with(tmp_path: Path) -> None:
    endpoints, said = Shared([FINE]), list[str]()
    endpoints.raised = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt, match="m:1 gets all of the traffic again; v2-b stays"):
        switch(endpoints, tmp_path, QUICK, said)
    assert endpoints.traffic == {"v1-a": 100} and "v2-b" in endpoints.deployments
    endpoints.raised, endpoints.moves = None, []
    assert switch(endpoints, tmp_path, QUICK, said).switched
    assert "going on with v2-b, which was made for this before" in said
    assert endpoints.moves[0] == {"v1-a": 90, "v2-b": 10}


def test_killed_one_goes_on_at_its_step(tmp_path: Path) -> None:
    endpoints, said = Shared([FINE]), list[str]()
    endpoints.deployments[NEW.name] = NEW
    endpoints.traffic = {"v1-a": 50, "v2-b": 50}
    assert switch(endpoints, tmp_path, QUICK, said).switched
    assert endpoints.moves == [{"v1-a": 50, "v2-b": 50}, {"v2-b": 100}]


def test_what_another_call_left_is_taken_away(tmp_path: Path) -> None:
    endpoints, said = Shared([FINE]), list[str]()
    endpoints.deployments["v9-z"] = replace(NEW, name="v9-z", identity="other")
    endpoints.traffic = {"v1-a": 90, "v9-z": 10}
    assert switch(endpoints, tmp_path, QUICK, said).switched
    assert "v9-z" not in endpoints.deployments and endpoints.moves[0] == {"v1-a": 100}


def test_what_a_rollback_left_is_gone_back_to_and_what_served_first_is_not_kept(
    tmp_path: Path,
) -> None:
    endpoints, said = Shared([FINE]), list[str]()
    endpoints.deployments |= {NEW.name: NEW, "v0-c": replace(OLD, name="v0-c", identity="first")}
    endpoints.previous = "v2-b"
    assert switch(endpoints, tmp_path, Traffic(), said).switched
    assert (endpoints.serving, endpoints.previous) == ("v2-b", "v1-a")
    assert list(endpoints.deployments) == ["v1-a", "v2-b"]


def test_rollback_of_an_interrupted_switch_goes_back_to_what_serves(tmp_path: Path) -> None:
    endpoints, said = Shared([FINE]), list[str]()
    endpoints.deployments[NEW.name] = NEW
    endpoints.traffic = {"v1-a": 50, "v2-b": 50}
    outcome = roll_back(workspace_of(endpoints, tmp_path), "x", raising, said.append, "p")
    assert outcome.reason == "m:1 serves alone again"
    assert endpoints.traffic == {"v1-a": 100} and endpoints.withdrawn == ["v2-b"]


def test_old_one_is_kept_for_its_time_and_then_deleted() -> None:
    endpoints, said, how = Shared(), list[str](), Traffic(keep_hours=24.0)
    endpoints.deployments[NEW.name], endpoints.serving, endpoints.previous = NEW, "v2-b", "v1-a"
    endpoints.traffic = {"v2-b": 100}
    now = datetime.now(UTC)
    for hours, kept in ((23, True), (25, False)):
        retired = (now - timedelta(hours=hours)).isoformat(timespec="milliseconds")
        endpoints.deployments["v1-a"] = replace(OLD, retired=retired)
        found = endpoints.get("x")
        assert "v1-a: m:1, Ready, 0 % of the traffic; costs 2 x Standard_DS3_v2" in str(
            lines_of(found, how)
        )
        after = delete_retired(cast(Any, endpoints), found, how, said.append)
        assert after and (after.previous is not None) is kept, hours
    assert said == ["v1-a (m:1) deleted: kept for 24 hours"]


JUDGED: dict[str, tuple[Answered, Answered, str]] = {
    "nobody": (Answered(), Answered(9, server_errors=9), ""),
    "all well": (Answered(100, median_ms=30), Answered(100, median_ms=20), ""),
    "as rare as may be": (Answered(100, server_errors=1), Answered(100), ""),
    "too many": (Answered(100, server_errors=2), Answered(100), "2 of 100 requests failed"),
    "no worse than before": (Answered(100, server_errors=5), Answered(100, server_errors=6), ""),
    "clients at fault": (Answered(50, client_errors=9), Answered(50, client_errors=9), ""),
    "refuses more": (
        *(Answered(50, client_errors=9), Answered(50, client_errors=1)),
        "it refused 9 of 50 requests, the one before 1 of 50",
    ),
    "slow": (Answered(9, median_ms=61), Answered(9, median_ms=20), "over 3 times as long"),
    "nothing to compare with": (Answered(9, median_ms=900), Answered(), ""),
}


@pytest.mark.parametrize("name", JUDGED)
def test_what_is_held_against_a_deployment(name: str) -> None:
    new, old, words = JUDGED[name]
    found = objection(new, old, Traffic())
    assert (words in found) if words else not found


def test_one_error_ends_no_step_before_its_time() -> None:
    assert not objection(Answered(2, server_errors=1), Answered(20), Traffic(), certain=5)
    assert objection(Answered(2, server_errors=1), Answered(20), Traffic())
