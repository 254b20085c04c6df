"""Pipeline jobs: steps of components, really executed, as soon as what they need is there.

Body: PipelineJob (machineLearningServices 2024-01-01-preview), the recordings pipeline_job of
azure-sdk-for-python. Steps are commands, sweeps and pipelines; others are refused. Results of
earlier runs are never reused: a step runs again.
"""

from __future__ import annotations

import re
import time
import uuid
from typing import TYPE_CHECKING

from ..job import run_error
from ..routing import AzureError, Json
from ..runs import ENDED, Run
from . import bindings, command, steps, sweep
from .orchestrator import POLL, Orchestrator

if TYPE_CHECKING:
    from ..standin import Azure

_PARENT = re.compile(
    r"\$\{\{\s*parent\.(?:inputs\.(\w+)|jobs\.(\w+)\.outputs\.(\w+))(?:\.path)?\s*\}\}"
)
_OUTPUT = re.compile(r"\$\{\{\s*parent\.outputs\.(\w+)\s*\}\}")
_LITERAL = ("string", "integer", "number", "boolean", "enum")
_SETTINGS = ("on_init", "on_finalize")


def needs(node: Json) -> set[str]:
    """The steps whose outputs a step takes."""
    found = (_PARENT.findall(str(one.get("value"))) for one in (node.get("inputs") or {}).values())
    return {job for matches in found for _, job, _ in matches if job}


def check(azure: Azure, given: Json) -> None:
    """AzureError for a pipeline that is refused, or cannot be honoured."""
    for name, one in (given.get("inputs") or {}).items():
        bindings.check_input(azure, name, one)
    _check_steps(azure, given, set(given.get("inputs") or {}))


def _check_steps(azure: Azure, given: Json, inputs: set[str]) -> None:
    """The steps of a pipeline or of a pipeline component, with the names of its inputs."""
    nodes = given.get("jobs") or {}
    if not nodes:
        raise AzureError(400, "UserError", "A pipeline needs at least one step.")
    if wished := [one for one in _SETTINGS if (given.get("settings") or {}).get(one)]:
        raise AzureError(501, "StandInUnhandled", f"Settings of pipelines not played: {wished}")
    for name, node in nodes.items():
        spec = steps.component(azure, node)
        for bound in (node.get("inputs") or {}).values():
            for text, job, _ in _PARENT.findall(str(bound.get("value"))):
                if (text and text not in inputs) or (job and job not in nodes):
                    words = f"Step {name} takes what is not there: {bound['value']}"
                    raise AzureError(400, "UserError", words)
        told = steps.static(spec, given, node)
        if _PARENT.search(str(told["computeId"])):
            told["computeId"] = None  # known when it begins
        told["inputs"] = {key: {"jobInputType": "literal"} for key in spec.get("inputs") or {}}
        told["outputs"] = spec.get("outputs") or {}
        kind = told["jobType"]
        if kind == "Pipeline":
            _check_steps(azure, told, set(told["inputs"]))
        elif kind == "Sweep":
            sweep.check(azure, told)
        else:
            command.check(azure, told)
    _order(nodes)


def _order(nodes: Json) -> None:
    """AzureError 400 where steps wait for one another in a circle."""
    left = {name: needs(node) for name, node in nodes.items()}
    while left:
        ready = [name for name, waits in left.items() if not waits & set(left)]
        if not ready:
            raise AzureError(400, "UserError", f"Steps form a circle: {', '.join(left)}")
        for name in ready:
            del left[name]


