"""Makes what is missing, one thing after the other.

Whatever interrupts it, the next run looks first and goes on, from any machine. A creation that
failed is looked for before the failure counts: Azure may have made the thing and only the answer
was lost.
"""

from __future__ import annotations

import contextlib
import json
import tempfile
import time
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from amlkit.provision.az import Az, AzFailure
from amlkit.provision.failures import Kind
from amlkit.provision.names import Names
from amlkit.provision.records import (
    Command,
    Facts,
    Finding,
    Refused,
    Resource,
    az,
    nothing,
    provisioned,
)
from amlkit.provision.state import State
from amlkit.provision.survey import Reader, Survey, find, run
from amlkit.provision.waits import Say, countdown, pauses, retry


class Engine:
    """Works off a plan."""

    def __init__(self, az: Az, reader: Reader, state: State, names: Names, say: Say) -> None:
        self.az, self.reader, self.state, self.names, self.say = az, reader, state, names, say
        self.facts: dict[str, str] = {}
        self.created: list[str] = []
        self._new = set[str]()

    def apply(self, survey: Survey, progress: Callable[[str], Any]) -> None:
        """Makes everything that the survey did not find.

        Args:
            survey: what was found; without problems.
            progress: a context manager around each thing that takes time.

        Raises:
            AzFailure: something could not be made; what was made before stays.
            Refused: Azure gave up on a resource, or it is not ready in time.
        """
        self.facts = survey.facts
        together: list[Resource] = []
        for finding in survey:
            if finding.there:
                self._take(finding.step, finding.found, progress)
            elif finding.to_create:
                found = self._found_by_now(finding)
                if found is not None:
                    self._take(finding.step, found, progress)
                elif finding.step.put and not finding.step.alone:
                    together.append(finding.step)
                else:
                    self._make_all(together, progress)
                    with progress(finding.step.title):
                        self._make(finding.step)
                    together = []
        self._make_all(together, progress)

    def _found_by_now(self, finding: Finding) -> Any:
        """What could not be looked for before; nothing is in what was only just made."""
        if not finding.later or finding.step.inside in self._new:
            return None
        return find(finding.step, self.reader, self.facts)

    def _make_all(self, steps: list[Resource], progress: Callable[[str], Any]) -> None:
        """Makes these by one deployment; by themselves where that may not be made."""
        if len(steps) > 1 and self._deployed(steps, progress):
            return
        for step in steps:
            with progress(step.title):
                self._make(step)

    def _deployed(self, steps: list[Resource], progress: Callable[[str], Any]) -> bool:
        """Makes these by one deployment of a template; False where that may not be made."""
        heals = {kind for step in steps for kind in step.heals}
        limit = max(step.limit for step in steps)
        try:
            with tempfile.TemporaryDirectory() as folder, progress(_titles(steps)):
                command = deployment(self.names, steps, self.facts, Path(folder))
                retry(
                    lambda: run(self.az, command, {}, timeout=max(600, limit)),
                    lambda error: _heals(error, heals, steps[0].title),
                    say=self.say,
                    at_most=limit,
                )
        except AzFailure as failure:
            if failure.kind is Kind.FORBIDDEN and "/deployments/" in failure.message:
                return False
            for step in steps:
                self._made_all_the_same(step, failure)
        self.reader.forget()
        self.created += [step.title for step in steps]
        self._new |= {step.key for step in steps}
        return True

    def _take(self, step: Resource, found: Any, progress: Callable[[str], Any]) -> None:
        """Uses what is there, once it is ready."""
        if found is None:
            return
        if not provisioned(found):
            with progress(step.title):
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
        self.reader.forget()
        told = isinstance(found, dict) and (step.learns is nothing or "id" in found)
        if (found is None and step.learns is not nothing) or (told and not provisioned(found)):
            found = self._until_ready(step)
        if step.learns is not nothing:
            self._learn(step, found)
        self.created.append(step.title)
        self._new.add(step.key)

    def _run(self, step: Resource) -> Any:
        """What the commands answer that make it; they are tried again where time heals."""
        found = None
        for number, command in enumerate(step.make):

            def attempt(command: Command = command) -> Any:
                return run(self.az, command, self.facts, timeout=max(300, step.limit))

            try:
                found = retry(
                    attempt,
                    lambda error: _heals(error, step.heals, step.title),
                    say=self.say,
                    at_most=step.limit,
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
        """What is there, and ready, after a creation that failed: its answer may have been lost.

        Raises:
            AzFailure: nothing is; the failure itself.
            Refused: Azure has given up making it.
        """
        found = None
        if step.looks and failure.kind is not Kind.MISSING_AZ:
            self.reader.forget()
            with contextlib.suppress(AzFailure):  # the failure that led here says more
                found = find(step, self.reader, self.facts)
        if found is None:
            raise _advised(failure, step, nothing_made=not self.created) from None
        try:
            return found if provisioned(found) else self._until_ready(step)
        except Refused as refused:
            raise Refused(f"{refused}; it failed on: {failure.message}") from None

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


def _advised(failure: AzFailure, step: Resource, *, nothing_made: bool) -> AzFailure:
    """The refusal, with the setting that says that the thing is handed out."""
    if failure.kind is not Kind.FORBIDDEN:
        return failure
    setting = "service_principal" if step.key == "application" else setting_of(step.key)
    how = (
        f"{'nothing was made; ' if nothing_made else ''}`python infra/bootstrap.py plan"
        f" --for-admin` writes the request, and what is handed out to you is marked existing or"
        f" skip in config.yml (azure.bootstrap.{setting})"
    )
    said = f"you may not make {step.title}: {failure.message}"
    return AzFailure(failure.kind, failure.code, said, failure.command, how)


def setting_of(key: str) -> str:
    """The name of its mode in config.yml."""
    if key.startswith(("pipeline", "role_steps")):
        return "pipeline"
    return "roles" if key.startswith("role_") else {"log_analytics": "app_insights"}.get(key, key)


def _heals(error: Exception, heals: Collection[Kind], what: str) -> str:
    """Why time may heal a failure; "" where it does not."""
    if not isinstance(error, AzFailure):
        return ""
    if error.code == "DeploymentActive":  # of a run that was cut off
        return f"{what}: an earlier deployment is at work still"
    return f"{what}: not known everywhere yet" if error.kind in heals else ""


def _titles(steps: list[Resource]) -> str:
    """Several things in a line."""
    return ", ".join(step.title for step in steps)


def deployment(
    names: Names, steps: list[Resource], facts: Facts, folder: Path, verb: str = "create"
) -> Command:
    """The command that makes these at once, with its template in a file: no secret is in it."""
    schema = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
    puts = [step.put for step in steps if step.put]
    described = [put.described(facts) for put in puts]
    for each in described:
        ids = {put.path for put in puts}
        each["dependsOn"] = [path for path in each["dependsOn"] if path in ids]
    template = {"$schema": schema, "contentVersion": "1.0.0.0", "resources": described}
    path = folder / "template.json"
    path.write_text(json.dumps(template, indent=2), encoding="utf-8")
    return az(
        *("deployment", "group", verb, "-g", names.resource_group, "-n", f"amlkit-{names.key}"),
        *("--template-file", str(path)),
    )
