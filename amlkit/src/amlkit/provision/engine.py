"""Makes what is missing, one thing after the other.

Whatever interrupts it, the next run looks first and goes on, from any machine. A creation that
failed is looked for before the failure counts: Azure may have made the thing and only the answer
was lost.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from amlkit.provision.cloud.arm import deployment
from amlkit.provision.cloud.client import Command
from amlkit.provision.cloud.failures import Failure, Kind, Refused
from amlkit.provision.cloud.waits import poll, retry
from amlkit.provision.context import Context
from amlkit.provision.display import elapsed
from amlkit.provision.plan.records import Resource, advice_to_hand_out, provisioned
from amlkit.provision.survey import Survey, find

# A name that is kept by something that was deleted: the next one may be free.
_TAKEN = (Kind.INVALID, Kind.CONFLICT, Kind.SOFT_DELETED)


class Engine:
    """Works off a plan.

    Attributes:
        facts: what commands need, and is known by now.
        made: what was made.
    """

    def __init__(self, context: Context, survey: Survey) -> None:
        self.context, self.client, self.say = context, context.client, context.say
        self.survey, self.facts = survey, survey.facts
        self.made: list[Resource] = []

    def apply(self) -> None:
        """Makes everything that the survey, which is without problems, did not find.

        Raises:
            Failure: something could not be made; what was made before stays.
            Refused: Azure gave up on a resource, or it is not ready in time.
        """
        together: list[Resource] = []
        for finding in self.survey:
            step, found = finding.step, finding.found
            new = {each.key for each in self.made}
            if finding.to_create and finding.later and step.inside not in new:
                # What to look for is known by now; nothing is in what was only just made.
                found = find(step, self.client, self.facts)
            if found is not None:
                self._take(step, found)
            elif finding.to_create and step.put and not step.alone:
                together.append(step)
            elif finding.to_create:
                self._make_all(together)
                self._make(step)
                together = []
        self._make_all(together)

    def _take(self, step: Resource, found: Any) -> None:
        """Uses what is there, once it is ready."""
        if not provisioned(found):
            with elapsed(step.title, self.say):
                found = self._until_ready(step)
        self._learn(step, found)

    def _learn(self, step: Resource, found: Any) -> None:
        """Keeps the ids that later commands and runs need."""
        if step.learns:
            facts = step.learns(found)
            self.facts |= facts
            self.context.state.learn(facts)

    def _make_all(self, steps: list[Resource]) -> None:
        """Makes these by one deployment of a template; by themselves where that may not be made."""
        if len(steps) < 2:
            for step in steps:
                self._make(step)
            return
        title = ", ".join(step.title for step in steps)
        try:
            with tempfile.TemporaryDirectory() as folder, elapsed(title, self.say):
                puts = [step.put for step in steps if step.put]
                command = deployment(self.context.names.deployment, puts, self.facts, Path(folder))
                self._run(command, steps, at_least=600)
        except Failure as failure:
            if failure.kind is Kind.FORBIDDEN and "/deployments/" in failure.message:
                for step in steps:
                    self._make(step)
                return
            for step in steps:
                self._made_all_the_same(step, failure)
        self.made += steps

    def _make(self, step: Resource) -> None:
        """Makes one thing and waits until it is ready."""
        with elapsed(step.title, self.say):
            try:
                found = self._commanded(step)
            except Failure as failure:
                found = self._made_all_the_same(step, failure)
            told = isinstance(found, dict) and (not step.learns or "id" in found)
            unseen = step.awaited or (step.learns and found is None)
            if unseen or (told and not provisioned(found)):
                found = self._until_ready(step)
            self._learn(step, found)
        self.made.append(step)

    def _commanded(self, step: Resource) -> Any:
        """What the last of a step's commands answers; the first where that suffices."""
        for command in step.make[:-1]:
            try:
                found = self._run(command, [step])
            except Failure as failure:
                if not (step.first_suffices and failure.kind in _TAKEN):
                    raise
            else:
                if step.first_suffices:
                    return found
        return self._run(step.make[-1], [step])

    def _run(self, command: Command, steps: Sequence[Resource], *, at_least: float = 300) -> Any:
        """What a command answers; it is tried again where time heals."""
        limit = max(step.limit for step in steps)

        def again(failure: Failure) -> str:
            if failure.code == "DeploymentActive":  # of a run that was cut off
                return f"{steps[0].title}: an earlier deployment is at work still"
            healed = any(failure.kind in step.heals for step in steps)
            return f"{steps[0].title}: not known everywhere yet" if healed else ""

        return retry(
            lambda: self.client.send(command, self.facts, timeout=max(at_least, limit)),
            again,
            say=self.say,
            at_most=limit,
        )

    def _made_all_the_same(self, step: Resource, failure: Failure) -> Any:
        """What is there, and ready, after a creation that failed: its answer may have been lost.

        Raises:
            Failure: nothing is; the failure itself.
            Refused: Azure has given up making it.
        """
        found = None
        if failure.kind is not Kind.MISSING_AZ:
            with contextlib.suppress(Failure):  # the failure that led here says more
                found = find(step, self.client, self.facts)
        if found is None:
            raise self._advised(failure, step) from None
        try:
            return found if provisioned(found) else self._until_ready(step)
        except Refused as refused:
            raise Refused(f"{refused}; it failed on: {failure.message}") from None

    def _advised(self, failure: Failure, step: Resource) -> Failure:
        """The refusal, with the setting that says that the thing is handed out."""
        if failure.kind is not Kind.FORBIDDEN:
            return failure
        return failure.advised(
            f"{'' if self.made else 'nothing was made; '}{advice_to_hand_out([step])}",
            f"you may not make {step.title}: {failure.message}",
        )

    def _until_ready(self, step: Resource) -> Any:
        """Looks until the thing is there and ready."""

        def look() -> Any:
            self.client.forget()
            found = find(step, self.client, self.facts)
            return found if found is not None and provisioned(found) else None

        why = f"{step.title}: not ready yet"
        found = poll(look, lambda found: found is not None, why, self.say, step.limit)
        if found is None:
            raise Refused(
                f"{step.title} was not ready after {step.limit:.0f} s: Azure is at work on it"
                " still; run apply again in some minutes"
            )
        return found