class Pipeline(Orchestrator):
    """One pipeline. `steps`: its steps by name, once they have begun."""

    log = "logs/azureml/executionlogs.txt"

    def work(self) -> tuple[str, Json | None]:
        """Begin each step once what it takes is there; one that fails ends only what needs it."""
        nodes, settings = self.given["jobs"], self.given.get("settings") or {}
        go_on = str(settings.get("continue_on_step_failure", True)).lower() != "false"
        self.steps: dict[str, Run] = {}
        lost: set[str] = set()
        while self.wanted and len(self.steps) + len(lost) < len(nodes):
            for name, node in nodes.items():
                if name in self.steps or name in lost:
                    continue
                waits = [self.steps.get(one) for one in needs(node)]
                bad = any(one is not None and one.status in ("Failed", "Canceled") for one in waits)
                failed = any(one.status == "Failed" for one in self.steps.values())
                if bad or needs(node) & lost or (failed and not go_on):
                    lost.add(name)
                    self.say(f"Step {name} is not run: what it takes is not there.")
                elif all(one is not None and one.status == "Completed" for one in waits):
                    self._begin(name, node)
            time.sleep(POLL)
        while any(one.status not in ENDED for one in self.steps.values()):
            time.sleep(POLL)
        for name, run in self.steps.items():
            self.say(f"Step {name} [{run.id}]: {run.status}")
            self._hand_up(name, run)
        bad_steps = [name for name, run in self.steps.items() if run.status != "Completed"]
        if not bad_steps:
            return "Completed", None
        return "Failed", run_error(
            "UserError",
            f"Pipeline has some failed steps: {', '.join(bad_steps)}. See child run or "
            "execution logs for more details.",
        )

    def _begin(self, name: str, node: Json) -> None:
        spec = steps.component(self.azure, node)
        told = steps.static(spec, self.given, node)
        told["computeId"] = self._value(str(told["computeId"] or ""))
        told["inputs"] = self._inputs(spec, node)
        told["outputs"] = self._outputs(spec, node)
        told["properties"] = {
            "azureml.pipelinerunid": self.run.id,
            "azureml.pipeline": self.run.id,
            "azureml.moduleName": str(spec.get("name")),
            "azureml.runsource": "azureml.StepRun",
        }
        number, kinds = str(uuid.uuid4()), {"Sweep": sweep.Sweep, "Pipeline": Pipeline}
        if told["jobType"] in kinds:
            run = self.begin_other(number, told, kinds[told["jobType"]])
        else:
            run = self.begin(number, told, "azureml.StepRun")
        run.more |= {"name": spec.get("name"), "displayName": name}
        self.steps[name] = run
        self.say(f"Step {name} [{run.id}] was submitted.")

    def _inputs(self, spec: Json, node: Json) -> Json:
        """A step's inputs with the values of what they are bound to."""
        given, told = node.get("inputs") or {}, {}
        for name, wanted in (spec.get("inputs") or {}).items():
            kind = str(wanted.get("type") or "string").lower()
            bound = given.get(name)
            if bound is None:
                if wanted.get("default") is not None:
                    told[name] = {"jobInputType": "literal", "value": str(wanted["default"])}
                continue
            if "value" not in bound:
                told[name] = {**bound, "jobInputType": bound.get("job_input_type") or kind}
                continue
            value = self._value(str(bound["value"]))
            if kind in _LITERAL:
                told[name] = {"jobInputType": "literal", "value": value}
            else:
                told[name] = {"jobInputType": kind, "uri": value, "mode": bound.get("mode")}
        return told

    def _value(self, text: str) -> str:
        """A text with what it names put in: literal inputs, URIs of inputs and outputs."""

        def put(found: re.Match[str]) -> str:
            own, job, output = found.groups()
            if job:
                uri = self.azure.v2.run_outputs.uri(self.steps[job].id, output)
                if uri is None:
                    raise AzureError(400, "UserError", f"Step {job} has no output '{output}'.")
                return uri
            one = self.given["inputs"][own]
            return str(one.get("value") if one.get("jobInputType") == "literal" else one["uri"])

        return _PARENT.sub(put, text)

    def _outputs(self, spec: Json, node: Json) -> Json:
        """A step's outputs: where the pipeline, the step or nobody says they go."""
        told = {}
        for name, wanted in (spec.get("outputs") or {}).items():
            bound = (node.get("outputs") or {}).get(name) or {}
            above = _OUTPUT.fullmatch(str(bound.get("value")))
            said = (
                (self.given.get("outputs") or {}).get(above[1]) or {}
                if above
                else steps.camel(bound)
            )
            kept = ("uri", "mode", "assetName", "assetVersion")
            told[name] = {"jobOutputType": str(wanted.get("type") or "uri_folder").lower()} | {
                key: said[key] for key in kept if said.get(key)
            }
        return told

    def _hand_up(self, name: str, run: Run) -> None:
        """What a step put out is the pipeline's, where it says so."""
        for output, bound in (self.given["jobs"][name].get("outputs") or {}).items():
            above = _OUTPUT.fullmatch(str(bound.get("value")))
            if above is not None:
                self.azure.v2.run_outputs.hand_up(self.run.id, above[1], run.id, output)


def body(given: Json) -> Json:
    """The properties of a pipeline that only it has."""
    return {
        "settings": given.get("settings") or {},
        "jobs": given.get("jobs") or {},
        "inputs": command.inputs_body(given, "ReadOnlyMount"),
        "outputs": {k: v for k, v in command.outputs_body(given, "").items() if k != "default"},
        "sourceJobId": None,
    }
