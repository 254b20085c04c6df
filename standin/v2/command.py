"""A command job of SDK v2, executed by the machinery that runs the jobs of v1.

Source of the body: CommandJob (machineLearningServices 2024-01-01-preview) and the recordings
command_job of azure-sdk-for-python.
"""

from __future__ import annotations

import re
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from .. import curated
from ..job import Job
from ..job_inputs import Inputs
from ..routing import AzureError, Json
from ..runs import ENDED, Run
from . import bindings, dockerfile
from .locations import locate
from .shared import environment_content

if TYPE_CHECKING:
    from ..standin import Azure

_DURATION = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?")


class CommandRun(Job):
    """One command, in a thread of its own."""

    def __init__(self, azure: Azure, run: Run, given: Json, space: Json | None = None) -> None:
        super().__init__(azure, run, "")
        self.given, self.space = given, space or {}
        self.outputs = bindings.plan_outputs(azure, run.id, given.get("outputs") or {}, self.folder)
        if timeout := (given.get("limits") or {}).get("timeout"):
            self.timer = threading.Timer(seconds(timeout), self.cancel)
            self.timer.daemon = True

    def start(self) -> None:
        """Begin."""
        self.azure.jobs.jobs[self.run.id] = self
        self.thread.start()

    def lay_out(self, work: Path) -> None:
        """The code asset, where there is one."""
        if self.given.get("codeId"):
            _, code = self.azure.v2.assets.find(str(self.given["codeId"]), "codes")
            locate(self.azure, str(code.properties["codeUri"])).download(work)

    def deliver(self, definition: Json) -> Inputs:
        """Inputs and outputs by their names."""
        given = self.given.get("inputs") or {}
        bound = bindings.deliver(self.azure, given, self.outputs, self.folder)
        bound.environment |= self.azure.v2.identities.variables(self.given)
        bound.space = {name: str(value) for name, value in self.space.items()}
        if hasattr(self, "timer"):
            self.timer.start()
        return bound

    def hand_over(self, code: int) -> None:
        """Upload the named outputs; a job that succeeded registers them."""
        if hasattr(self, "timer"):
            self.timer.cancel()
        for one in self.outputs:
            bindings.send(self.azure, one, lambda line: None)
            if code == 0:
                asset = bindings.register(self.azure, self.run.id, one)
                self.azure.v2.run_outputs.note(self.run.id, one, asset)

    @property
    def ended(self) -> bool:
        """Whether its run has."""
        return self.run.status in ENDED


