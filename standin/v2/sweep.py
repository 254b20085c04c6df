"""Sweep jobs: trials over a search space, each a command that is really executed.

Body: SweepJob (machineLearningServices 2024-01-01-preview), the recordings sweep_job of
azure-sdk-for-python. A trial's metric is its best value, as for the policies that end one early.
"""

from __future__ import annotations

import itertools
import json
import time
from typing import TYPE_CHECKING

from ..job import run_error
from ..routing import AzureError, Json
from ..runs import ENDED, Run
from . import command, early_termination, search_space
from .orchestrator import POLL, Orchestrator

if TYPE_CHECKING:
    from ..standin import Azure

#: HyperDrive's own limits, where a job names none.
MOST_TRIALS, LOCAL = 1000, 4


def trial(given: Json) -> Json:
    """The command of a trial, without the values of its space."""
    limits = given.get("limits") or {}
    timeout = limits.get("trialTimeout")
    return {
        "jobType": "Command",
        **(given.get("trial") or {}),
        "inputs": given.get("inputs") or {},
        "outputs": {k: v for k, v in (given.get("outputs") or {}).items() if k != "default"},
        "computeId": given.get("computeId"),
        "identity": given.get("identity"),
        "limits": {"jobLimitsType": "Command", "timeout": timeout} if timeout else None,
    }


def check(azure: Azure, given: Json) -> None:
    """AzureError for a sweep that is refused, or cannot be honoured."""
    space = given.get("searchSpace") or {}
    search_space.check(space, given.get("samplingAlgorithm") or {})
    early_termination.check(given.get("earlyTermination"))
    objective = given.get("objective") or {}
    if str(objective.get("goal")).lower() not in ("maximize", "minimize"):
        raise AzureError(400, "UserError", "The goal of a sweep is to maximize or to minimize.")
    if not objective.get("primaryMetric"):
        raise AzureError(400, "UserError", "A sweep needs a primary metric.")
    command.check(azure, trial(given), space)


class Sweep(Orchestrator):
    """One sweep."""

    log = "azureml-logs/hyperdrive.txt"

    def work(self) -> tuple[str, Json | None]:
        """As many trials at once as are wanted, until there are enough."""
        limits, given = self.given.get("limits") or {}, self.given
        most = int(limits.get("maxTotalTrials") or MOST_TRIALS)
        wide = min(int(limits.get("maxConcurrentTrials") or most), self._nodes())
        ends = time.monotonic() + command.seconds(str(limits.get("timeout") or "P7D"))
        self.looked: dict[str, int] = {}  # how much of a trial the policy has judged
        drawn = search_space.samples(given["searchSpace"], given.get("samplingAlgorithm") or {})
        for number, values in enumerate(itertools.islice(drawn, most)):
            while self.wanted and len(self._running()) >= wide:
                self._look(ends)
            if not self.wanted:
                break
            self._begin(number, values)
        while self._running():
            self._look(ends)
        return self._judge()

    def _nodes(self) -> int:
        found = self.azure.computes.find(command.compute_name(self.given.get("computeId")))
        if found is None:
            return LOCAL
        return max(int(found.properties["scaleSettings"]["maxNodeCount"]), 1)

    def _running(self) -> list[Run]:
        return [one for one in self.children if one.status not in ENDED]

    def _look(self, ends: float) -> None:
        time.sleep(POLL)
        if self.wanted and time.monotonic() > ends:
            self.say("The experiment timed out.")
            self.cancel()
        policy = self.given.get("earlyTermination")
        if policy and self.wanted:
            self._end_early(policy)

    def _end_early(self, policy: Json) -> None:
        """End the trials that the policy gives up."""
        series = {one.id: self._logged(one) for one in self.children}
        maximize = str(self.given["objective"]["goal"]).lower() == "maximize"
        for one in self._running():
            count = len(series[one.id])
            if self.looked.get(one.id) == count or not early_termination.due(policy, count):
                continue
            self.looked[one.id] = count
            if early_termination.loses(policy, one.id, series, maximize=maximize):
                self.say(f"Job {one.id} was ended early by {policy['policyType']}.")
                self.azure.jobs.jobs[one.id].cancel()

    def _logged(self, run: Run) -> list[float]:
        """The values of the primary metric that a trial has logged."""
        metric = str(self.given["objective"]["primaryMetric"])
        found = self.azure.metrics.of_run(run.id).get(metric)
        return [point["value"] for point in found.points()] if found else []

    def _begin(self, number: int, values: Json) -> None:
        name = f"{self.run.id}_{number}"
        self.say(f"Scheduling job, id='{name}', with {json.dumps(values)}")
        told = {**trial(self.given), "tags": {"hyperparameters": json.dumps(values)}}
        self.begin(name, told, "azureml.scriptrun", values)

    def _judge(self) -> tuple[str, Json | None]:
        """Name the best of the trials that logged the metric."""
        objective = self.given["objective"]
        metric = str(objective["primaryMetric"])
        best = max if str(objective["goal"]).lower() == "maximize" else min
        scores: dict[str, float] = {}
        for one in self.children:
            points = self._logged(one)
            if points and one.status == "Completed":
                scores[one.id] = best(points)
        if scores:
            chosen = best(scores, key=lambda name: scores[name])
            self.run.properties |= {
                "score": str(scores[chosen]),
                "best_child_run_id": chosen,
                "best_metric_status": "Succeeded",
                "best_data_container_id": self.azure.runs.get(chosen).container,
            }
            for output in self.azure.v2.run_outputs.of(chosen):  # the sweep's are its best trial's
                self.azure.v2.run_outputs.hand_up(self.run.id, output, chosen, output)
            self.say(f"The best trial is {chosen}: {metric} {scores[chosen]}")
        failed = [one.id for one in self.children if one.status == "Failed"]
        if failed and len(failed) == len(self.children):
            return "Failed", run_error("UserError", f"All trials failed: {', '.join(failed)}.")
        return "Completed", None


def body(given: Json, run: str) -> Json:
    """The properties of a sweep that only it has."""
    objective, told = given["objective"], given.get("trial") or {}
    resources = command.resources_body(told)
    return {
        "searchSpace": given["searchSpace"],
        "samplingAlgorithm": given.get("samplingAlgorithm"),
        "limits": {"jobLimitsType": "Sweep", **(given.get("limits") or {})},
        "earlyTermination": given.get("earlyTermination"),
        "objective": objective | {"goal": str(objective["goal"]).capitalize()},
        "trial": {
            "codeId": told.get("codeId"),
            "command": told.get("command"),
            "environmentId": told.get("environmentId"),
            "environmentVariables": told.get("environmentVariables") or {},
            "distribution": None,
            "resources": resources,
        },
        "inputs": command.inputs_body(given),
        "outputs": command.outputs_body(given, run),
        "queueSettings": {"jobTier": None, **(given.get("queueSettings") or {})},
    }
