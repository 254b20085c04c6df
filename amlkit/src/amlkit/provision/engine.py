"""Makes what is missing, one step after the other, and writes down each before and after.

Whatever interrupts it, the next run looks first and goes on. A creation that failed is looked for
before the failure counts: Azure may have made the thing and only the answer was lost.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

from amlkit.provision.az import Az, AzFailure
from amlkit.provision.records import Finding, Refused, Step
from amlkit.provision.state import CREATED, CREATING, State
from amlkit.provision.survey import Reader, Survey, find, run
from amlkit.provision.waits import Say, countdown, pauses, retry


class Engine:
    """Works off a plan."""

    def __init__(self, az: Az, reader: Reader, state: State, say: Say) -> None:
        self.az, self.reader, self.state, self.say = az, reader, state, say
        self.facts: dict[str, str] = {}
        self.created: list[str] = []

    def apply(self, survey: Survey, progress: Callable[[Step], Any]) -> None:
        """Makes every step that the survey did not find.

        Args:
            survey: what was found; without problems.
            progress: a context manager around each step that takes time.

        Raises:
            AzFailure: a step failed; what was made before it is written down.
            Refused: Azure gave up on a resource, or it is not ready in time.
        """
        self.facts = survey.facts
        for finding in survey:
            if finding.there:
                self._take(finding, progress)
            elif finding.to_create:
                found = self._found_by_now(finding)
                if found is not None:
                    self._take(Finding(finding.step, found), progress)
                else:
                    with progress(finding.step):
                        self._make(finding.step)

    def _take(self, finding: Finding, progress: Callable[[Step], Any]) -> None:
        """Uses what is there, once it is ready; it is ours if we had begun it."""
        step, found = finding.step, finding.found
        if found is not None and not step.ready(found):
            with progress(step):
                found = self._until_ready(step)
        if found is not None:
            self.facts |= step.learns(found)
        if self.state.status(step.key) == CREATING:
            self.state.note(step.key, CREATED, self.facts)
        elif found is not None and step.learns(found):
            self.state.learn(step.learns(found))

    def _found_by_now(self, finding: Finding) -> Any:
        """What could not be looked for before a step that is made by now."""
        return find(finding.step, self.reader, self.facts) if finding.later else None

    def _make(self, step: Step) -> None:
        """Makes one step and waits until it is ready."""
        self.state.note(step.key, CREATING)
        found = None
        try:
            for command in step.create:
                seconds = max(300, step.limit)
                found = retry(
                    partial(run, self.az, command, self.facts, timeout=seconds),
                    lambda error: _heals(error, step),
                    say=self.say,
                    at_most=step.limit,
                )
        except AzFailure:
            found = self._made_all_the_same(step)
            if found is None:
                raise
        self.reader.forget()
        if isinstance(found, dict):
            self.facts |= step.learns(found)
        if found is None or step.look_after or not step.ready(found):
            found = self._until_ready(step)
        self.facts |= step.learns(found)
        self.state.note(step.key, CREATED, step.learns(found))
        self.created.append(step.title)

    def _made_all_the_same(self, step: Step) -> Any:
        """What is there after a creation that failed."""
        self.reader.forget()
        try:
            return find(step, self.reader, self.facts)
        except AzFailure:
            return None  # the failure that led here says more

    def _until_ready(self, step: Step) -> Any:
        """Looks until the step is there and ready."""
        end = time.monotonic() + step.limit
        for pause in [*pauses(step.limit), None]:
            self.reader.forget()
            found = find(step, self.reader, self.facts)
            if found is not None and step.ready(found):
                return found
            if pause is None or time.monotonic() > end:
                break
            countdown(pause, f"{step.title}: not ready yet", self.say)
        raise Refused(
            f"{step.title} was not ready after {step.limit:.0f} s: Azure is at work on it still;"
            " run apply again in some minutes"
        )


def _heals(error: Exception, step: Step) -> str:
    """Why time may heal a failure; "" where it does not."""
    if isinstance(error, AzFailure) and error.kind in step.again_on:
        return f"{step.title}: not known everywhere yet"
    return ""