def seconds(duration: str) -> float:
    """An ISO 8601 duration. AzureError 400 for another text."""
    found = _DURATION.fullmatch(duration)
    if found is None:
        raise AzureError(400, "UserError", f"'{duration}' is no duration.")
    days, hours, minutes, rest = (float(one or 0) for one in found.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + rest


def check(azure: Azure, given: Json, space: Json | None = None) -> None:
    """AzureError for a command that the service refuses, or that cannot be honoured here."""
    for key in ("command", "environmentId"):
        if not given.get(key):
            raise AzureError(400, "UserError", f"A command job needs '{key}'.")
    resources = given.get("resources") or {}
    count = int(resources.get("instanceCount") or 1)
    if count < 1:
        raise AzureError(400, "UserError", "The instance count of a job must be at least 1.")
    distribution = given.get("distribution") or {}
    if count > 1 or distribution:
        kind = distribution.get("distributionType") or "no distribution"
        raise AzureError(
            501,
            "StandInUnhandled",
            f"The stand-in runs a job on one node in one process: not on {count} with {kind}.",
        )
    wished = [
        k for k, v in (given.get("services") or {}).items() if k not in ("Tracking", "Studio")
    ]
    if wished:
        raise AzureError(501, "StandInUnhandled", f"Services of jobs are not played: {wished}")
    inputs, outputs = given.get("inputs") or {}, given.get("outputs") or {}
    bindings.check_expressions(str(given["command"]), inputs, outputs, space)
    for name, one in inputs.items():
        bindings.check_input(azure, name, one)
    if given.get("codeId"):
        azure.v2.assets.find(str(given["codeId"]), "codes")
    if timeout := (given.get("limits") or {}).get("timeout"):
        seconds(str(timeout))
    check_compute(azure, given.get("computeId"))
    environment(azure, str(given["environmentId"]))


def check_compute(azure: Azure, compute: str | None) -> None:
    """AzureError 400 for a cluster that is not there; none and `serverless` need none."""
    name = compute_name(compute)
    if name and not azure.computes.find(name):
        raise AzureError(400, "UserError", f"Unknown compute target '{name}'.")


def compute_name(compute: str | None) -> str:
    """The name behind a compute's id; "" for serverless compute."""
    name = str(compute or "").rstrip("/").rpartition("/")[2].removeprefix("azureml:")
    return "" if name.lower() == "serverless" else name


def environment(azure: Azure, environment_id: str) -> Json:
    """The definition of a job's environment, as v1's image builder reads it."""
    known = curated.named(environment_id)
    if known is not None:
        return curated.definition(*known)
    name, entry = azure.v2.assets.find(environment_id, "environments")
    content = {**environment_content(azure, entry.properties), "name": name, "version": entry.name}
    if build := entry.properties.get("build"):
        text = content["docker"]["baseDockerfile"]
        return dockerfile.with_packages(content, text, locate(azure, str(build["contextUri"])))
    return content


def definition(azure: Azure, given: Json) -> Json:
    """What the machinery runs, in the keys of v1's run definition."""
    return {
        "command": str(given["command"]),
        "environment": environment(azure, str(given["environmentId"])),
        "environmentVariables": given.get("environmentVariables") or {},
        "target": compute_name(given.get("computeId")) or "serverless",
    }


def body(azure: Azure, given: Json, run: str) -> Json:
    """The properties of a command job that only it has."""
    return {
        "resources": resources_body(given),
        "queueSettings": {"jobTier": None, "priority": None, **(given.get("queueSettings") or {})},
        "codeId": given.get("codeId"),
        "command": given["command"],
        "environmentId": given["environmentId"],
        "inputs": inputs_body(given),
        "outputs": outputs_body(given, run),
        "distribution": given.get("distribution"),
        "autologgerSettings": None,
        "limits": given.get("limits"),
        "environmentVariables": given.get("environmentVariables") or {},
        "parameters": {},
    }


def resources_body(given: Json) -> Json:
    """What a command asks to run on, as it is answered."""
    resources = given.get("resources") or {}
    return {
        "instanceCount": int(resources.get("instanceCount") or 1),
        "instanceType": resources.get("instanceType"),
        "properties": resources.get("properties"),
        "shmSize": resources.get("shmSize") or "2g",
        "dockerArgs": resources.get("dockerArgs"),
        "dockerArgsList": resources.get("dockerArgsList"),
        "maxInstanceCount": resources.get("maxInstanceCount"),
        "locations": resources.get("locations"),
    }


def inputs_body(given: Json, mode: str | None = None) -> Json:
    """The inputs as they are answered."""
    made = {}
    for name, one in (given.get("inputs") or {}).items():
        literal = one.get("jobInputType") == "literal"
        plain = {} if literal else {"mode": mode, "pathOnCompute": None}
        made[name] = {"description": None, **plain, **one}
    return made


def outputs_body(given: Json, run: str) -> Json:
    """The outputs as they are answered, with the default one."""
    fields = ("description", "uri", "assetName", "assetVersion", "pathOnCompute")
    plain: Json = dict.fromkeys((*fields, "autoDeleteSetting"))
    made = {
        name: {**plain, "mode": "ReadWriteMount", "jobOutputType": "uri_folder", **one}
        for name, one in (given.get("outputs") or {}).items()
        if name != "default"
    }
    store = f"azureml://datastores/workspaceartifactstore/ExperimentRun/dcid.{run}"
    default = {**plain, "uri": store, "mode": "ReadWriteMount", "jobOutputType": "uri_folder"}
    return {**made, "default": default}
