"""How a tested deployment gets the traffic: as a copy first, then in steps, each one watched.

A step is judged by the requests that the new deployment answered in it; where it is bad, the one
before gets all of the traffic again. The one before is kept for a while: it costs, and it is where
a rollback goes.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from amlkit.interrupts import waiting
from amlkit.records import Answered, Deployment, Endpoint, WorkError
from amlkit.settings.azure import Traffic
from amlkit.workspace import Endpoints, Say

LOOK = 30.0  # seconds between two looks at what a step has served
CERTAIN = 5  # errors that end a step before its time


@dataclass(frozen=True)
class Switch:
    """From one deployment to another, at an endpoint."""

    endpoints: Endpoints
    name: str
    old: Deployment
    new: Deployment
    how: Traffic
    say: Say

    def run(self, share: int) -> tuple[str, Endpoint | None]:
        """Moves the traffic, and back where a step is bad.

        Args:
            share: what the new one gets already, in per cent, of a switch that was interrupted.

        Returns:
            What was wrong, in a line, or ""; and the endpoint where all of it has moved.

        Raises:
            WorkError: the traffic could not be moved, nor given back.
            KeyboardInterrupt: it was given back.
        """
        try:
            problem = self._steps(share)
            if not problem:
                return "", self.endpoints.set_traffic(self.name, {self.new.name: 100})
        except WorkError as error:
            problem = str(error)
        except KeyboardInterrupt:
            self._back("interrupted")
            new = self.new.name
            raise KeyboardInterrupt(
                f"interrupted; {_model(self.old)} gets all of the traffic again; {new} stays "
                "beside it, and costs: the same call again goes on with it"
            ) from None
        self._back(problem)
        return problem, None

    def _steps(self, share: int) -> str:
        """Mirrored requests, then the steps: what was wrong, or ""."""
        new, old, say = self.new.name, self.old.name, self.say
        if self.how.mirror and not share:
            say(f"{new} is sent a copy of {self.how.mirror} % of the requests{self._for_minutes()}")
            began = datetime.now(UTC)
            self.endpoints.set_traffic(self.name, {old: 100}, {new: self.how.mirror})
            if problem := self._watch(began, f"copies of {self.how.mirror} % of the requests"):
                return problem
        for step in self.how.steps:
            if step < share:
                continue
            say(f"{new} gets {step} % of the traffic{self._for_minutes()}")
            began = datetime.now(UTC)
            self.endpoints.set_traffic(self.name, {old: 100 - step, new: step})
            if problem := self._watch(began, f"{step} % of the traffic"):
                return problem
        return ""

    def _for_minutes(self) -> str:
        return f", watched for {self.how.minutes:g} minutes" if self.how.minutes else ""

    def _watch(self, began: datetime, what: str) -> str:
        """Waits while requests are answered, and judges: what is wrong, or ""."""
        seconds = 60 * self.how.minutes
        until = time.monotonic() + seconds
        with waiting() as wait:
            while (left := until - time.monotonic()) > 0:
                wait.sleep(min(LOOK, left))
                if left <= LOOK:
                    break
                if problem := objection(*self._answered(began), self.how, CERTAIN):
                    return f"with {what}, {problem}"
            # What was asked last is counted later; of a short step no more than as long again.
            wait.sleep(min(self.endpoints.counting_delay, seconds))
        new, old = self._answered(began)
        if problem := objection(new, old, self.how):
            return f"with {what}, {problem}"
        if new.requests:
            answers = f"{self.new.name} {words_of(new)}; {self.old.name} {words_of(old)}"
        else:
            answers = f"nobody asked {self.new.name}, so this step was not judged"
        self.say(f"with {what}: {answers}")
        return ""

    def _answered(self, began: datetime) -> tuple[Answered, Answered]:
        """What the new one and the old one have answered since then."""
        found = self.endpoints.answered(self.name, began)
        return found.get(self.new.name, Answered()), found.get(self.old.name, Answered())

    def _back(self, problem: str) -> None:
        """Gives the old one all of the traffic.

        Raises:
            WorkError: that is not possible either.
        """
        self.say(f"{problem}; back to {self.old.name}")
        try:
            self.endpoints.set_traffic(self.name, {self.old.name: 100})
        except WorkError as error:
            raise WorkError(
                f"{problem}; and the traffic of {self.name} stays shared: {error}; "
                "src/deploy.py --rollback gives it back"
            ) from error


def objection(new: Answered, old: Answered, how: Traffic, certain: int = 1) -> str:
    """What is wrong with what a new deployment answered, in a line; empty where nothing is.

    Args:
        new: what it answered.
        old: what the one before answered meanwhile.
        how: the bounds.
        certain: how many errors it takes; slowness is told where that is 1.
    """
    if not new.requests:
        return ""
    broken = new.server_errors / new.requests
    if new.server_errors >= certain and broken > max(how.max_error_rate, _rate(old, "server")):
        return f"{new.server_errors:g} of {new.requests:g} requests failed with an error of its own"
    refused, before = new.client_errors / new.requests, _rate(old, "client")
    if new.client_errors >= certain and old.requests and refused > before + how.max_error_rate:
        return (
            f"it refused {new.client_errors:g} of {new.requests:g} requests, "
            f"the one before {old.client_errors:g} of {old.requests:g}"
        )
    if certain > 1 or not how.max_slowdown or not new.median_ms or not old.median_ms:
        return ""
    if new.median_ms <= how.max_slowdown * old.median_ms:
        return ""
    return (
        f"half of its answers took more than {new.median_ms:.0f} ms, of the one before "
        f"{old.median_ms:.0f} ms: over {how.max_slowdown:g} times as long"
    )


def _rate(answered: Answered, side: str) -> float:
    errors: float = getattr(answered, f"{side}_errors")
    return errors / answered.requests if answered.requests else 0.0


def words_of(answered: Answered) -> str:
    """What a deployment answered, in words."""
    errors = answered.server_errors + answered.client_errors
    median = "" if answered.median_ms is None else f", median {answered.median_ms:.0f} ms"
    return f"answered {answered.requests:g} requests, {errors:g} with an error{median}"


def kept_until(endpoint: Endpoint, how: Traffic) -> datetime | None:
    """Until when what served before is kept; None where nothing is, or it costs nothing."""
    previous = endpoint.previous
    if previous is None or not previous.retired or not previous.instance_count:
        return None
    return datetime.fromisoformat(previous.retired) + timedelta(hours=how.keep_hours)


def is_kept_no_more(endpoint: Endpoint, how: Traffic) -> bool:
    """Whether what served before was kept for as long as it should be."""
    until = kept_until(endpoint, how)
    return until is not None and until <= datetime.now(UTC)


def delete_retired(
    endpoints: Endpoints, endpoint: Endpoint, how: Traffic, say: Say
) -> Endpoint | None:
    """Deletes what served before, where it was kept long enough; the endpoint as it is then."""
    previous = endpoint.previous
    if previous is None or not is_kept_no_more(endpoint, how):
        return endpoint
    endpoints.delete_deployment(endpoint.name, previous)
    say(f"{previous.name} ({_model(previous)}) deleted: kept for {how.keep_hours:g} hours")
    return endpoints.get(endpoint.name)


def lines_of(endpoint: Endpoint, how: Traffic) -> list[str]:
    """What an endpoint's deployments get and cost, in lines; none where nothing costs."""
    lines = []
    for one in endpoint.deployments:
        if not one.instance_count and not one.instance_type:
            continue
        share = endpoint.traffic.get(one.name, 0)
        copies = endpoint.mirrored.get(one.name, 0)
        gets = f"{share} % of the traffic" + (f", copies of {copies} %" if copies else "")
        cost = f"{one.instance_count} x {one.instance_type or 'an instance'}"
        since = f" since {one.created[:16]}Z" if one.created else ""
        lines.append(f"{one.name}: {_model(one)}, {one.status}, {gets}; costs {cost}{since}")
    until = kept_until(endpoint, how)
    if endpoint.previous and until:
        when = f"{until.isoformat(timespec='minutes')[:16]}Z"
        name = endpoint.previous.name
        lines.append(f"{name} is kept for a rollback until {when}; the next deployment deletes it")
    if endpoint.candidate:
        lines.append(
            f"{endpoint.candidate.name} was left on its way to the traffic: deploying the same "
            "goes on with it, another deployment or --rollback takes it away"
        )
    return lines


def record_of(endpoint: Endpoint) -> list[dict[str, object]]:
    """The same as `--json` has it."""
    return [
        {
            "name": one.name,
            "model": {"name": one.model, "version": one.model_version},
            "status": one.status,
            "share": endpoint.traffic.get(one.name, 0),
            "mirrored": endpoint.mirrored.get(one.name, 0),
            "instance_type": one.instance_type,
            "instance_count": one.instance_count,
            "created": one.created,
        }
        for one in endpoint.deployments
        if one.instance_count or one.instance_type
    ]


def _model(deployment: Deployment) -> str:
    return f"{deployment.model}:{deployment.model_version}"
