"""Makes what is missing, one thing after the other.

Whatever interrupts it, the next run looks first and goes on, from any machine. A creation that
failed is looked for before the failure counts: Azure may have made the thing and only the answer
was lost.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from amlkit.provision.az import Az, AzFailure
from amlkit.provision.failures import Kind
from amlkit.provision.records import Command, Refused, Resource, nothing, provisioned
from amlkit.provision.state import State
from amlkit.provision.survey import Reader, Survey, find, run
from amlkit.provision.waits import Say, countdown, pauses, retry


class Engine:
    """Works off a plan."""

    def __init__(self, az: Az, reader: Reader, state: State, say: Say) -> None:
        self.az, self.reader, self.state, self.say = az, reader, state, say
        self.facts: dict[str, str] = {}
        self.created: list[str] = []

    def apply(self, survey: Survey, progress: Callable[[Resource], Any]) -> None:
        """Makes everything that the survey did not find.

        Args:
            survey: what was found; without problems.
            progress: a context manager around each thing that takes time.

        Raises:
            AzFailure: something could not be made; what was made before stays.
            Refused: Azure gave up on a resource, or it is not ready in time.
        """
        self.facts = survey.facts
        for finding in survey:
            if finding.there:
                self._take(finding.step, finding.found, progress)
            elif finding.to_create:
                # What could not be looked for before may be there.
                found = find(finding.step, self.reader, self.facts) if finding.later else None
                if found is not None:
                    self._take(finding.step, found, progress)
                else:
                    with progress(finding.step):
                        self._make(finding.step)

    def _take(self, step: Resource, found: Any, progress: Callable[[Resource], Any]) -> None:
        """Uses what is there, once it is ready."""
        if found is None:
            return
        if not provisioned(found):
            with progress(step):
                found = self._until_ready(step)
        self._learn(step, found)

    def _learn(self, step: Resource, found: Any) -> None:
        """Keeps the ids that later commands and runs need."""
        if facts := step.learns(found):
            self.facts |= facts
            self.state.learn(facts)

    def _make(self, step: Resource) -> None:
        """Makes one thing and waits until it is ready."""
        found = None
        try:
            found = self._run(step)
        except AzFailure as failure:
            found = self._made_all_the_same(step, failure)
            if found is None:
                raise
        self.reader.forget()
        told = isinstance(found, dict) and (step.learns is nothing or "id" in found)
        if (found is None and step.learns is not nothing) or (told and not provisioned(found)):
            found = self._until_ready(step)
        if step.learns is not nothing:
            self._learn(step, found)
        self.created.append(step.title)

    def _run(self, step: Resource) -> Any:
        """What the commands answer that make it; they are tried again where time heals."""
        found = None
        for number, command in enumerate(step.make):

            def attempt(command: Command = command) -> Any:
                return run(self.az, command, self.facts, timeout=max(300, step.limit))

            try:
                found = retry(
                    attempt, lambda error: _heals(error, step), say=self.say, at_most=step.limit
                )
            except AzFailure as failure:
                last = number + 1 == len(step.make)
                if last or not (step.first_suffices and failure.kind in _TAKEN):
                    raise
            else:
                if step.first_suffices:
                    break
        return found

    def _made_all_the_same(self, step: Resource, failure: AzFailure) -> Any:
        """What is there after a creation that failed."""
        if not step.looks or failure.kind is Kind.MISSING_AZ:
            return None
        self.reader.forget()
        try:
            return find(step, self.reader, self.facts)
        except AzFailure:
            return None  # the failure that led here says more

    def _until_ready(self, step: Resource) -> Any:
        """Looks until the thing is there and ready."""
        end = time.monotonic() + step.limit
        for pause in [*pauses(step.limit), None]:
            self.reader.forget()
            found = find(step, self.reader, self.facts)
            if found is not None and provisioned(found):
                return found
            if pause is None or time.monotonic() > end:
                break
            countdown(pause, f"{step.title}: not ready yet", self.say)
        raise Refused(
            f"{step.title} was not ready after {step.limit:.0f} s: Azure is at work on it still;"
            " run apply again in some minutes"
        )


# A name that is kept by something that was deleted: the next one may be free.
_TAKEN = (Kind.INVALID, Kind.CONFLICT, Kind.SOFT_DELETED)


def _heals(error: Exception, step: Resource) -> str:
    """Why time may heal a failure; "" where it does not."""
    if isinstance(error, AzFailure) and error.kind in step.heals:
        return f"{step.title}: not known everywhere yet"
    return ""
